"""The assembler's flows against a real Prefect server: each run's lineage is delivered, once."""

from __future__ import annotations

import contextvars
import datetime as dt
import threading
import time
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.runtime import flow_run

from prefect_lineage_events import health
from prefect_lineage_events.assembler import lease, ledger, outbox, run_lineage
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.flows import assemble
from prefect_lineage_events.history import api
from prefect_lineage_events.history.runs import UnknownFlowRunError
from tests.by_hand import closing, current_run, emit_writes, write
from tests.recording import RecordingTarget, configure

pytestmark = pytest.mark.usefixtures("prefect_server")
TIMEOUT = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_COMPLETENESS_TIMEOUT"


@flow(name="copy orders")
def copy_orders(close: bool = True, skip: tuple[int, ...] = (), emitter: UUID | None = None) -> str:
    emit_writes([("orders_copy", "orders"), ("report", "orders_copy")], close=close, skip=skip, emitter=emitter)
    return flow_run.id


@flow(name="touches nothing")
def touches_nothing() -> str:
    return flow_run.id


@flow(name="nightly umbrella")
def umbrella() -> tuple[str, str]:
    return flow_run.id, copy_orders()


@pytest.fixture
def target(monkeypatch) -> RecordingTarget:
    """The configured lineage target; deliveries are retried once, at once."""
    target = RecordingTarget()
    configure(monkeypatch, target)
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [0.0])
    return target


@pytest.fixture
def client():
    with get_client(sync_client=True) as client:
        yield client


def artifacts(client, run_id):
    body = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}, "type": {"not_any_": ["result"]}}}
    return client.request("POST", "/artifacts/filter", json=body).json()


def events_of(client, run_id, name, at_least=1):
    """The stored events of that name. The server stores them some seconds late."""
    body = {"filter": {"related": {"id": [f"prefect.flow-run.{run_id}"]}, "event": {"name": [name]}}, "limit": 50}
    body["filter"]["occurred"] = {"until": (dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)).isoformat()}
    deadline = time.monotonic() + 300
    while len(found := client.request("POST", "/events/filter", json=body).json()["events"]) < at_least:
        assert time.monotonic() < deadline, f"no {name} event was stored"
        time.sleep(0.5)
    return found


def test_run_is_delivered_with_start_and_end(target):
    run_id = copy_orders()
    result = assemble(flow_run_id=UUID(run_id))
    assert result.outcome == "sent"
    assert result.complete
    assert target.types(run_id) == ["START", "COMPLETE"]
    outputs = {o["name"] for o in target.of(run_id)[-1]["outputs"]}
    assert outputs == {"shop.public.orders_copy", "shop.public.report"}


def test_second_assembly_sends_nothing_and_writes_no_artifact(target, client):
    run_id = copy_orders()
    assemble(run_id)
    before = artifacts(client, run_id)
    result = assemble(run_id)
    assert result.outcome == "nothing new"
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert artifacts(client, run_id) == before


def test_added_target_gets_the_events_it_lacks(target, monkeypatch):
    run_id = copy_orders()
    assemble(run_id)
    second = RecordingTarget("second")
    configure(monkeypatch, target, second)
    assert assemble(run_id).outcome == "sent"
    assert second.types(run_id) == ["START", "COMPLETE"]
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert assemble(run_id).outcome == "nothing new"


def test_page_of_the_run_shows_its_graph(target, client):
    run_id = copy_orders()
    assemble(run_id)
    (artifact,) = artifacts(client, run_id)
    assert (artifact["key"], artifact["type"]) == (None, "markdown")
    assert "](data:image/svg+xml;base64," in artifact["data"]
    assert "shop.public.orders_copy" in artifact["data"]


def test_event_feed_has_lineage_assembled(target, client):
    run_id = copy_orders()
    assemble(run_id)
    (event,) = events_of(client, run_id, "lineage.assembled")
    assert event["payload"]["target"] == "recording"
    assert event["payload"]["outputs"] == 2


def test_unknown_run_is_a_clear_error(target):
    with pytest.raises(UnknownFlowRunError, match="there is no flow run"):
        assemble(uuid4())
    with pytest.raises(ValueError, match="expected a UUID"):
        assemble("nonsense")


def test_run_without_lineage_sends_no_event_and_writes_no_artifact(target, client, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "1")
    run_id = touches_nothing()
    assert assemble(run_id).outcome == "no lineage"
    assert not target.events
    assert not artifacts(client, run_id)


@flow(name="of a later version")
def of_a_later_version() -> str:
    emitter, run, now = uuid4(), current_run(), dt.datetime.now(dt.timezone.utc)
    event = write("orders", "raw", run=run, emitter=emitter, at=now).to_prefect()
    emit_event(**{**event, "payload": {**event["payload"], "schema_version": 99}})
    emit_event(**closing(emitter, 1, at=now, run=run).to_prefect())
    return flow_run.id


