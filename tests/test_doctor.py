"""Findings of `doctor`: one line each, with a remedy where something is wrong."""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock
from uuid import uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.states import Late, Scheduled

from prefect_lineage_events import cli, deploy, doctor, health, serving
from prefect_lineage_events.assembler import dead_sweeps, ledger, sweep_state, unresolved
from prefect_lineage_events.assembler.archive import ArchiveMark
from prefect_lineage_events.assembler.ledger import Entry
from prefect_lineage_events.assembler.sweep import BUSY
from prefect_lineage_events.assembler.sweep_state import SweepState, Waiting
from prefect_lineage_events.assembler.witness.collect import AWAITS
from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.definition import Ids, Options
from prefect_lineage_events.events import INCOMPLETE_EVENT, REJECTED_EVENT
from prefect_lineage_events.finding import Finding
from prefect_lineage_events.flows import sweep
from prefect_lineage_events.history import event_log
from prefect_lineage_events.instrumentation.libraries import LIBRARIES
from prefect_lineage_events.settings import settings


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deployed(client):
    deploy.deploy()
    yield client
    deploy.deploy()


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def what_is_wrong(finding: Finding) -> str:
    """The text of a finding that is not ok and has a remedy."""
    assert not finding.ok
    assert finding.advice
    assert "\n" not in str(finding)
    return str(finding)


def test_finding_is_one_line_with_a_remedy():
    assert str(Finding(True, "sweep", "nothing waits")) == "ok   sweep: nothing waits"
    assert str(Finding(False, "sweep", "two\nlines", "do this")) == "NOT  sweep: two lines -> do this"


def test_doctor_without_an_address_starts_no_server(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "get_client", None)
    monkeypatch.setattr(doctor, "PREFECT_API_URL", SimpleNamespace(value=lambda: None))
    assert cli.main(["doctor"]) == 1
    assert "NOT  Prefect API: PREFECT_API_URL is not set" in capsys.readouterr().out


def test_unreachable_api_leaves_other_findings(monkeypatch):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        first, *rest = doctor.examine()
    assert "no response at http://127.0.0.1:9/api" in what_is_wrong(first)
    libraries = {"libraries not captured here", "libraries of no family"}
    assert {f.subject for f in rest} == {"lineage target", "capture", *libraries}


