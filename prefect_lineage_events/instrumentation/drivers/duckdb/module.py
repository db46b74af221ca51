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
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import in_callers_frame
from prefect_lineage_events.instrumentation.opening import all_everywhere, patched
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
# Makes the proxy of the default connection at the first call of a function that uses it; None unless the program's
# databases are captured.
_trace_default: Callable[[Any], Any] | None = None


def trace_module_functions(connection: ConnectionProxy) -> None:
    """Route DuckDB's functions through proxies: this one if its connection is the default one, or that of the call."""
    global _default
    track_proxy(connection)
    patch_functions()
    if connection.__wrapped__ is _own_default():
        _default = connection


def patch_functions() -> None:
    """Patch DuckDB's functions, also under names that modules have imported before."""
    import duckdb

    global _patched
    if not _patched:
        makers = {name: partial(_traced, name) for name in _FUNCTIONS}
        makers |= {name: partial(_unwrapping, name) for name in _UNTRACED}
        all_everywhere(duckdb, makers, any_proxies)
        _patched = True


def trace_default_connection(trace: Callable[[Any], Any]) -> None:
    """Trace the default connection from now on, when it is first used: to open it takes some milliseconds."""
    import duckdb

    global _trace_default
    _trace_default = trace
    patch_functions()
    all_everywhere(duckdb, {"default_connection": patched(_get_default)})


def default_proxy() -> ConnectionProxy | None:
    """The proxy of the default connection; None where that is not traced."""
    global _default
    own = _own_default()
    if _default is not None and _default.__wrapped__ is own:
        return _default
    if _trace_default is not None:
        made = _trace_default(own)
        _default = made if isinstance(made, ConnectionProxy) else None
        return _default
    return None


def _own_default() -> Any:
    import duckdb

    return unwrapped(getattr(duckdb.default_connection, "__wrapped__", duckdb.default_connection)())


def _get_default(function: Callable[[], Any], _: Any, args: Any, kwargs: Any) -> Any:
    own = function(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        proxy = default_proxy()
        return own if proxy is None else proxy
    return own


def _forget() -> None:
    global _default, _patched, _trace_default
    _default, _patched, _trace_default = None, False, None


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
    given = kwargs.get("connection")
    proxy: ConnectionProxy | None = given if isinstance(given, ConnectionProxy) else None
    if given is None:
        with guarded("tracing a connection", count_untraced):
            proxy = default_proxy()
    if proxy is None:
        return in_callers_frame(function)(*args, **kwargs)
    return getattr(proxy, name)(*args, **{key: value for key, value in kwargs.items() if key != "connection"})
