"""Wrappers of methods beyond the DB-API's own; drivers pick from these by name (`Driver.cursor_wrappers`).

A wrapper is given the proxy, the driver's own bound method and the call's arguments, and returns what the call returns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from inspect import isasyncgenfunction
from time import perf_counter
from typing import Any

from prefect_lineage_events.emission.notes import Counted
from prefect_lineage_events.instrumentation.execution import (
    after,
    answer_or_default,
    attempt,
    ends_transaction,
    is_aborted,
    note_failure,
    note_statement,
    notice_end,
    operation_of,
    parameters_of,
    runs_statement,
    text_of,
    trace_execute_as,
    trace_rollback,
)
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy, PartProxy

__all__ = [
    "begins_transaction",
    "ends_transaction",
    "fetches_frame",
    "length",
    "opens_cursor",
    "pipeline_block",
    "runs_on_connection",
    "runs_statement",
    "statement_block",
    "streams_rows",
    "trace_execute_as",
    "trace_rollback",
    "transaction_block",
]


def begins_transaction(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """A connection's `begin()`."""

    def told(result: Any) -> Any:
        connection._self_tracer.begin()
        return connection._self_same(result)

    return after(method(*args, **kwargs), told)


def opens_cursor(
    connection: ConnectionProxy, method: Any, args: Any, kwargs: Any, autocommit: bool | None = None
) -> Any:
    """A connection's own `execute`, which runs a statement on a cursor that it returns (sqlite3, psycopg).

    `autocommit` is as in `trace_execute_as`.
    """
    notice_end(connection)
    aborted = is_aborted(connection)
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    def told(result: Any) -> Any:
        cursor = connection._self_cursor(result)
        duration = perf_counter() - clock
        # A cursor of the driver's own that reports may have been asked to run it.
        if not getattr(cursor, "_self_noted", True):
            parameters = parameters_of(args, kwargs)
            note_statement(
                cursor,
                operation_of(args, kwargs),
                started,
                duration,
                parameters=parameters,
                sets=parameters if getattr(method, "__name__", "") == "executemany" else None,
                aborted=aborted,
                autocommit=autocommit,
            )
        return cursor

    def failed(error: BaseException) -> None:
        text = text_of(connection, operation_of(args, kwargs), None, connection._self_own) or ""
        many = getattr(method, "__name__", "") == "executemany"
        note_failure(connection, text, error, sets=parameters_of(args, kwargs) if many else None)

    return attempt(method, args, kwargs, told, failed)


def runs_on_connection(connection: ConnectionProxy, operation: str, method: Any, args: Any, kwargs: Any) -> Any:
    """A method of the connection that does what `operation` says, with no cursor that the user sees."""
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    def told(result: Any) -> Any:
        note_statement(CursorProxy(None, connection), operation, started, perf_counter() - clock)
        return connection._self_same(result)

    return after(method(*args, **kwargs), told)