def test_installed_libraries_are_listed_by_what_is_captured(monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT", "blocks")
    settings.cache_clear()
    found = {finding.subject: finding.observed for finding in doctor._libraries()}
    assert "prefect-sqlalchemy" in found["captured libraries"]
    assert "prefect-sqlalchemy" not in found.get("libraries not captured here", "")
    assert "numpy" in found["libraries of no family"]
    assert "pymongo" not in found["libraries of no family"]


def test_every_captured_library_is_listed(monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT", "true")
    settings.cache_clear()
    found = {finding.subject: finding.observed for finding in doctor._libraries()}
    assert {"os", "shutil", "pathlib", "tempfile", "urllib", "sqlite3", "subprocess"} <= set(
        found["captured libraries"].split(", ")
    )
    listed = {library.package.lower().replace("_", "-") for library in LIBRARIES}
    assert {name for name in listed if not re.fullmatch(r"[a-z0-9.-]+", name)} == set()


def test_too_old_server_is_a_finding(client, monkeypatch):
    monkeypatch.setattr(type(client), "api_version", lambda _: "3.4.11")
    assert "version 3.4.11 -> use 3.8 or newer" in what_is_wrong(doctor._api(client))


def test_unreachable_target_is_a_finding(monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    (finding,) = doctor._targets()
    assert "cannot be reached" in what_is_wrong(finding)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OPENLINEAGE__TRANSPORT__TYPE", "htp", "htp"),
        ("OPENLINEAGE_URL", "marquez:5000", "marquez:5000"),
        ("OPENLINEAGE_URL", "http://[::1:5000", "IPv6"),
    ],
    ids=["a kind that there is not", "an address without a scheme", "an address that is none"],
)
def test_target_that_cannot_be_opened_is_a_finding(variable, value, message, monkeypatch):
    monkeypatch.setenv(variable, value)
    (finding,) = doctor._targets()
    assert message in what_is_wrong(finding)
    assert "see OPENLINEAGE_URL" in what_is_wrong(finding)


def test_missing_secret_block_of_a_target_is_a_finding(prefect_server, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_API_KEY_BLOCK", "no-such-block")
    settings.cache_clear()
    (finding,) = doctor._targets()
    assert "no-such-block" in what_is_wrong(finding)


def test_deployed_assembler_without_a_runner_is_a_finding(deployed):
    assert "no process runs" in what_is_wrong(health.deployments(deployed))
    assert "`prefect-lineage serve`" in health.deployments(deployed).advice
    assert health.automation(deployed).ok


def test_sweep_without_a_schedule_is_a_finding(deployed, monkeypatch):
    sweeper = deployed.read_deployment_by_name(deploy.SWEEPER)
    ready = sweeper.model_copy(update={"status": "READY", "paused": False, "schedules": []})
    monkeypatch.setattr(type(deployed), "read_deployment_by_name", lambda *_: ready)
    assert "no active schedule" in what_is_wrong(health.deployments(deployed))


@pytest.fixture
def old_schedule(deployed, monkeypatch):
    """A client whose sweep has been scheduled for an hour."""
    sweeper = deployed.read_deployment_by_name(deploy.SWEEPER)
    schedule = sweeper.schedules[0].model_copy(update={"active": True, "created": now() - dt.timedelta(hours=1)})
    scheduled = sweeper.model_copy(update={"paused": False, "schedules": [schedule]})
    monkeypatch.setattr(type(deployed), "read_deployment_by_name", lambda *_: scheduled)
    return deployed


@pytest.mark.parametrize(("version", "advice"), [("3.8.8", 'install "sqlalchemy<2.1"'), ("3.9.1", "scheduler service")])
def test_schedule_without_runs_is_a_finding(old_schedule, monkeypatch, version, advice):
    monkeypatch.setattr(health.api, "post", lambda *_: 0)
    monkeypatch.setattr(type(old_schedule), "api_version", lambda _: version)
    line = what_is_wrong(health.schedule(old_schedule))
    assert "the server makes no runs of this schedule" in line
    assert advice in line


def test_schedule_with_runs_is_ok(old_schedule):
    due = now() + dt.timedelta(minutes=5)
    sweeper = old_schedule.read_deployment_by_name(deploy.SWEEPER)
    old_schedule.create_flow_run_from_deployment(sweeper.id, state=Scheduled(scheduled_time=due))
    assert str(health.schedule(old_schedule)).startswith("ok   schedule: the server has made the next")


def test_new_or_paused_schedule_is_doubtful(deployed, monkeypatch):
    monkeypatch.setattr(health.api, "post", lambda *_: 0)
    assert "no runs yet" in str(health.schedule(deployed))
    sweeper = deployed.read_deployment_by_name(deploy.SWEEPER)
    deployed.pause_deployment(sweeper.id)
    assert health.schedule(deployed).doubtful
    deployed.resume_deployment(sweeper.id)
    assert "switched off" in str(health.schedule(_with(monkeypatch, deployed, sweeper, schedules=[])))


def _with(monkeypatch, client, deployment, **changes):
    changed = deployment.model_copy(update=changes)
    monkeypatch.setattr(type(client), "read_deployment_by_name", lambda *_: changed)
    return client


def test_missing_disabled_or_misdirected_automation_is_a_finding(deployed):
    (there,) = deployed.read_automations_by_name(deploy.AUTOMATION)
    deployed.pause_automation(there.id)
    assert "disabled" in what_is_wrong(health.automation(deployed))
    deployed.resume_automation(there.id)
    elsewhere = AutomationCore.model_validate(ASSEMBLE.build(Options(settle=1), Ids(uuid4(), uuid4())))
    deployed.update_automation(there.id, elsewhere)
    assert "another deployment" in what_is_wrong(health.automation(deployed))
    deployed.delete_automation(there.id)
    assert "missing" in what_is_wrong(health.automation(deployed))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SweepState(), "never ran"),
        (SweepState(swept=now() - dt.timedelta(hours=2)), "minutes ago -> start the assembler"),
        (SweepState(swept=now(), waiting=(Waiting(uuid4(), "nightly", now(), "503 no"),)), "1 run waiting, such as"),
    ],
    ids=["never", "long ago", "with runs that wait"],
)
def test_failed_or_late_sweep_is_a_finding(client, state, words, monkeypatch):
    monkeypatch.setattr(health, "_last_failure", lambda _: None)
    monkeypatch.setattr(health, "_is_new", lambda _: False)
    monkeypatch.setattr(sweep_state, "read", lambda _: state)
    assert words in what_is_wrong(health.sweep(client))


@pytest.mark.parametrize(("hours", "ok"), [(0, True), (12, False)])
def test_first_sweep_of_a_new_installation_is_not_late(deployed, monkeypatch, hours, ok):
    there = deployed.read_deployment_by_name(deploy.SWEEPER)
    since = there.model_copy(update={"created": now() - dt.timedelta(hours=hours)})
    monkeypatch.setattr(type(deployed), "read_deployment_by_name", lambda *_: since)
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState())
    found = health.sweep(deployed)
    assert "never ran" in str(found)
    assert found.ok is ok


