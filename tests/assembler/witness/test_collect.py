"""The sweep asks the warehouse about runs whose statements were understood in part, and sends them again."""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.events import emit_event
from prefect.runtime import flow_run

from prefect_lineage_events.assembler import ledger, sweep, sweep_state
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.assembler.sweep import _next_state, sweep_runs
from prefect_lineage_events.assembler.witness import collect, warehouse
from prefect_lineage_events.assembler.witness.warehouse import IDS_A_QUERY, MAX_QUERIES, Warehouse, WarehouseAwayError
from prefect_lineage_events.events import EmitterInfo, LineageEvent, StatementInfo
from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage
from tests.assembler.loads import known_run, stored
from tests.by_hand import NOON, closing, current_run
from tests.recording import RecordingTarget, configure
from tests.services.access_history import AccessHistory, accessed, modified, row
from tests.stitching.histories import Story

NO_WAIT = Patience(completeness=0, first_event=0)
CREDENTIALS = SimpleNamespace(account="org-acc", authenticator="snowflake")
PARTIAL = {"dialect": "snowflake", "confidence": "partial", "calls_procedure": True, "query_id": "q1"}


@pytest.fixture
def account(monkeypatch) -> AccessHistory:
    """The account that the setting's block opens."""
    history = AccessHistory()

    def connect(**parameters) -> AccessHistory:
        history.opened = parameters
        return history

    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_WAREHOUSE_BLOCK", "snowflake-connector/audit")
    settings.cache_clear()
    monkeypatch.setattr(warehouse, "_loaded", lambda block: (CREDENTIALS, connect))
    return history


def test_nothing_is_asked_without_the_setting(account, monkeypatch):
    monkeypatch.delenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_WAREHOUSE_BLOCK")
    settings.cache_clear()
    assert collect.collect(None, [FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=NOON)], NOON) == {}
    assert not account.opened


def test_questions_are_bounded_in_time_rows_and_number(account):
    asking = Warehouse("snowflake-connector/audit")
    asking.rows([f"q{n}" for n in range(IDS_A_QUERY * (MAX_QUERIES + 3))], NOON)
    asking.close()
    assert len(account.asked) == MAX_QUERIES
    text, (since, *ids) = account.asked[0]
    assert "LIMIT 5000" in text
    assert "query_start_time >= %s" in text
    assert (since, len(ids)) == (NOON - dt.timedelta(hours=1), 2 * IDS_A_QUERY)
    assert account.opened["session_parameters"]["STATEMENT_TIMEOUT_IN_SECONDS"] == 60
    assert account.closed


def test_an_error_of_the_driver_is_named_without_its_text(account):
    account.fault = RuntimeError("password=hunter2 is wrong")
    with pytest.raises(WarehouseAwayError, match="RuntimeError") as raised:
        Warehouse("snowflake-connector/audit").rows(["q1"], NOON)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (SimpleNamespace(), "neither"),
        (SimpleNamespace(get_client=lambda: None, authenticator="externalbrowser"), "by a browser"),
    ],
)
def test_a_block_that_cannot_open_it_is_refused(monkeypatch, block, reason):
    monkeypatch.setattr("prefect.blocks.core.Block.aload", lambda name: _loading(block))
    with pytest.raises(WarehouseAwayError, match=reason):
        Warehouse("some/block").open()


async def _loading(block: object) -> object:
    return block


def test_a_query_with_more_rows_than_a_page_is_asked_in_parts(account, monkeypatch):
    monkeypatch.setattr(warehouse, "MAX_ROWS", 3)
    account.rows = [
        row(f"{call}.{child}", root=call)
        for call, children in (("q1", 2), ("q2", 2), ("q3", 5))
        for child in range(children)
    ]
    opened = Warehouse("snowflake-connector/audit")
    assert len(opened.rows(["q1", "q2", "q3"], NOON)) == 2 + 2 + 3
    assert opened.cut == {"q3"}


def test_a_run_is_given_up_only_if_the_access_history_was_read(account, monkeypatch, client):
    ended = api.now(client)
    run = FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=ended)
    monkeypatch.setattr(collect, "_is_due", lambda *_: True)
    asked = []

    def ask(*_: object) -> list[object]:
        asked.append(1)
        raise WarehouseAwayError("no role")

    monkeypatch.setattr(collect, "_ask", ask)
    assert collect.collect(client, [run], ended + collect.GIVE_UP) == {}
    assert collect.collect(client, [run], ended + collect.GIVE_UP_UNREAD) == {run.id: ()}
    monkeypatch.setattr(collect, "_ask", lambda *_: [])
    assert collect.collect(client, [run], ended + collect.GIVE_UP) == {run.id: ()}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("block", "words"),
    [("secret/none", "no block 'secret/none': save it again, or set"), ("none", "'none' names no block: set PREFECT_")],
)
def test_a_missing_block_is_named_with_a_remedy(prefect_server, block, words):
    with pytest.raises(WarehouseAwayError, match=words):
        Warehouse(block).open()
    with pytest.raises(WarehouseAwayError, match=words):
        warehouse.check_block(block)


