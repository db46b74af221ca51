"""Facets of datasets."""

from __future__ import annotations

import json

import pytest

from prefect_lineage_events.openlineage.dataset_facets import explicit_lineage, inputs, outputs
from tests.stitching.histories import NAMESPACE, Story, ident
from tests.stitching.lineages import lineage


def output(story: Story, name: str):
    return next(d for d in outputs(lineage(story)) if d["name"] == name)


def entries(story: Story):
    facet = explicit_lineage(lineage(story))
    return {e["name"]: [i["name"] for i in e["inputs"]] for e in facet["entries"]} if facet else None


def test_each_output_lists_only_its_own_sources():
    assert entries(Story().write("b1", "a1").write("b2", "a2").read("a3")) == {"b1": ["a1"], "b2": ["a2"]}


def test_an_output_without_sources_is_named_with_none():
    assert entries(Story().write("b").read("a")) == {"b": []}


def test_a_run_that_only_read_has_no_explicit_lineage():
    assert entries(Story().read("a")) is None


def test_edge_has_its_evidence():
    facet = explicit_lineage(lineage(Story().task("A").task("B", "A").read("a", task="A").write("b", task="B")))
    (source,) = facet["entries"][0]["inputs"]
    assert source["transformations"] == [{"type": "DIRECT", "description": "known from: task graph"}]


