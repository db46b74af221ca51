"""Each failure of our own work in the user's thread makes the run incomplete, with the reason."""

from __future__ import annotations

import ast
import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import prefect_lineage_events
from prefect_lineage_events import guard
from prefect_lineage_events.context import run as context_run
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import losses, value_matching, worker
from prefect_lineage_events.emission.notes import LossNote
from prefect_lineage_events.events import CountEvent
from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.instrumentation import (
    connectors,
    cursor_classes,
    execution,
    subclasses,
    tracer,
)
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.drivers.sqlite import DRIVER
from tests.emission.conftest import Bench, make_run

# Guarded work whose failure loses nothing of a run, or leaves its emitter unclosed, which says as much.
LOSSLESS = {
    "finding the run of a connection",  # its statements find theirs
    "counting rows",  # then their number is unknown
    "keeping rows",  # then they are not compared with those that are written
    "taking a sample of rows",  # as above
    "following a frame",  # then its rows are compared
    "making a traced subclass",  # a proxy takes its place
    "restoring the classes of cursors",  # they go on to report
    "watching runs",  # without the emission room there is nothing to lose
    "watching the start of a run",  # its emitter is not closed
    "reading the definition of a flow or task",  # its job has no description
    "marking a child process",  # a folder that cannot be written
    "removing the mark of a child process",  # it is counted as lost, as long as it is there
    "ending before os._exit",  # its emitter is not closed
    "ending by SIGTERM",  # its emitter is not closed
}


