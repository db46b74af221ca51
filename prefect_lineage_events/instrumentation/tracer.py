"""The choke point: every driver family reports its statements and transaction steps here, in the user's thread.

Whatever is called here copies, enqueues and returns; it never raises and never waits.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect_lineage_events import filters
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.emission import value_matching, worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Connection,
    Counted,
    Counts,
    FailureNote,
    RowsNote,
    SchemaLookup,
    StatementNote,
    TransactionNote,
)
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.stores import Store

if TYPE_CHECKING:
    from prefect_lineage_events.sql.model import Step

__all__ = ["ConnectionTracer", "SchemaLookup", "connection"]

# A statement that may change the session of later ones: it is noted outside of runs too. The pattern is matched in the
# user's thread, so each repetition is bounded; a text that begins with more blanks counts as such a statement.
_SESSION = re.compile(
    r"\s{100}|\s{0,99}(?:USE|SET|RESET|DISCARD|BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|SAVE|RELEASE|PREPARE|XA|DROP|ATTACH|DETACH"
    r"|ALTER\s{1,99}SESSION|CREATE\s{1,99}(?:\w{1,30}\s{1,99}){0,3}?TEMP(?:ORARY)?)\b",
    re.IGNORECASE,
)
_QUERY = re.compile(r"\s{0,99}SELECT\b", re.IGNORECASE)


class ConnectionTracer:
    """One per DBAPI connection. Its methods are called in the user's thread, right after the driver succeeded."""

    __slots__ = ("_begun", "_connection", "_noted", "_run", "is_open")

    def __init__(self, connection: Connection, run: Run | None = None) -> None:
        self._connection = connection
        self._run = run
        self.is_open = False  # the last noted statement left a transaction open, as the driver tells
        self._begun = False  # a transaction that our thread has not been told of, for nothing was done in it yet
        self._noted = False  # something was, so how it ends matters

    def statement(
        self,
        sql: str,
        *,
        started: dt.datetime,
        duration: float,
        autocommit: bool,
        rows: int | None = None,
        query_id: str | None = None,
        result_columns: Sequence[Column] = (),
        aborted: bool = False,
        counted: Counted = "affected",
        inlined: bool = False,
        parameters: Any = None,
        sets: Any = None,
    ) -> StatementNote | None:
        """A statement succeeded. The note is for `rows()`; None when nobody is to hear of it.

        `started` is aware UTC, `duration` seconds. `autocommit`: will this statement's work stay without a commit?
        `result_columns` of a read, from the cursor's description. `aborted`: had the transaction failed before?
        `counted` says what `rows` is a number of; `inlined`: the values of binds stand in the text. `parameters` (or
        the `sets` of these of an `executemany`) are only compared with rows that were read (`value_matching`).
        """
        with guarded("noting a statement", self._lose):
            if not filters.current().enabled or worker.is_ours():
                return None
            run = self._reported_run()
            if run is None and not _SESSION.match(sql):
                return None
            self._announce_begin()
            self.is_open = not autocommit
            columns = tuple(result_columns)
            thread = run.thread if run is not None else ""
            note = StatementNote(
                self._connection,
                sql,
                run,
                started,
                duration,
                autocommit,
                rows,
                query_id,
                columns,
                aborted,
                thread,
                counted,
                inlined,
            )
            if (parameters is not None or sets is not None) and run is not None and not _QUERY.match(sql):
                note.value_origins = value_matching.origins(run.key, parameters, sets)
            return note if worker.put(note) else None
        return None

    def rows(self, note: StatementNote | None, rows: int, *, whole: bool = True) -> None:
        """The result of the noted statement is exhausted (`whole`) or closed: so many rows were read of it."""
        if note is not None and note.run is not None:
            worker.put(RowsNote(note, rows, whole))

    def watch(self, reader: Any, note: StatementNote, counts: Counts) -> AbandonedResultNote | None:
        """When `reader` is gone, its result was read as far as `counts` says."""
        return worker.watch(reader, note, counts) if note.run is not None else None

    def unwatch(self, watched: AbandonedResultNote) -> None:
        worker.unwatch(watched)

    def begin(self) -> None:
        """A transaction begins on a connection that otherwise commits each statement by itself."""
        self._begun = True

    def failed(
        self,
        sql: str,
        error: BaseException,
        *,
        idle: bool,
        is_known: bool = False,
        goes_on: bool = False,
        in_part: bool = False,
    ) -> None:
        """A statement failed. `idle`: no transaction is open after it, as far as the driver tells; `is_known`: the
        driver will say of the next statement that its transaction had failed. `goes_on`, `in_part`: see `FailureNote`.

        It matters where something was done in the transaction, and where a part of the statement may have been.
        """
        with guarded("noting a failed statement", self._lose):
            if not filters.current().enabled or worker.is_ours():
                return
            run = self._reported_run()
            in_part = in_part and run is not None and not is_known
            if (self._noted and not is_known) or in_part or (run is not None and ";" in sql.rstrip().rstrip(";")):
                now, ended = dt.datetime.now(dt.timezone.utc), self.is_open and idle
                if in_part:
                    self._announce_begin()
                    self.is_open = not idle
                autocommit = idle if in_part else not self._begun
                note = StatementNote(self._connection, sql, run, now, 0.0, autocommit=autocommit)
                worker.put(FailureNote(note, ended, _codes(error), goes_on, in_part))

    def commit(self) -> None:
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("commit")

    def commit_lost(self) -> None:
        """The transaction ended unseen: elsewhere, or the connection was lost while it committed."""
        with guarded("noting the end of a transaction", self.lose_step):
            if self._noted:
                worker.put(TransactionNote(self._connection, "commit", in_doubt=True, run=self._run))
            self._begun = self._noted = self.is_open = False

    def prepare(self, name: str) -> None:
        """The transaction is prepared under this name, and over for the connection."""
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("prepare", name)

    def end_prepared(self, name: str, *, commits: bool) -> None:
        """A prepared transaction, of this connection or another, is committed or rolled back."""
        with guarded("noting the end of a transaction", self.lose_step):
            step: Step = "commit_prepared" if commits else "rollback_prepared"
            worker.put(TransactionNote(self._connection, step, name, run=self._run))

    def rollback(self) -> None:
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("rollback")

    def savepoint(self, name: str) -> None:
        self._step("savepoint", name)

    def rollback_to(self, name: str) -> None:
        self._step("rollback_to", name)

    def release(self, name: str) -> None:
        self._step("release", name)

    def lost(self) -> None:
        """The connection is closed or gone: what was not committed never happened."""
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("lost")

    def lose_step(self, reason: str) -> None:
        """Count a loss after which it is not known whether the transaction goes on."""
        count_loss(reason, self._run, self._connection, in_step=True)

    def _lose(self, reason: str) -> None:
        count_loss(reason, self._run, self._connection)

    def _announce_begin(self) -> None:
        """A transaction is of interest from its first noted statement on."""
        if self._begun:
            self._begun = False
            worker.put(TransactionNote(self._connection, "begin", run=self._run))
        self._noted = True

    def _reported_run(self) -> Run | None:
        run = current_run(self._run)
        if run is None:
            return None
        self._run = run
        return run if run.captured and not filters.disabled() else None

    def _step(self, step: Step, name: str = "") -> None:
        if self._noted:
            worker.put(TransactionNote(self._connection, step, name, run=self._run))

    def _end(self, step: Step, name: str = "") -> None:
        self._begun = self.is_open = False
        self._step(step, name)
        self._noted = False


def _codes(error: BaseException) -> tuple[str, ...]:
    """Codes of a database's error: its SQLSTATE, its number; drivers keep them in different places."""
    found = [getattr(error, name, None) for name in ("sqlstate", "pgcode", "errno")]
    first = next(iter(error.args), None)
    if type(first) is dict:  # the fields of the server's message (pg8000, redshift_connector)
        first = first.get("C")
    if isinstance(first, int) or (isinstance(first, str) and len(first) == 5):
        found.append(first)
    return tuple(str(code) for code in found if code)


def connection(store: Store, *, lookup: SchemaLookup | None = None) -> ConnectionTracer:
    """The tracer of a new DBAPI connection to `store`. See `notes.Connection` for what the arguments mean."""
    run = None
    with guarded("finding the run of a connection"):
        run = current_run()
    return ConnectionTracer(Connection(store, lookup), run)