@pytest.mark.parametrize(
    "waiting",
    [
        Waiting(uuid4(), "nightly", now(), BUSY, attempts=3),
        Waiting(uuid4(), "nightly", now(), "lacks what run 1 handed over", waits_for=(uuid4(),)),
    ],
    ids=["another assembler", "a parent that goes on"],
)
def test_run_that_waits_for_others_is_no_finding(client, waiting, monkeypatch):
    monkeypatch.setattr(health, "_last_failure", lambda _: None)
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState(swept=now(), waiting=(waiting,)))
    assert health.sweep(client).ok
    stuck = replace(waiting, attempts=100, waits_for=())
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState(swept=now(), waiting=(stuck,)))
    assert not health.sweep(client).ok


def test_access_history_that_cannot_be_read_is_a_finding(client, monkeypatch):
    waiting = Waiting(uuid4(), "nightly", now(), AWAITS)
    monkeypatch.setattr(health, "_last_failure", lambda _: None)
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState(swept=now(), waiting=(waiting,)))
    assert health.sweep(client).ok
    unread = replace(waiting, reason=f"{AWAITS}: this Prefect API has no block 'secret/gone'")
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState(swept=now(), waiting=(unread,)))
    assert "no block 'secret/gone' -> mend what this names; the next sweep" in what_is_wrong(health.sweep(client))


def assembled(*targets: str, run: str = "1", by: str | None = "a") -> dict:
    """An event as the API returns it, of a run that was sent by an assembler with these targets."""
    return {
        "resource": {"prefect.resource.id": f"prefect-lineage.run.{run}"},
        "payload": {"target": targets[0], "targets": list(targets), "assembler_run": by},
    }


def delivery_to(monkeypatch, *newest_first: dict) -> Finding:
    monkeypatch.setattr(health, "recent_events", lambda *_: list(newest_first))
    return health.delivery_to(None)


MARQUEZ, FILE = "http http://marquez:5000/api/v1/lineage", "file /worker/openlineage.jsonl"


def test_assembler_with_another_target_is_named(monkeypatch):
    finding = delivery_to(monkeypatch, assembled(FILE, run="2", by="w"), assembled(MARQUEZ))
    assert f"1 run in the last day went to {FILE} and not to {MARQUEZ}" in what_is_wrong(finding)
    assert "flow run w" in str(finding)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [assembled(MARQUEZ)] * 3,
        [assembled(MARQUEZ, FILE), assembled(MARQUEZ)],
        [assembled(MARQUEZ), assembled(FILE)],
    ],
    ids=["none", "one", "added", "in place of the file"],
)
def test_equal_configurations_are_ok(monkeypatch, runs):
    finding = delivery_to(monkeypatch, *runs)
    assert finding.ok
    assert not finding.doubtful


def test_lineage_that_goes_only_to_a_file_is_reported(monkeypatch):
    finding = delivery_to(monkeypatch, assembled(FILE))
    assert str(finding).startswith(f"WARN  sent to: only {FILE} -> ")


@pytest.mark.parametrize("payload", [{}, {"targets": "x"}, {"target": {"a": 1}}, {"targets": [None]}])
def test_event_of_any_shape_does_not_stop_doctor(monkeypatch, payload):
    event = {**assembled(FILE), "payload": payload}
    delivery_to(monkeypatch, event)
    monkeypatch.setattr(unresolved, "recent_events", lambda *_: [event])
    health.refused(None)
    health.gaps(None)