def test_a_run_waits_for_the_warehouse_with_the_reason_why_it_cannot_be_read(account, monkeypatch, client):
    monkeypatch.setattr(collect, "_is_due", lambda *_: True)
    monkeypatch.setattr(collect, "_ask", lambda *_: _raise(WarehouseAwayError("no role")))
    faults: list[str] = []
    collect.collect(client, [FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=NOON)], NOON, faults)
    assert faults == ["no role"]


def _raise(error: Exception) -> list[object]:
    raise error


def test_a_run_says_that_it_awaits_the_warehouse_and_later_that_it_said_nothing(account):
    history = Story().read(**PARTIAL).history()
    now = history.run.ended
    awaiting = collect.awaiting(RunLineage(history.run), history, now)
    assert awaiting.unwitnessed == 1
    assert "1 statement awaits the warehouse" in run_page.markdown(awaiting)
    given_up = collect.awaiting(RunLineage(history.run), history, now + collect.GIVE_UP)
    assert given_up.unwitnessed == 0
    assert "said nothing of 1 statement" in run_page.markdown(given_up)


def test_a_run_that_awaits_the_warehouse_is_tried_again_within_the_hour():
    run = FlowRun(uuid4(), "r", uuid4(), "f", "COMPLETED", ended=NOON - dt.timedelta(minutes=5))
    reported = AssemblyResult(run.id, "f", "sent", unwitnessed=1)
    before = sweep_state.SweepState(mark=NOON)
    done = Summary(assembled=[reported], unwitnessed=[run])
    (one,) = _next_state(done, before, (), until=NOON, now=NOON, keep_since=NOON).waiting
    assert (one.reason, one.not_before - run.ended) == (collect.AWAITS, collect.FIRST_AFTER)


@flow(name="calls a procedure")
def calls_a_procedure() -> UUID:
    now = dt.datetime.now(dt.timezone.utc)
    emitter, run = uuid4(), current_run()
    info = StatementInfo(id=uuid4(), started=now, reason="a call", **PARTIAL)
    called = LineageEvent(operation="misc", statement=info, run=run, emitter=EmitterInfo(id=emitter, sequence=0))
    emit_event(**called.to_prefect())
    emit_event(**closing(emitter, 1, at=now, run=run).to_prefect())
    return UUID(flow_run.id)


def test_a_call_is_sent_when_the_warehouse_has_named_its_tables(
    client, target: RecordingTarget, account, monkeypatch, caplog
):
    run_id = calls_a_procedure()
    stored(client, run_id)
    options = AssemblyOptions(retry=True)
    assert [run.id for run in sweep_runs(client, options).unwitnessed] == [run_id]
    assert (target.types(run_id), account.asked) == ([], [])
    assert ledger.read(client, [run_id])[run_id].unwitnessed == 1
    (waiting,) = sweep_state.read(client).waiting
    assert waiting.reason == collect.AWAITS

    def at(hours: float) -> None:
        now = api.now(client)
        monkeypatch.setattr(sweep.api, "now", lambda _, later=now + dt.timedelta(hours=hours): later)

    at(1)
    assert [run.id for run in sweep_runs(client, options).unwitnessed] == [run_id]
    assert account.asked == [], "the statements of a procedure may be listed one by one"
    at(3)
    assert [run.id for run in sweep_runs(client, options).unwitnessed] == [run_id]
    assert (len(account.asked), target.types(run_id)) == (1, [])
    account.fault = RuntimeError("password=hunter2")
    at(1)
    with caplog.at_level(logging.DEBUG):
        sweep_runs(client, options)
    assert "the next sweep asks again" in caplog.text
    assert "hunter2" not in caplog.text
    account.fault = None
    child = row("q2", [accessed("DB.S.RAW")], [modified("DB.S.MART", {"B": [("DB.S.RAW", "A")]})], root="q1")
    account.rows = [row("q1"), child]
    at(1)
    found = sweep_runs(client, options)
    assert [result.outcome for result in found.assembled] == ["sent"]
    assert target.types(run_id) == ["START", "COMPLETE"]
    end = target.of(run_id)[-1]
    assert [one["name"] for one in end["outputs"]] == ["DB.S.MART"]
    assert "known from: warehouse" in str(end["job"]["facets"]["lineage"])
    assert not sweep_state.read(client).waiting
    assert ledger.read(client, [run_id])[run_id].unwitnessed == 0
    monkeypatch.undo()
    deadline = time.monotonic() + 120
    while not read_history(client, known_run(client, run_id), NO_WAIT).witnessed:
        assert time.monotonic() < deadline, "the answer was not stored"
        time.sleep(0.2)
    again = RecordingTarget()
    configure(monkeypatch, again)
    assert assemble_run(client, run_id, replace(options, force=True)).outcome == "sent"
    assert again.of(run_id) == target.of(run_id)
