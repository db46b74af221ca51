"""The notes that a tracer makes in the user's thread, and calls that make none."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_lineage_events import filters, lineage_disabled, stores
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import Note, RowsNote, StatementNote
from prefect_lineage_events.instrumentation import tracer
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer
from prefect_lineage_events.settings import settings
from tests.emission.conftest import STARTED, make_run, noting


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[Note]:
    notes: list[Note] = []
    monkeypatch.setattr(worker, "put", noting(notes))
    return notes


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    current = make_run()
    monkeypatch.setattr(tracer, "current_run", lambda known=None: current)
    return current


@pytest.fixture
def traced() -> ConnectionTracer:
    return tracer.connection(stores.sqlite("/x.db"))


def execute(traced: ConnectionTracer, sql: str, **more: Any) -> StatementNote | None:
    return traced.statement(sql, started=STARTED, duration=0.1, autocommit=False, **more)


def texts(notes: list[Note]) -> list[str]:
    """Each note as the statement's text, or the step's name."""
    return [n.sql if isinstance(n, StatementNote) else n.step for n in notes if not isinstance(n, RowsNote)]


def test_a_statement_is_noted_with_its_run(noted: list[Note], run: Run, traced: ConnectionTracer) -> None:
    note = execute(traced, "INSERT INTO t SELECT 1", rows=1, query_id="q")
    assert noted == [note]
    assert note is not None
    assert (note.run, note.rows, note.query_id) == (run, 1, "q")


def test_rows_belong_to_their_statement(noted: list[Note], run: Run, traced: ConnectionTracer) -> None:
    note = execute(traced, "SELECT 1 FROM t")
    assert note is not None
    traced.rows(note, 5)
    assert noted == [note]
    assert note.take_rows() == (5, True)


def test_rows_of_a_note_that_was_taken_are_noted_after_it(
    noted: list[Note], run: Run, traced: ConnectionTracer
) -> None:
    note = execute(traced, "SELECT 1 FROM t")
    assert note is not None
    assert note.take_rows() is None
    traced.rows(note, 5, whole=False)
    assert noted[1:] == [RowsNote(note, 5, False)]


def test_rows_of_an_unreported_statement_are_not_noted(noted: list[Note], traced: ConnectionTracer) -> None:
    traced.rows(None, 5)
    assert noted == []


def test_a_transaction_in_which_nothing_was_done_is_not_noted(
    noted: list[Note], run: Run, traced: ConnectionTracer
) -> None:
    traced.begin()
    traced.savepoint("s")
    traced.commit()
    traced.lost()
    assert noted == []


def test_a_transaction_is_noted_from_its_first_statement_to_its_end(
    noted: list[Note], run: Run, traced: ConnectionTracer
) -> None:
    traced.begin()
    execute(traced, "INSERT INTO t SELECT 1")
    traced.savepoint("s")
    traced.rollback_to("s")
    traced.release("s")
    traced.commit()
    traced.rollback()
    assert texts(noted) == ["begin", "INSERT INTO t SELECT 1", "savepoint", "rollback_to", "release", "commit"]


@pytest.mark.parametrize(
    "sql",
    [
        "USE DATABASE x",
        "set search_path = a",
        "CREATE TEMP TABLE t (i int)",
        "create or replace temporary table t",
        f"{' ' * 5_000}SELECT 1",
    ],
)
def test_statements_that_change_the_session_are_noted_outside_runs(
    noted: list[Note], traced: ConnectionTracer, sql: str
) -> None:
    note = execute(traced, sql)
    assert note is not None
    assert note.run is None


@pytest.mark.parametrize("sql", ["SELECT 1 FROM t", "INSERT INTO t SELECT 1", "CREATE TABLE template (i int)"])
def test_other_statements_outside_runs_are_not_noted(noted: list[Note], traced: ConnectionTracer, sql: str) -> None:
    assert execute(traced, sql) is None
    assert noted == []


def test_nothing_is_noted_inside_lineage_disabled(noted: list[Note], run: Run, traced: ConnectionTracer) -> None:
    with lineage_disabled():
        assert execute(traced, "SELECT 1 FROM t") is None
    assert noted == []


def test_nothing_is_noted_of_an_excluded_run(noted: list[Note], run: Run, traced: ConnectionTracer) -> None:
    run.captured = False
    assert execute(traced, "SELECT 1 FROM t") is None


def test_nothing_is_noted_when_switched_off(
    noted: list[Note], run: Run, traced: ConnectionTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED", "false")
    settings.cache_clear()
    filters.current.cache_clear()
    assert execute(traced, "USE DATABASE x") is None
    assert noted == []


def test_statements_of_our_own_thread_are_not_reported(
    noted: list[Note], run: Run, traced: ConnectionTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "is_worker_thread", lambda: True)
    assert execute(traced, "SELECT 1 FROM t") is None


def test_errors_of_ours_are_not_raised(
    noted: list[Note], traced: ConnectionTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(known: Run | None = None) -> Run:
        raise RuntimeError("no context")

    monkeypatch.setattr(tracer, "current_run", broken)
    assert execute(traced, "SELECT 1 FROM t") is None
    assert tracer.connection(stores.sqlite("/x.db")) is not None


def test_the_run_last_seen_on_a_connection_is_offered_where_the_context_is_lost(
    noted: list[Note], run: Run, traced: ConnectionTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(traced, "SELECT 1 FROM t")
    offered: list[Run | None] = []
    monkeypatch.setattr(tracer, "current_run", lambda known=None: offered.append(known))
    execute(traced, "SELECT 1 FROM t")
    assert offered == [run]
