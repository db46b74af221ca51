"""Two-phase commits by the DB-API's own methods: another connection may end a prepared transaction.

https://peps.python.org/pep-0249/#optional-two-phase-commit-extensions
"""

from __future__ import annotations

from typing import Any

from prefect_lineage_events.instrumentation.dbapi import trace_commit, trace_rollback
from prefect_lineage_events.instrumentation.driver import MethodWrapper
from prefect_lineage_events.instrumentation.execution import TracedConnection, when_done

_XID = "xid"  # of the transaction that the connection is in


def _trace_begin(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    def on_success(result: Any) -> Any:
        connection._self_state[_XID] = next(iter((*args, *kwargs.values())), "")
        connection._self_tracer.begin()
        return result

    return when_done(method(*args, **kwargs), on_success)


def _trace_prepare(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    def on_success(result: Any) -> Any:
        connection._self_state[_PREPARED] = name = str(connection._self_state.get(_XID, ""))
        connection._self_tracer.prepare(name)
        return result

    return when_done(method(*args, **kwargs), on_success)


_PREPARED = "prepared"


def _trace_end(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `tpc_commit` and `tpc_rollback`, of the connection's own transaction or of the one in the argument."""
    commits = method.__name__ == "tpc_commit"
    given = next(iter((*args, *kwargs.values())), None)
    prepared = connection._self_state.pop(_PREPARED, None) if given is None else str(given)
    if prepared is None:
        return (trace_commit if commits else trace_rollback)(connection, method, args, kwargs)

    def on_success(result: Any) -> Any:
        connection._self_tracer.end_prepared(prepared, commits=commits)
        return result

    return when_done(method(*args, **kwargs), on_success)


WRAPPERS: dict[str, MethodWrapper] = {
    "tpc_begin": _trace_begin,
    "tpc_prepare": _trace_prepare,
    "tpc_commit": _trace_end,
    "tpc_rollback": _trace_end,
}
"""An entry of `Driver.connection_wrappers` for each two-phase method."""
