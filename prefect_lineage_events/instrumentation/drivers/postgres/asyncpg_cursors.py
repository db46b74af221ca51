"""asyncpg's prepared statements, and the cursors of these and of connections.

https://magicstack.github.io/asyncpg/current/api/index.html#cursors
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from prefect_lineage_events.emission.notes import Counted
from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg_calls import (
    RUNNING,
    CoroutineExecution,
    count_of,
    status_rows,
)
from prefect_lineage_events.instrumentation.execution import when_done
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, PartProxy
from prefect_lineage_events.instrumentation.rowcount import FetchedRows


def trace_prepare(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `prepare`. The statement is noted when it is executed."""
    execution = CoroutineExecution(connection, "")
    return when_done(execution.attempt(method(*args, **kwargs)), lambda made: _Prepared(made, connection))


class _Prepared(PartProxy):
    """The proxy of a prepared statement, each execution of which is noted."""

    def __init__(self, statement: Any, connection: ConnectionProxy) -> None:
        super().__init__(statement)
        self._self_connection = connection

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        return self._self_run(name, value) if name in RUNNING else value

    def _self_run(self, name: str, method: Any) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            sql = self.__wrapped__.get_query()
            count = count_of(name, sql, args[0] if args else kwargs.get("args"))

            def affected_or_returned(result: Any) -> tuple[int | None, Counted]:
                affected = status_rows(self.__wrapped__.get_statusmsg())  # None where not all rows were fetched
                return count(result) if affected is None else (affected, "affected")

            parameters = () if name == "executemany" else args
            execution = CoroutineExecution(self._self_connection, sql, parameters)
            return execution.run(method(*args, **kwargs), affected_or_returned)

        return run

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        sql = self.__wrapped__.get_query()
        return _CursorFactory(self.__wrapped__.cursor(*args, **kwargs), self._self_connection, sql)


def trace_cursor_factory(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `cursor`, whose result is awaited or iterated."""
    return _CursorFactory(method(*args, **kwargs), connection, str(next(iter((*args, *kwargs.values())), "")))


class _CursorFactory(PartProxy):
    """The proxy of the result of `cursor()`, which is awaited for a cursor, or iterated for the rows."""

    def __init__(self, factory: Any, connection: ConnectionProxy, sql: str) -> None:
        super().__init__(factory)
        self._self_connection = connection
        self._self_sql = sql

    def __await__(self) -> Generator[Any, None, Any]:
        return self._self_open().__await__()

    async def _self_open(self) -> Any:
        execution = CoroutineExecution(self._self_connection, self._self_sql)
        cursor = await execution.attempt(self.__wrapped__)
        traced = _Cursor(cursor, FetchedRows(self._self_connection._self_tracer))
        note = execution.succeeded()
        if note is not None:
            traced._self_fetched.start(note, traced)
        return traced

    async def __aiter__(self) -> AsyncIterator[Any]:
        execution = CoroutineExecution(self._self_connection, self._self_sql)
        rows, exhausted = 0, False
        try:
            async for record in self.__wrapped__:
                rows += 1
                yield record
            exhausted = True
        finally:
            if rows or exhausted:  # a statement that failed gave no row
                execution.succeeded(rows=rows, counted="returned" if exhausted else "fetched")


class _Cursor(PartProxy):
    """The proxy of a cursor, which counts the fetched rows."""

    def __init__(self, cursor: Any, fetched: FetchedRows) -> None:
        super().__init__(cursor)
        self._self_fetched = fetched

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_fetched.after_fetchmany(await self.__wrapped__.fetch(*args, **kwargs))

    async def fetchrow(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_fetched.after_fetchone(await self.__wrapped__.fetchrow(*args, **kwargs))
