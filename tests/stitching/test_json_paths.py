"""Paths into values, through tables that do not last and through rows in memory."""

from __future__ import annotations

import pytest

from prefect_lineage_events.assembler.pages import column_table
from prefect_lineage_events.openlineage.dataset_facets import outputs
from prefect_lineage_events.snapshot_wire import decode, encode
from prefect_lineage_events.snapshots import snapshot_of
from tests.stitching.histories import Story
from tests.stitching.lineages import columns, lineage, run


def test_an_edge_has_its_path():
    story = Story().write("b", "a", columns="a.doc|customer.name>name:TRANSFORMATION a.doc|kind>*:FILTER")
    assert columns(lineage(story)) == {"a.doc:customer.name>b.name:TRANSFORMATION", "a.doc:kind>b.*:FILTER"}


@pytest.mark.parametrize(
    ("first", "then", "found"),
    [
        ("a.doc>c", "tmp.c|name>x:TRANSFORMATION", "a.doc:name>b.x:TRANSFORMATION"),
        ("a.doc|customer>c:TRANSFORMATION", "tmp.c>x", "a.doc:customer>b.x:TRANSFORMATION"),
        ("a.doc|customer>c:TRANSFORMATION", "tmp.c|name>x:TRANSFORMATION", "a.doc:customer>b.x:TRANSFORMATION"),
        ("a.doc>c:TRANSFORMATION", "tmp.c|name>x:TRANSFORMATION", "a.doc>b.x:TRANSFORMATION"),
    ],
)
def test_path_through_a_temporary_table_is_the_one_into_the_lasting_column(first, then, found):
    story = Story().create("#tmp", "a", columns=first).write("b", "#tmp", columns=then)
    assert columns(lineage(story)) == {found}


def test_path_of_rows_in_memory_stays():
    story = Story().task("T").read("a", task="T", columns="a.doc|state>state:TRANSFORMATION", result="state", rows=5)
    story.write("b", task="T", binds="state", into="state:text", rows=5)
    assert "a.doc:state" in {f"{e.source.name}.{e.source_part}" for e in lineage(story).columns}


def test_two_paths_are_two_transformations_of_one_input_field():
    story = Story().write("b", "a", columns="a.doc|first>name:TRANSFORMATION a.doc|last>name:TRANSFORMATION")
    (output,) = outputs(lineage(story))
    (field,) = output["facets"]["columnLineage"]["fields"]["name"]["inputFields"]
    assert (field["field"], [t["description"] for t in field["transformations"]]) == (
        "doc",
        ["reads doc:first", "reads doc:last"],
    )


def test_a_snapshot_and_the_page_have_the_path():
    found = run(Story().write("b", "a", columns="a.id>id a.doc|customer.name>name:TRANSFORMATION"))
    assert decode(encode(snapshot_of(found))).lineage.columns == found.lineage.columns
    assert "`a.doc:customer.name`" in "\n".join(column_table.section(found.lineage))
