"""Wrappers of methods beyond the DB-API, for `Driver.connection_wrappers` and `Driver.cursor_wrappers`.

A wrapper takes the traced object, the driver's bound method and the arguments, and returns the result of the call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import aclosing
from inspect import isasyncgenfunction
from typing import Any

from prefect_lineage_events.emission.notes import Counted
from prefect_lineage_events.instrumentation.dbapi import (
    is_executemany,
    trace_close,
    trace_commit,
    trace_execute,
    trace_execute_as,
    trace_rollback,
)
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedConnection,
    TracedCursor,
    answer_or_default,
    operation_of,
    parameters_of,
    traced_call,
    when_done,
)
from prefect_lineage_events.instrumentation.proxies import PartProxy
from prefect_lineage_events.instrumentation.tracer import TransactionScope
from prefect_lineage_events.naming import quote

__all__ = [
    "column_list",
    "row_count",
    "trace_begin",
    "trace_close",
    "trace_commit",
    "trace_connection_call_as",
    "trace_connection_execute",
    "trace_copy",
    "trace_execute",
    "trace_execute_as",
    "trace_fetch_frame",
    "trace_pipeline",
    "trace_rollback",
    "trace_stream",
    "trace_transaction",
]


def trace_begin(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace a connection's `begin()`."""

    def on_success(result: Any) -> Any:
        connection._self_tracer.begin()
        return connection._self_same(result)

    return when_done(method(*args, **kwargs), on_success)


def trace_connection_execute(
    connection: TracedConnection, method: Any, args: Any, kwargs: Any, autocommit: bool | None = None
) -> Any:
    """Trace a connection's `execute`, which runs a statement on a cursor that it returns (sqlite3, psycopg).

    `autocommit` is as in `Execution`.
    """
    execution = Execution(
        connection,
        operation_of(args, kwargs),
        parameters_of(args, kwargs),
        many=is_executemany(method),
        autocommit=autocommit,
    )

    def on_success(result: Any) -> Any:
        cursor = connection._self_cursor(result)
        # The driver may have called `execute` of a traced cursor, which has noted it.
        if not getattr(cursor, "_self_noted", True):
            execution.succeeded(cursor)
        return cursor

    return traced_call(method, args, kwargs, on_success, execution.failed)


def trace_connection_call_as(connection: TracedConnection, operation: str, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace a connection's method that does the same as the statement `operation`, with no cursor for the user."""
    execution = Execution(connection, operation)

    def on_success(result: Any) -> Any:
        execution.succeeded()
        return connection._self_same(result)

    return when_done(method(*args, **kwargs), on_success)


def trace_fetch_frame(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace a method that fetches the whole result: a DataFrame, an Arrow table, arrays by column, or a reader of
    unknown length."""
    frame = method(*args, **kwargs)
    rows = row_count(frame)
    cursor._self_fetched.keep_frame(frame)
    cursor._self_fetched.add(rows or 0)
    cursor._self_fetched.end(exhausted=rows is not None)
    return frame


def row_count(result: Any) -> int | None:
    """The number of rows of a fetched result; None where it has no length (a reader, an iterator, a printout)."""
    if isinstance(result, str | bytes):
        return None
    if isinstance(result, dict):
        result = next(iter(result.values()), ())
    return answer_or_default(len, result, default=None) if hasattr(type(result), "__len__") else None


def column_list(columns: Any) -> str:
    """The columns of a COPY or an INSERT, ` ("a", "b")`; empty for none, and for an iterator, which is the driver's."""
    return (
        f" ({', '.join(quote(str(name)) for name in columns)})" if columns and isinstance(columns, Collection) else ""
    )


def trace_stream(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace psycopg's `stream()`: a generator that runs the statement when its first row is requested."""
    return (_streamed_async if isasyncgenfunction(method) else _streamed)(cursor, method, args, kwargs)


def _streamed(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Iterator[Any]:
    with _Stream(cursor, args, kwargs) as stream:
        for row in method(*args, **kwargs):
            stream.rows += 1
            yield row
        stream.exhausted = True


async def _streamed_async(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> AsyncIterator[Any]:
    # Unlike a generator, an asynchronous one is not closed with the last reference to it, but some time later.
    with _Stream(cursor, args, kwargs) as stream:
        async with aclosing(method(*args, **kwargs)) as rows:
            async for row in rows:
                stream.rows += 1
                yield row
        stream.exhausted = True


class _Stream:
    """A streamed statement, noted with the rows that were taken, also when the generator is abandoned before its end.

    A statement that failed gave no row and is not noted; one with an empty result is.
    """

    def __init__(self, cursor: TracedCursor, args: Any, kwargs: Any) -> None:
        cursor._self_fetched.end()
        self._cursor = cursor
        self._execution = Execution(cursor._self_connection, operation_of(args, kwargs))
        self.rows = 0
        self.exhausted = False

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: object) -> None:
        if self.rows or self.exhausted:
            counted: Counted = "returned" if self.exhausted else "fetched"
            self._execution.succeeded(self._cursor, rows=self.rows, counted=counted)


class _Block(PartProxy):
    """The proxy of a driver's context manager, entered with `with` or `async with`."""

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
        """Called before the block is entered; the result is the first argument of `_self_entered`."""

    def _self_entered(self, _: Any, result: Any) -> Any:
        return result

    def _self_left(self, failed: bool) -> None:
        """Called when the block was left; `failed` if by an error, of its body or of its end."""


def trace_copy(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace psycopg's `with cursor.copy(statement) as copy`. It has run when the block ends without error."""
    return _StatementBlock(method(*args, **kwargs), cursor, operation_of(args, kwargs))


class _StatementBlock(_Block):
    def __init__(self, block: Any, cursor: TracedCursor, operation: Any) -> None:
        super().__init__(block)
        self._self_cursor = cursor
        self._self_execution = Execution(cursor._self_connection, operation)

    def _self_left(self, failed: bool) -> None:
        if not failed:
            self._self_execution.succeeded(self._self_cursor)


def trace_pipeline(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace psycopg's `with connection.pipeline()`: its end shows whether the statements succeeded.

    On an autocommit connection they are one transaction of the server.
    https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
    """
    return _PipelineBlock(method(*args, **kwargs), connection)


class _PipelineBlock(_Block):
    def __init__(self, block: Any, connection: TracedConnection) -> None:
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


def trace_transaction(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace psycopg's `with connection.transaction()`: a transaction, or a savepoint inside of one."""
    return _TransactionBlock(method(*args, **kwargs), connection)


class _TransactionBlock(_Block):
    """The proxy of the block. psycopg's `Transaction` has the savepoint's name, and may be set to roll back always."""

    def __init__(self, block: Any, connection: TracedConnection) -> None:
        super().__init__(block)
        self._self_connection = connection
        self._self_transaction: Any = None
        self._self_scope = TransactionScope(connection._self_tracer)

    def _self_enters(self) -> bool:
        own = self._self_connection
        return answer_or_default(own._self_driver.autocommits, own._self_own, default=True)

    def _self_entered(self, outermost: bool, transaction: Any) -> Any:
        self._self_transaction = transaction
        self._self_scope.begin(None if outermost else transaction.savepoint_name or "")
        return transaction

    def _self_left(self, failed: bool) -> None:
        # Any error (psycopg's Rollback is one) rolls back, and so does an error at the end of the block.
        rolled_back = failed or self._self_transaction.force_rollback
        self._self_scope.rollback() if rolled_back else self._self_scope.commit()
