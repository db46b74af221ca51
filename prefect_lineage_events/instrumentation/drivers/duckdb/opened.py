"""DuckDB's connections that a program opens, and the default connection of the module's functions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from prefect_lineage_events import stores
from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.callers import is_called_by
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import observe_setting
from prefect_lineage_events.instrumentation.execution import argument
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import everywhere, is_left_alone, patched, resume, traced


def _traced(connection: Any) -> Any:
    from prefect_lineage_events.instrumentation.drivers.duckdb.connections import DRIVER

    return connection if is_left_alone() else traced(connection, DRIVER)


def _driver(args: Any, kwargs: Any) -> Driver:
    """The description with the store of `connect`'s arguments, where these show it.

    A query for it, as on a connection of unknown origin, takes milliseconds in a new database.
    """
    from prefect_lineage_events.instrumentation.drivers.duckdb.connections import DRIVER

    name = os.fsdecode(argument(args, kwargs, 0, "database", default=":memory:"))
    observe_setting(str(argument(args, kwargs, 2, "config")))
    if name in ("", ":memory:"):
        store = stores.duckdb("", memory_id=uuid4().hex[:12])
    elif name.startswith(":memory:"):  # connections of a process share a database in memory that has a name
        store = stores.duckdb("", memory_id=f"{process_token()}.{name.removeprefix(':memory:')}")
    elif name.startswith((":", "~")) or _SCHEME.match(name):
        return DRIVER
    else:
        store = stores.duckdb(name)
    return replace(DRIVER, store=lambda _: store)


# `md:`, `motherduck:`, `s3://`; a drive of Windows has one letter.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:")


# Modules of duckdb-engine that open a database of their own, to find out what DuckDB supports.
_PROBES = ("duckdb_engine._supports", "duckdb_engine.config")


def _opened(connect: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    connection = connect(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if is_called_by(frozenset(), frozenset({"duckdb"}), _PROBES):
            return connection
        # Its name cannot be abbreviated, and the default connection has one proxy.
        if ":default:" in map(str, (*args, kwargs.get("database"))) and not is_left_alone():
            from prefect_lineage_events.instrumentation.drivers.duckdb.module import default_proxy

            return default_proxy() or connection
        return connection if is_left_alone() else traced(connection, _driver(args, kwargs))
    return connection


def _patch(module: Any) -> None:
    from prefect_lineage_events.instrumentation.drivers.duckdb.module import trace_default_connection

    resume()
    everywhere(module, "connect", patched(_opened))
    trace_default_connection(_traced)


LIBRARIES = (
    Library(
        "databases",
        "duckdb",
        _patch,
        package="duckdb",
        captured="`connect`, cursors and relations, the module's functions (`duckdb.sql`, `duckdb.read_csv`, ...), all "
        "also where a module had imported them before; columns of local files and attached databases; DataFrames that "
        "were read from a file; `EXPORT DATABASE`, `IMPORT DATABASE`, `COPY FROM DATABASE`",
        not_captured="connections opened before switch-on, and by a function that was stored elsewhere than in a "
        "module before. Methods that are called by their class (`DuckDBPyConnection.execute(connection)`) refuse the "
        "proxy of a connection",
        tests=(
            "tests/instrumentation/opened/test_duckdb.py",
            "tests/instrumentation/files/test_duckdb_columns.py",
            "tests/instrumentation/files/test_duckdb_frames.py",
        ),
        against="DuckDB",
    ),
)
