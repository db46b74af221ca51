"""`ConnectionTracer`: every driver reports its statements and transaction steps here, in the user's thread.

Its methods copy, enqueue and return. They never raise and never wait.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect_lineage_events import filters
from prefect_lineage_events.context.run import Run, current_run
from prefect_lineage_events.emission import row_samples, value_matching, worker
from prefect_lineage_events.emission.lookups import SchemaLookup
from prefect_lineage_events.emission.losses import count_loss, count_without_run
from prefect_lineage_events.emission.notes import (
    AbandonedResultNote,
    Connection,
    Counted,
    Counts,
    FailureNote,
    RowsNote,
    SampleNote,
    StatementNote,
    TransactionNote,
)
from prefect_lineage_events.emission.row_samples import RowSample
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded, is_suppressed
from prefect_lineage_events.stores import Store

if TYPE_CHECKING:
    from prefect_lineage_events.sql.model import Step

__all__ = ["ConnectionTracer", "SchemaLookup", "TransactionScope", "connection"]

# A statement that may change the session of later ones: it is noted outside of runs too. The pattern is matched in the
# user's thread, so each repetition is bounded; a text that begins with more blanks counts as such a statement.
_SESSION = re.compile(
    r"\s{100}|\s{0,99}(?:USE|SET|RESET|DISCARD|BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|SAVE|RELEASE|PREPARE|XA|DROP|ATTACH|DETACH"
    r"|ALTER\s{1,99}SESSION|CREATE\s{1,99}(?:\w{1,30}\s{1,99}){0,3}?TEMP(?:ORARY)?)\b",
    re.IGNORECASE,
)
_QUERY = re.compile(r"\s{0,99}SELECT\b", re.IGNORECASE)
# A statement whose binds are rows of the program: those of an UPDATE or a DELETE select rows too.
_INSERT = re.compile(r"\s{0,99}(?:INSERT|REPLACE|UPSERT|MERGE)\b", re.IGNORECASE)
_UPDATE = re.compile(r"\s{0,99}UPDATE\b", re.IGNORECASE)


class ConnectionTracer:
    """The tracer of one DB-API connection. Its methods are called right after the driver's method succeeded."""

    __slots__ = ("__weakref__", "_begun", "_connection", "_noted", "_run", "has_reported", "is_muted", "is_open")

    @property
    def store(self) -> Store:
        """The store of the connection."""
        return self._connection.store

    def __init__(self, connection: Connection, run: Run | None = None) -> None:
        self._connection = connection
        self._run = run
        self.has_reported = False  # a statement of a run was noted
        self.is_muted = False  # no statement is noted until further notice
        self.is_open = False  # the last noted statement left a transaction open, according to the driver
        self._begun = False  # a transaction has begun without a statement so far; our thread has no note of it
        self._noted = False  # the open transaction has a noted statement, so its end must be noted

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
        """Note a statement that succeeded. Returns the note, for `rows()`; None when it is not to be reported.

        `started` is aware UTC, `duration` seconds. `autocommit`: does this statement's work persist without a commit?
        `result_columns` of a read, from the cursor's description. `aborted`: had the transaction failed before?
        `counted` is the meaning of `rows`; `inlined`: the text contains the values of binds. `parameters` (or `sets`,
        those of an `executemany`) are only compared with rows that were read (`value_matching`).
        """
        try:
            if self.is_muted or not filters.current().enabled or worker.is_worker_thread():
                return None
            run = self._reported_run()
            if run is None and not _SESSION.match(sql):
                return None
            if self._begun:
                self._announce_begin()
            self._noted = True
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
                if _binds_rows(sql, sets, rows):
                    note.sample = row_samples.of_parameters(parameters, sets)
                elif _UPDATE.match(sql):
                    note.sample = row_samples.of_parameters(parameters, sets, selecting=True)
            self._note_call(note)
            self.has_reported = self.has_reported or run is not None
            return note if worker.put(note) else None
        except Exception as error:
            if not is_suppressed("noting a statement", error, self._lose):
                raise
        return None

    def rows(self, note: StatementNote | None, rows: int, *, whole: bool = True) -> None:
        """Note the number of rows read from the result of a statement, exhausted (`whole`) or closed before."""
        if note is not None and note.run is not None and not note.add_rows(rows, whole):
            worker.put(RowsNote(note, rows, whole))

    def sampled(self, note: StatementNote, sample: RowSample) -> None:
        """Note some of the rows of a statement's result, whose number is known."""
        if note.run is not None:
            worker.put(SampleNote(note, sample))

    def watch(self, reader: Any, note: StatementNote, counts: Counts) -> AbandonedResultNote | None:
        """Note the rows in `counts` when `reader`, from which they are fetched, is garbage-collected."""
        return worker.queue().watch(reader, note, counts) if note.run is not None else None

    def unwatch(self, watched: AbandonedResultNote) -> None:
        """Cancel `watch`."""
        worker.queue().unwatch(watched)

    def begin(self) -> None:
        """Note a transaction on a connection that otherwise commits each statement by itself."""
        self._begun = True

    def failed(
        self,
        sql: str,
        error: BaseException,
        *,
        idle: bool,
        is_known: bool = False,
        stays_open: bool = False,
        in_part: bool = False,
    ) -> None:
        """Note a statement that failed, if its transaction has noted work, or if a part of it may have been done.

        `idle`: the driver reports no open transaction after it. `is_known`: the driver will report the failed
        transaction before the next statement. `stays_open`, `in_part`: see `FailureNote`.
        """
        with guarded("noting a failed statement", self._lose):
            if self.is_muted or not filters.current().enabled or worker.is_worker_thread():
                return
            run = self._reported_run()
            in_part = in_part and run is not None and not is_known
            if (self._noted and not is_known) or in_part or (run is not None and ";" in sql.rstrip().rstrip(";")):
                now, ended = dt.datetime.now(dt.timezone.utc), self.is_open and idle
                if in_part:
                    self._announce_begin()
                    self._noted = True
                    self.is_open = not idle
                autocommit = idle if in_part else not self._begun
                note = StatementNote(self._connection, sql, run, now, 0.0, autocommit=autocommit)
                worker.put(FailureNote(note, ended, _error_codes(error), stays_open, in_part))

    def commit(self) -> None:
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("commit")

    def commit_lost(self) -> None:
        """Note a transaction of unknown outcome: it ended elsewhere, or the connection broke during the commit."""
        with guarded("noting the end of a transaction", self.lose_step):
            if self._noted:
                worker.put(TransactionNote(self._connection, "commit", in_doubt=True, run=self._run))
            self._begun = self._noted = self.is_open = False

    def prepare(self, name: str) -> None:
        """Note that the transaction is prepared under this name, which ends it for the connection."""
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("prepare", name)

    def end_prepared(self, name: str, *, commits: bool) -> None:
        """Note that a prepared transaction, of this connection or another, is committed or rolled back."""
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
        """Note that the connection is closed or collected: its uncommitted work is undone."""
        with guarded("noting the end of a transaction", self.lose_step):
            self._end("lost")

    def lose_step(self, reason: str) -> None:
        """Count a loss after which it is not known whether the transaction goes on."""
        count_loss(reason, self._run, self._connection, in_step=True)

    def _lose(self, reason: str) -> None:
        count_loss(reason, self._run, self._connection)

    @staticmethod
    def _note_call(note: StatementNote) -> None:
        """Have a call of a library know the statement that it ran, and the statement the object that it writes."""
        if (statements := row_samples.statements_in_call.get()) is not None:
            statements.append(note)
        note.origins = row_samples.origins_in_call.get()
        note.renamed = note.origins.renamed if note.origins else ()

    def _announce_begin(self) -> None:
        """Note the begin of the transaction, before its first noted statement."""
        if self._begun:
            self._begun = False
            worker.put(TransactionNote(self._connection, "begin", run=self._run))

    def _reported_run(self) -> Run | None:
        run = current_run(self._run)
        if run is None:
            count_without_run()
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


