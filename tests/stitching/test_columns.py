"""Columns of each dataset, from all events of a run."""

from __future__ import annotations

import pytest

from tests.stitching.histories import Story
from tests.stitching.lineages import columns, lineage, run, schema


def test_declared_columns_are_known():
    found = lineage(Story().create("t", into="id:int name:text"))
    assert schema(found, "t") == {"id": "int", "name": "text"}


def test_looked_up_columns_precede_those_of_statements():
    found = lineage(Story().write("t", "a", into="id:int").looked_up("t", "id:bigint name:text"))
    assert schema(found, "t") == {"id": "bigint", "name": "text"}


def test_looked_up_kind_distinguishes_a_view():
    story = Story().write("t", "v").looked_up("v", "id:int")
    [schemas] = story.schemas
    view = schemas.datasets[0].model_copy(update={"kind": "view"})
    story.schemas[0] = schemas.model_copy(update={"datasets": (view,)})
    found = lineage(story)
    assert [(use.dataset.name, use.kind) for use in (*found.inputs, *found.outputs)] == [("v", "view"), ("t", "table")]


def test_the_last_look_up_counts():
    found = lineage(Story().write("t").looked_up("t", "id:int").looked_up("t", "id:int more:int"))
    assert schema(found, "t") == {"id": "int", "more": "int"}


def test_empty_type_of_the_store_is_a_type():
    found = lineage(Story().write("t").looked_up("t", "id:int").looked_up("u", "x"))
    story = Story().write("t")
    story.looked_up("t", "id:int")
    dataset = story.schemas[0].datasets[0]
    empty = dataset.model_copy(update={"columns": (dataset.columns[0].model_copy(update={"type": ""}),)})
    story.schemas[0] = story.schemas[0].model_copy(update={"datasets": (empty,)})
    assert schema(lineage(story), "t") == {"id": ""}
    assert schema(found, "t") == {"id": "int"}


def test_a_known_type_fills_in_for_an_unknown_one():
    found = lineage(Story().write("t", into="id").write("t", into="ID:int name"))
    assert schema(found, "t") == {"id": "int", "name": None}


def test_recreated_table_has_its_new_columns():
    found = lineage(Story().create("t", into="a:int b:int").drop("t").create("t", into="a:int c:int"))
    assert schema(found, "t") == {"a": "int", "c": "int"}


def test_a_renamed_table_keeps_its_columns():
    found = lineage(Story().create("t_new", into="a:int").rename("t_new", "t"))
    assert schema(found, "t") == {"a": "int"}


def test_result_of_a_star_shows_the_columns_of_its_table():
    found = lineage(Story().read("t", columns="t.*>*", result="a:int b:int"))
    assert schema(found, "t") == {"a": "int", "b": "int"}


def test_columns_that_edges_name_are_in_the_schema():
    found = lineage(Story().write("b", "a", columns="a.x>y").looked_up("a", "other:int"))
    assert schema(found, "a") == {"other": "int", "x": None}
    assert schema(found, "b") == {"y": None}


def test_columns_of_edges_have_the_spelling_of_their_table():
    story = Story().write("b", "a", columns="a.ID>Id").looked_up("a", "id:int").looked_up("b", "iD:int")
    assert columns(lineage(story)) == {"a.id>b.iD"}


def test_a_schema_that_changed_is_reported():
    story = Story().write("t").looked_up("t", "a:int b:int gone:int").looked_up("t", "a:text b:INT new:int")
    assert {d.name: text for d, text in run(story).schema_changes.items()} == {
        "t": "added new, removed gone, a from int to text"
    }


def test_another_spelling_of_a_type_in_a_statement_is_no_change():
    story = Story().create("t", into="a:integer").looked_up("t", "a:int4")
    assert run(story).schema_changes == {}


def test_recreated_table_with_other_columns_is_reported():
    story = Story().create("t", into="a:int b:int").drop("t").create("t", into="a:int c:int")
    assert {d.name: text for d, text in run(story).schema_changes.items()} == {"t": "added c, removed b"}


def test_a_field_of_a_struct_is_a_part_of_its_column():
    story = Story().write("b", "a", columns="a.x>y").looked_up("a", "Address:struct").looked_up("b", "y:text")
    edge = story.events[0].columns[0].model_copy(update={"source_column": "address.city"})
    story.events[0] = story.events[0].model_copy(update={"columns": (edge,)})
    found = lineage(story)
    assert columns(found) == {"a.Address:city>b.y"}
    assert [edge.source_column for edge in found.columns] == ["Address"]


@pytest.mark.parametrize(
    ("read", "path", "part"),
    [
        ("address", "", "a.address"),
        ("address.city", "", "a.address:city"),
        ("address.city", "[0].name", "a.address:city[0].name"),
        ("address.city", "name", "a.address:city.name"),
    ],
)
def test_a_field_of_a_struct_in_a_temporary_table_is_one_of_the_column_that_was_copied(read, path, part):
    story = Story().create("t", "a", columns="a.address>address").write("b", "t", columns="t.x>y").drop("t")
    edge = story.events[1].columns[0].model_copy(update={"source_column": read, "path": path})
    story.events[1] = story.events[1].model_copy(update={"columns": (edge,)})
    assert [f"{e.source.name}.{e.source_part}>{e.target_column}" for e in lineage(story).columns] == [f"{part}>y"]


def test_a_field_of_a_struct_gives_a_file_no_type_of_the_whole():
    story = Story().write("b", "a", columns="a.x>y", into="y:").looked_up("a", "address:struct")
    event = story.events[0]
    edge = event.columns[0].model_copy(update={"source_column": "address.city"})
    output = event.output.model_copy(update={"kind": "file"})
    story.events[0] = event.model_copy(update={"columns": (edge,), "output": output})
    assert [(c.name, c.type) for c in lineage(story).outputs[0].columns] == [("y", None)]