def guarded_calls() -> Iterator[tuple[str, bool]]:
    """The guarded blocks of the user's thread: their names, and whether they count a loss."""
    package = Path(prefect_lineage_events.__file__).parent
    for file in [*(package / "instrumentation").rglob("*.py"), *(package / "context").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            # The number of arguments of each form that counts no loss.
            silent = {"guarded": 1, "is_suppressed": 2}.get(getattr(getattr(node, "func", None), "id", ""))
            if isinstance(node, ast.Call) and silent:
                what = node.args[0]
                assert isinstance(what, ast.Constant)
                yield str(what.value), len(node.args) > silent


def test_each_guarded_block_of_the_users_thread_counts_a_loss_or_loses_nothing() -> None:
    found = list(guarded_calls())
    assert {what for what, counts in found if not counts} == LOSSLESS
    assert len([what for what, counts in found if counts]) >= 18


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a fault of ours")


@pytest.fixture
def lossy(bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench that receives the notes of this thread, which belongs to `run`."""
    monkeypatch.setattr(guard, "_logged", set())
    monkeypatch.setattr(worker, "put", lambda note: bench.processor.process(note) or True)
    for module in (tracer, losses):
        monkeypatch.setattr(module, "current_run", lambda known=None: run)
    return bench


@pytest.fixture
def other(bench: Bench, lossy: Bench, run: Run) -> Any:
    """Another connection on which the run has written before."""
    connection = bench.connection()
    connection.execute("write before from orders", run=run, autocommit=True)
    return connection


def reasons(bench: Bench) -> tuple[int, tuple[str, ...]]:
    bench.advance()
    bench.processor.finish()
    counts = [event for event in bench.events() if isinstance(event, CountEvent)]
    found = judge((), counts)
    assert not found.complete
    assert all(any(reason in lack for lack in found.lacks()) for reason in found.reasons)
    return found.dropped, found.reasons


def sqlite(**changes: Any) -> Any:
    return trace(sqlite3.connect(":memory:"), replace(DRIVER, **changes))


Breaking = Callable[[pytest.MonkeyPatch], None]


def noting_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    broken.setattr(tracer, "StatementNote", fails)
    connection.execute("create table t (a)")


def comparing_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    broken.setattr(value_matching, "origins", fails)
    connection.execute("create table t (a)")
    connection.execute("insert into t values (?)", (1,))


def noting_a_failure_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    connection.execute("create table t (a)")
    broken.setattr(tracer, "FailureNote", fails)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("insert into nowhere values (1); select 1")


def noting_an_end_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    connection.execute("create table t (a)")
    connection.execute("insert into t values (1)")
    broken.setattr(tracer, "TransactionNote", fails)
    connection.commit()


def reading_a_text_fails(_: pytest.MonkeyPatch) -> None:
    sqlite(text=fails).execute("create table t (a)")


def asking_for_the_transaction_fails(_: pytest.MonkeyPatch) -> None:
    sqlite(autocommits=fails).execute("create table t (a)")


def telling_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    broken.setattr(execution.Execution, "succeeded", fails)
    connection.cursor().execute("create table t (a)")


def telling_of_an_awaited_one_fails(_: pytest.MonkeyPatch) -> None:
    async def runs() -> str:
        return "the driver's result"

    async def awaits() -> Any:
        return await execution.when_done(runs(), fails)

    assert asyncio.run(awaits()) == "the driver's result"


def tracing_a_connection_fails(_: pytest.MonkeyPatch) -> None:
    sqlite(store=fails)


def tracing_a_cursor_fails(broken: pytest.MonkeyPatch) -> None:
    connection = sqlite()
    broken.setattr(subclasses, "FetchedRows", fails)
    connection.cursor()


def tracing_cursors_fails(broken: pytest.MonkeyPatch) -> None:
    cursor_classes.trace_cursor_classes([object()])  # type: ignore[arg-type,list-item]


def tracing_an_engine_fails(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(connectors, "trace_any_engine", fails)
    assert connectors._traced_engine(lambda: "engine", None, (), {}) == "engine"


def starting_a_thread_fails(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(context_run, "_starting_run", fails)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def calling_bigquery_fails(_: pytest.MonkeyPatch) -> None:
    from prefect_lineage_events.instrumentation.drivers.bigquery.client import _Call

    _Call(SimpleNamespace(), fails, None, (), {}).note(fails)  # type: ignore[arg-type]


def following_a_relation_fails(broken: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    from prefect_lineage_events.instrumentation.drivers.duckdb import relations
    from prefect_lineage_events.instrumentation.drivers.duckdb.connections import DRIVER as DUCKDB

    connection = trace(duckdb.connect(), DUCKDB)
    relation = connection.sql("select 1 as a")
    broken.setattr(relations, "_note_read", fails)
    assert relation.fetchall() == [(1,)]


def tracking_a_relation_fails(broken: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    from prefect_lineage_events.instrumentation.drivers.duckdb import relations
    from prefect_lineage_events.instrumentation.drivers.duckdb.connections import DRIVER as DUCKDB

    connection = trace(duckdb.connect(), DUCKDB)
    broken.setattr(relations, "_own_query", fails)
    assert connection.sql("select 1 as a").fetchall() == [(1,)]


CASES: list[tuple[Breaking, str]] = [
    (noting_fails, "noting a statement failed"),
    (comparing_fails, "noting a statement failed"),
    (noting_a_failure_fails, "noting a failed statement failed"),
    (noting_an_end_fails, "noting the end of a transaction failed"),
    (reading_a_text_fails, "reading the text of a statement failed"),
    (asking_for_the_transaction_fails, "asking for the state of a transaction failed"),
    (telling_fails, "noting a statement failed"),
    (telling_of_an_awaited_one_fails, "noting a statement failed"),
    (tracing_a_connection_fails, "tracing a connection failed"),
    (tracing_a_cursor_fails, "tracing a cursor failed"),
    (tracing_cursors_fails, "tracing cursors failed"),
    (tracing_an_engine_fails, "tracing an engine failed"),
    (starting_a_thread_fails, "storing the run of a new thread failed"),
    (calling_bigquery_fails, "noting a call of BigQuery's client failed"),
    (following_a_relation_fails, "following a relation failed"),
    (tracking_a_relation_fails, "tracking a relation failed"),
]


@pytest.mark.parametrize(("breaks", "reason"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_failure_is_counted_for_the_run_with_its_reason(
    breaks: Breaking, reason: str, lossy: Bench, other: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as broken:
        breaks(broken)
    dropped, found = reasons(lossy)
    assert (dropped, found) == (1, (reason,))
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) <= 1


def test_a_loss_whose_run_cannot_be_found_counts_for_the_runs_of_the_process(
    lossy: Bench, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite()
    for module in (tracer, losses):
        monkeypatch.setattr(module, "current_run", fails)
    connection.execute("create table t (a)")
    assert reasons(lossy) == (1, ("noting a statement failed",))


def test_a_loss_before_the_first_statement_counts_for_the_next_run(
    lossy: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "current_run", lambda known: None)
    tracing_an_engine_fails(monkeypatch)
    lossy.connection().execute("write before from orders", run=run, autocommit=True)
    assert reasons(lossy) == (1, ("tracing an engine failed",))


def test_outside_any_run_a_failed_statement_loses_nothing(
    lossy: Bench, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "current_run", lambda known: None)
    losses.count_loss("a fault")
    lossy.processor.finish()
    assert {event.dropped for event in lossy.events() if isinstance(event, CountEvent)} == {0}


def test_in_an_excluded_flow_nothing_is_lost(lossy: Bench, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    excluded = make_run()
    excluded.captured = False
    monkeypatch.setattr(losses, "current_run", lambda known: excluded)
    losses.count_loss("a fault")
    lossy.processor.finish()
    assert {event.dropped for event in lossy.events() if isinstance(event, CountEvent)} == {0}


def test_a_statement_on_a_full_stack_is_counted_as_lost(
    lossy: Bench, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflows(_: object) -> None:
        raise RecursionError

    assert execution.when_done("the driver's result", overflows) == "the driver's result"
    assert reasons(lossy) == (1, ("a statement ran where the stack had no room left to note it",))


def test_a_write_whose_commit_the_driver_does_not_report_is_partial(
    lossy: Bench, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite(autocommits=fails, text=lambda *_: "write t from orders")
    connection.execute("create table t (a)")
    connection.close()
    assert reasons(lossy)[0] == 1
    assert [event.statement.confidence for event in lossy.statements()] == ["exact", "partial"]


def test_held_writes_are_in_doubt_after_a_loss_on_their_connection(bench: Bench, run: Run) -> None:
    connection = bench.connection()
    connection.run = run
    connection.execute("write held from orders")
    bench.processor.process(LossNote("a fault", run, connection.connection))
    connection.step("commit")
    connection.execute("write sure from orders")
    connection.step("commit")
    bench.advance()
    assert [event.statement.confidence for event in bench.statements()] == ["partial", "exact"]


def test_a_lost_step_leaves_later_writes_in_doubt(bench: Bench, run: Run) -> None:
    connection = bench.connection()
    connection.run = run
    bench.processor.process(LossNote("a fault", run, connection.connection, in_step=True))
    connection.execute("write undone from orders")
    connection.step("rollback")
    bench.advance()
    assert [event.statement.confidence for event in bench.statements()] == ["partial"]


def test_all_held_writes_of_the_run_are_in_doubt_after_a_loss_on_an_unknown_connection(bench: Bench, run: Run) -> None:
    connection = bench.connection()
    connection.run = run
    connection.execute("write held from orders")
    bench.processor.process(LossNote("a fault", run))
    connection.step("commit")
    bench.advance()
    assert [event.statement.confidence for event in bench.statements()] == ["partial"]


def test_losses_are_counted_when_the_queue_is_full(bench: Bench, run: Run) -> None:
    bench.queue._limit = 1
    for _ in range(3):
        bench.queue.put(LossNote("a fault", run))
    bench.advance()
    bench.processor.finish()
    counts = [event for event in bench.events() if isinstance(event, CountEvent)]
    assert max(event.dropped for event in counts) == 3