class TransactionScope:
    """A transaction of a driver's block or object, or a savepoint inside of one, from its begin to its end."""

    __slots__ = ("_savepoint", "_tracer")

    def __init__(self, tracer: ConnectionTracer) -> None:
        self._tracer = tracer
        self._savepoint = ""

    def begin(self, savepoint: str | None) -> None:
        """Note the begin. `savepoint` is the name of a savepoint; None for a transaction."""
        if savepoint is None:
            self._tracer.begin()
        else:
            self._savepoint = savepoint
            self._tracer.savepoint(savepoint)

    @property
    def is_savepoint(self) -> bool:
        return bool(self._savepoint)

    def commit(self) -> None:
        """Note the commit of the transaction, or the release of the savepoint."""
        self._tracer.release(self._savepoint) if self._savepoint else self._tracer.commit()

    def rollback(self) -> None:
        """Note the rollback of the transaction, or to the savepoint."""
        self._tracer.rollback_to(self._savepoint) if self._savepoint else self._tracer.rollback()


def _binds_rows(sql: str, sets: Any, rows: int | None) -> bool:
    """Return whether the binds of a statement are rows of the program: one row, or one in each of the sets."""
    return (sets is not None or rows is None or rows <= 1) and _INSERT.match(sql) is not None


def _error_codes(error: BaseException) -> tuple[str, ...]:
    """The codes of a database error: its SQLSTATE and its number. Drivers keep them in different attributes."""
    found = [getattr(error, name, None) for name in ("sqlstate", "pgcode", "errno")]
    first = next(iter(error.args), None)
    if type(first) is dict:  # the fields of the server's message (pg8000, redshift_connector)
        first = first.get("C")
    if isinstance(first, int) or (isinstance(first, str) and len(first) == 5):
        found.append(first)
    return tuple(str(code) for code in found if code)


def connection(store: Store, *, lookup: SchemaLookup | None = None) -> ConnectionTracer:
    """The tracer of a new DB-API connection to `store`. `notes.Connection` explains the arguments."""
    run = None
    with guarded("finding the run of a connection"):
        run = current_run()
    return ConnectionTracer(Connection(store, lookup), run)