def fetches_frame(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """The whole result at once: a DataFrame, an Arrow table, arrays by column, or a reader of unknown length."""
    frame = method(*args, **kwargs)
    rows = length(frame)
    cursor._self_reading.fetched(rows or 0)
    cursor._self_reading.ends(exhausted=rows is not None)
    return frame


def length(result: Any) -> int | None:
    """How many rows a fetched result has; None where it does not know itself (a reader, an iterator, a printout)."""
    if isinstance(result, str | bytes):
        return None
    if isinstance(result, dict):
        result = next(iter(result.values()), ())
    return answer_or_default(len, result, default=None) if hasattr(type(result), "__len__") else None


def streams_rows(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `stream()`: a generator that runs the statement when it is first asked for a row."""
    return (_streamed_async if isasyncgenfunction(method) else _streamed)(cursor, method, args, kwargs)


def _streamed(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Iterator[Any]:
    with _Stream(cursor, args, kwargs) as stream:
        for row in method(*args, **kwargs):
            stream.rows += 1
            yield row
        stream.exhausted = True


async def _streamed_async(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> AsyncIterator[Any]:
    with _Stream(cursor, args, kwargs) as stream:
        async for row in method(*args, **kwargs):
            stream.rows += 1
            yield row
        stream.exhausted = True


class _Stream:
    """Notes the statement with the rows that were taken, also when the generator is given up half way.

    A statement that failed gave no row and is not noted.
    """

    def __init__(self, cursor: CursorProxy, args: Any, kwargs: Any) -> None:
        cursor._self_reading.ends()
        self._cursor, self._operation = cursor, operation_of(args, kwargs)
        self._started, self._clock = dt.datetime.now(dt.timezone.utc), perf_counter()
        self.rows = 0
        self.exhausted = False

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: object) -> None:
        if self.rows:
            duration = perf_counter() - self._clock
            counted: Counted = "returned" if self.exhausted else "fetched"
            note_statement(self._cursor, self._operation, self._started, duration, rows=self.rows, counted=counted)


class _Block(PartProxy):
    """A context manager of the driver, entered with `with` or `async with`."""

    def __enter__(self) -> Any:
        return self._self_entered(self._self_enters(), self.__wrapped__.__enter__())

    async def __aenter__(self) -> Any:
        return self._self_entered(self._self_enters(), await self.__wrapped__.__aenter__())

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        failed = True
        try:
            swallow = self.__wrapped__.__exit__(kind, error, traceback)
            failed = kind is not None
            return swallow
        finally:
            self._self_left(failed)

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        failed = True
        try:
            swallow = await self.__wrapped__.__aexit__(kind, error, traceback)
            failed = kind is not None
            return swallow
        finally:
            self._self_left(failed)

    def _self_enters(self) -> Any:
        """Called before the block is entered; what it returns is handed on."""

    def _self_entered(self, _: Any, result: Any) -> Any:
        return result

    def _self_left(self, failed: bool) -> None:
        """The block was left, in peace or with an error, of its own end or another's."""


def statement_block(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `with cursor.copy(statement) as copy`: the statement has run when the block is left in peace."""
    return _StatementBlock(method(*args, **kwargs), cursor, operation_of(args, kwargs))


class _StatementBlock(_Block):
    def __init__(self, block: Any, cursor: CursorProxy, operation: Any) -> None:
        super().__init__(block)
        self._self_cursor = cursor
        self._self_operation = operation
        self._self_started = dt.datetime.now(dt.timezone.utc)
        self._self_clock = perf_counter()

    def _self_left(self, failed: bool) -> None:
        if not failed:
            duration = perf_counter() - self._self_clock
            note_statement(self._self_cursor, self._self_operation, self._self_started, duration)


def pipeline_block(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `with connection.pipeline()`: whether its statements succeeded is known when it is left.

    On an autocommit connection they are one transaction of the server's.
    https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
    """
    return _PipelineBlock(method(*args, **kwargs), connection)


class _PipelineBlock(_Block):
    def __init__(self, block: Any, connection: ConnectionProxy) -> None:
        super().__init__(block)
        self._self_connection = connection
        self._self_commits = False

    def _self_enters(self) -> None:
        own = self._self_connection._self_own
        self._self_commits = own.autocommit and answer_or_default(
            self._self_connection._self_driver.autocommits, own, default=True
        )

    def _self_entered(self, _: Any, result: Any) -> Any:
        if self._self_commits:
            self._self_connection._self_tracer.begin()
        return result

    def _self_left(self, failed: bool) -> None:
        tracer = self._self_connection._self_tracer
        if self._self_commits:
            tracer.rollback() if failed else tracer.commit()


def transaction_block(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `with connection.transaction()`: a transaction, or a savepoint inside of one."""
    return _TransactionBlock(method(*args, **kwargs), connection)


class _TransactionBlock(_Block):
    """Entering gives psycopg's `Transaction`, which knows the savepoint's name and whether to roll back in any case."""

    def __init__(self, block: Any, connection: ConnectionProxy) -> None:
        super().__init__(block)
        self._self_connection = connection
        self._self_transaction: Any = None
        self._self_savepoint = ""

    def _self_enters(self) -> bool:
        own = self._self_connection
        return answer_or_default(own._self_driver.autocommits, own._self_own, default=True)

    def _self_entered(self, outermost: bool, transaction: Any) -> Any:
        tracer = self._self_connection._self_tracer
        self._self_transaction = transaction
        if outermost:
            tracer.begin()
        else:
            self._self_savepoint = transaction.savepoint_name or ""
            tracer.savepoint(self._self_savepoint)
        return transaction

    def _self_left(self, failed: bool) -> None:
        # An error of any kind (psycopg's Rollback is one) rolls back, and so does one that arises at the end.
        rolled_back = failed or self._self_transaction.force_rollback
        tracer = self._self_connection._self_tracer
        if self._self_savepoint:
            tracer.rollback_to(self._self_savepoint) if rolled_back else tracer.release(self._self_savepoint)
        else:
            tracer.rollback() if rolled_back else tracer.commit()
