"""Each automation fires on a real server when it is to, once, and never for the assembler's own runs."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow, task
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events import emit_event
from prefect.runtime import flow_run

from prefect_lineage_events import deploy, flows
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.automations.choice import chosen_automations
from prefect_lineage_events.events import EmitterInfo, SchemaEvent
from prefect_lineage_events.graph.affected import affected
from prefect_lineage_events.history import event_log
from prefect_lineage_events.history.reader import Patience
from tests.automations.conftest import wait_for
from tests.by_hand import closing, create, current_run, emit_writes, table

# A busy server stores a run's events late; the assembler waits until the run is complete, and no longer.
_PATIENT = Patience(completeness=300, first_event=300)
_COMPLETE = AssemblyOptions(patience=_PATIENT)
# Braces, quotes and markup in a name: nothing of it may be read as a template, or end a value.
ODD = """we"ird 'x' {{ 7 * 7 }} {% raw %} <b> \\n"""


@flow(name="fires: load")
def load(output: str = "fired_orders", columns: tuple[str, ...] = (), skip: tuple[int, ...] = ()) -> str:
    writes = [(output, "source"), ("fired_beside", "source")] if skip else [(output, "source")]
    emitter = emit_writes(writes, close=False, skip=skip)
    now = dt.datetime.now(dt.timezone.utc)
    if columns:
        described = SchemaEvent(
            datasets=(table(output, *columns),),
            observed=now,
            run=current_run(),
            emitter=EmitterInfo(id=emitter, sequence=len(writes)),
        )
        emit_event(**described.to_prefect())
    emit_event(**closing(emitter, len(writes) + bool(columns), at=now, run=current_run()).to_prefect())
    return str(flow_run.id)


@flow(name="fires: report")
def report(source: str) -> str:
    emit_writes([("fired_report", source)])
    return str(flow_run.id)


@flow(name="fires: nothing")
def nothing() -> str:
    return str(flow_run.id)


@task(retries=1, retry_delay_seconds=0)
def unsteady(tries: list[int]) -> None:
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("the first try fails")


@flow(name="fires: retried", retries=1)
def retried(tries: list[int] = []) -> str:  # noqa: B006
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("the first attempt fails")
    return str(flow_run.id)


@flow(name="fires: parent")
def parent() -> tuple[str, str]:
    return str(flow_run.id), nothing()


@flow(name="fires: failing")
def failing() -> None:
    ids.append(str(flow_run.id))
    emit_writes([("fired_orders", "source")])
    raise ValueError("after its writes")


ids: list[str] = []


@flow(name="fires: refresh")
def refresh(dataset: str, table: str, schema: list[Any], flow_run_id: str, other: int = 3) -> None: ...


def runs_of(client: Any, deployment_id: UUID) -> list[dict[str, Any]]:
    """The runs of a deployment that an automation made, oldest first."""
    body = {"deployments": {"id": {"any_": [str(deployment_id)]}}, "sort": "ID_DESC"}
    found = client.request("POST", "/flow_runs/filter", json=body).json()
    by_automation = [one for one in found if (one.get("created_by") or {}).get("type") == "AUTOMATION"]
    return sorted(by_automation, key=lambda one: str(one["created"]))


def firings(client: Any, automation: str, since: dt.datetime) -> list[dict[str, Any]]:
    (found,) = client.read_automations_by_name(automation)
    chosen = {
        "occurred": {"since": since.isoformat()},
        "resource": {"id": [f"prefect.automation.{found.id}"]},
        "event": {"name": ["prefect.automation.triggered"]},
    }
    return list(event_log.pages(client, {"filter": chosen, "limit": 50}))


def deploy_with(client: Any, *names: str, **options: Any) -> deploy.Deployed:
    return deploy.deploy(automations=chosen_automations(client, names, **options), settle=1)


@pytest.fixture
def refresher(client: Any) -> tuple[UUID, str]:
    """A deployment of its own for each test, and its name."""
    name = f"by-table-{uuid4().hex[:8]}"
    deployment: Any = refresh.to_deployment(name)
    return UUID(str(deployment.apply())), f"fires: refresh/{name}"