def test_file_in_a_missing_folder_is_a_finding(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", str(tmp_path / "no" / "lineage.jsonl"))
    settings.cache_clear()
    (finding,) = doctor._targets()
    assert f"the folder {tmp_path / 'no'} is missing" in what_is_wrong(finding)


def test_archive_that_cannot_be_written_is_a_finding(monkeypatch, tmp_path):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    for folder, ok in ((tmp_path / "new" / "folder", True), (tmp_path / "file" / "folder", False)):
        (tmp_path / "file").touch()
        monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE", str(folder))
        settings.cache_clear()
        (finding,) = doctor._stores()
        assert (finding.subject, finding.ok) == ("archive", ok)
        assert not folder.exists()
    assert "Not a directory -> mend it, or the setting" in what_is_wrong(finding)


def test_archive_that_this_user_may_only_read_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE", str(tmp_path))
    settings.cache_clear()
    # The tests' user may be root, who may write everywhere.
    monkeypatch.setattr("os.access", lambda _path, mode: mode != os.W_OK)
    (finding,) = doctor._stores()
    assert (finding.ok, finding.doubtful) == (True, True)
    assert "it can be read; this user may not write to it" in finding.observed
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE", str(tmp_path / "missing"))
    settings.cache_clear()
    assert not next(doctor._stores()).ok


def test_run_that_the_archive_did_not_take_is_a_finding(monkeypatch):
    run = uuid4()
    mark = ArchiveMark("place", "digest", fault="s3://lineage: No space left on device")
    entry = Entry(None, "COMPLETED -", complete=True, stored_events=1, archived=mark)
    monkeypatch.setattr(unresolved, "recent_events", lambda *_: [assembled("http marquez", run=str(run))])
    monkeypatch.setattr(ledger, "read", lambda *_: {run: entry})
    observed = what_is_wrong(health.archived(None))
    assert f"1 run not in the archive, such as {run}: s3://lineage: No space left on device -> mend" in observed
    monkeypatch.setattr(ledger, "read", lambda *_: {run: replace(entry, archived=replace(mark, fault=""))})
    assert health.archived(None).ok


def test_missing_block_of_the_warehouse_is_a_finding(prefect_server, monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_WAREHOUSE_BLOCK", "secret/gone")
    settings.cache_clear()
    (finding,) = doctor._stores()
    assert "access history: this Prefect API has no block 'secret/gone': save it again" in what_is_wrong(finding)


def test_default_file_is_doubtful(monkeypatch, tmp_path):
    (finding,) = doctor._targets()
    assert (finding.ok, finding.doubtful) == (True, True)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_FILE", str(tmp_path / "lineage.jsonl"))
    settings.cache_clear()
    (finding,) = doctor._targets()
    assert not finding.doubtful


def test_prefect_api_as_target_is_a_finding(prefect_server, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", prefect_server.api_url.removesuffix("/api"))
    (finding,) = doctor._targets()
    assert "is the Prefect API itself" in what_is_wrong(finding)


def test_prefect_address_without_api_path_is_a_finding(prefect_server):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_server.api_url.removesuffix("/api")}):
        (finding,) = doctor._prefect()
    assert f"set PREFECT_API_URL={prefect_server.api_url}" in what_is_wrong(finding)


def test_rarely_scheduled_sweep_is_not_late(deployed, monkeypatch):
    monkeypatch.setattr(health, "_last_failure", lambda _: None)
    monkeypatch.setattr(health, "_interval", lambda _: dt.timedelta(hours=1))
    monkeypatch.setattr(sweep_state, "read", lambda _: SweepState(swept=now() - dt.timedelta(hours=2)))
    assert health.sweep(deployed).ok


def test_sweep_whose_process_is_gone_is_named_and_ended(client, monkeypatch):
    deployed = deploy.deploy().deployments["prefect-lineage-sweep/lineage"]
    held = client.create_flow_run_from_deployment(deployed, state=State(type=StateType.RUNNING))
    by_hand = client.create_flow_run(sweep, state=State(type=StateType.RUNNING))
    assert held.id not in {one.id for one in dead_sweeps.dead_sweeps(client)}
    later = now() + dt.timedelta(hours=2)
    monkeypatch.setattr(dead_sweeps.api, "now", lambda _: later)
    assert [one.id for one in dead_sweeps.dead_sweeps(client)] == [held.id]
    observed = f"sweep: flow run {held.id} is silent since {held.state.timestamp:%F %R} UTC, and keeps other sweeps"
    assert observed in what_is_wrong(health.sweep(client))
    dead_sweeps.end_dead_sweeps(client, alive=[held.id])
    assert client.read_flow_run(held.id).state.is_running()
    serving._free_places([])
    assert client.read_flow_run(held.id).state.is_crashed()
    assert client.read_flow_run(by_hand.id).state.is_running()
    assert dead_sweeps.dead_sweeps(client) == []
    client.set_flow_run_state(by_hand.id, State(type=StateType.CANCELLED), force=True)


def test_late_runs_of_the_assembler_are_a_finding(client):
    assert health.late(client).ok
    due = now() - dt.timedelta(hours=1)
    waiting = client.create_flow_run(sweep, state=Late(scheduled_time=due))
    try:
        assert "late runs: 1 run of the assembler not begun, over 10 minutes late" in what_is_wrong(health.late(client))
    finally:
        client.delete_flow_run(waiting.id)


def test_paused_work_pool_is_a_finding(client, deployed, monkeypatch):
    name = f"paused-{uuid4().hex[:8]}"
    pool = client.create_work_pool(WorkPoolCreate(name=name, type="process", is_paused=True))
    by_name = client.read_deployment_by_name
    changes = {"work_pool_name": pool.name, "status": "READY", "paused": False}
    monkeypatch.setattr(client, "read_deployment_by_name", lambda n: by_name(n).model_copy(update=changes))
    observed = f"deployments: the work pool {name} is paused -> run `prefect work-pool resume {name}`"
    assert observed in what_is_wrong(health.deployments(client))
    client.delete_work_pool(name)
    monkeypatch.setattr(client, "read_deployment_by_name", lambda n: by_name(n).model_copy(update={"status": "READY"}))
    assert "work pool" not in str(health.deployments(client))


def test_failed_sweep_is_reported_with_its_reason(client):
    run = client.create_flow_run(sweep, state=State(type=StateType.RUNNING))
    sweep_state.write(client, SweepState(mark=now(), swept=now()))
    client.set_flow_run_state(run.id, State(type=StateType.FAILED, message="no disk"), force=True)
    assert "and failed: no disk" in what_is_wrong(health.sweep(client))
    client.set_flow_run_state(run.id, State(type=StateType.COMPLETED), force=True)
    assert health.sweep(client).ok


def finding_when_stored(name: str, payload: dict, check, client) -> Finding:
    """The finding once the event is stored: other tests' events of that name may be there before."""
    resource = {"prefect.resource.id": f"prefect-lineage.run.{uuid4()}"}
    event = emit_event(event=name, resource=resource, payload=payload)
    window = event_log.Window(now() - dt.timedelta(hours=1), now() + dt.timedelta(hours=1))
    deadline = time.monotonic() + 300
    while not event_log.is_stored(client, event.id, window) and time.monotonic() < deadline:
        time.sleep(0.3)
    return check(client)


def test_recently_refused_events_are_a_finding(client):
    payload = {"target": "http marquez", "reasons": ["HTTP 422: no name"]}
    finding = finding_when_stored(REJECTED_EVENT, payload, health.refused, client)
    assert "such as http marquez: HTTP 422: no name" in what_is_wrong(finding)


def test_recently_dropped_statements_are_a_finding(client):
    finding = finding_when_stored(
        INCOMPLETE_EVENT, {"missing": {}, "unclosed": [], "dropped": 7}, lambda client: health.gaps(client)[0], client
    )
    assert "7 statements of 1 run in the last day" in what_is_wrong(finding)
    assert "QUEUE_SIZE" in finding.advice


def test_stale_runs_are_a_finding(client, monkeypatch):
    from prefect_lineage_events.history.model import FlowRun

    run = FlowRun(uuid4(), "r", uuid4(), "nightly", "RUNNING", started=now())
    monkeypatch.setattr(health, "stale_runs", lambda _: [run])
    assert f"1 without recent events, such as {run.id} (nightly" in what_is_wrong(health.in_flight(client))


def test_healthy_installation_has_no_findings(client, monkeypatch):
    for what in health.CHECKS:
        monkeypatch.setitem(health.CHECKS, what, lambda _, what=what: Finding(True, what, "well"))
    assert cli.main(["doctor"]) == 0


def test_gaps_are_asked_for_once(client, monkeypatch):
    asked = Mock(return_value=unresolved.Unresolved())
    monkeypatch.setattr(unresolved, "gaps", asked)
    subjects = [finding.subject for finding in doctor.examine()]
    assert [subjects.count(subject) for subject in ("dropped events", "unreadable events")] == [1, 1]
    assert asked.call_count == 1


def test_request_that_the_api_refuses_is_a_finding(client, monkeypatch):
    from tests.history.fake_api import http_error

    def refuses(_):
        raise http_error(403)

    monkeypatch.setitem(health.CHECKS, "blocks", refuses)
    (finding,) = (f for f in doctor.examine() if f.subject == "blocks")
    assert "the API responded 403 (no) -> this PREFECT_API_KEY may not do that" in what_is_wrong(finding)


def test_blocks_are_no_finding_where_no_connector_of_them_is_installed(client, monkeypatch):
    monkeypatch.setattr(client, "read_block_type_by_slug", absent := Mock(side_effect=ObjectNotFound(Exception())))
    assert "run `prefect-lineage register`" in what_is_wrong(health.blocks(client))
    for connector in ("prefect_sqlalchemy", "prefect_snowflake"):
        monkeypatch.setitem(sys.modules, connector, None)
    for module in ("sqlalchemy", "snowflake"):
        monkeypatch.delitem(sys.modules, f"prefect_lineage_events.blocks.{module}", raising=False)
    finding = health.blocks(client)
    assert (finding.ok, finding.observed) == (
        True,
        "none is registered, and none of their connectors is installed here",
    )
    assert absent.called
