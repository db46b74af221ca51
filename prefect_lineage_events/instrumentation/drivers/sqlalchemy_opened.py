"""SQLAlchemy's engines that a program makes: all of them check their connections out by `Engine.raw_connection`.

So an engine is traced when it is first used, whenever and by whichever function it was made. Connections that its pool
opens meanwhile stay the driver's own: the engine traces them where they are checked out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.engines import is_traced_engine, trace_any_engine
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import left_alone, patched

_left_alone: WeakSet[Any] = WeakSet()  # engines of Prefect's server, and those that cannot be traced


def _checked_out(method: Callable[..., Any], engine: Any, args: Any, kwargs: Any) -> Any:
    with guarded("tracing an engine", count_untraced):
        if not is_traced_engine(engine) and engine not in _left_alone:
            _trace(engine)
    with left_alone():
        return method(*args, **kwargs)


def _trace(engine: Any) -> None:
    if _is_of_server(engine):
        _left_alone.add(engine)
        return
    try:
        trace_any_engine(engine)
    except Exception:
        _left_alone.add(engine)  # so that the loss is counted once
        raise


def _is_of_server(engine: Any) -> bool:
    """Return whether this is an engine of Prefect's server, which may run in this process."""
    module = sys.modules.get("prefect.server.database.configurations")
    engines = list(module.ENGINES.values()) if module is not None else []
    return any(getattr(own, "sync_engine", own) is engine for own in engines)


def _patch(module: Any) -> None:
    patches.add(module.Engine, "raw_connection", patched(_checked_out))


LIBRARIES = (
    Library(
        "databases",
        "sqlalchemy",
        _patch,
        package="sqlalchemy",
        captured="every connection that an engine checks out, sync and async, whichever function made the engine and "
        "before or after switch-on: Core, ORM, `raw_connection()`, pandas and polars with an engine or a URL",
        not_captured="connections that were checked out before switch-on; `engine.pool.connect()` of an engine that "
        "was not used before",
        tests=("tests/instrumentation/opened/test_sqlalchemy.py", "tests/flows/own_engine.py"),
        against="SQLite, DuckDB, PostgreSQL (psycopg, psycopg2, asyncpg)",
    ),
)
