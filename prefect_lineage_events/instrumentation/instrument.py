"""`instrument()`, `uninstrument()` and `instrument_connection()`: lineage for plain connectors and users' connections.

A connector module is patched when it is imported, and never imported to be patched. One method of each connector class
is wrapped, so that classes, subclasses, saved blocks and pickles stay the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.import_hooks import when_imported

T = TypeVar("T")
Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


def _count_untraced(reason: str) -> None:
    from prefect_lineage_events.emission.losses import count_untraced

    count_untraced(reason)


def _traced_engine(method: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    engine = method(*args, **kwargs)
    with guarded("tracing an engine", _count_untraced):
        _trace_engine(engine)
    return engine


def _trace_engine(engine: Any) -> None:
    from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine

    sync_engine = getattr(engine, "sync_engine", engine)
    trace_engine(sync_engine)
    _engines.add(sync_engine)


def _is_engine(connection: Any) -> bool:
    """Return whether this is a SQLAlchemy engine. A caller with one has imported SQLAlchemy, so the check does not."""
    kinds = (("sqlalchemy", "Engine"), ("sqlalchemy.ext.asyncio", "AsyncEngine"))
    return any(isinstance(connection, getattr(sys.modules[m], name)) for m, name in kinds if m in sys.modules)


def _traced_snowflake(method: Callable[..., Any], block: Any, args: Any, kwargs: Any) -> Any:
    connection = method(*args, **kwargs)
    with guarded("tracing a Snowflake connection", _count_untraced):
        from prefect_lineage_events.instrumentation.drivers.snowflake.block import traced_connection

        connection = block._connection = traced_connection(block, connection, kwargs)
    return connection


def _traced_bigquery(method: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    client = method(*args, **kwargs)
    with guarded("tracing a BigQuery client", _count_untraced):
        from prefect_lineage_events.instrumentation.drivers.bigquery.client import trace_client

        return trace_client(client)
    return client


def _is_bigquery_client(connection: Any) -> bool:
    module = sys.modules.get("google.cloud.bigquery.client")
    return module is not None and isinstance(connection, module.Client)


# The module and class of each connector, and the one method through which all its others reach the database. In
# prefect-gcp, the block and the tasks get their client from the credentials.
_PATCHES: tuple[tuple[str, str, str, Wrapper], ...] = (
    ("prefect_sqlalchemy.database", "SqlAlchemyConnector", "get_engine", _traced_engine),
    ("prefect_sqlalchemy.database", "AsyncSqlAlchemyConnector", "get_engine", _traced_engine),
    ("prefect_snowflake.database", "SnowflakeConnector", "get_connection", _traced_snowflake),
    ("prefect_gcp.credentials", "GcpCredentials", "get_bigquery_client", _traced_bigquery),
)
_engines: WeakSet[Any] = WeakSet()
_lock = Lock()


def instrument() -> None:
    """Capture the blocks of prefect-sqlalchemy, prefect-snowflake and prefect-gcp in this process, from now on.

    May be called any number of times, before or after the connectors are imported, in code or by the Prefect plugin.
    """
    for module_name in dict.fromkeys(patch[0] for patch in _PATCHES):
        when_imported(module_name, _patch)
    # The engines are imported when the first flow or task is run: before its context is entered.
    for module_name in ("prefect.flow_engine", "prefect.task_engine"):
        when_imported(module_name, _watch_runs)


def uninstrument() -> None:
    """Undo `instrument()` and remove all patches; connections that blocks open from now on are the driver's own.

    A Snowflake connection or a BigQuery client that a block has open stays traced until it is closed, and so does a
    connection of the user's (`instrument_connection`), but for cursors that are made from a class. The next use of
    lineage (a lineage block, `record_*`, `instrument_connection`) installs its patches again.
    """
    with _lock:
        while _engines:
            from prefect_lineage_events.instrumentation.drivers.sqlalchemy import untrace_engine

            # Lineage blocks trace their engine again whenever they return it.
            untrace_engine(_engines.pop())
    patches.switch_off()


class _Patch(wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A wrapped method of a connector."""


def _patch(module: Any) -> None:
    for module_name, class_name, method_name, wrapper in _PATCHES:
        connector = getattr(module, class_name, None) if module_name == module.__name__ else None
        if connector is not None:
            patches.add(connector, method_name, partial(_traced, wrapper))


def _traced(wrapper: Wrapper, method: Any, is_on: Callable[[], bool]) -> Any:
    return _Patch(method, wrapper, enabled=is_on)


def _watch_runs(_: Any) -> None:
    """Switch lineage on before the first run.

    Threads that are started before the first connection must have their run as well. The end of a run must also be seen
    if all its connections are in other processes.
    """
    with guarded("watching runs"):
        import_module("prefect_lineage_events.emission.losses")
        patches.switch_on()


def instrument_connection(connection: T, *, url: str | None = None) -> T:
    """Capture the statements of a connection that the user opened. Use the connection that this returns.

    Takes connections of sqlite3, psycopg, psycopg2, asyncpg, DuckDB, Snowflake's and Databricks' connectors and
    BigQuery's DB-API as they are, psycopg's asynchronous ones as well, and BigQuery's client. Any other DB-API
    connection (ADBC, PyMySQL, ...) needs `url`, its database's address as SQLAlchemy writes it, because its store is
    not known from the connection; so does one whose store is known under another name (a tunnel, a shared SQLite
    database in memory). Credentials in it are not used.
    A SQLAlchemy engine, asynchronous or not, is returned itself: connections that it opens or checks out from now on
    are captured. Raises TypeError or ValueError with a message about what is missing.
    """
    import_module("prefect_lineage_events.emission.losses")
    patches.switch_on()
    if _is_engine(connection):
        _trace_engine(connection)
        return connection
    if _is_bigquery_client(connection):
        from prefect_lineage_events.instrumentation.drivers.bigquery.client import trace_client

        return trace_client(connection)
    from prefect_lineage_events.instrumentation.connections import trace
    from prefect_lineage_events.instrumentation.drivers.registry import description_of

    return trace(connection, description_of(connection, url))
