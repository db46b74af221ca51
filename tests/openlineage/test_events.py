"""The events of a run, in order."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_lineage_events.definitions import RunDefinitions, TaskDefinition
from prefect_lineage_events.history.model import ParentRun
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.job_facets import job_name
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.stitch import stitch
from tests.openlineage.conftest import child_of, deployed, elt
from tests.openlineage.validation import OWN_SPEC, faults
from tests.stitching.histories import Story, ident

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
def test_a_run_that_has_not_ended_has_no_end_and_is_running_with_what_it_did_so_far(built, state):
    start, running = events(built(elt(), state=state, ended=None))
    assert types([start, running]) == [("nightly", "START"), ("nightly", "RUNNING")]
    assert running["outputs"] == start["outputs"] != []
    assert start["eventTime"] < running["eventTime"] < "2026-11-01T12:05:00.000Z"


def test_tasks_of_a_run_that_has_not_ended_are_running_since_more_runs_of_theirs_may_come(built):
    sent = events(built(elt(), state="RUNNING", ended=None), granularity="task")
    assert types(sent) == [
        ("nightly", "START"),
        ("nightly.extract", "START"),
        ("nightly.extract", "RUNNING"),
        ("nightly.load", "START"),
        ("nightly.load", "RUNNING"),
        ("nightly", "RUNNING"),
    ]


def test_run_id_is_that_of_prefect(built):
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


def test_failed_task_of_a_completed_flow_fails(built):
    story = elt()
    story.tasks[ident("load")] = replace(story.tasks[ident("load")], state="FAILED", message="boom")
    sent = events(built(story), granularity="task")
    assert types(sent)[4] == ("nightly.load", "FAIL")
    assert sent[4]["run"]["facets"]["errorMessage"]["message"] == "boom"


def test_task_without_a_recorded_end_ended_with_its_flow(built):
    story = elt()
    story.tasks[ident("load")] = replace(story.tasks[ident("load")], state="RUNNING")
    assert types(events(built(story, state="CRASHED"), granularity="task"))[4] == ("nightly.load", "FAIL")


def looped(*ends: str | None, **more):
    """A task that copies one table in each of its runs."""
    story = Story()
    for n, end in enumerate(ends):
        run_id = f"copy-{n}"
        story.task(run_id, span=(n, n + 1)).write(f"target{n}", f"source{n}", task=run_id, columns=f"source{n}.x>x")
        story.tasks[ident(run_id)] = replace(
            story.tasks[ident(run_id)], task_key="copy-1a2b", state=end, dynamic_key=str(n), message=f"{end} {n}"
        )
    return story


def test_all_runs_of_a_task_are_one_with_the_inputs_outputs_and_columns_of_all(built):
    sent = events(built(looped(*["COMPLETED"] * 3)), granularity="task")
    assert types(sent)[1:-1] == [("nightly.copy", "START"), ("nightly.copy", "COMPLETE")]
    end = sent[2]
    assert [d["name"] for d in end["inputs"]] == ["source0", "source1", "source2"]
    assert {
        d["name"]: [f["name"] for f in d["facets"]["columnLineage"]["fields"]["x"]["inputFields"]]
        for d in end["outputs"]
    } == {"target0": ["source0"], "target1": ["source1"], "target2": ["source2"]}
    entries = end["job"]["facets"]["lineage"]["entries"]
    assert {e["name"]: [s["name"] for s in e["inputs"]] for e in entries} == {
        "target0": ["source0"],
        "target1": ["source1"],
        "target2": ["source2"],
    }


def test_run_of_a_task_spans_all_its_task_runs(built):
    _, start, end, _ = events(built(looped(*["COMPLETED"] * 3)), granularity="task")
    assert (start["eventTime"], end["eventTime"]) == ("2026-11-01T12:00:00.000Z", "2026-11-01T12:00:03.000Z")
    task_facet = end["run"]["facets"]["prefect_run"]["task"]
    assert (task_facet["name"], task_facet["runCount"]) == ("copy", 3)
    assert task_facet["runs"][0] == {"id": str(ident("copy-0")), "name": "copy-0", "state": "COMPLETED"}
    assert faults([start, end]) == []


@pytest.mark.parametrize(
    ("ends", "flow", "end", "message"),
    [
        (("COMPLETED", "FAILED", "COMPLETED"), "COMPLETED", "FAIL", "FAILED 1"),
        (("CRASHED", "FAILED", "CANCELLED"), "FAILED", "FAIL", "FAILED 1"),
        (("CANCELLED", "COMPLETED"), "CANCELLED", "ABORT", None),
        (("COMPLETED", None), "COMPLETED", "COMPLETE", None),
        (("COMPLETED", None), "CRASHED", "FAIL", "None 1"),
    ],
)
def test_task_has_the_worst_end_of_its_runs(built, ends, flow, end, message):
    sent = events(built(looped(*ends), state=flow), granularity="task")[2]
    assert sent["eventType"] == end
    assert sent["run"]["facets"].get("errorMessage", {}).get("message") == message


def test_last_attempt_of_the_flow_counts(built):
    story = looped("COMPLETED", "FAILED", "COMPLETED")
    story.tasks[ident("copy-2")] = replace(story.tasks[ident("copy-2")], flow_run_count=1)
    assert events(built(story), granularity="task")[2]["eventType"] == "COMPLETE"


def test_run_id_of_a_task_does_not_depend_on_its_runs(built):
    few, more = (events(built(looped(*["COMPLETED"] * n)), granularity="task")[1] for n in (1, 3))
    assert few["run"]["runId"] == more["run"]["runId"]
    assert few["run"]["runId"] not in (str(ident("copy-0")), str(ident("run of nightly")))


def test_a_flow_all_of_whose_statements_are_its_tasks_has_no_inputs_and_outputs_beside_them(built):
    start, *_, end = events(built(looped("COMPLETED", "COMPLETED")), granularity="task")
    for event in (start, end):
        assert (event["inputs"], event["outputs"]) == ([], [])
        assert not event["job"]["facets"].keys() & {"lineage", "sql"}


def test_lineage_of_the_body_stays_with_the_flow(built):
    story = looped("COMPLETED").write("summary", "target0", columns="target0.x>x")
    *_, end = events(built(story), granularity="task")
    assert [d["name"] for d in end["inputs"]] == ["target0"]
    assert [d["name"] for d in end["outputs"]] == ["summary"]


def test_a_task_that_shares_its_name_with_a_subflow_is_another_job(built):
    story = Story().task("load-1", subflow=ident("run of load"))
    for number, name in enumerate(["load", "load (task)", "load.orders", "loader"]):
        run_id = f"T{number}"
        story.task(run_id, span=(number, number + 1)).write(f"to{number}", f"from{number}", task=run_id)
        story.tasks[ident(run_id)] = replace(story.tasks[ident(run_id)], name=f"{name}-0", task_key=f"T{number}-1a2b")
    sent = events(built(story), granularity="task")
    assert [job for job, kind in types(sent) if kind == "COMPLETE"] == [
        "nightly.load (task) (task)",
        "nightly.load (task)",
        "nightly.load.orders (task)",
        "nightly.loader",
        "nightly",
    ]


def test_tasks_of_one_name_are_a_job_each_named_by_their_functions(built):
    story = Story()
    for number, key in enumerate(["load-1a2b", "load_b-3c4d", "load_b-5e6f"]):
        story.task(f"T{number}", span=(number, number + 1)).write(f"to{number}", f"from{number}", task=f"T{number}")
        run = story.tasks[ident(f"T{number}")]
        story.tasks[run.id] = replace(run, name="load-7f3", task_key=key, dynamic_key="7f3e")
    sent = events(built(story), granularity="task")
    ends = {e["job"]["name"]: {d["name"] for d in e["outputs"]} for e in sent if e["eventType"] == "COMPLETE"}
    assert ends == {"nightly.load": {"to0"}, "nightly.load (load_b)": {"to1", "to2"}, "nightly": set()}
    assert len({e["run"]["runId"] for e in sent}) == 3


def test_names_do_not_depend_on_which_tasks_and_subflows_a_run_calls(built):
    history = looped("COMPLETED").history()
    namesake = TaskDefinition(name="copy", key="copy_all-3c4d", ran=False)
    own = TaskDefinition(
        name="copy", key="copy-1a2b", module="etl", description="Copies.", path="a.py", function="copy"
    )
    for definitions, job in [
        (RunDefinitions(tasks=(own, namesake)), "nightly.copy"),
        (RunDefinitions(tasks=(own,), flows=("copy",)), "nightly.copy (task)"),
    ]:
        sent = events(stitch(replace(history, definitions=definitions)), granularity="task")
        assert types(sent)[1] == (job, "START")
        assert sent[1]["job"]["facets"]["documentation"]["description"] == "Copies."
        assert sent[1]["run"]["facets"]["prefect_run"]["task"]["entrypoint"] == "a.py:copy"
        assert faults(sent) == []
    namesake = namesake.model_copy(update={"key": "copy-3c4d", "module": "other", "function": "copy"})
    sent = events(stitch(replace(history, definitions=RunDefinitions(tasks=(own, namesake)))), granularity="task")
    assert types(sent)[1] == ("nightly.copy (etl.copy)", "START")


def test_name_that_another_job_has_is_marked(built):
    history = replace(looped("COMPLETED").history(), ambiguous_tasks=frozenset({"copy"}))
    assert types(events(stitch(history), granularity="task"))[1] == ("nightly.copy (task)", "START")


def test_each_deployment_has_a_job_if_the_template_names_it(built):
    run = built(looped("COMPLETED"))
    run = replace(run, run=deployed(run.run, parents=(ParentRun(ident("top"), "top", "hourly"), *child_of("root"))))
    sent = events(run, granularity="task", job_template="{flow}.{deployment}")
    assert {job for job, _ in types(sent)} == {
        "root.top.hourly.nightly.nightly",
        "root.top.hourly.nightly.nightly.copy",
    }
    parent, task_parent = (event["run"]["facets"]["parent"] for event in (sent[0], sent[1]))
    assert (parent["job"]["name"], parent["root"]["job"]["name"]) == ("root.top.hourly", "root")
    assert task_parent["job"]["name"] == "root.top.hourly.nightly.nightly"
    assert faults(sent) == []


@pytest.mark.parametrize(
    ("template", "deployment", "name"),
    [
        ("{flow}", "prod", "nightly"),
        ("{flow}.{deployment}", "prod", "nightly.prod"),
        ("{flow} ({deployment})", "prod", "nightly (prod)"),
        ("{flow}.{deployment}", "{flow}", "nightly.{flow}"),
        ("{flow}.{deployment}", None, "nightly"),
    ],
)
def test_the_job_of_a_run_by_its_template(template, deployment, name):
    assert job_name(replace(Story().history().run, deployment_name=deployment), template) == name


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


def test_top_level_flow_has_no_parent(built):
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


def test_reference_validator_finds_no_fault(built):
    """A second validator, if it is there: it also checks parents, the order, and faults that break Marquez."""
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
