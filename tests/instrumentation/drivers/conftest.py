"""Drivers without our thread: a tracer that records its calls."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from prefect_lineage_events.instrumentation import proxies
from prefect_lineage_events.stores import Store
from tests.services.postgres import postgres
from tests.services.snowflake import snowflake_server

__all__ = ["postgres", "snowflake_server"]


@dataclass(eq=False)
class ReportedStatement:
    """A statement as reported to the tracer; `rows` is the latest known number."""

    sql: str
    autocommit: bool
    rows: int | None
    query_id: str | None
    columns: dict[str, str | None]
    aborted: bool = False
    run: None = None


@dataclass(eq=False)
class RecordingTracer:
    """Stands for `ConnectionTracer`; `steps` is everything in order, statements by their text."""

    store: Store
    lookup: Any
    reported: list[ReportedStatement] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    is_open: bool = False

    def statement(
        self,
        sql: str,
        *,
        autocommit: bool,
        rows: Any = None,
        query_id: Any = None,
        result_columns: Any = (),
        aborted: bool = False,
        **_: Any,
    ) -> ReportedStatement:
        reported = ReportedStatement(
            sql, autocommit, rows, query_id, {column.name: column.type for column in result_columns}, aborted
        )
        self.reported.append(reported)
        self.is_open = not autocommit
        self.steps.append(sql)
        return reported

    def rows(self, note: ReportedStatement, rows: int, *, whole: bool = True) -> None:
        assert note.rows is None, "the rows of a statement are reported once"
        note.rows = rows

    def watch(self, reader: Any, note: ReportedStatement, counts: Any) -> weakref.finalize[..., Any]:
        def gone() -> None:
            if rows := counts.rows_so_far():
                self.rows(note, rows)

        return weakref.finalize(reader, gone)

    def failed(self, sql: str, error: BaseException, **_: bool) -> None:
        """Failures are no steps."""

    def prepare(self, name: str) -> None:
        """A prepared transaction is held until it is ended."""

    def end_prepared(self, name: str, *, commits: bool) -> None:
        self.steps.append("commit" if commits else "rollback")

    def unwatch(self, watched: weakref.finalize[..., Any]) -> None:
        watched.detach()

    def __getattr__(self, step: str) -> Any:
        def take(*name: str) -> None:
            self.is_open = self.is_open and step not in ("commit", "rollback", "lost", "commit_lost")
            self.steps.append(" ".join([step, *name]))

        return take

    @property
    def statements(self) -> list[str]:
        return [reported.sql for reported in self.reported]

    @property
    def kept(self) -> list[str]:
        """The statements whose work stays, by the rules of transactions without savepoints."""
        kept: list[str] = []
        held: list[str] = []
        by_sql = iter(self.reported)
        begun = False
        for step in self.steps:
            if step in ("commit", "rollback", "lost", "commit_lost"):
                kept += held if step == "commit" else []
                held, begun = [], False
            elif step == "begin":
                begun = True
            else:
                reported = next(by_sql)
                (kept if reported.autocommit and not begun else held).append(reported.sql)
        return kept


@pytest.fixture
def tracers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RecordingTracer]]:
    """The tracers of the connections that the test opens, in order."""
    made: list[RecordingTracer] = []

    def connection(store: Store, *, lookup: Any = None) -> RecordingTracer:
        made.append(RecordingTracer(store, lookup))
        return made[-1]

    monkeypatch.setattr(proxies.tracing, "connection", connection)
    return made
