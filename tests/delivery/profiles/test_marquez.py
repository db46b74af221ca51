"""Marquez's profile: a test for each thing that Marquez cannot take, or needs."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from prefect_lineage_events.delivery.profiles.base import events_to_restore
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ, MAX_COLUMN_EDGES
from prefect_lineage_events.delivery.profiles.registry import PLAIN
from prefect_lineage_events.history.source_code import SourceCode
from prefect_lineage_events.openlineage.events import run_events
from tests.openlineage.conftest import child_of, deployed, elt, later
from tests.openlineage.validation import faults
from tests.stitching.histories import Story
from tests.stitching.lineages import run

ODD = "s3://bucket/2024/01/x.csv"


def events(story: Story, namespace="prefect://acme", granularity="flow", **of_run):
    found = run(story)
    return run_events(replace(found, run=replace(found.run, **of_run)), namespace=namespace, granularity=granularity)


def shaped(story: Story, **options):
    return MARQUEZ.shape(events(story, **options))[-1]


def one(side):
    (dataset,) = side
    return dataset


def fields(dataset):
    return {f["name"]: f.get("type") for f in dataset["facets"].get("schema", {}).get("fields", [])}


def column_edges(event):
    return {
        (source["name"], source["field"], output["name"], column)
        for output in event["outputs"]
        for column, into in output["facets"].get("columnLineage", {}).get("fields", {}).items()
        for source in into["inputFields"]
    }


def test_the_plain_profile_leaves_events_as_they_are():
    sent = events(elt())
    assert PLAIN.shape(sent) == sent


def test_the_events_given_are_not_changed():
    sent = events(elt().write(ODD, "1", columns="1.1>2"))
    before = copy.deepcopy(sent)
    MARQUEZ.shape(sent)
    assert sent == before


@pytest.mark.parametrize("granularity", ["flow", "task"])
def test_shaped_events_follow_the_specification(granularity):
    found = run(elt())
    full = replace(found, run=deployed(found.run, parents=child_of("middle", "top")))
    assert faults(MARQUEZ.shape(run_events(full, namespace="prefect://a b", granularity=granularity))) == []


def test_ordinary_names_stay():
    event = shaped(elt())
    assert {d["name"] for d in (*event["inputs"], *event["outputs"])} == {
        "db.s.orders",
        "db.s.odd",
        "db.s.mart",
        "db.s.copy",
    }
    assert event["job"]["name"] == "nightly"


def test_dataset_has_one_safe_name_in_every_position():
    event = shaped(Story().write("b", ODD))
    name = one(event["inputs"])["name"]
    assert name == "%32024/01/x.csv"
    assert event["job"]["facets"]["lineage"]["entries"][0]["inputs"][0]["name"] == name


def test_columns_are_safe_on_both_sides_of_their_edges():
    story = Story().write("b", "a", columns="a.1st>2nd").looked_up("a", "1st:int").looked_up("b", "2nd:int")
    event = shaped(story)
    assert (fields(one(event["inputs"])), fields(one(event["outputs"]))) == ({"%31st": "INTEGER"}, {"%32nd": "INTEGER"})
    assert column_edges(event) == {("a", "%31st", "b", "%32nd")}


def test_a_job_namespace_is_safe_and_the_same_for_its_parent():
    event = shaped(elt(), namespace="my team", parents=child_of("top"))
    parent = event["run"]["facets"]["parent"]
    assert event["job"]["namespace"] == parent["job"]["namespace"] == parent["root"]["job"]["namespace"] == "my+20team"


def test_a_renamed_dataset_has_a_safe_former_name():
    event = shaped(Story().rename("s3://bucket/1", "s3://bucket/x"))
    facet = one(event["outputs"])["facets"]["lifecycleStateChange"]
    assert facet["previousIdentifier"] == {"namespace": "s3://bucket", "name": "%31"}


def test_child_name_follows_the_stored_name_of_its_parent():
    event = shaped(elt(), parents=child_of("3 b", "2 a"), flow_name="1 c")
    parent = event["run"]["facets"]["parent"]
    assert (event["job"]["name"], parent["job"]["name"], parent["root"]["job"]["name"]) == (
        "%32 a.3 b.1 c",
        "%32 a.3 b",
        "%32 a",
    )


def test_a_name_too_long_for_a_child_stands_alone():
    event = shaped(elt(), parents=child_of(*["recursion" * 10] * 15))
    assert "parent" not in event["run"]["facets"]
    assert len(event["job"]["name"].encode()) <= 1_000


def test_start_carries_the_same_inputs_and_outputs():
    start, end = MARQUEZ.shape(events(elt()))
    for side in ("inputs", "outputs"):
        assert [(d["name"], fields(d)) for d in start[side]] == [(d["name"], fields(d)) for d in end[side]]


def test_column_edges_are_sent_once_with_the_end():
    start, end = MARQUEZ.shape(events(elt()))
    assert (column_edges(start), column_edges(end)) == (
        set(),
        {("db.s.orders", "id", "db.s.mart", "order_id"), ("db.s.orders", "amount", "db.s.copy", "amount")},
    )


@pytest.mark.parametrize(
    ("dataset", "name", "address"),
    [
        ("postgres://db:5432/a/b/c", "postgres://db:5432", "postgres://db:5432"),
        ("file:///data/x.csv", "file", "urn:namespace:file"),
        ("sqlite:///tmp/my db.sqlite/t", "sqlite:///tmp/my+20db.sqlite", "sqlite:///tmp/my+20db.sqlite"),
    ],
)
def test_every_dataset_has_a_source_with_an_address(dataset, name, address):
    source = one(shaped(Story().write(dataset, dialect=""))["outputs"])["facets"]["dataSource"]
    assert (source["name"], source["uri"]) == (name, address)


def test_a_column_without_a_type_is_not_sent_and_counted():
    story = Story().write("b", "a", columns="a.x>y a.x>z").looked_up("a", "x:int").looked_up("b", "y:int")
    event = shaped(story)
    assert fields(one(event["outputs"])) == {"y": "INTEGER"}
    assert column_edges(event) == {("a", "x", "b", "y")}
    assert event["run"]["facets"]["prefect_run"]["leftOut"] == {"columns": 1, "columnEdges": 1}


def test_an_empty_type_is_one_type():
    story = Story().write("b", "a", columns="a.x>y").looked_up("a", "x:int").looked_up("b", "y:int")
    empty = (
        story.schemas[1]
        .datasets[0]
        .model_copy(update={"columns": (story.schemas[1].datasets[0].columns[0].model_copy(update={"type": ""}),)})
    )
    story.schemas[1] = story.schemas[1].model_copy(update={"datasets": (empty,)})
    assert column_edges(shaped(story)) == {("a", "x", "b", "y")}


def test_a_column_has_one_type_as_input_and_output():
    """A table created again in the run may have had another type before."""
    story = Story().read("t").write("u", "t q:int").drop("t").create("t", "u", into="q:text")
    event = shaped(story)
    both = [fields(d)["q"] for d in (*event["inputs"], *event["outputs"]) if d["name"] == "t"]
    assert both == ["TEXT", "TEXT"]


def test_two_spellings_of_a_type_are_one():
    def columns(spelled):
        return fields(one(shaped(Story().write("b", "a").looked_up("b", f"y:{spelled}"))["outputs"]))

    assert columns("int") == columns("INTEGER") == columns("int4") == {"y": "INTEGER"}


def test_an_edge_from_a_column_that_its_input_does_not_show_is_not_sent():
    sent = events(Story().write("b", "a", columns="a.x>y").looked_up("a", "x:int").looked_up("b", "y:int"))
    sent[-1]["inputs"][0]["facets"]["schema"]["fields"] = [{"name": "other", "type": "int"}]
    assert column_edges(MARQUEZ.shape(sent)[-1]) == set()


def test_column_edges_are_bounded_shared_evenly_and_counted():
    story = Story()
    for table in ("b", "c"):
        story.write(table, "a", columns=" ".join(f"a.x{n}>y{n}" for n in range(MAX_COLUMN_EDGES)))
        story.looked_up(table, " ".join(f"y{n}:int" for n in range(MAX_COLUMN_EDGES)))
    event = shaped(story.looked_up("a", " ".join(f"x{n}:int" for n in range(MAX_COLUMN_EDGES))))
    kept = column_edges(event)
    assert len(kept) == MAX_COLUMN_EDGES
    assert sum(edge[2] == "b" for edge in kept) == MAX_COLUMN_EDGES / 2
    assert event["run"]["facets"]["prefect_run"]["leftOut"] == {"columnEdges": MAX_COLUMN_EDGES}


def test_complete_event_counts_nothing_as_left_out():
    story = Story().write("b", "a", columns="a.x>y").looked_up("a", "x:int").looked_up("b", "y:int")
    assert "leftOut" not in shaped(story)["run"]["facets"]["prefect_run"]


def test_no_text_has_a_nul():
    event = shaped(elt(), state="FAILED", message="bo\0om", name="otter\0", tags=("a\0b",))
    assert "\\u0000" not in repr(event)
    assert "\0" not in str(event)


def test_a_location_that_is_too_long_is_left_out():
    url = "https://github.com/example/" + "x" * 300
    assert "sourceCodeLocation" not in shaped(elt(), source=SourceCode(url))["job"]["facets"]
    assert "sourceCodeLocation" in shaped(elt(), source=SourceCode(url[:255]))["job"]["facets"]


def test_latest_run_is_resent_after_a_failed_run():
    good = events(elt())
    failed = events(elt(), state="FAILED", **later(run(elt()).run, 1))
    assert events_to_restore(failed, good) == [good[-1]]


def test_nothing_is_resent_after_the_latest_run_itself():
    good = events(elt())
    assert events_to_restore(good, good) == []


def test_jobs_of_tasks_are_restored():
    good = events(elt(), granularity="task")
    failed = events(elt(), granularity="task", state="FAILED", **later(run(elt()).run, 1))
    for event in failed[1:-1]:
        event["run"]["runId"] = "another"
        event["eventType"] = event["eventType"].replace("COMPLETE", "FAIL")
    assert [e["job"]["name"] for e in events_to_restore(failed, good)] == ["nightly.extract", "nightly.load", "nightly"]


def test_a_task_that_completed_in_a_failed_run_is_newer_news_of_its_job():
    good = events(elt(), granularity="task")
    failed = events(elt(), granularity="task", state="FAILED", **later(run(elt()).run, 1))
    for event in failed[1:-1]:
        event["run"]["runId"] = "another"
        event["eventTime"] = failed[-1]["eventTime"]
    assert [e["job"]["name"] for e in events_to_restore(failed, good)] == ["nightly"]


def test_run_of_another_job_is_not_restored():
    failed = events(elt(), state="FAILED", **later(run(elt()).run, 1))
    assert events_to_restore(failed, events(elt(), flow_name="other")) == []


def test_only_completed_runs_are_restored():
    failed = events(elt(), state="FAILED", **later(run(elt()).run, 1))
    assert events_to_restore(failed, events(elt(), state="FAILED")) == []


def test_latest_run_with_data_is_resent_after_a_run_without_data():
    cached = events(Story(), **later(run(elt()).run, 1))
    good = events(elt())
    assert events_to_restore(cached, good) == [good[-1]]


def test_completed_run_without_datasets_is_not_restored():
    """All its tasks were cached, say."""
    failed = events(elt(), state="FAILED", **later(run(elt()).run, 1))
    assert events_to_restore(failed, events(Story())) == []


def test_columns_left_out_of_an_event_of_an_earlier_version_are_counted_in_its_own_facet():
    story = Story().write("b", "a", columns="a.x>x", into="x")
    (event, *_) = run_events(run(story), namespace="prefect://acme")
    facets = event["run"]["facets"]
    facets["prefect"] = facets.pop("prefect_run")
    (shaped_event,) = MARQUEZ.shape([event])
    assert shaped_event["run"]["facets"]["prefect"]["leftOut"]["columns"] == 2
    assert "prefect_run" not in shaped_event["run"]["facets"]
