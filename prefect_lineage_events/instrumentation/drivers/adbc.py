"""ADBC's connections that a program opens: of the drivers for SQLite, PostgreSQL and DuckDB, and of the driver manager.

A connection has no attribute that names its store, so the store comes from the arguments of `connect`.
https://arrow.apache.org/adbc/current/python/api/adbc_driver_manager.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from prefect_lineage_events import stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import argument
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import everywhere, is_left_alone, patched, resume, traced
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.stores import Store

# arrow.apache.org/adbc: SQLite Driver, the default of `uri`
_SQLITE_DEFAULT = "file:adbc_driver_sqlite?mode=memory&cache=shared"
# postgresql.org/docs/current/libpq-connect.html: Keyword/Value Connection Strings
_PAIR = re.compile(r"\s{0,99}(\w{1,99})\s{0,99}=\s{0,99}(?:'((?:[^'\\]|\\.){0,999})'|([^\s']{0,999}))")


def _store(kind: str, uri: str) -> Store | None:
    """The store of a driver's `uri`; None for a driver without a rule."""
    from prefect_lineage_events.instrumentation.drivers import generic, sqlite

    if kind == "sqlite":
        name = uri or _SQLITE_DEFAULT
        return sqlite.file_store(sqlite.url_path(name), sqlite.shared_name(name))
    if kind == "duckdb":
        in_memory = uri in ("", ":memory:")
        return stores.duckdb("" if in_memory else uri, memory_id=os.urandom(6).hex() if in_memory else None)
    if kind == "postgresql":
        if "://" in uri:
            return generic.url_store(uri)
        values = {name: quoted or plain for name, quoted, plain in _PAIR.findall(uri)}
        host, port = values.get("host") or values.get("hostaddr") or "", values.get("port", "")
        number = int(port) if port.isdecimal() else None
        database = values.get("dbname") or values.get("user")
        return stores.server("postgres", "" if host.startswith("/") else host, number, database, "public")
    return None


def _driver(kind: str, uri: str) -> Driver | None:
    from prefect_lineage_events.instrumentation.drivers import generic, sqlite

    store = _store(kind, uri)
    if store is None:
        return None
    lookup = sqlite.file_lookup(sqlite.url_path(uri)) if kind == "sqlite" and uri else None
    general = generic.url_driver("sqlite://")  # every store's rules but for its store
    own = {"execute": wrappers.trace_connection_execute, "adbc_clone": _trace_clone}
    return replace(
        general,
        store=lambda _: store,
        lookup=lambda _: lookup,
        connection_wrappers={**general.connection_wrappers, **own},
    )


def _trace_clone(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return trace(method(*args, **kwargs), replace(connection._self_driver, store=lambda _: connection._self_store))


def _opened(
    target: Callable[[Any, Any], tuple[str, str]], connect: Callable[..., Any], _: Any, args: Any, kwargs: Any
) -> Any:
    connection = connect(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if not is_left_alone():
            driver = _driver(*target(args, kwargs))
            if driver is not None:
                return traced(connection, driver)
            count_untraced("the store of an ADBC connection is not known")
    return connection


def _of_driver(kind: str) -> Callable[[Any, Any], tuple[str, str]]:
    return lambda args, kwargs: (kind, str(argument(args, kwargs, 0, "uri", "path") or ""))


def _of_manager(args: Any, kwargs: Any) -> tuple[str, str]:
    """The kind and the address in the arguments of the driver manager's `connect`.

    The driver is a name, the path of its library, or an address whose scheme names it.
    """
    options: Mapping[str, Any] = kwargs.get("db_kwargs") or {}
    driver = str(argument(args, kwargs, 0, "driver") or options.get("driver") or "")
    uri = str(argument(args, kwargs, 1, "uri") or options.get("uri") or options.get("path") or "")
    if "://" in driver:
        uri = driver
    named = driver.partition(":")[0] if "://" in driver else Path(driver).name
    kinds = (kind for kind in ("sqlite", "postgresql", "duckdb") if kind in (named or uri.partition(":")[0]))
    return next(kinds, ""), uri


def _patch(target: Callable[[Any, Any], tuple[str, str]], module: Any) -> None:
    resume()
    everywhere(module, "connect", patched(partial(_opened, target)))


def _library(module: str, kind: str, package: str, against: str) -> Library:
    target = _of_driver(kind) if kind else _of_manager
    return Library(
        "databases",
        module,
        partial(_patch, target),
        package=package,
        captured="`connect`, cursors, `adbc_ingest`, clones; what polars and pandas run on them or by a URL",
        not_captured="connections opened before switch-on; `adbc_execute_partitions`; drivers of other stores"
        if not kind
        else "connections opened before switch-on; `adbc_execute_partitions`",
        tests=("tests/instrumentation/opened/test_adbc.py",),
        against=against,
    )


LIBRARIES = (
    _library("adbc_driver_sqlite.dbapi", "sqlite", "adbc-driver-sqlite", "SQLite"),
    _library("adbc_driver_postgresql.dbapi", "postgresql", "adbc-driver-postgresql", "PostgreSQL"),
    _library("adbc_driver_duckdb.dbapi", "duckdb", "duckdb", "DuckDB"),
    _library("adbc_driver_manager.dbapi", "", "adbc-driver-manager", "SQLite, PostgreSQL"),
)