def test_run_of_a_later_version_is_named_with_a_remedy(target, client):
    run_id = of_a_later_version()
    assert assemble(flow_run_id=UUID(run_id)).outcome == "no lineage"
    (found,) = events_of(client, run_id, "lineage.incomplete")
    assert "written by a later version of prefect-lineage-events (schema 99)" in found["payload"]["reasons"][0]
    _, finding = health.gaps(client)
    assert (finding.ok, run_id in finding.observed) == (False, True)
    assert "later version of this package, install it for the assembler too" in finding.advice
    assert assemble(flow_run_id=UUID(run_id)).outcome == "no lineage"
    assert len(events_of(client, run_id, "lineage.incomplete")) == 1


def test_parent_without_lineage_is_sent_if_its_child_has_lineage(target, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "8")
    parent, child = umbrella()
    assert assemble(parent).outcome == "sent"
    assemble(child)
    assert target.types(parent) == ["START", "COMPLETE"]
    assert not target.of(parent)[-1].get("outputs")
    assert target.of(child)[-1]["run"]["facets"]["parent"]["run"]["runId"] == parent


def test_running_run_is_assembled_only_after_its_end(target, client):
    run_id = run_that_hangs(client)
    assert assemble(run_id).outcome == "not ended"
    assert not target.events
    client.set_flow_run_state(run_id, State(type=StateType.CANCELLED), force=True)
    assert assemble(run_id).outcome == "sent"
    assert target.types(run_id) == ["START", "ABORT"]


def run_that_hangs(client) -> UUID:
    """A run that Prefect shows as running, with one write in its history: the trace of a killed process."""
    from prefect.events import emit_event

    run = client.create_flow_run(touches_nothing, state=State(type=StateType.RUNNING))
    info = current_run_of(run)
    emitter = uuid4()
    now = dt.datetime.now(dt.timezone.utc)
    emit_event(**write("half_done", "orders", run=info, emitter=emitter, at=now).to_prefect())
    emit_event(**closing(emitter, 1, run=info, at=now).to_prefect())
    return run.id


def current_run_of(run):
    from prefect_lineage_events.events import RunInfo

    return RunInfo(flow_run_id=run.id, flow_run_name=run.name, flow_id=run.flow_id, flow_name="touches nothing")


def test_unreachable_target_leaves_nothing_recorded_as_sent(target, client):
    run_id = copy_orders()
    target.away_after = 0
    with pytest.raises(TransientDeliveryError):
        assemble(run_id)
    (entry,) = ledger.read(client, [UUID(run_id)]).values()
    assert not any(sent.finished for sent in entry.targets.values())
    target.away_after = None
    assert assemble(run_id).outcome == "sent"
    assert target.types(run_id) == ["START", "COMPLETE"]


def test_events_accepted_before_an_outage_are_not_resent(target):
    run_id = copy_orders()
    target.away_after = 1
    with pytest.raises(TransientDeliveryError):
        assemble(run_id)
    assert target.types(run_id) == ["START"]
    target.away_after = None
    assemble(run_id)
    assert target.types(run_id) == ["START", "COMPLETE"]


def test_retry_bridges_a_short_outage(target, monkeypatch):
    run_id = copy_orders()
    target.away_after = 1
    deliver = target.deliver

    def back_for_the_second_try(events):
        try:
            yield from deliver(events)
        finally:
            target.away_after = None

    target.deliver = back_for_the_second_try
    assert assemble(run_id).outcome == "sent"
    assert target.types(run_id) == ["START", "COMPLETE"]


def test_refused_event_is_recorded_with_its_reason_and_not_resent(target, client):
    run_id = copy_orders()
    target.refusal = "422 namespace must not be blank"
    result = assemble(run_id)
    assert "422 namespace must not be blank" in result.rejected[0]
    (artifact,) = artifacts(client, run_id)
    assert "422 namespace must not be blank" in artifact["data"]
    assert events_of(client, run_id, "lineage.rejected")
    target.refusal = None
    assert assemble(run_id).outcome == "nothing new"
    assert not target.events


def test_run_with_missing_events_is_published_as_incomplete_and_again_when_complete(target, client, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "8")
    emitter = uuid4()
    run_id = copy_orders(skip=(0,), emitter=emitter)
    first = assemble(run_id)
    assert not first.complete
    assert "has not arrived" in artifacts(client, run_id)[0]["data"]
    missing = events_of(client, run_id, "lineage.incomplete")[0]["payload"]["missing"]
    assert missing == {str(emitter): [0]}
    late_write(client, run_id, emitter)
    second = assemble(run_id)
    assert second.complete
    assert second.outcome == "sent"
    assert "not arrived" not in artifacts(client, run_id)[0]["data"]
    names = {o["name"] for o in target.of(run_id)[-1]["outputs"]}
    assert "shop.public.orders_copy" in names


