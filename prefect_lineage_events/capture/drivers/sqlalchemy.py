"""SQLAlchemy engines, sync and async: every connection they hand out is a traced one.

The choke point is the DB-API connection of a checkout. Engine events (`after_cursor_execute`, `commit`) miss what goes
through `raw_connection()`, and announce rollbacks that undo nothing; the connection sees each statement, commit and
rollback of both ways once. Only the checkout's connection is a proxy: the pool, its other events and
`driver_connection` keep the driver's own.
https://docs.sqlalchemy.org/en/20/core/events.html#connection-pool-events
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

from prefect_lineage_events.capture.drivers import asyncpg, duckdb, generic, postgres, snowflake, sqlite
from prefect_lineage_events.capture.drivers.driver import Driver
from prefect_lineage_events.capture.proxies import ConnectionProxy, trace

# Beside the proxy itself, so that its tracer lives as long as the DB-API connection does, over many checkouts.
_KEY = "prefect_lineage_events"

_DRIVERS = {
    "duckdb+duckdb_engine": duckdb.ENGINE,
    "postgresql+psycopg2": postgres.PSYCOPG2,
    "postgresql+psycopg": postgres.PSYCOPG,
    "postgresql+psycopg_async": postgres.ASYNC_PSYCOPG,
    "postgresql+asyncpg": asyncpg.ADAPTED,
    "snowflake+snowflake": snowflake.DRIVER,
}


def driver_of(engine: Engine) -> Driver:
    """The description of an engine's driver; a general one, by the URL, for those nobody described."""
    dialect = engine.dialect
    name = f"{dialect.name}+{dialect.driver}"
    if dialect.name == "sqlite" and dialect.driver in ("pysqlite", "aiosqlite"):
        return _sqlite(engine)
    if name == "postgresql+psycopg" and dialect.is_async:
        name = "postgresql+psycopg_async"
    return _DRIVERS.get(name) or generic.url_driver(engine.url.render_as_string(hide_password=True))


def _sqlite(engine: Engine) -> Driver:
    """What only the URL tells: the name of a shared database in memory, which its connections do not know.

    With aiosqlite all of it: its connection lives in a thread of its own and must not be asked here.
    """
    arguments, _ = engine.dialect.create_connect_args(engine.url)
    path, shared = sqlite.url_path(arguments[0]), sqlite.shared_name(arguments[0])
    if not engine.dialect.is_async:
        return replace(sqlite.DRIVER, store=lambda _: sqlite.file_store("", shared)) if shared else sqlite.DRIVER
    return replace(
        sqlite.DRIVER,
        store=lambda _: sqlite.file_store(path, shared),
        lookup=lambda _: sqlite.file_lookup(path),
        commits_itself=lambda adapter: not adapter.driver_connection.in_transaction,
        connection_calls={},
    )


class _EngineTracing:
    """What listens to one engine. The pool's events are enough, and survive `engine.dispose()`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def checkout(self, connection: Any, record: Any, fairy: Any) -> None:
        traced = record.info.get(_KEY)
        if traced is None or traced.__wrapped__ is not connection:
            traced = trace(connection, self._driver)
            if not isinstance(traced, ConnectionProxy):
                return
            record.info[_KEY] = traced
        fairy.dbapi_connection = traced

    def reset(self, connection: Any, record: Any, _: Any) -> None:
        """A checkout that was garbage collected is rolled back on the driver's own connection."""
        if record is not None and not isinstance(connection, ConnectionProxy) and _KEY in record.info:
            record.info[_KEY]._self_tracer.rollback()

    def close(self, _: Any, record: Any) -> None:
        """The pool closes the driver's own connection, right after this."""
        if _KEY in record.info:
            traced = record.info.pop(_KEY)
            traced._self_before_close()
            traced._self_tracer.lost()


_traced: WeakKeyDictionary[Engine, _EngineTracing] = WeakKeyDictionary()


def trace_engine(engine: Engine) -> None:
    """Trace the connections that this engine's pool hands out from now on. Idempotent."""
    if engine in _traced:
        return
    tracing = _traced[engine] = _EngineTracing(driver_of(engine))
    event.listen(engine, "checkout", tracing.checkout)
    event.listen(engine, "reset", tracing.reset)
    event.listen(engine, "close", tracing.close)


def untrace_engine(engine: Engine) -> None:
    """The connections that this engine's pool hands out from now on are the driver's own again."""
    tracing = _traced.pop(engine, None)
    if tracing is not None:
        event.remove(engine, "checkout", tracing.checkout)
        event.remove(engine, "reset", tracing.reset)
        event.remove(engine, "close", tracing.close)
