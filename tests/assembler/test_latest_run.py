"""The latest completed run of a job."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.assembler import latest_run, ledger
from prefect_lineage_events.assembler.latest_run import latest_completed
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.history.runs import read_run
from tests.by_hand import NOON
from tests.history.fake_api import FakeApi, raw_run

FLOW = str(uuid4())
TARGET = "http://marquez:5000"


@pytest.fixture
def past(monkeypatch) -> FakeApi:
    """Runs of one flow, newest first, which the target all has."""
    api = FakeApi(NOON)
    api.flows[FLOW] = "nightly"
    taken = Entry(None, "", complete=True, stored_events=1).with_delivery(DeliveryState(TARGET, "", 2, 2))
    monkeypatch.setattr(ledger, "read", lambda client, ids: dict.fromkeys(ids, taken))
    return api


def ran(api: FakeApi, deployment: str | None = None, **more) -> UUID:
    deployment_id = None
    if deployment:
        deployment_id = next((id_ for id_, d in api.deployments.items() if d["name"] == deployment), str(uuid4()))
        api.deployments[deployment_id] = {"name": deployment}
    raw = raw_run(NOON, deployment_id=deployment_id, **more)
    raw["flow_id"] = FLOW
    api.runs.append(raw)
    return UUID(raw["id"])


@pytest.mark.parametrize(
    ("template", "failed", "expected"),
    [
        ("{flow}", "one", "newest"),
        ("{flow}.{deployment}", "one", "of one"),
        ("{flow}.{deployment}", "other", "newest"),
        ("{flow}.{deployment}", None, "of none"),
        ("{flow}.{deployment}", "third", None),
    ],
)
def test_runs_of_other_deployments_are_runs_of_other_jobs_where_jobs_are_named_so(
    past, monkeypatch, template, failed, expected
):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAME", template)
    good = {"newest": ran(past, "other"), "of one": ran(past, "one"), "of none": ran(past)}
    bad = FakeApi(NOON)
    bad.flows, bad.deployments = past.flows, past.deployments
    run = read_run(bad, ran(bad, failed, state="FAILED"))
    found = latest_completed(past, run, TARGET)
    assert (found.run.id if found else None) == good.get(expected)


def test_a_subflow_is_another_job_under_another_deployment_of_its_parent(past, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAME", "{flow}.{deployment}")
    calls = {name: str(uuid4()) for name in ("one", "other", "one again")}
    subflows = {name: ran(past, parent_task_run_id=call) for name, call in calls.items()}
    for name, call in calls.items():
        ran(past, name.removesuffix(" again"), task_run_ids=[call])
    run = read_run(past, subflows["one again"])
    past.runs = [r for r in past.runs if r["id"] != str(run.id)]
    found = latest_run.latest_completed(past, run, TARGET)
    assert found is not None
    assert found.run.id == subflows["one"]
