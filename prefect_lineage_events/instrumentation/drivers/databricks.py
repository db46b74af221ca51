"""Databricks SQL: connections of databricks-sql-connector, to warehouses and clusters, in Unity Catalog's names.

https://docs.databricks.com/dev-tools/python-sql-connector
"""

from __future__ import annotations

from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedCursor,
    operation_of,
    parameters_of,
)
from prefect_lineage_events.stores import Store

_DEFAULT_SCHEMA = "default"


def store(connection: Any) -> Store:
    """The workspace's host, with the catalog and schema given to `connect`. Later USE statements are parsed."""
    session = connection.session
    return stores.server("databricks", session.host, None, session.catalog, session.schema or _DEFAULT_SCHEMA)


def autocommits(connection: Any) -> bool:
    """Read the state that the connector keeps: its public property may send a query to the server."""
    return connection.ignore_transactions or bool(connection.session.get_autocommit())


def _trace_execute_async(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `execute_async`: the statement counts when its result has arrived. Without that its outcome is unknown."""
    cursor._self_fetched.end()
    execution = Execution(cursor._self_connection, operation_of(args, kwargs), parameters_of(args, kwargs))
    result = method(*args, **kwargs)
    cursor._self_connection._self_state[_key(cursor)] = execution
    return cursor._self_same(result)


def _trace_async_result(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `get_async_execution_result`, which raises when the statement has failed."""
    result = method(*args, **kwargs)
    execution: Execution | None = cursor._self_connection._self_state.pop(_key(cursor), None)
    if execution is not None:
        execution.succeeded(cursor)
    return cursor._self_same(result)


def _key(cursor: TracedCursor) -> str:
    return f"sent by {id(cursor)}"


def _trace_fetchmany_arrow(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `fetchmany_arrow`: an empty table is the end of the result."""
    portion = method(*args, **kwargs)
    cursor._self_fetched.add(len(portion))
    if not len(portion):
        cursor._self_fetched.end(exhausted=True)
    return portion


DRIVER = Driver(
    store=store,
    autocommits=autocommits,
    query_id=lambda cursor: cursor.query_id,
    type_name=str,
    cursor_wrappers={
        "execute_async": _trace_execute_async,
        "get_async_execution_result": _trace_async_result,
        "fetchall_arrow": wrappers.trace_fetch_frame,
        "fetchmany_arrow": _trace_fetchmany_arrow,
    },
)
