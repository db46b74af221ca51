"""Commits in two phases by the DB-API's own methods: a prepared transaction may be ended by another connection.

https://peps.python.org/pep-0249/#optional-two-phase-commit-extensions
"""

from __future__ import annotations

from typing import Any

from prefect_lineage_events.instrumentation.driver import MethodWrapper
from prefect_lineage_events.instrumentation.execution import after, ends_transaction, trace_rollback
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy

_XID = "xid"  # of the transaction that the connection is in


def _begins(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    def told(result: Any) -> Any:
        connection._self_state[_XID] = next(iter((*args, *kwargs.values())), "")
        connection._self_tracer.begin()
        return result

    return after(method(*args, **kwargs), told)


def _prepares(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    def told(result: Any) -> Any:
        connection._self_state[_PREPARED] = name = str(connection._self_state.get(_XID, ""))
        connection._self_tracer.prepare(name)
        return result

    return after(method(*args, **kwargs), told)


_PREPARED = "prepared"


def _ends(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`tpc_commit` and `tpc_rollback`, of the connection's own transaction or of the one that is given."""
    commits = method.__name__ == "tpc_commit"
    given = next(iter((*args, *kwargs.values())), None)
    prepared = connection._self_state.pop(_PREPARED, None) if given is None else str(given)
    if prepared is None:
        return (ends_transaction if commits else trace_rollback)(connection, method, args, kwargs)

    def told(result: Any) -> Any:
        connection._self_tracer.end_prepared(prepared, commits=commits)
        return result

    return after(method(*args, **kwargs), told)


CALLS: dict[str, MethodWrapper] = {
    "tpc_begin": _begins,
    "tpc_prepare": _prepares,
    "tpc_commit": _ends,
    "tpc_rollback": _ends,
}
"""For `Driver.connection_wrappers`."""
