"""Deployments and automation: `deploy` can be repeated, and never creates duplicates."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import httpx
import pytest
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import PrefectHTTPStatusError
from prefect.workers.process import ProcessWorker

from prefect_lineage_events import cli, deploy, serving
from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.definition import Ids, Options
from prefect_lineage_events.automations.revision import content_of
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.events import END_EVENTS
from prefect_lineage_events.history import event_log
from prefect_lineage_events.settings import settings

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


def automations(client):
    return client.read_automations_by_name(deploy.AUTOMATION)


def definition_of(assembler, settle=None):
    return ASSEMBLE.build(Options(settle=settle), Ids(assembler, assembler))


def automation(assembler):
    return AutomationCore.model_validate(definition_of(assembler))


def our_deployments(client):
    return [d for d in client.read_deployments() if d.name == deploy.DEPLOYMENT]


def test_second_deploy_creates_nothing(client):
    first = deploy.deploy()
    second = deploy.deploy()
    assert first.deployments == second.deployments
    assert first.automation == second.automation
    assert len(automations(client)) == 1
    assert len(our_deployments(client)) == 3


def test_automation_runs_the_assembler(client):
    for earlier in automations(client):
        client.delete_automation(earlier.id)
    deployed = deploy.deploy()
    (action,) = automations(client)[0].actions
    assert action.deployment_id == deployed.deployments[deploy.ASSEMBLER]
    assert action.parameters == {"gather_seconds": 40}, "it assembles what ends until the automation fires again"


def test_sweep_has_one_schedule_and_one_run_at_a_time(client):
    deploy.deploy(sweep_minutes=7)
    deploy.deploy(sweep_minutes=3)
    sweep = client.read_deployment_by_name(deploy.SWEEPER)
    assert [s.schedule.interval.total_seconds() for s in sweep.schedules] == [180]
    assert sweep.global_concurrency_limit.limit == 1


def test_duplicate_automation_is_deleted(client):
    deployed = deploy.deploy()
    client.create_automation(automation(uuid4()))
    assert len(automations(client)) == 2
    deploy.deploy()
    (kept,) = automations(client)
    assert kept.actions[0].deployment_id == deployed.deployments[deploy.ASSEMBLER]


def test_disabled_automation_stays_disabled(client):
    deployed = deploy.deploy()
    client.pause_automation(deployed.automation)
    again = deploy.deploy()
    assert not again.enabled
    assert "resume" in str(again)
    client.resume_automation(deployed.automation)
    assert deploy.deploy().enabled


def test_deployments_move_to_a_work_pool_and_back(client):
    process_pool(client, "lineage-pool")
    deploy.deploy(work_pool="lineage-pool")
    assert {d.work_pool_name for d in our_deployments(client)} == {"lineage-pool"}
    deploy.deploy()
    assert {d.work_pool_name for d in our_deployments(client)} == {None}


def process_pool(client, name):
    """A pool as `prefect work-pool create` makes it, which imports all integrations for eight seconds of a core."""
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template), overwrite=True)


def stored_target(client):
    (stored,) = {json.dumps(d.job_variables.get("env", {}), sort_keys=True) for d in our_deployments(client)}
    return json.loads(stored)


def test_target_is_stored_with_deployments_of_a_work_pool(client, monkeypatch):
    process_pool(client, "target-pool")
    monkeypatch.setenv("OPENLINEAGE_URL", "http://user:hunter22@marquez:5000")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hunter22-key")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY", "task")
    deployed = deploy.deploy(work_pool="target-pool")
    environment = stored_target(client)
    assert environment["PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY"] == "task"
    assert json.loads(environment[deploy.TARGET_VARIABLE])["url"] == "http://marquez:5000"
    assert "hunter22" not in json.dumps(environment)
    assert any("key is not stored" in warning for warning in deployed.warnings)
    assert any("marquez:5000" in target for target in deployed.targets)
    deploy.deploy()
    assert stored_target(client) == {}


def test_worker_reads_the_stored_target(client, monkeypatch):
    process_pool(client, "target-pool")
    monkeypatch.setenv("OPENLINEAGE_URL", "http://marquez:5000")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_API_KEY_BLOCK", "marquez-key")
    settings.cache_clear()
    deployed = deploy.deploy(work_pool="target-pool")
    assert not deployed.warnings
    environment = stored_target(client)
    monkeypatch.delenv("OPENLINEAGE_URL")
    # Variables of a worker's own machine are ignored.
    monkeypatch.setenv("OPENLINEAGE_URL", "http://elsewhere:5000")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (target,) = targets()
    assert (target.address, target.profile.name) == ("http://marquez:5000/api/v1/lineage", "marquez")
    assert target.endpoint["auth"]["apiKey"] == "{{ prefect.blocks.secret.marquez-key }}"


def test_deploy_without_a_target_warns(client):
    deployed = deploy.deploy()
    assert "no target is configured here" in deployed.warnings[0]
    assert "WARNING" in str(deployed)


def test_deploy_from_another_shell_keeps_deployed_options(client):
    deploy.deploy(sweep_minutes=7, settle=33)
    deploy.deploy()
    sweep = client.read_deployment_by_name(deploy.SWEEPER)
    assert [s.schedule.interval.total_seconds() for s in sweep.schedules] == [420]
    (automation,) = automations(client)
    (action,) = automation.actions
    assert (action.schedule_after.total_seconds(), automation.trigger.within.total_seconds()) == (33, 99)
    assert action.parameters == {"gather_seconds": 66}


def test_delay_deployed_by_an_earlier_version_is_kept(client):
    deployed = deploy.deploy()
    before = definition_of(deployed.deployments[deploy.ASSEMBLER], 33)
    before["description"] = "Assemble the lineage of flow runs when they have ended (prefect-lineage-events)."
    before["trigger"]["within"] = 33
    before["actions"][0]["parameters"] = {}
    client.update_automation(deployed.automation, AutomationCore.model_validate(before))
    deploy.deploy()
    (automation,) = automations(client)
    assert (automation.actions[0].schedule_after.total_seconds(), automation.trigger.within.total_seconds()) == (33, 99)


def test_unchanged_deployments_create_no_events(client):
    deploy.deploy()
    for _ in range(3):  # a loaded server sometimes gives an event of the previous deployment a late time
        before = dt.datetime.now(dt.timezone.utc)
        deployed = deploy.deploy()
        ours = {f"prefect.deployment.{id_}" for id_ in deployed.deployments.values()}
        ours.add(f"prefect.automation.{deployed.automation}")
        events = [e["event"] for e in emitted_since(client, before) if e["resource"]["prefect.resource.id"] in ours]
        if not events:
            break
    assert events == []


def emitted_since(client, since):
    """All events since then, read when an event that is emitted now is stored."""
    last = emit_event("test.last", resource={"prefect.resource.id": "test.last"})
    occurred = {"since": since.isoformat(), "until": (since + dt.timedelta(hours=1)).isoformat()}
    deadline = time.monotonic() + 300
    while True:
        found = list(event_log.pages(client, {"filter": {"occurred": occurred}, "limit": 50}))
        if str(last.id) in {event["id"] for event in found}:
            return found
        assert time.monotonic() < deadline, "the last event was never stored"
        time.sleep(0.3)


def test_each_step_of_deploy_is_reported_as_it_begins(client):
    steps = []
    deployed = deploy.deploy(progress=steps.append)
    assert steps[0] == "registering the lineage blocks"
    assert [step for step in steps if step.startswith("deploying")] == [f"deploying {n}" for n in deployed.deployments]


def test_unknown_work_pool_is_named(client):
    with pytest.raises(ValueError, match="no work pool 'nowhere-pool'"):
        deploy.deploy(work_pool="nowhere-pool")


def test_image_without_a_work_pool_is_refused_before_any_change():
    with pytest.raises(ValueError, match="--work-pool"):
        deploy.deploy(image="acme/lineage")


def test_prefect_accepts_the_automation_file(client, prefect_server, tmp_path):
    """The file is imported by Prefect's own command, with the id filled in, as a user would."""
    deployed = deploy.deploy()
    client.delete_automation(deployed.automation)
    file = tmp_path / "assemble.yaml"
    file.write_text(deploy.automations_yaml())
    command = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(file)]
    done = subprocess.run(command, env=prefect_server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(automations(client)) == 1


def test_automation_ignores_our_own_flows():
    """Prefect combines a list of negations by "or", so there must be one negated pattern: otherwise the assembler runs
    for itself.
    """
    trigger = definition_of(NOWHERE)["trigger"]
    assert trigger["match_related"]["prefect.resource.name"] == "!prefect-lineage-*"


def test_missing_deployment_is_reported_with_a_remedy(client):
    for deployment in our_deployments(client):
        client.delete_deployment(deployment.id)
    with pytest.raises(deploy.NotDeployedError, match="prefect-lineage deploy"):
        deploy.registered()


def test_prefect_yaml_creates_the_same_deployments(client, prefect_server):
    process_pool(client, "yaml-pool")
    file = ROOT / "deployments" / "prefect.yaml"
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    target = {"OPENLINEAGE_URL": "http://marquez:5000"}
    environment = {**prefect_server.environment, **target, "PREFECT_LINEAGE_WORK_POOL": "yaml-pool"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    made = {d.entrypoint: d for d in our_deployments(client)}
    assert set(made) == {f"prefect_lineage_events.flows.{f}" for f in ("assemble", "sweep", "backfill")}
    assert {d.work_pool_name for d in made.values()} == {"yaml-pool"}
    assert [d.job_variables["env"] for d in made.values()] == [target] * 3
    by_code = deploy.deployments(5)
    assert {d.entrypoint for d in by_code} == set(made)


def test_forms_of_the_ui_have_one_type_and_a_description_for_each_field(client):
    deploy.deploy()
    schemas = [client.read_deployment(d.id).parameter_openapi_schema for d in our_deployments(client)]
    fields = {name: field for schema in schemas for name, field in schema["properties"].items()}
    assert {name: field["type"] for name, field in fields.items()} == {
        "flow_run_id": "string",
        "gather_seconds": "number",
        "start": "string",
        "end": "string",
        "flows": "array",
        "targets": "array",
        "reanalyse": "boolean",
        "dry_run": "boolean",
        "force": "boolean",
    }
    assert fields["start"]["format"] == fields["end"]["format"] == "date-time"
    assert fields["flows"]["items"] == fields["targets"]["items"] == {"type": "string"}
    assert all(field["description"] for field in fields.values())
    assert {name: field["title"] for name, field in fields.items()} == {
        "flow_run_id": "Flow run",
        "gather_seconds": "Seconds to gather runs",
        "start": "Start",
        "end": "End",
        "flows": "Flows",
        "targets": "Targets",
        "reanalyse": "Analyse statements again",
        "dry_run": "Dry run",
        "force": "Send again",
    }


@pytest.mark.parametrize("names", [{}, {"flows": [], "targets": []}, {"flows": None, "targets": None}])
def test_form_may_leave_lists_out_empty_or_null(client, names):
    backfill = deploy.deploy().deployments["prefect-lineage-backfill/lineage"]
    parameters = {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-02T00:00:00.000Z", **names}
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "enforce_parameter_schema": True}
    path = f"/deployments/{backfill}/create_flow_run"
    assert client.request("POST", path, json=body).json()["parameters"]["start"] == "2026-01-01T00:00:00.000Z"


def test_backfill_with_invalid_time_is_refused_before_it_runs(client):
    backfill = deploy.deploy().deployments["prefect-lineage-backfill/lineage"]
    window = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    run = client.create_flow_run_from_deployment(backfill, parameters=window)
    assert run.parameters["start"] == "2026-01-01T00:00:00Z"
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        client.create_flow_run_from_deployment(backfill, parameters={**window, "flows": "one"})


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("register", "registering the lineage blocks ..."),
        ("undeploy", "deleting the deployments and the automations ..."),
    ],
)
def test_long_command_reports_its_start_on_standard_error(prefect_server, capsys, command, step):
    assert cli.main([command]) == 0
    printed = capsys.readouterr()
    assert (step in printed.err, step in printed.out) == (True, False)


