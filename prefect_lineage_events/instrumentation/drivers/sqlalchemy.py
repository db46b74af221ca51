"""SQLAlchemy engines, sync and async: each connection checked out of their pool is traced.

The DB-API connection of a checkout is traced. Engine events (`after_cursor_execute`, `commit`) miss what goes through
`raw_connection()`, and report rollbacks that undo nothing; the connection sees each statement, commit and rollback of
both ways once. Only the checkout's connection is a proxy: the pool, its other events and `driver_connection` keep the
driver's own.
https://docs.sqlalchemy.org/en/20/core/events.html#connection-pool-events
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

from prefect_lineage_events.instrumentation.connections import is_traced, trace
from prefect_lineage_events.instrumentation.dbapi import before_close
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers import generic, registry, sqlite
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.subclasses import set_active

# The key of the traced connection in the pool's record: its tracer serves all checkouts of the DB-API connection.
_KEY = "prefect_lineage_events"
# The key of a connection that was traced before: the program opened it itself, and may use it without the pool.
_OF_PROGRAM = "prefect_lineage_events_of_program"


def driver_of(engine: Engine) -> Driver:
    """The description of an engine's driver; one made from the URL for drivers without a description."""
    dialect = engine.dialect
    found = registry.driver_of_engine(f"{dialect.name}+{dialect.driver}")
    if found is sqlite.DRIVER:
        return _sqlite(engine)
    return found or generic.url_driver(engine.url.render_as_string(hide_password=True))


def _sqlite(engine: Engine) -> Driver:
    """The description with the name of a shared database in memory, which is only in the URL.

    For aiosqlite the store is made from the URL too: its connection is used in a thread of its own only.
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
    """The listeners of one engine's pool. The pool's events are enough, and survive `engine.dispose()`."""

    def __init__(self, driver: Driver, *, adapted: bool) -> None:
        self._driver = driver
        self._adapted = adapted

    def _own(self, connection: Any) -> Any:
        """The connection itself, or the one inside of an adapter, where that is the traced one."""
        return connection.driver_connection if self._adapted else connection

    def checkout(self, connection: Any, record: Any, fairy: Any) -> None:
        traced = record.info.get(_KEY)
        if traced is None or traced._self_own is not self._own(connection):
            of_program = is_traced(self._own(connection))
            traced = trace(self._own(connection), self._driver)
            if not is_traced(traced):
                return
            record.info[_KEY] = traced
            record.info[_OF_PROGRAM] = of_program
        if isinstance(traced, ConnectionProxy):
            fairy.dbapi_connection = traced
        else:
            set_active(traced, active=True)

    def checkin(self, connection: Any, record: Any) -> None:
        """Stop reports of the connection: queries of the pool itself are no lineage."""
        if _KEY in record.info and connection is not None and not record.info[_OF_PROGRAM]:
            set_active(self._own(connection), active=False)

    def reset(self, connection: Any, record: Any, _: Any) -> None:
        """Note the rollback of a garbage-collected checkout, which the pool does on the driver's own connection."""
        traced = record.info.get(_KEY) if record is not None else None
        if isinstance(traced, ConnectionProxy) and not isinstance(connection, ConnectionProxy):
            traced._self_tracer.rollback()

    def close(self, _: Any, record: Any) -> None:
        """Note the close of the driver's own connection, which the pool does right after this."""
        if _KEY in record.info:
            traced = record.info.pop(_KEY)
            before_close(traced)
            traced._self_tracer.lost()


_traced: WeakKeyDictionary[Engine, _EngineTracing] = WeakKeyDictionary()


def trace_engine(engine: Engine) -> None:
    """Trace the connections that are checked out of this engine's pool from now on. Idempotent."""
    if engine in _traced:
        return
    driver = driver_of(engine)
    tracing = _traced[engine] = _EngineTracing(driver, adapted=driver.subclassed and engine.dialect.is_async)
    event.listen(engine, "checkout", tracing.checkout)
    event.listen(engine, "checkin", tracing.checkin)
    event.listen(engine, "reset", tracing.reset)
    event.listen(engine, "close", tracing.close)


def untrace_engine(engine: Engine) -> None:
    """Undo `trace_engine` for the connections that are checked out from now on."""
    tracing = _traced.pop(engine, None)
    if tracing is not None:
        event.remove(engine, "checkout", tracing.checkout)
        event.remove(engine, "reset", tracing.reset)
        event.remove(engine, "close", tracing.close)
        # The `checkin` listener stays: connections checked out now become the driver's own when they come back.
