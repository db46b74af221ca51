"""DuckDB's functions without a connection (`duckdb.sql(...)`), which use the module's default one.

They use that connection itself, so a proxy of it would see nothing. Once the default connection is traced, they call
its proxy. Where a proxy is their argument `connection`, which they would refuse, they call that one. Other calls are
not changed.
https://duckdb.org/docs/stable/clients/python/overview#using-an-in-memory-database
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import in_callers_frame
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, LikeOwn
from prefect_lineage_events.instrumentation.unwrapping import any_proxies, track_proxy, unwrapped

# Those that mean the same as the connection's method of that name.
_FUNCTIONS = (
    "sql", "query", "from_query", "execute", "executemany", "table", "view", "values", "table_function",
    "read_parquet", "from_parquet", "read_csv", "from_csv_auto", "read_json", "from_df", "from_arrow", "append",
    "register", "unregister", "begin", "commit", "rollback", "cursor", "duplicate", "fetchone", "fetchmany",
    "fetchall", "fetchdf", "fetch_df", "fetchnumpy", "pl", "fetch_arrow_table", "to_arrow_table",
    "fetch_record_batch", "appender", "query_appender",
)  # fmt: skip
# The other functions with an argument `connection`: they get the driver's own.
_UNTRACED = (
    "abort", "aggregate", "alias", "array_type", "arrow", "checkpoint", "close", "create_function",
    "decimal_type", "description", "df", "disable_profiling", "distinct", "dtype", "enable_profiling", "enum_type",
    "extract_statements", "fetch_df_chunk", "filesystem_is_registered", "filter", "get_profiling_information",
    "get_table_names", "install_extension", "interrupt", "limit", "list_filesystems", "list_type", "load_extension",
    "map_type", "order", "project", "query_df", "query_progress", "register_filesystem",
    "remove_function", "row_type", "rowcount", "set_default_connection", "sqltype", "string_type", "struct_type", "tf",
    "to_arrow_reader", "torch", "type", "union_type", "unregister_filesystem", "write_csv",
)  # fmt: skip
_default: ConnectionProxy | None = None
_patched = False


def trace_module_functions(connection: ConnectionProxy) -> None:
    """Route DuckDB's functions through proxies: this one if its connection is the default one, or that of the call."""
    import duckdb

    global _default, _patched
    track_proxy(connection)
    if not _patched:
        for names, make in ((_FUNCTIONS, _traced), (_UNTRACED, _unwrapping)):
            for name in names:
                if hasattr(duckdb, name):
                    patches.add(duckdb, name, partial(make, name), any_proxies)
        _patched = True
    if connection.__wrapped__ is duckdb.default_connection():
        _default = connection


def _forget() -> None:
    global _default, _patched
    _default, _patched = None, False


patches.when_off(_forget)


class _Function(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A wrapped function of the module, pickled by name as before."""


def _traced(name: str, function: Any, is_on: Callable[[], bool]) -> Any:
    return _Function(function, partial(_through_proxy, name))


def _unwrapping(name: str, function: Any, is_on: Callable[[], bool]) -> Any:
    return _Function(function, _set_default if name == "set_default_connection" else _call_unwrapped)


def _call_unwrapped(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    own = {name: unwrapped(value) for name, value in kwargs.items()}
    return in_callers_frame(function)(*map(unwrapped, args), **own)


def _set_default(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    """Set the default connection; if it is given as a proxy, functions without a connection call that proxy."""
    global _default
    result = _call_unwrapped(function, _, args, kwargs)
    _default = next((given for given in (*args, *kwargs.values()) if isinstance(given, ConnectionProxy)), None)
    return result


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
        return in_callers_frame(function)(*args, **kwargs)
    return getattr(proxy, name)(*args, **{key: value for key, value in kwargs.items() if key != "connection"})