def test_column_edges_are_direct_per_column_and_indirect_for_the_whole():
    facet = output(Story().write("b", "a", columns="a.x>y a.w>y:FILTER a.v>y:AGGREGATION"), "b")["facets"][
        "columnLineage"
    ]
    at = {"namespace": NAMESPACE, "name": "a"}
    assert facet["fields"] == {
        "y": {
            "inputFields": [
                {**at, "field": "v", "transformations": [{"type": "DIRECT", "subtype": "AGGREGATION"}]},
                {**at, "field": "x", "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]},
            ]
        }
    }
    assert facet["dataset"] == [{**at, "field": "w", "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}]


def test_a_decided_column_keeps_its_origin():
    story = Story().write("b", "a", columns="a.x>y a.c>y:CONDITIONAL a.o>r:WINDOW a.w>*:FILTER")
    facet = output(story, "b")["facets"]["columnLineage"]
    found = {
        name: [(source["field"], source["transformations"][0]["subtype"]) for source in field["inputFields"]]
        for name, field in facet["fields"].items()
    }
    assert found == {"y": [("c", "CONDITIONAL"), ("x", "IDENTITY")], "r": [("o", "WINDOW")]}
    assert [source["field"] for source in facet["dataset"]] == ["w"]


def test_inferred_column_edge_is_marked():
    facet = output(Story().read("a", columns="a.x>x").write("b", into="x:int"), "b")["facets"]["columnLineage"]
    (field,) = facet["fields"]["x"]["inputFields"]
    assert field["transformations"] == [
        {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "inferred from equal column names"}
    ]


def test_an_output_without_column_edges_has_no_column_facet():
    assert "columnLineage" not in output(Story().write("b", "a"), "b")["facets"]


def test_columns_have_their_known_types():
    facet = output(Story().create("b", "a", into="x:int y"), "b")["facets"]["schema"]
    assert facet["fields"] == [
        {"name": "x", "type": "int", "ordinal_position": 1},
        {"name": "y", "ordinal_position": 2},
    ]


def test_known_numbers_of_rows_are_in_the_statistics():
    story = Story().read("a", dialect="", rows=3).write("b", rows=2)
    (read,) = inputs(lineage(story))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 3
    assert output(story, "b")["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_sizes_and_numbers_of_files_are_in_the_statistics():
    story = Story().read("s3://b/in", dialect="", rows=3, size=40, files=2)
    story.read("s3://b/in", dialect="", rows=4, size=60, files=1).write("s3://b/out", dialect="", size=7, files=1)
    (read,) = inputs(lineage(story))
    statistics = read["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (7, 100, 3)
    statistics = output(story, "out")["outputFacets"]["outputStatistics"]
    assert (statistics["size"], statistics["fileCount"], "rowCount" in statistics) == (7, 1, False)


def test_partial_size_is_no_size():
    story = Story().write("s3://b/out", dialect="", size=7, rows=1).write("s3://b/out", dialect="", rows=1)
    statistics = output(story, "out")["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], "size" in statistics) == (2, False)


def test_size_of_a_read_of_several_datasets_is_that_of_none():
    found = inputs(lineage(Story().read("s3://b/x", "s3://b/y", dialect="", size=7, files=2)))
    assert ["inputFacets" in dataset for dataset in found] == [False, False]


def parts(*subsets: tuple[str, ...], write: bool = False):
    """The condition of a dataset whose statements each touched some parts of it."""
    story = Story()
    for subset in subsets:
        (story.write if write else story.read)("s3://b/orders", dialect="")
        event = story.events[-1]
        touched = (event.output or event.inputs[0]).model_copy(update={"subset": subset})
        story.events[-1] = event.model_copy(update={"output": touched} if write else {"inputs": (touched,)})
    (dataset,) = (outputs if write else inputs)(lineage(story))
    facet = dataset.get("outputFacets" if write else "inputFacets", {}).get("subset")
    return facet and facet["outputCondition" if write else "inputCondition"]


def test_partitions_that_were_touched_are_the_subset():
    condition = parts(("dt=2026-11-28/country=de",), ("dt=2026-11-29/country=a%20b", "dt=2026-11-28/country=de"))
    assert condition == {
        "type": "partition",
        "partitions": [
            {"identifier": "dt=2026-11-28/country=de", "dimensions": {"dt": "2026-11-28", "country": "de"}},
            {"identifier": "dt=2026-11-29/country=a%20b", "dimensions": {"dt": "2026-11-29", "country": "a b"}},
        ],
    }


@pytest.mark.parametrize(
    "part", ["a.csv", "*.csv", "dt=2026-11-28/a.parquet", "dt=2026-11-28.csv.gz", "dt=*", "=x", "dt={1,2}"]
)
def test_files_and_patterns_are_locations_in_the_namespace(part):
    assert parts((part,), write=True) == {"type": "location", "locations": [f"orders/{part}"]}


def test_statement_on_the_whole_dataset_leaves_no_subset():
    assert parts(("dt=1",), ()) is None
    assert parts(("dt=1",), (), write=True) is None


def test_lifecycle_of_a_renamed_output_has_its_former_name():
    facet = output(Story().rename("t", "t2"), "t2")["facets"]["lifecycleStateChange"]
    assert facet["lifecycleStateChange"] == "RENAME"
    assert facet["previousIdentifier"] == {"namespace": NAMESPACE, "name": "t"}


def test_every_dataset_has_its_source_and_type():
    for dataset in [*inputs(lineage(Story().write("b", "a"))), output(Story().write("b", "a"), "b")]:
        assert dataset["facets"]["dataSource"]["uri"] == NAMESPACE
        assert dataset["facets"]["datasetType"]["datasetType"] == "TABLE"


def test_a_namespace_that_is_no_uri_is_a_source_without_one():
    story = Story().write("b", "file:///data/x.csv", dialect="")
    (read,) = inputs(lineage(story))
    assert (read["facets"]["dataSource"]["name"], "uri" in read["facets"]["dataSource"]) == ("file", False)


def test_input_repeats_the_documentation_of_the_output():
    story = Story().task("T").asset("s3://bucket/x", "a", task="T", description="The X.", owners=("team:x",))
    story.read("s3://bucket/x")
    found = lineage(story)
    read = next(d for d in inputs(found) if d["name"] == "x")
    assert read["facets"]["documentation"]["description"] == "The X."
    assert read["facets"]["ownership"]["owners"] == [{"name": "team:x"}]


def test_bundled_edges_pass_through_the_job():
    found = lineage(many(80))
    facet = explicit_lineage(found)
    outputs_, (job,) = facet["entries"][:-1], facet["entries"][-1:]
    assert len(job["inputs"]) == 80
    assert (job["type"], job["runId"]) == ("JOB", str(ident("T")))
    assert {str(entry["inputs"]) for entry in outputs_} == {str([{"type": "JOB", "runId": str(ident("T"))}])}


def test_an_event_grows_with_the_datasets_and_not_with_their_product():
    sizes = [len(json.dumps(explicit_lineage(lineage(many(count))))) for count in (100, 200)]
    assert sizes[1] < 2.1 * sizes[0]


def many(count: int) -> Story:
    """A task that recorded so many writes, each of as many tables."""
    story = Story().task("T")
    sources = [f"a{number:03}" for number in range(count)]
    for number in range(count):
        story.write(f"b{number:03}", *sources, task="T", effect=None, dialect="")
    return story


def test_output_has_its_unknown_sources():
    story = Story().read("a", result="x", columns="a.x>x").write("b", binds="x total")
    own_facet = output(story, "b")["facets"]["prefect_dataset"]
    assert (own_facet["sources"], own_facet["columns"]) == ("known", ["total"])
    assert "prefect_dataset" not in output(Story().write("b", "a"), "b")["facets"]


def positions(story: Story, name: str = "b"):
    fields = output(story, name)["facets"]["schema"]["fields"]
    return {field["name"]: field.get("ordinal_position") for field in fields}


def test_columns_that_were_looked_up_have_positions():
    story = Story().write("b", "a", columns="a.x>y", into="y:int").looked_up("b", "id:int y:int")
    assert positions(story) == {"id": 1, "y": 2}


def test_columns_of_a_created_table_have_positions():
    assert positions(Story().create("b", "a", into="x:int y:text")) == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "story",
    [
        Story().write("b", "a", columns="a.x>y", into="y:int"),
        Story().create("b", "a", columns="a.x>x", into="x:int").alter("b"),
        Story().looked_up("b", "x:int y:int").alter("b").write("b", "a"),
    ],
    ids=["some columns", "altered", "altered after the look-up"],
)
def test_columns_of_unknown_order_have_no_positions(story):
    assert set(positions(story).values()) == {None}


def test_field_of_a_struct_has_no_position():
    story = Story().write("b", "a", columns="a.x>address.city", into="address:struct")
    assert positions(story.looked_up("b", "id:int address:struct")) == {"id": 1, "address": 2}


def test_descriptions_of_assets_are_markdown():
    story = Story().write("b", "a").asset(f"{NAMESPACE}/b", description="The **b**.")
    assert output(story, "b")["facets"]["documentation"]["contentType"] == "text/markdown"
