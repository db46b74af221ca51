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

from prefect_lineage_events.instrumentation.connections import is_traced, trace
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers import generic, sqlite
from prefect_lineage_events.instrumentation.drivers.duckdb import connections
from prefect_lineage_events.instrumentation.drivers.postgres import asyncpg, psycopg
from prefect_lineage_events.instrumentation.drivers.snowflake import connector
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.subclasses import set_active

# Beside the proxy itself, so that its tracer lives as long as the DB-API connection does, over many checkouts.
_KEY = "prefect_lineage_events"

_DRIVERS = {
    "duckdb+duckdb_engine": connections.ENGINE,
    "postgresql+psycopg2": psycopg.PSYCOPG2,
    "postgresql+psycopg": psycopg.PSYCOPG,
    "postgresql+asyncpg": asyncpg.ADAPTED,
    "snowflake+snowflake": connector.DRIVER,
}


def driver_of(engine: Engine) -> Driver:
    """The description of an engine's driver; a general one, by the URL, for those nobody described."""
    dialect = engine.dialect
    name = f"{dialect.name}+{dialect.driver}"
    if dialect.name == "sqlite" and dialect.driver in ("pysqlite", "aiosqlite"):
        return _sqlite(engine)
    name = name.removesuffix("_async")  # an adapter of psycopg's own connection
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
        autocommits=lambda adapter: not adapter.driver_connection.in_transaction,
        connection_wrappers={},
        subclassed=False,
    )


class _EngineTracing:
    """What listens to one engine. The pool's events are enough, and survive `engine.dispose()`."""

    def __init__(self, driver: Driver, *, adapted: bool) -> None:
        self._driver = driver
        self._adapted = adapted

    def _own(self, connection: Any) -> Any:
        """The connection itself, or the one inside of an adapter that reports by itself."""
        return connection.driver_connection if self._adapted else connection

    def checkout(self, connection: Any, record: Any, fairy: Any) -> None:
        traced = record.info.get(_KEY)
        if traced is None or traced._self_own is not self._own(connection):
            traced = trace(self._own(connection), self._driver)
            if not is_traced(traced):
                return
            record.info[_KEY] = traced
        if isinstance(traced, ConnectionProxy):
            fairy.dbapi_connection = traced
        else:
            set_active(traced, active=True)

    def checkin(self, connection: Any, record: Any) -> None:
        """Ignore what the pool itself asks of a connection: it is no lineage."""
        if _KEY in record.info and connection is not None:
            set_active(self._own(connection), active=False)

    def reset(self, connection: Any, record: Any, _: Any) -> None:
        """A checkout that was garbage collected is rolled back on the driver's own connection."""
        traced = record.info.get(_KEY) if record is not None else None
        if isinstance(traced, ConnectionProxy) and not isinstance(connection, ConnectionProxy):
            traced._self_tracer.rollback()

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
    driver = driver_of(engine)
    tracing = _traced[engine] = _EngineTracing(driver, adapted=driver.subclassed and engine.dialect.is_async)
    event.listen(engine, "checkout", tracing.checkout)
    event.listen(engine, "checkin", tracing.checkin)
    event.listen(engine, "reset", tracing.reset)
    event.listen(engine, "close", tracing.close)


def untrace_engine(engine: Engine) -> None:
    """The connections that this engine's pool hands out from now on are the driver's own again."""
    tracing = _traced.pop(engine, None)
    if tracing is not None:
        event.remove(engine, "checkout", tracing.checkout)
        event.remove(engine, "reset", tracing.reset)
        event.remove(engine, "close", tracing.close)
        # What is checked out now is still listened to when it comes back: its next user has the driver's own.
