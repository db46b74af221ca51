"""Which events are sent of a run, in which order, and what is in them."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.openlineage.build import run_events
from tests.assembly.histories import Story, ident
from tests.openlineage.conftest import child_of, deployed, elt
from tests.openlineage.validation import OWN_SPEC, faults

NAMESPACE = "prefect://acme"


def events(run: RunLineage, **options):
    return run_events(run, namespace=NAMESPACE, **options)


def types(of):
    return [(e["job"]["name"], e["eventType"]) for e in of]


@pytest.mark.parametrize(
    ("state", "end"),
    [("COMPLETED", "COMPLETE"), ("FAILED", "FAIL"), ("CRASHED", "FAIL"), ("CANCELLED", "ABORT")],
)
def test_each_end_of_a_run_has_its_event(built, state, end):
    assert types(events(built(elt(), state=state))) == [("nightly", "START"), ("nightly", end)]


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED", "CANCELLING", "SCHEDULED"])
@pytest.mark.parametrize("granularity", ["flow", "task"])
def test_a_run_that_has_not_ended_has_no_end_and_is_running_with_what_it_did_so_far(built, state, granularity):
    start, running = events(built(elt(), state=state, ended=None), granularity=granularity)
    assert types([start, running]) == [("nightly", "START"), ("nightly", "RUNNING")]
    assert running["outputs"] == start["outputs"] != []
    assert start["eventTime"] < running["eventTime"] < "2026-11-01T12:05:00.000Z"


def test_the_run_is_prefects(built):
    start, end = events(built(elt()))
    assert start["run"]["runId"] == end["run"]["runId"] == str(ident("run of nightly"))
    assert (start["eventTime"], end["eventTime"]) == ("2026-11-01T12:00:00.000Z", "2026-11-01T12:05:00.000Z")


def test_start_carries_the_same_inputs_and_outputs_as_the_end(built):
    start, end = events(built(elt()))
    assert (start["inputs"], start["outputs"]) == (end["inputs"], end["outputs"])
    assert [d["name"] for d in end["outputs"]] == ["db.s.copy", "db.s.mart"]


def test_a_run_without_times_of_its_own_has_times_in_order(built):
    start, end = events(built(elt(), state="CRASHED", started=None, expected_start=None))
    assert start["eventTime"] == end["eventTime"] == "2026-11-01T12:05:00.000Z"


def test_job_facets_are_on_every_event(built):
    for event in events(built(elt()), granularity="task"):
        assert event["job"]["facets"]["jobType"]["integration"] == "PREFECT"


def test_with_granularity_task_the_parent_comes_first_and_ends_last(built):
    assert types(events(built(elt()), granularity="task")) == [
        ("nightly", "START"),
        ("nightly.extract", "START"),
        ("nightly.extract", "COMPLETE"),
        ("nightly.load", "START"),
        ("nightly.load", "COMPLETE"),
        ("nightly", "COMPLETE"),
    ]


def test_a_task_names_its_flow_as_parent_on_every_event(built):
    for event in events(built(elt()), granularity="task")[1:-1]:
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == str(ident("run of nightly"))
        assert parent["job"] == {"namespace": NAMESPACE, "name": "nightly"}
        assert parent["root"] == {"run": parent["run"], "job": parent["job"]}


def test_a_task_that_failed_in_a_flow_that_did_not_says_so(built):
    story = elt()
    story.tasks[ident("load")] = replace(story.tasks[ident("load")], state="FAILED", message="boom")
    sent = events(built(story), granularity="task")
    assert types(sent)[4] == ("nightly.load", "FAIL")
    assert sent[4]["run"]["facets"]["errorMessage"]["message"] == "boom"


def test_a_task_that_never_told_its_end_ended_with_its_flow(built):
    story = elt()
    story.tasks[ident("load")] = replace(story.tasks[ident("load")], state="RUNNING")
    assert types(events(built(story, state="CRASHED"), granularity="task"))[4] == ("nightly.load", "FAIL")


def test_a_subflow_is_named_by_the_flows_above_it_and_names_the_nearest_as_parent(built):
    end = events(built(elt(), parents=child_of("middle", "top")))[-1]
    assert end["job"]["name"] == "top.middle.nightly"
    parent = end["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (str(ident("run of middle")), "top.middle")
    assert (parent["root"]["run"]["runId"], parent["root"]["job"]["name"]) == (str(ident("run of top")), "top")


def test_a_task_of_a_subflow_has_the_top_as_root(built):
    end = events(built(elt(), parents=child_of("top")), granularity="task")[2]
    parent = end["run"]["facets"]["parent"]
    assert end["job"]["name"] == "top.nightly.extract"
    assert (parent["job"]["name"], parent["root"]["job"]["name"]) == ("top.nightly", "top")


def test_a_flow_of_its_own_has_no_parent(built):
    assert "parent" not in events(built(elt()))[-1]["run"]["facets"]


def test_a_run_without_lineage_has_its_states(built):
    start, end = events(built(Story()))
    assert (end["inputs"], end["outputs"], "lineage" in end["job"]["facets"]) == ([], [], False)
    assert faults([start, end]) == []


@pytest.mark.parametrize("granularity", ["flow", "task"])
@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED"])
def test_every_event_follows_the_specification(built, granularity, state):
    run = built(elt(), state=state, message="boom", parents=child_of("middle", "top"))
    sent = events(replace(run, run=deployed(run.run)), granularity=granularity, prefect_url="http://127.0.0.1:4200")
    assert faults(sent) == []


def test_the_same_history_gives_the_same_bytes(built):
    assert json.dumps(events(built(elt()), granularity="task")) == json.dumps(events(built(elt()), granularity="task"))


def test_another_validator_finds_nothing_either(built):
    """A second opinion, where it is at hand: it also checks parents, order and what Marquez stumbles over."""
    folder = Path(__file__).parents[2].parent / "shared" / "openlineage"
    if not (folder / "validate_ol.py").exists():
        pytest.skip("no validate_ol.py beside the repository")
    spec = importlib.util.spec_from_file_location("validate_ol", folder / "validate_ol.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["validate_ol"] = module
    spec.loader.exec_module(module)
    run = built(elt(), parents=child_of("middle", "top"))
    sent = events(replace(run, run=deployed(run.run)), granularity="task", prefect_url="http://127.0.0.1:4200")
    specs = module.Specs([str(folder / "spec"), str(OWN_SPEC)])
    assert list(map(str, module.validate_events(sent, specs, lifecycle=True))) == []
