"""DuckDB's functions without a connection (`duckdb.sql(...)`), which use the module's default one.

They use that connection itself, so a proxy of it would see nothing. Once the default connection is traced, they call
its proxy. Calls before that, and calls with another connection as an argument, are not changed.
https://duckdb.org/docs/stable/clients/python/overview#using-an-in-memory-database
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.unwrapping import any_proxies, track_proxy

# Those that mean the same as the connection's method of that name.
_FUNCTIONS = (
    "sql", "query", "from_query", "execute", "executemany", "table", "view", "values", "table_function",
    "read_parquet", "from_parquet", "read_csv", "from_csv_auto", "read_json", "from_df", "from_arrow", "append",
    "register", "unregister", "begin", "commit", "rollback", "cursor", "duplicate", "fetchone", "fetchmany",
    "fetchall", "fetchdf", "fetch_df", "fetchnumpy", "pl", "fetch_arrow_table", "to_arrow_table",
    "fetch_record_batch",
)  # fmt: skip
_default: ConnectionProxy | None = None


def trace_module_functions(connection: ConnectionProxy) -> None:
    """Route DuckDB's functions through this proxy if its connection is the default one."""
    import duckdb

    global _default
    if connection.__wrapped__ is not duckdb.default_connection():
        return
    track_proxy(connection)
    for name in _FUNCTIONS:
        if hasattr(duckdb, name):
            patches.add(duckdb, name, partial(_traced, name), any_proxies)
    _default = connection


def _forget_default() -> None:
    global _default
    _default = None


patches.when_off(_forget_default)


def _traced(name: str, function: Any, is_on: Callable[[], bool]) -> Any:
    return wrapt.FunctionWrapper(function, partial(_through_proxy, name))


def _through_proxy(name: str, function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    import duckdb

    given = kwargs.get("connection")
    if isinstance(given, ConnectionProxy):
        proxy: ConnectionProxy | None = given
    elif given is None and _default is not None and _default.__wrapped__ is duckdb.default_connection():
        proxy = _default
    else:
        proxy = None
    if proxy is None:
        return function(*args, **kwargs)
    return getattr(proxy, name)(*args, **{key: value for key, value in kwargs.items() if key != "connection"})
