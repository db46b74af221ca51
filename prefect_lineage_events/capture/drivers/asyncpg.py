"""asyncpg: its own connections and those of its pools, and SQLAlchemy's adapter of them.

It is no DB-API driver: statements are run by coroutines of the connection, of prepared statements and of cursors.
It tells its address nowhere in public. https://magicstack.github.io/asyncpg/current/api/index.html
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Callable, Generator
from itertools import count
from time import perf_counter
from typing import Any

from prefect_lineage_events.capture import weaves
from prefect_lineage_events.capture.drivers import doors
from prefect_lineage_events.capture.drivers.driver import Driver, Weave
from prefect_lineage_events.capture.drivers.postgres import first_schema, server_store
from prefect_lineage_events.capture.drivers.postgres_lookup import PostgresLookup, asyncpg_lookup
from prefect_lineage_events.capture.drivers.postgres_types import TYPES
from prefect_lineage_events.capture.notes import StatementNote
from prefect_lineage_events.capture.proxies import ConnectionProxy, ObjectProxy
from prefect_lineage_events.capture.reading import Reading
from prefect_lineage_events.capture.statements import after, ask
from prefect_lineage_events.datasets import Store
from prefect_lineage_events.events import Column

# What the server answers a statement: "INSERT 0 3", "COPY 3", "CREATE TABLE".
_STATUS_ROWS = re.compile(r"(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY|SELECT) (\d+)")
_FAILED = "failed"
_savepoints = count(1)


def store(connection: Any) -> Store:
    address, parameters = connection._addr, connection._params
    host, port = address if isinstance(address, tuple) else ("localhost", _socket_port(address))
    path = (parameters.server_settings or {}).get("search_path", "")
    return server_store(host, port, parameters.database, first_schema(path))


def _socket_port(path: str) -> int | None:
    """The port in the name of a PostgreSQL socket, `/run/postgresql/.s.PGSQL.5432`."""
    tail = path.rpartition(".")[2]
    return int(tail) if tail.isdigit() else None


def lookup(connection: Any) -> PostgresLookup:
    parameters, address = connection._params, connection._addr
    host, port = address if isinstance(address, tuple) else (address.rpartition("/")[0], _socket_port(address))
    login = {
        "host": host,
        "port": port,
        "user": parameters.user,
        "password": parameters.password,
        "database": parameters.database,
        # The context stands even where the server declined encryption, and would insist on it here.
        "ssl": parameters.ssl if connection._transport.get_extra_info("ssl_object") else False,
    }
    return asyncpg_lookup(login, parameters.server_settings or {})


def commits_itself(connection: Any) -> bool:
    return not connection.is_in_transaction()


class _Call:
    """One statement of a connection, from its start to what is known of it at the end."""

    def __init__(self, connection: ConnectionProxy, sql: str) -> None:
        self._connection = connection
        self._sql = sql
        self._started, self._clock = dt.datetime.now(dt.timezone.utc), perf_counter()

    async def run(self, coroutine: Any, rows_of: Callable[[Any], int | None]) -> Any:
        """Await it, and note that it has succeeded with so many rows."""
        result = await self.attempt(coroutine)
        # A transaction in which something failed takes no statement but its end, and even a COMMIT rolls it back.
        sql = "ROLLBACK" if result == "ROLLBACK" else self._sql
        self.note(sql, rows=ask(rows_of, result, default=None), columns=ask(_columns, result, default=()))
        return result

    async def attempt(self, coroutine: Any) -> Any:
        """Await it, and remember a failure that the server holds against the transaction."""
        own, state = self._connection.__wrapped__, self._connection._self_state
        try:
            return await coroutine
        except BaseException:
            state[_FAILED] = not ask(commits_itself, own, default=True)
            raise

    def note(self, sql: str = "", *, rows: int | None = None, columns: tuple[Column, ...] = ()) -> StatementNote | None:
        connection = self._connection
        return connection._self_tracer.statement(
            sql or self._sql,
            started=self._started,
            duration=perf_counter() - self._clock,
            autocommit=ask(commits_itself, connection.__wrapped__, default=True),
            rows=rows,
            result_columns=columns,
        )


def _columns(result: Any) -> tuple[Column, ...]:
    """The names of what was fetched; a record knows them, a value does not."""
    record = result[0] if isinstance(result, list) and result else result
    names = record.keys() if hasattr(record, "keys") else ()
    return tuple(Column(name=name) for name in names)


def _status_rows(status: Any) -> int | None:
    found = _STATUS_ROWS.match(status) if isinstance(status, str) else None
    return int(found[1]) if found else None


def _one_or_none(record: Any) -> int:
    return 0 if record is None else 1


def _unknown(_: Any) -> None:
    return None


# How many rows a coroutine of that name has read or written, by what it returned.
_ROWS: dict[str, Callable[[Any], int | None]] = {
    "execute": _status_rows,
    "executemany": _unknown,
    "fetch": weaves.length,
    "fetchmany": weaves.length,
    "fetchrow": _one_or_none,
    "fetchval": _unknown,  # no row and NULL are the same to it
}


def _runs(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    sql = str(next(iter((*args, *kwargs.values())), ""))
    return _Call(connection, sql).run(method(*args, **kwargs), _ROWS[method.__name__])


def _copies(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`copy_to_table` and its like, as the COPY that they send."""
    what = str(next(iter((*args, *kwargs.values())), ""))
    schema, columns = kwargs.get("schema_name"), kwargs.get("columns")
    table = ".".join(_quoted(part) for part in (schema, what) if part)
    listed = f" ({', '.join(map(_quoted, columns))})" if columns else ""
    sql = {
        "copy_from_query": f"COPY ({what}) TO STDOUT",
        "copy_from_table": f"COPY {table}{listed} TO STDOUT",
    }.get(method.__name__, f"COPY {table}{listed} FROM STDIN")
    return _Call(connection, sql).run(method(*args, **kwargs), _status_rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _terminates(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return after(method(*args, **kwargs), connection._self_closed)


def _resets(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`reset()` rolls back what is open."""

    def told(result: Any) -> Any:
        connection._self_state[_FAILED] = False
        connection._self_tracer.rollback()
        return result

    return after(method(*args, **kwargs), told)


def _prepares(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return after(_Call(connection, "").attempt(method(*args, **kwargs)), lambda made: _Prepared(made, connection))


class _Prepared(ObjectProxy):
    """A prepared statement, each execution of which is noted."""

    def __init__(self, statement: Any, connection: ConnectionProxy) -> None:
        super().__init__(statement)
        self._self_connection = connection

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        return self._self_run(name, value) if name in _ROWS else value

    def _self_run(self, name: str, method: Any) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            call = _Call(self._self_connection, self.__wrapped__.get_query())
            return call.run(method(*args, **kwargs), _ROWS[name])

        return run

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        sql = self.__wrapped__.get_query()
        return _CursorFactory(self.__wrapped__.cursor(*args, **kwargs), self._self_connection, sql)


def _opens_cursor(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return _CursorFactory(method(*args, **kwargs), connection, str(next(iter((*args, *kwargs.values())), "")))


class _CursorFactory(ObjectProxy):
    """What `cursor()` gives: to be awaited for a cursor, or iterated for the rows."""

    def __init__(self, factory: Any, connection: ConnectionProxy, sql: str) -> None:
        super().__init__(factory)
        self._self_connection = connection
        self._self_sql = sql

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._self_open().__await__()

    async def _self_open(self) -> Any:
        call = _Call(self._self_connection, self._self_sql)
        cursor = await call.attempt(self.__wrapped__)
        reading = Reading(self._self_connection._self_tracer)
        note = call.note()
        if note is not None:
            reading.starts(note)
        return _Cursor(cursor, reading)

    async def __aiter__(self) -> AsyncIterator[Any]:
        call, rows, exhausted = _Call(self._self_connection, self._self_sql), 0, False
        try:
            async for record in self.__wrapped__:
                rows += 1
                yield record
            exhausted = True
        finally:
            if rows or exhausted:  # a statement that failed gave no row
                call.note(rows=rows)


class _Cursor(ObjectProxy):
    """A cursor that counts what is fetched from it."""

    def __init__(self, cursor: Any, reading: Reading) -> None:
        super().__init__(cursor)
        self._self_reading = reading

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_reading.took_some(await self.__wrapped__.fetch(*args, **kwargs))

    async def fetchrow(self, *args: Any, **kwargs: Any) -> Any:
        return self._self_reading.took_one(await self.__wrapped__.fetchrow(*args, **kwargs))

    def __del__(self) -> None:
        self._self_reading.ends()


def _transacts(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return _Transaction(method(*args, **kwargs), connection)


class _Transaction(ObjectProxy):
    """A transaction, or a savepoint inside of one: a block, or by its own `start`, `commit` and `rollback`."""

    def __init__(self, transaction: Any, connection: ConnectionProxy) -> None:
        super().__init__(transaction)
        self._self_connection = connection
        self._self_savepoint = ""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    async def start(self) -> None:
        await self._self_enters(self.__wrapped__.start)

    async def commit(self) -> None:
        await self.__wrapped__.commit()
        self._self_committed()

    async def rollback(self) -> None:
        await self.__wrapped__.rollback()
        self._self_rolled_back()

    async def __aenter__(self) -> Any:
        return await self._self_enters(self.__wrapped__.__aenter__)

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        swallow = await self.__wrapped__.__aexit__(kind, error, traceback)
        self._self_committed() if kind is None else self._self_rolled_back()
        return swallow

    async def _self_enters(self, enter: Callable[[], Any]) -> Any:
        own = self._self_connection
        outermost = ask(commits_itself, own.__wrapped__, default=True)
        result = await enter()
        if outermost:
            own._self_state[_FAILED] = False
            own._self_tracer.begin()
        else:
            self._self_savepoint = f"asyncpg_{next(_savepoints)}"
            own._self_tracer.savepoint(self._self_savepoint)
        return result

    def _self_committed(self) -> None:
        own = self._self_connection
        if self._self_savepoint:
            own._self_tracer.release(self._self_savepoint)
        elif own._self_state.get(_FAILED):
            self._self_rolled_back()
        else:
            own._self_tracer.commit()

    def _self_rolled_back(self) -> None:
        own = self._self_connection
        own._self_state[_FAILED] = False
        own._self_tracer.rollback_to(self._self_savepoint) if self._self_savepoint else own._self_tracer.rollback()


_CALLS: dict[str, Weave] = {
    "cursor": _opens_cursor,
    "prepare": _prepares,
    "transaction": _transacts,
    "terminate": _terminates,
    "reset": _resets,
    **dict.fromkeys(_ROWS, _runs),
    **dict.fromkeys(("copy_from_query", "copy_from_table", "copy_to_table", "copy_records_to_table"), _copies),
}

# `isinstance(x, asyncpg.Connection)`, and giving a connection back to its pool.
_DOORS = {"asyncpg.connection": ("ConnectionMeta.__instancecheck__",), "asyncpg.pool": ("Pool.release",)}

DRIVER = Driver(
    prepare=doors.opens(_DOORS), store=store, commits_itself=commits_itself, lookup=lookup, connection_calls=_CALLS
)

ADAPTED = Driver(
    store=lambda adapter: store(adapter.driver_connection),
    commits_itself=lambda adapter: commits_itself(adapter.driver_connection),
    type_name=TYPES.get,
    lookup=lambda adapter: lookup(adapter.driver_connection),
)
"""SQLAlchemy's adapter, which looks like a DB-API connection."""
