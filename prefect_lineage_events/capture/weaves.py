"""How methods beyond the DB-API's own are told to the tracer; drivers pick from these by name (`Driver.cursor_calls`).

A weave is given the proxy, the driver's own bound method and the call's arguments, and returns what the call returns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from prefect_lineage_events.capture.proxies import (
    ConnectionProxy,
    CursorProxy,
    ObjectProxy,
    ask,
    ends_transaction,
    note_statement,
    operation_of,
    runs_as,
    runs_statement,
)

__all__ = [
    "begins_transaction",
    "ends_transaction",
    "fetches_frame",
    "length",
    "opens_cursor",
    "rolls_back",
    "runs_as",
    "runs_on_connection",
    "runs_statement",
    "statement_block",
    "streams_rows",
    "transaction_block",
]


def begins_transaction(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """A connection's `begin()`."""
    result = method(*args, **kwargs)
    connection._self_tracer.begin()
    return connection._self_same(result)


def rolls_back(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """A rollback by another name, such as `tpc_rollback`."""
    result = method(*args, **kwargs)
    connection._self_tracer.rollback()
    return result


def opens_cursor(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """A connection's own `execute`, which runs a statement on a cursor that it returns (sqlite3, psycopg)."""
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    cursor = CursorProxy(method(*args, **kwargs), connection)
    note_statement(cursor, operation_of(args, kwargs), started, perf_counter() - clock)
    return cursor


def runs_on_connection(connection: ConnectionProxy, operation: str, method: Any, args: Any, kwargs: Any) -> Any:
    """A method of the connection that does what `operation` says, with no cursor that the user sees."""
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    result = method(*args, **kwargs)
    note_statement(CursorProxy(None, connection), operation, started, perf_counter() - clock)
    return connection._self_same(result)


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
    return ask(len, result, default=None) if hasattr(type(result), "__len__") else None


def streams_rows(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Iterator[Any]:
    """psycopg's `stream()`: a generator that runs the statement when it is first asked for a row."""
    cursor._self_reading.ends()
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    rows = 0
    try:
        for row in method(*args, **kwargs):
            rows += 1
            yield row
    finally:
        # Also when the generator is given up half way; a statement that failed gave no row and is not noted.
        if rows:
            note_statement(cursor, operation_of(args, kwargs), started, perf_counter() - clock, rows=rows)


def statement_block(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `with cursor.copy(statement) as copy`: the statement has run when the block is left in peace."""
    return _StatementBlock(method(*args, **kwargs), cursor, operation_of(args, kwargs))


class _StatementBlock(ObjectProxy):
    def __init__(self, block: Any, cursor: CursorProxy, operation: Any) -> None:
        super().__init__(block)
        self._self_cursor = cursor
        self._self_operation = operation
        self._self_started = dt.datetime.now(dt.timezone.utc)
        self._self_clock = perf_counter()

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __enter__(self) -> Any:
        return self.__wrapped__.__enter__()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        swallow = self.__wrapped__.__exit__(kind, error, traceback)
        if kind is None:
            note_statement(
                self._self_cursor, self._self_operation, self._self_started, perf_counter() - self._self_clock
            )
        return swallow


def transaction_block(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """psycopg's `with connection.transaction()`: a transaction, or a savepoint inside of one."""
    return _TransactionBlock(method(*args, **kwargs), connection)


class _TransactionBlock(ObjectProxy):
    """Entering gives psycopg's `Transaction`, which knows the savepoint's name and whether to roll back in any case."""

    def __init__(self, block: Any, connection: ConnectionProxy) -> None:
        super().__init__(block)
        self._self_connection = connection
        self._self_transaction: Any = None
        self._self_savepoint = ""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __enter__(self) -> Any:
        own = self._self_connection
        outermost = ask(own._self_driver.commits_itself, own.__wrapped__, default=True)
        transaction = self._self_transaction = self.__wrapped__.__enter__()
        if outermost:
            own._self_tracer.begin()
        else:
            self._self_savepoint = transaction.savepoint_name or ""
            own._self_tracer.savepoint(self._self_savepoint)
        return transaction

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        # An error of any kind (psycopg's Rollback is one) rolls back, and so does one that arises at the end.
        rolled_back = True
        try:
            swallow = self.__wrapped__.__exit__(kind, error, traceback)
            rolled_back = kind is not None or self._self_transaction.force_rollback
            return swallow
        finally:
            self._self_tell(rolled_back)

    def _self_tell(self, rolled_back: bool) -> None:
        tracer = self._self_connection._self_tracer
        if self._self_savepoint:
            tracer.rollback_to(self._self_savepoint) if rolled_back else tracer.release(self._self_savepoint)
        else:
            tracer.rollback() if rolled_back else tracer.commit()