def test_blocks_are_registered_with_their_forms(client):
    slugs = deploy.register_blocks()
    assert set(slugs) >= {"sqlalchemy-lineage", "async-sqlalchemy-lineage"}
    block_type = client.read_block_type_by_slug("sqlalchemy-lineage")
    assert json.loads(block_type.model_dump_json())["description"]


def test_undeploy_deletes_deployments_and_automation(client, capsys):
    deploy.deploy()
    assert cli.main(["undeploy"]) == 0
    assert (automations(client), our_deployments(client)) == ([], [])
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert cli.main(["undeploy"]) == 0
    assert "nothing was deployed" in capsys.readouterr().out


def test_deleted_deployment_is_not_paused(client):
    serving.pause(uuid4())


def test_deployment_of_a_work_pool_is_not_paused_by_the_end_of_serve(client):
    name = "prefect-lineage-sweep/lineage"
    served = deploy.deploy().deployments
    process_pool(client, "taken-over-pool")
    deploy.deploy(work_pool="taken-over-pool")
    serving.pause(served[name])
    assert not client.read_deployment_by_name(name).paused
    deploy.deploy()
    serving.pause(served[name])
    assert client.read_deployment_by_name(name).paused


def test_deleted_deployments_are_said(client, caplog):
    there = deploy.deploy().deployments.values()
    served = serving.Served(serving.AssemblerRunner(), [*there, uuid4()], uuid4())
    asyncio.run(serving._watch(served))
    assert "Deployments of the assembler were deleted" in caplog.text


def test_deployment_that_cannot_be_looked_for_counts_as_there(client, monkeypatch):
    def away(*_: object, **__: object) -> NoReturn:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(serving, "get_client", away)
    assert serving._exists(uuid4())


def test_order_of_the_expected_events_is_no_change() -> None:
    ours = automation(uuid4())
    for names in permutations(END_EVENTS):
        stored = ours.model_copy(deep=True)
        stored.trigger.expect = set()
        for name in names:  # two equal sets differ in their order where the hashes of the names collide
            stored.trigger.expect.add(name)
        assert content_of(stored) == content_of(ours)
