"""Flow runs: one with parents and deployment, and the runs of a window."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.actions import DeploymentCreate

from prefect_lineage_events.history.runs import UnknownFlowRunError, descendants, ended_runs, read_run
from tests.by_hand import NOON
from tests.history.fake_api import Answer, FakeApi, raw_run

HOUR = dt.timedelta(hours=1)


def with_flow(api: FakeApi, name: str, **more):
    raw = raw_run(more.pop("ended", NOON), **more)
    api.runs.append(raw)
    api.flows[raw["flow_id"]] = name
    return raw


def test_unknown_run_raises():
    with pytest.raises(UnknownFlowRunError, match="check the id and PREFECT_API_URL"):
        read_run(FakeApi(NOON), uuid4())


def test_parents_are_listed_nearest_first():
    api = FakeApi(NOON)
    task_of_middle, task_of_leaf = str(uuid4()), str(uuid4())
    top = with_flow(api, "top", task_run_ids=[task_of_middle])
    middle = with_flow(api, "middle", parent_task_run_id=task_of_middle, task_run_ids=[task_of_leaf])
    leaf = with_flow(api, "leaf", parent_task_run_id=task_of_leaf)
    run = read_run(api, UUID(leaf["id"]))
    assert [(str(p.flow_run_id), p.flow_name) for p in run.parents] == [(middle["id"], "middle"), (top["id"], "top")]
    assert run.flow_name == "leaf"


def test_parent_has_its_deployment():
    api = FakeApi(NOON)
    call, deployment = str(uuid4()), str(uuid4())
    with_flow(api, "top", task_run_ids=[call], deployment_id=deployment)
    leaf = with_flow(api, "leaf", parent_task_run_id=call)
    assert read_run(api, UUID(leaf["id"])).parents[0].deployment_name is None
    api.deployments = {deployment: {"name": "prod"}}
    assert read_run(api, UUID(leaf["id"])).parents[0].deployment_name == "prod"


def test_a_run_that_was_not_deployed_has_no_deployment():
    api = FakeApi(NOON)
    raw = with_flow(api, "ad hoc")
    run = read_run(api, UUID(raw["id"]))
    assert run.deployment_name is None
    assert run.schedule is None
    assert run.parents == ()


@pytest.mark.parametrize(("given", "read"), [(None, None), ("", None), ("Loads orders.", "Loads orders.")])
def test_a_description_is_the_deployments_own_not_the_word_that_prefects_client_writes_for_none(given, read):
    api = FakeApi(NOON)
    raw = with_flow(api, "nightly", deployment_id=str(uuid4()))
    stored = DeploymentCreate(name="prod", flow_id=uuid4(), description=given).model_dump(mode="json")
    api.deployments = {raw["deployment_id"]: stored}
    assert read_run(api, UUID(raw["id"])).deployment_description == read


def test_deployment_has_schedule_source_and_owners():
    api = FakeApi(NOON)
    raw = with_flow(api, "nightly", deployment_id=str(uuid4()), tags=["owner:ann", "blue"])
    deployment = {
        "name": "prod",
        "entrypoint": "flows.py:nightly",
        "tags": ["owner:data platform", "owner:ann"],
        "version_info": {"type": "vcs:git", "version": "3f2a", "url": "https://git.example/acme/flows/tree/3f2a"},
        "schedules": [
            {"active": True, "schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}},
            {"active": False, "schedule": {"cron": "0 4 * * *"}},
            {"active": True, "schedule": {"interval": 3600.0, "timezone": "UTC"}},
        ],
    }
    answer = api.request
    api.request = lambda m, path, **k: Answer(deployment) if path.startswith("/deployments/") else answer(m, path, **k)
    run = read_run(api, UUID(raw["id"]))
    assert run.deployment_name == "prod"
    assert run.schedule == "0 3 * * * Europe/Berlin, every 3600 s UTC"
    assert run.owners == ("ann", "data platform")
    assert run.deployment_version == "3f2a"
    assert run.source.url == "https://git.example/acme/flows/tree/3f2a"


def test_run_of_a_deleted_deployment_is_read():
    api = FakeApi(NOON)
    raw = with_flow(api, "nightly", deployment_id=str(uuid4()))
    assert read_run(api, UUID(raw["id"])).deployment_name is None


def test_the_source_is_the_repository_that_is_pulled():
    api = FakeApi(NOON)
    raw = with_flow(api, "nightly", deployment_id=str(uuid4()))
    step = {
        "prefect.deployments.steps.git_clone": {"repository": "https://git.example/acme/flows.git", "branch": "main"}
    }
    answer = api.request
    api.request = lambda m, path, **k: (
        Answer({"pull_steps": [step]}) if path.startswith("/deployments/") else answer(m, path, **k)
    )
    source = read_run(api, UUID(raw["id"])).source
    assert (source.url, source.branch) == ("https://git.example/acme/flows.git", "main")


def test_a_window_has_all_runs_that_ended_in_it_and_none_of_ours(monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.history.api.PAGE", 4)
    api = FakeApi(NOON)
    wanted = [with_flow(api, "nightly", ended=NOON - n * dt.timedelta(minutes=1))["id"] for n in range(11)]
    with_flow(api, "nightly", ended=NOON - 2 * HOUR)
    with_flow(api, "prefect-lineage-sweep", ended=NOON)
    found = [str(r.id) for rows in ended_runs(api, NOON - HOUR, NOON) for r in rows]
    assert sorted(found) == sorted(wanted)


def test_runs_that_ended_at_one_instant_are_all_found(monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.history.api.PAGE", 3)
    api = FakeApi(NOON)
    wanted = [with_flow(api, "mapped", ended=NOON)["id"] for _ in range(10)]
    found = [str(r.id) for rows in ended_runs(api, NOON - HOUR, NOON) for r in rows]
    assert sorted(found) == sorted(wanted)


def test_descendants_come_level_by_level():
    api, top = FakeApi(NOON), uuid4()
    child = with_flow(api, "child", parent=str(top))
    grandchild = with_flow(api, "grandchild", parent=child["id"])
    assert list(descendants(api, top)) == [[UUID(child["id"])], [UUID(grandchild["id"])]]
