"""redshift_connector. https://github.com/aws/amazon-redshift-python-driver"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver, rowcount
from prefect_lineage_events.instrumentation.execution import (
    TracedConnection,
    TracedCursor,
    answer_or_default,
    argument,
    operation_of,
)
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import is_left_alone, patched, traced
from prefect_lineage_events.stores import Store


def store(connection: Any) -> Store:
    """The address to which the socket is connected. The host's name is known where `connect` is traced."""
    host, port = connection._usock.getpeername()[:2]
    return _store(connection, host, port)


def _store(connection: Any, host: str, port: int) -> Store:
    return stores.server("redshift", host, port, connection._database)


def autocommits(connection: Any) -> bool:
    """Read the state of the transaction in the server's last response."""
    return not connection.in_transaction


def type_name(code: Any) -> str | None:
    """Redshift's name of a type, by the number of it."""
    from redshift_connector.utils.oids import RedshiftOID

    name = str(RedshiftOID(code).name).lower()
    return "varchar" if name == "string" else name  # its first name of that number


def _type_name(code: Any) -> str | None:
    return answer_or_default(type_name, code, default=None)


def _rows(cursor: Any) -> int | None:
    return rowcount(cursor) if cursor.description is None else None


def _trace_run(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `run(sql)`, which runs a statement on a cursor of the connection's own."""
    return wrappers.trace_connection_call_as(connection, operation_of(args, kwargs), method, args, kwargs)


def _trace_callproc(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `callproc(name, parameters)`."""
    given = argument(args, kwargs, 1, "parameters", default=None) or ()
    operation = f"CALL {argument(args, kwargs, 0, 'procname', default='')}({', '.join('?' * len(given))})"
    return wrappers.trace_execute_as(cursor, operation, method, args, kwargs)


DRIVER = Driver(
    store=store,
    autocommits=autocommits,
    rows=_rows,
    type_name=_type_name,
    connection_wrappers={
        "run": _trace_run,
        "tpc_commit": wrappers.trace_commit,
        "tpc_rollback": wrappers.trace_rollback,
    },
    cursor_wrappers={"callproc": _trace_callproc},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("redshift_connector.cursor.Cursor",),
)


def _connected(method: Any, connection: Any, args: Any, kwargs: Any) -> None:
    method(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if is_left_alone():
            return
        driver = DRIVER
        host, port = argument(args, kwargs, 3, "host", default="localhost"), argument(args, kwargs, 4, "port")
        if host and not argument(args, kwargs, 6, "unix_sock"):
            found = _store(connection, host, port or 5439)
            driver = replace(DRIVER, store=lambda _: found)
        if traced(connection, driver) is not connection:
            count_untraced("the class of a connection cannot be changed")


def _patch(module: Any) -> None:
    patches.add(module.Connection, "__init__", patched(_connected))


LIBRARY = Library(
    "databases",
    "redshift_connector.core",
    _patch,
    package="redshift_connector",
    captured="connections and cursors, under every name of `connect`; `executemany`, `write_dataframe`, "
    "`fetch_dataframe`, `insert_data_bulk`, `callproc`, `run`",
    not_captured="the functions of the catalogue (`get_tables`, ...)",
    tests=("tests/instrumentation/opened/test_redshift.py",),
    against="the driver on PostgreSQL, whose protocol Redshift's is; not on Redshift",
)