def late_write(client, run_id, emitter):
    from prefect.events import emit_event

    run = client.read_flow_run(UUID(run_id))
    now = dt.datetime.now(dt.timezone.utc)
    emit_event(
        **write("orders_copy", "orders", run=current_run_of(run), emitter=emitter, sequence=0, at=now).to_prefect()
    )


def test_two_assemblers_at_once_send_a_run_once(target):
    run_id = UUID(copy_orders())
    results = []

    def assemble_now():
        with get_client(sync_client=True) as client:
            results.append(assemble_run(client, run_id, AssemblyOptions(lease_timeout=600)))

    # The server of this test is set in a context variable, which a thread has only in a copied context.
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(assemble_now,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.types(run_id) == ["START", "COMPLETE"]
    assert sorted(r.outcome for r in results) == ["nothing new"] * 3 + ["sent"]


def test_run_of_a_crashed_assembler_is_taken_over(target, client, monkeypatch):
    run_id = UUID(copy_orders())
    with monkeypatch.context() as dead:
        dead.setattr(api, "now", lambda _: dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1))
        assert lease.try_acquire(client, run_id)
    assert assemble(run_id).outcome == "sent"


def test_held_lease_is_respected(target, client):
    run_id = UUID(copy_orders())
    with lease.hold(client, run_id, 0), pytest.raises(lease.BusyError):
        assemble_run(client, run_id, AssemblyOptions(lease_timeout=0))
    assert assemble(run_id).outcome == "sent"


def test_our_own_flows_are_not_assembled(target, client):
    run_id = copy_orders()
    state = assemble(run_id, return_state=True)
    assert assemble(state.state_details.flow_run_id).outcome == "own flow"


def test_failed_run_is_delivered_with_its_lineage(target):
    @flow(name="fails half way")
    def fails():
        emit_writes([("half", "orders")])
        raise RuntimeError("no more")

    state = fails(return_state=True)
    run_id = state.state_details.flow_run_id
    assemble(run_id)
    assert target.types(run_id) == ["START", "FAIL"]
    assert [o["name"] for o in target.of(run_id)[-1]["outputs"]] == ["shop.public.half"]


def test_run_inside_a_task_has_its_task_run(target):
    from prefect import task

    @task
    def load():
        emit_writes([("loaded", "orders")])
        return current_run().task_run_id

    @flow(name="with a task")
    def with_task():
        assert load()
        return flow_run.id

    assert assemble(with_task()).outcome == "sent"


def test_latest_run_is_resent_after_a_failed_run_to_targets_that_show_the_last_event(target):
    target.profile = "marquez"

    @flow(name="fails at times")
    def at_times(fail: bool) -> str:
        emit_writes([("target", "source")])
        if fail:
            raise RuntimeError("not today")
        return flow_run.id

    good = at_times(False)
    assemble(good)
    failed = at_times(True, return_state=True).state_details.flow_run_id
    assemble(failed)
    arrived = [(e["run"]["runId"], e["eventType"]) for e in target.events]
    assert arrived[-3:] == [(str(failed), "START"), (str(failed), "FAIL"), (good, "COMPLETE")]
    newer = at_times(False)
    assemble(newer)
    assert target.types(newer) == ["START", "COMPLETE"]
    assert target.events[-1]["run"]["runId"] == newer


def test_resend_of_the_latest_run_is_retried_after_an_outage(target):
    target.profile = "marquez"
    older, newer = copy_orders(), copy_orders()
    assemble(newer)
    target.away_after = 2
    with pytest.raises(TransientDeliveryError):
        assemble(older)
    target.away_after = None
    assemble(older)
    assert target.types(older) == ["START", "COMPLETE"]
    assert target.events[-1]["run"]["runId"] == newer


@pytest.mark.parametrize(
    ("api_url", "namespace"),
    [
        ("http://127.0.0.1:4200/api", "prefect://127.0.0.1:4200"),
        ("https://prefect.acme.example/api/", "prefect://prefect.acme.example"),
        ("https://api.prefect.cloud/api/accounts/a1/workspaces/w2", "prefect://api.prefect.cloud/w2"),
    ],
)
def test_jobs_have_the_namespace_of_their_prefect_instance(api_url, namespace):
    assert run_lineage.job_namespace(api_url) == namespace


def test_configured_namespace_takes_precedence(monkeypatch):
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAMESPACE", "acme")
    assert run_lineage.job_namespace("http://127.0.0.1:4200/api") == "acme"
