"""SQLAlchemy engines that are traced in this process, without an import of SQLAlchemy."""

from __future__ import annotations

import sys
from threading import Lock
from typing import Any
from weakref import WeakSet

_engines: WeakSet[Any] = WeakSet()
_lock = Lock()


def trace_any_engine(engine: Any) -> None:
    """Trace the connections of an engine, asynchronous or not."""
    from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine

    sync_engine = getattr(engine, "sync_engine", engine)
    while (own := getattr(sync_engine, "_proxied", None)) is not None:  # of `engine.execution_options()`, of one pool
        sync_engine = own
    with _lock:
        if sync_engine not in _engines:
            trace_engine(sync_engine)
            _engines.add(sync_engine)


def is_traced_engine(engine: Any) -> bool:
    """Return whether `trace_any_engine` has traced this engine, which is no asynchronous one."""
    return engine in _engines


def untrace_engines() -> None:
    """Undo `trace_any_engine` for all engines. Lineage blocks trace their engine again whenever they return it."""
    with _lock:
        while _engines:
            from prefect_lineage_events.instrumentation.drivers.sqlalchemy import untrace_engine

            untrace_engine(_engines.pop())


def is_engine(connection: Any) -> bool:
    """Return whether this is a SQLAlchemy engine. A caller with one has imported SQLAlchemy, so the check does not."""
    kinds = (("sqlalchemy", "Engine"), ("sqlalchemy.ext.asyncio", "AsyncEngine"))
    return any(isinstance(connection, getattr(sys.modules[m], name)) for m, name in kinds if m in sys.modules)
