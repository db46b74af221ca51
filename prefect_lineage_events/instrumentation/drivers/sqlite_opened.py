"""SQLite's connections that a program opens: by `sqlite3.connect`, and by aiosqlite."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.context import propagation
from prefect_lineage_events.context.run import handed_over
from prefect_lineage_events.emission.losses import count_loss, count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.execution import argument
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import (
    everywhere,
    is_left_alone,
    left_alone,
    patched,
    resume,
    traced,
)


def _opened(connect: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    connection = connect(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        import sqlite3

        if not is_left_alone() and isinstance(connection, sqlite3.Connection):
            return traced(connection, _driver(args, kwargs))
    return connection


def _driver(args: Any, kwargs: Any) -> Any:
    """The description with the store of `connect`'s arguments.

    A query for it, as on a connection of unknown origin, opens the file: `connect` does not, and waits for no lock.
    """
    from prefect_lineage_events.instrumentation.drivers import sqlite

    name = os.fsdecode(argument(args, kwargs, 0, "database"))
    if argument(args, kwargs, 7, "uri", default=False):
        path, shared = sqlite.url_path(name), sqlite.shared_name(name)
    else:
        path, shared = ("" if name in ("", ":memory:") else name), ""
    store = sqlite.file_store(path, shared)
    lookup = sqlite.FileLookup(store.namespace.partition("://")[2]) if path else None  # its real path, found once
    return replace(sqlite.DRIVER, store=lambda _: store, lookup=lambda _: lookup)


def _patch_sqlite3(module: Any) -> None:
    resume()
    everywhere(module, "connect", patched(_opened))


def _made(init: Callable[..., Any], connection: Any, args: Any, kwargs: Any) -> Any:
    """Keep aiosqlite's thread from tracing the connection of an engine, which is traced where it is checked out."""
    result = init(*args, **kwargs)
    with guarded("looking at a connection of aiosqlite", count_untraced):
        if is_left_alone():
            connection._connector = partial(_plain, connection._connector)
    return result


def _plain(connector: Callable[[], Any]) -> Any:
    with left_alone():
        return connector()


def _executed(execute: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    """Have the connection's thread work for the run of the call: it serves all callers in turn."""
    with guarded("handing the run to aiosqlite's thread", count_loss):
        if args:
            args = (partial(_called, handed_over(), args[0]), *args[1:])
    return execute(*args, **kwargs)


def _called(start: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    propagation.take_over(start)
    return function(*args, **kwargs)


def _patch_aiosqlite(module: Any) -> None:
    resume()
    patches.add(module.Connection, "__init__", patched(_made))
    patches.add(module.Connection, "_execute", patched(_executed))


_TESTS = ("tests/instrumentation/opened/test_sqlite.py",)

LIBRARIES = (
    Library(
        "databases",
        "sqlite3",
        _patch_sqlite3,
        package="sqlite3",
        captured="`connect`, also where a module had imported it before; with `factory`, `uri`, `isolation_level`; "
        "`backup` and `VACUUM INTO` as a copy of each table",
        not_captured="connections opened before switch-on, those made from a class (`sqlite3.Connection(...)`), and by "
        "a `connect` that was stored elsewhere than in a module before switch-on",
        tests=(*_TESTS, "tests/instrumentation/drivers/test_sqlite_copies.py"),
        against="SQLite",
    ),
    Library(
        "databases",
        "aiosqlite",
        _patch_aiosqlite,
        package="aiosqlite",
        captured="`connect` and all that its connections and cursors run, for the run that awaits it",
        not_captured="connections opened before switch-on",
        tests=_TESTS,
        against="SQLite",
    ),
)