class _Receiver(ThreadingHTTPServer):
    """Takes notifications, and refuses lineage."""

    daemon_threads = True
    got: list[dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/notify":
            self.server.got.append(json.loads(body))
        self.send_response(200 if self.path == "/notify" else 422)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    server = _Receiver(("127.0.0.1", 0), _Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def people(client: Any, receiver: _Receiver) -> str:
    block = CustomWebhookNotificationBlock(
        name="people",
        url=f"http://127.0.0.1:{receiver.server_port}/notify",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
    )
    block.save("people", overwrite=True)
    return "custom-webhook/people"


def test_each_ended_run_gets_one_assembler_run(client: Any) -> None:
    deployed = deploy_with(client, "assemble-on-completion")
    assembler = deployed.deployments[deploy.ASSEMBLER]
    before = len(runs_of(client, assembler))
    above, below = parent()
    ended = [load(), nothing(), retried(), above, below]
    with pytest.raises(ValueError, match="after its writes"):
        failing()
    flows.sweep()  # the assembler's own run is the last to end, and starts none
    mine = [*ended, ids[-1]]
    wait_for("a run for each", lambda: len(runs_of(client, assembler)) - before >= len(mine))
    nothing_more = nothing()
    wait_for("the last run", lambda: nothing_more in started(client, assembler, before))
    assert sorted(started(client, assembler, before)) == sorted([*mine, nothing_more])


def started(client: Any, assembler: UUID, before: int) -> list[str]:
    return [one["parameters"]["flow_run_id"] for one in runs_of(client, assembler)[before:]]


def test_many_ended_runs_are_one_sweep(client: Any) -> None:
    deployed = deploy_with(client, "assemble-batched")
    sweeper = deployed.deployments[deploy.SWEEPER]
    before = len(runs_of(client, sweeper))
    since = dt.datetime.now(dt.timezone.utc)
    for _ in range(8):
        load()
    nothing()
    one, *_ = wait_for("the sweep", lambda: runs_of(client, sweeper)[before:])
    created, planned = (dt.datetime.fromisoformat(one[key]) for key in ("created", "expected_start_time"))
    assert (planned - created).total_seconds() > 50, "at the end of the window"
    wait_for("the firing in the history", lambda: firings(client, "prefect-lineage-assemble-batched", since))
    # Runs of a busy machine may end in two windows.
    assert len(runs_of(client, sweeper)) <= before + 2
    assert not client.read_automations_by_name(deploy.AUTOMATION)


def test_written_table_runs_a_deployment_with_dataset_and_schema(client: Any, refresher: tuple[UUID, str]) -> None:
    uri = table(ODD).uri
    deploy_with(client, "table-written", table=uri, run=refresher[1])
    run_id = load(ODD)
    load("another_table")
    assert not runs_of(client, refresher[0]), "before the lineage of the run is known, nothing is started"
    for _ in range(3):
        assemble_run(client, UUID(run_id), _COMPLETE)
    found = wait_for("the deployment's run", lambda: runs_of(client, refresher[0]))
    again = load(ODD)
    assemble_run(client, UUID(again), _COMPLETE)
    found = wait_for("the second run", lambda: len(all_ := runs_of(client, refresher[0])) >= 2 and all_)
    assert [one["parameters"] for one in found] == [
        {
            "dataset": uri,
            "table": table(ODD).name,
            "schema": [{"name": "id", "type": "integer"}],
            "flow_run_id": one,
        }
        for one in (run_id, again)
    ]


def test_failed_run_and_a_backfill_start_no_deployment(client: Any, refresher: tuple[UUID, str]) -> None:
    uri = table("fired_orders").uri
    deploy_with(client, "table-written", table="postgres://*/fired_*", run=refresher[1])
    with pytest.raises(ValueError, match="after its writes"):
        failing()
    assemble_run(client, UUID(ids[-1]), _COMPLETE)
    past = load()
    assemble_run(client, UUID(past), AssemblyOptions(patience=_PATIENT, start_automations=False))
    good = load()
    assemble_run(client, UUID(good), _COMPLETE)
    (one,) = wait_for("the run for the good one", lambda: runs_of(client, refresher[0]))
    assert (one["parameters"]["flow_run_id"], one["parameters"]["dataset"]) == (good, uri)


def test_flow_that_writes_the_table_which_starts_it_is_not_started_again(
    client: Any, refresher: tuple[UUID, str]
) -> None:
    deploy_with(client, "table-written", table="postgres://*/fired_*", run=refresher[1])

    @flow(name="fires: refresh")
    def itself() -> str:
        return load.fn("fired_by_itself")

    assemble_run(client, UUID(itself()), _COMPLETE)
    other = load()
    assemble_run(client, UUID(other), _COMPLETE)
    (one,) = wait_for("the run for the other", lambda: runs_of(client, refresher[0]))
    assert one["parameters"]["flow_run_id"] == other


def test_stale_table_is_reported_once_after_its_last_write(client: Any, people: str, receiver: _Receiver) -> None:
    uri = table("stale_orders").uri
    deploy_with(client, "table-stale", table=uri, hours=12 / 3600, notify=people)
    load("stale_orders")
    load("stale_orders")
    last = dt.datetime.now(dt.timezone.utc)
    (got,) = wait_for("the notification", lambda: receiver.got)
    assert got["subject"] == "shop.public.stale_orders is stale"
    assert "was last written at" in got["body"]
    assert (dt.datetime.now(dt.timezone.utc) - last).total_seconds() > 11
    assert len(firings(client, f"prefect-lineage-table-stale: {uri}", last)) <= 1


def test_table_that_was_only_defined_does_not_count_as_written(client: Any, people: str, receiver: _Receiver) -> None:
    defined, loaded = table("stale_defined", "id"), table("stale_loaded", "id")
    for uri in (defined.uri, loaded.uri):
        deploy_with(client, "table-stale", table=uri, hours=12 / 3600, notify=people)

    @flow(name="fires: create")
    def create_both() -> None:
        for output, rows in ((defined, None), (loaded, 1)):
            created = create(output, rows, at=dt.datetime.now(dt.timezone.utc))
            emit_event(**created.to_prefect())

    began = dt.datetime.now(dt.timezone.utc)
    create_both()
    (got,) = wait_for("the notification", lambda: receiver.got)
    assert got["subject"] == "shop.public.stale_loaded is stale"
    assert firings(client, f"prefect-lineage-table-stale: {defined.uri}", began) == []


def test_changed_schema_is_reported_once_with_its_columns(client: Any, people: str, receiver: _Receiver) -> None:
    deploy_with(client, "schema-changed", notify=people)
    name = f"changing_{uuid4().hex[:8]}"
    options = AssemblyOptions(patience=_PATIENT, affected=affected)
    before, after = ("id", "name"), ("name", "price")
    assemble_run(client, UUID(report(name)), options)
    for columns in (before, before, after, after):
        assemble_run(client, UUID(load(name, columns)), options)
    (got,) = wait_for("the notification", lambda: receiver.got)
    assert got["subject"] == f"Columns of shop.public.{name} changed"
    assert got["body"].startswith(
        f"Columns of shop.public.{name} changed: price added, id dropped; read by fires: report"
    )
    assert "Automation: prefect-lineage-schema-changed" in got["body"]


def test_incomplete_and_refused_lineage_are_reported_once(
    client: Any, people: str, receiver: _Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy_with(client, "lineage-incomplete", "lineage-rejected", notify=people)
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{receiver.server_port}")
    for output in ("lost_a", ODD):
        run_id = load(output, skip=(1,))
        assemble_run(client, UUID(run_id), AssemblyOptions(patience=Patience(completeness=5, first_event=300)))
    wait_for("both notifications", lambda: len(receiver.got) >= 2)
    assert sorted(one["subject"] for one in receiver.got) == [
        "Lineage of fires: load is incomplete",
        "Lineage of fires: load was refused",
    ]
    bodies = " ".join(one["body"] for one in receiver.got)
    assert "lacks emitter" in bodies
    assert "refused" in bodies
