"""Facets of runs."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from uuid import UUID

import pytest

from prefect_lineage_events.history.model import Completeness
from prefect_lineage_events.openlineage.events import run_events
from tests.openlineage.conftest import deployed, elt
from tests.stitching.histories import Story


def facets(run, which=-1):
    return run_events(run, namespace="prefect://acme", prefect_url="http://127.0.0.1:4200/")[which]["run"]["facets"]


def test_the_engine_is_prefect(built):
    assert facets(built(elt()))["processing_engine"]["name"] == "Prefect"


def test_the_version_of_the_engine_is_that_in_which_the_run_ran(built):
    run = built(elt())
    assert facets(replace(run, engine_version="3.8.0"))["processing_engine"]["version"] == "3.8.0"
    assert facets(run)["processing_engine"]["version"] == version("prefect")


def test_nominal_time_is_the_scheduled_start(built):
    assert facets(built(elt()))["nominalTime"]["nominalStartTime"] == "2026-11-01T11:59:57.000Z"


def test_prefect_facet_has_page_and_state(built):
    reported = facets(built(elt()))["prefect_run"]["flowRun"]
    assert reported["url"] == f"http://127.0.0.1:4200/runs/flow-run/{reported['id']}"
    assert (reported["name"], reported["state"], reported["runCount"]) == ("merry-otter", "COMPLETED", 1)


def test_prefect_facet_has_the_deployment(built):
    run = built(elt())
    reported = facets(replace(run, run=deployed(run.run)))["prefect_run"]["deployment"]
    assert (reported["name"], reported["schedule"], reported["workPool"], reported["version"]) == (
        "nightly",
        "0 3 * * *",
        "pool",
        "3f2a1c",
    )


def test_prefect_facet_has_no_deployment_without_one(built):
    assert "deployment" not in facets(built(elt()))["prefect_run"]


def test_parameters_show_by_name_and_only_harmless_values(built):
    run = built(elt())
    assert facets(replace(run, run=deployed(run.run)))["prefect_run"]["parameters"] == {
        "day": "2026-11-01",
        "full": True,
        "limit": 5,
        "password": "?",
    }


def test_missing_events_are_counted(built):
    emitter = UUID(int=1)
    lacking = Completeness(missing={emitter: (3, 4)}, unclosed=(emitter,), dropped=7)
    reported = facets(replace(built(elt()), completeness=lacking))["prefect_run"]["completeness"]
    assert (
        reported["complete"],
        reported["missingEvents"],
        reported["unclosedEmitters"],
        reported["droppedStatements"],
    ) == (
        False,
        2,
        1,
        7,
    )
    assert reported["lacks"][0] == f"emitter {emitter}: events 3-4"
    assert len(reported["lacks"]) == 3


def test_tags_have_the_value_true(built):
    assert facets(built(elt(), tags=("b", "a")))["tags"]["tags"] == [
        {"key": "a", "value": "true", "source": "PREFECT"},
        {"key": "b", "value": "true", "source": "PREFECT"},
    ]


@pytest.mark.parametrize(
    ("state", "reported"), [("FAILED", True), ("CRASHED", True), ("CANCELLED", False), ("COMPLETED", False)]
)
def test_error_of_a_failed_run_has_no_values(built, state, reported):
    found = facets(built(elt(), state=state, message="boom with 'secret'")).get("errorMessage")
    assert (found["message"] if found else None) == ("boom with ?" if reported else None)


def test_sql_facet_has_the_last_writing_query_and_lists_all(built):
    found = facets(built(elt().read("db.s.z", query_id="q-3")))
    assert (found["externalQuery"]["externalQueryId"], found["externalQuery"]["source"]) == (
        "q-2",
        "postgres://db:5432",
    )
    assert [q["id"] for q in found["prefect_run"]["queries"]] == ["q-1", "q-2", "q-3"]


def test_statements_understood_in_part_are_named_with_the_reason(built):
    reported = facets(built(elt()))["extractionError"]
    assert (reported["failedTasks"], reported["errors"][0]["errorMessage"]) == (1, "a word ? that no grammar knows")


def test_statements_that_were_understood_are_no_errors(built):
    assert "extractionError" not in facets(built(Story().write("b", "a", sql="INSERT ...")))


def test_start_has_no_end_facets(built):
    run = built(elt(), state="FAILED", message="boom")
    assert not {"errorMessage", "externalQuery", "extractionError"} & facets(run, 0).keys()


def test_changed_schemas_are_in_the_prefect_facet(built):
    story = Story().write("t").looked_up("t", "a:int").looked_up("t", "a:int b:int")
    assert facets(built(story))["prefect_run"]["schemaChanges"] == {"postgres://db:5432/t": "added b"}


def test_outputs_of_an_unknown_source_are_named(built):
    story = (
        Story().read("a", result="x").read("c", result="x").write("b", binds="x", rows=3).write("d", binds="x", rows=2)
    )
    reported = facets(built(story))["prefect_run"]["unknownSources"]
    assert reported["postgres://db:5432/b"] == {
        "sources": "unknown",
        "candidates": ["postgres://db:5432/a", "postgres://db:5432/c"],
    }


def test_the_source_of_tags_can_be_chosen(built):
    run = built(elt())
    run = replace(run, run=deployed(run.run))
    (event, *_) = run_events(run, namespace="n", tag_source="data platform")
    for facets_of in (event["run"]["facets"], event["job"]["facets"]):
        assert {tag["source"] for tag in facets_of["tags"]["tags"]} == {"data platform"}
    assert {tag["source"] for tag in facets(run)["tags"]["tags"]} == {"PREFECT"}


def test_own_facets_have_keys_that_the_specification_allows(built):
    keys = {key for key in facets(built(Story().write("b"))) if key.startswith("prefect")}
    assert keys == {"prefect_run"}
