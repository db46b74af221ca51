"""Run facet `jobDependencies`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prefect_lineage_events.history.model import ParentRun, Trigger
from prefect_lineage_events.openlineage.events import run_events
from tests.openlineage.conftest import child_of
from tests.openlineage.validation import faults
from tests.stitching.histories import Story, ident
from tests.stitching.lineages import run


def sent(story, granularity="flow", **of_run):
    found = run(story)
    events = run_events(replace(found, run=replace(found.run, **of_run)), namespace="n", granularity=granularity)
    assert faults(events) == []
    return events


def upstream(events, job):
    """The jobs upstream of a job, each with its run; all of its events must say the same."""
    found = [event["run"]["facets"].get("jobDependencies") for event in events if event["job"]["name"] == job]
    assert found
    assert all(facet == found[0] for facet in found)
    return {one["job"]["name"]: one for one in found[0]["upstream"]} if found[0] else {}


def test_a_run_by_itself_depends_on_no_job():
    assert upstream(sent(Story().write("b", "a")), "nightly") == {}


def test_a_subflow_is_invoked_by_the_run_above_it():
    events = sent(Story().write("b", "a"), parents=child_of("middle", "top"))
    found = upstream(events, "top.middle.nightly")["top.middle"]
    assert found["run"] == {"runId": str(ident("run of middle"))} == events[0]["run"]["facets"]["parent"]["run"]
    assert found["dependency_type"] == "DIRECT_INVOCATION"
    assert "sequence_trigger_rule" not in found


def test_a_run_that_an_automation_started_depends_on_the_run_that_triggered_it():
    trigger = Trigger("prefect.flow-run.Completed", (ParentRun(ident("load"), "load", "hourly"), *child_of("top")))
    found = run(Story().write("b", "a"))
    found = replace(found, run=replace(found.run, trigger=trigger))
    assert set(upstream(run_events(found, namespace="n"), "nightly")) == {"top.load"}
    by_deployment = run_events(found, namespace="n", job_template="{flow}.{deployment}")
    assert set(upstream(by_deployment, "nightly")) == {"top.load.hourly"}


def tasks(*upstream: tuple[str, str]) -> Story:
    """Tasks a, b, ... one after the other, of which `upstream` hand results on; all of them write but `silent`."""
    story = Story()
    names = dict.fromkeys(name for pair in upstream for name in pair)
    for number, name in enumerate(names):
        story.task(name, *(one for one, other in upstream if other == name), span=(number, number + 1))
        if name != "silent":
            story.write(f"{name}_out", f"{name}_in", task=name)
    return story


def test_a_task_depends_on_the_tasks_whose_results_it_took():
    events = sent(tasks(("a", "c"), ("b", "c")), "task")
    found = upstream(events, "nightly.c")
    assert set(found) == {"nightly.a", "nightly.b"}
    assert found["nightly.a"]["sequence_trigger_rule"] == "FINISH_TO_START"
    runs = {event["job"]["name"]: event["run"]["runId"] for event in events}
    assert {name: one["run"]["runId"] for name, one in found.items()} == {name: runs[name] for name in found}
    assert upstream(events, "nightly.a") == {}


def test_only_the_nearest_tasks_are_upstream():
    assert set(upstream(sent(tasks(("a", "b"), ("b", "c")), "task"), "nightly.c")) == {"nightly.b"}


def test_a_task_without_lineage_is_passed():
    assert set(upstream(sent(tasks(("a", "silent"), ("silent", "c")), "task"), "nightly.c")) == {"nightly.a"}


def test_a_task_that_a_task_waits_for_is_upstream():
    story = tasks(("a", "a"), ("b", "b"))
    story.tasks[ident("b")] = replace(story.tasks[ident("b")], upstream=frozenset(), waits_for=frozenset({ident("a")}))
    assert set(upstream(sent(story, "task"), "nightly.b")) == {"nightly.a"}


@pytest.mark.parametrize("granularity", ["flow", "task"])
def test_the_flows_job_does_not_depend_on_its_tasks(granularity):
    assert upstream(sent(tasks(("a", "b")), granularity), "nightly") == {}
