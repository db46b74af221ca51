"""Wrappers of methods that MySQL's drivers share, beyond the DB-API."""

from __future__ import annotations

import sys
from collections.abc import Sized
from typing import Any

from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import rowcount
from prefect_lineage_events.instrumentation.execution import TracedConnection, TracedCursor, argument, operation_of

_UNKNOWN = 2**63  # an unbuffered result has 2**64 - 1 rows until all are fetched
_OWN = ("prefect_lineage_events", "wrapt")


def rows(cursor: Any) -> int | None:
    """The rows read or written; None for a result that is still on the server."""
    known = rowcount(cursor)
    return known if known is not None and known < _UNKNOWN else None


def trace_begin(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `begin()` and `start_transaction()`, which commit an open transaction."""
    return wrappers.trace_connection_call_as(connection, "START TRANSACTION", method, args, kwargs)


def trace_autocommit(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `autocommit(mode)`, which commits an open transaction where it switches the mode on."""
    mode = bool(next(iter((*args, *kwargs.values())), False))
    return wrappers.trace_connection_call_as(connection, f"SET autocommit = {mode:d}", method, args, kwargs)


def trace_select_db(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `select_db(name)`, which does the same as USE."""
    name = next(iter((*args, *kwargs.values())), "")
    return wrappers.trace_connection_call_as(connection, f"USE {_quoted(name)}", method, args, kwargs)


def _quoted(name: Any) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return "`" + text.replace("`", "``") + "`"


def trace_callproc(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `callproc(name, args)`, without the statements in which the drivers bind its arguments."""
    name = str(argument(args, kwargs, 0, "procname", default=""))
    given = argument(args, kwargs, 1, "args", default=())
    binds = ", ".join("?" * len(given)) if isinstance(given, Sized) else ""
    return wrappers.trace_execute_as(cursor, f"CALL {_quoted(name)}({binds})", method, args, kwargs)


def trace_nextset(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `nextset()`: rows of the next result are none of the first one."""
    cursor._self_fetched.end()
    return method(*args, **kwargs)


def trace_query(package: str, connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `query(sql)` of a connection, unless a cursor of the driver calls it, which is traced itself."""
    if _caller().startswith(package):
        return method(*args, **kwargs)
    return wrappers.trace_connection_call_as(connection, operation_of(args, kwargs), method, args, kwargs)


def _caller() -> str:
    """The module of the code that calls a traced method."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OWN):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame is not None else ""
