"""SQLite: the standard library's `sqlite3`, and SQLAlchemy's adapter of `aiosqlite`.

https://docs.python.org/3/library/sqlite3.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from os.path import realpath
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from prefect_lineage_events import datasets
from prefect_lineage_events.capture import weaves
from prefect_lineage_events.capture.drivers.driver import Driver
from prefect_lineage_events.capture.notes import Described
from prefect_lineage_events.capture.proxies import ConnectionProxy, CursorProxy
from prefect_lineage_events.datasets import Store

_LOOKUP_TIMEOUT = 0.5


def store(connection: sqlite3.Connection) -> Store:
    """The main database's file, as SQLite itself names it.

    The pragma is the only way to know it, and leaves no trace in the connection: it opens no transaction, changes no
    row, and its cursor has a row factory of its own.
    """
    return file_store(_main_file(connection))


def _main_file(connection: sqlite3.Connection) -> str:
    with closing(connection.cursor()) as cursor:
        cursor.row_factory = None
        return str(next(file for _, name, file in cursor.execute("PRAGMA database_list") if name == "main"))


def url_path(name: str) -> str:
    """The file in what is given to `connect`, which may be an SQLite URI; nothing for a database in memory."""
    path, _, query = name.partition("?")
    if not path.startswith("file:"):
        return "" if path in ("", ":memory:") else name
    path = unquote(path.removeprefix("file://" if path.startswith("file:///") else "file:"))
    return "" if "mode=memory" in query or path == ":memory:" else path


def file_store(path: str) -> Store:
    """The store of a database file; without one it is in memory and nobody else's, so it gets an id of its own."""
    return datasets.sqlite(path) if path else datasets.sqlite("", memory_id=uuid4().hex[:12])


def commits_itself(connection: Any) -> bool:
    """In legacy mode sqlite3 opens its transaction before DML only: DDL outside of one stays (facts of the driver)."""
    return not connection.in_transaction


def _script(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`executescript` commits what is pending before it runs."""
    connection._self_tracer.commit()
    return weaves.opens_cursor(connection, method, args, kwargs)


def _cursor_script(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    cursor._self_connection._self_tracer.commit()
    return weaves.runs_statement(cursor, method, args, kwargs)


@dataclass(frozen=True, slots=True)
class FileLookup:
    """Columns of tables in a database file, over a read-only connection that does not wait for locks."""

    path: str

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Described]:
        uri = f"file:{quote(self.path)}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOOKUP_TIMEOUT)) as connection:
            # A table of an attached database is in another file.
            mine = [table for table in tables if len(table) == 1 or table[-2].lower() == "main"]
            return {table: found for table in mine if (found := _described(connection, table[-1]))}


def _described(connection: sqlite3.Connection, table: str) -> Described:
    kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)).fetchone()
    rows = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
    return Described({name: type_ or None for name, type_ in rows}, kind=kind[0] if kind else None)


def file_lookup(path: str) -> FileLookup | None:
    """None for a database in memory: no other connection sees it."""
    return FileLookup(realpath(path)) if path else None


DRIVER = Driver(
    store=store,
    commits_itself=commits_itself,
    exit_commits=lambda _: True,
    lookup=lambda connection: file_lookup(_main_file(connection)),
    connection_calls={
        "execute": weaves.opens_cursor,
        "executemany": weaves.opens_cursor,
        "executescript": _script,
    },
    cursor_calls={"executescript": _cursor_script},
)
