"""SQLite: the standard library's `sqlite3`, and SQLAlchemy's adapter of `aiosqlite`.

https://docs.python.org/3/library/sqlite3.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from uuid import uuid4

from prefect_lineage_events import stores
from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses, unwrapping, wrappers
from prefect_lineage_events.instrumentation.dbapi import trace_new_cursor
from prefect_lineage_events.instrumentation.driver import Driver, rowcount
from prefect_lineage_events.instrumentation.drivers.sqlite_copies import note_copy, vacuumed_into
from prefect_lineage_events.instrumentation.execution import TracedConnection, TracedCursor, argument, operation_of
from prefect_lineage_events.instrumentation.subclass_factory import own_class
from prefect_lineage_events.stores import Store

if TYPE_CHECKING:
    import sqlite3

_LOOKUP_TIMEOUT = 0.5
_LEGACY = -1  # sqlite3.LEGACY_TRANSACTION_CONTROL, from Python 3.12 on


def store(connection: sqlite3.Connection) -> Store:
    """The main database's file, as SQLite itself names it.

    Only the pragma returns it. It has no effect on the connection: it opens no transaction and changes no row. Its
    cursor is a plain one, whatever classes the user set for the connection, its cursors and rows.
    """
    return file_store(_main_file(connection))


def _main_file(connection: sqlite3.Connection) -> str:
    import sqlite3

    # As a blob, which no text factory converts.
    sql = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'"
    with closing(sqlite3.Cursor(connection)) as cursor:
        return bytes(cursor.execute(sql).fetchone()[0] or b"").decode()


def url_path(name: str) -> str:
    """The file in the argument of `connect`, which may be an SQLite URI; empty for a database in memory."""
    path, _, query = name.partition("?")
    if not path.startswith("file:"):
        return "" if path in ("", ":memory:") else name
    path = unquote(path.removeprefix("file://" if path.startswith("file:///") else "file:"))
    return "" if "mode=memory" in query or "vfs=memdb" in query or path == ":memory:" else path


def shared_name(name: str) -> str:
    """The name of a database in memory that connections of a process share; empty for any other.

    https://www.sqlite.org/inmemorydb.html#sharedmemdb, and since 3.36 https://www.sqlite.org/src/file/src/memdb.c
    """
    path, _, query = name.partition("?")
    is_shared = "cache=shared" in query or ("vfs=memdb" in query and path.startswith("file:/"))
    shared = path.startswith("file:") and is_shared and not url_path(name)
    return unquote(path.removeprefix("file:")) if shared else ""


def file_store(path: str, shared: str = "") -> Store:
    """The store of a database file; without one, of a database in memory, which is shared by name or private."""
    if path:
        return stores.sqlite(path)
    return stores.sqlite("", memory_id=f"{process_token()}.{shared}" if shared else uuid4().hex[:12])


def autocommits(connection: Any) -> bool:
    """In legacy mode sqlite3 opens its transaction before DML only: DDL outside of one is committed at once."""
    return not connection.in_transaction


def commits_on_exit(connection: Any) -> bool:
    """False for `autocommit=True` (from Python 3.12 on), where the end of a block ends no transaction."""
    return getattr(connection, "autocommit", _LEGACY) is not True


def _commits_before_scripts(connection: TracedConnection) -> bool | None:
    """Note the commit that `executescript` does before it runs, unless `autocommit` (Python 3.12) is set.

    Returns True then: it begins no transaction, so its statements commit by themselves unless they begin one.
    """
    if getattr(connection._self_own, "autocommit", _LEGACY) != _LEGACY:
        return None
    connection._self_tracer.commit()
    return True


def _trace_script(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    return wrappers.trace_connection_execute(connection, method, args, kwargs, _commits_before_scripts(connection))


def _trace_cursor_script(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    autocommit = _commits_before_scripts(cursor._self_connection)
    return wrappers.trace_execute_as(cursor, operation_of(args, kwargs), method, args, kwargs, autocommit=autocommit)


# The class of sqlite3's own cursors, once one was traced. Its name in the modules may stand for another one.
_cursors: list[type] = []


def _trace_new_cursor(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `cursor`. Without a factory, sqlite3 makes the cursor of the traced subclass at once."""
    # A method of a user's subclass, written in Python, may take no factory.
    if args or kwargs or type(method) is not BuiltinMethodType:
        return trace_new_cursor(connection, method, args, kwargs)
    cursor = subclasses.made_traced(connection, method, _cursors[0]) if _cursors else None
    if cursor is None:
        cursor = trace_new_cursor(connection, method, args, kwargs)
        if not _cursors and isinstance(cursor, subclasses.CursorMixin):
            _cursors.append(own_class(cursor))
    return cursor


def _store_of(connection: Any) -> Store:
    tracer = getattr(connection, "_self_tracer", None)
    return store(connection) if tracer is None else tracer.store


def _backup(connection: TracedConnection, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `backup(target)`, which gets the driver's own connection. It copies pages, without a statement."""
    result = method(
        *map(unwrapping.unwrapped, args), **{name: unwrapping.unwrapped(value) for name, value in kwargs.items()}
    )
    with guarded("noting a backup", count_loss):
        target = argument(args, kwargs, 0, "target")
        if kwargs.get("name", "main") == "main":
            tracer = getattr(target, "_self_tracer", None)
            note_copy(
                connection._self_tracer.store, store(target) if tracer is None else tracer.store, "sqlite3.backup"
            )
        else:
            count_loss("a backup of an attached database")
    return result


def _after_success(text: str, parameters: Any, cursor: Any) -> None:
    """Note a statement that copies the whole database, table by table."""
    if path := vacuumed_into(text, parameters):
        note_copy(_store_of(getattr(cursor, "connection", cursor)), file_store(url_path(path)), "VACUUM INTO")


@dataclass(frozen=True, slots=True)
class FileLookup:
    """Columns of tables in a database file, over a read-only connection that does not wait for locks."""

    path: str

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], DescribedColumns]:
        import sqlite3

        if not Path(self.path).exists():  # a temporary database of the run, which is deleted already
            return {}
        uri = f"file:{quote(self.path)}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOOKUP_TIMEOUT)) as connection:
            # A table of an attached database is in another file.
            mine = [table for table in tables if len(table) == 1 or table[-2].lower() == "main"]
            return {table: found for table in mine if (found := _described(connection, table[-1]))}


def _described(connection: sqlite3.Connection, table: str) -> DescribedColumns:
    kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)).fetchone()
    rows = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
    # A column of an expression has no type, and SQLite returns an empty one: it is known to be empty.
    return DescribedColumns(dict(rows), kind=kind[0] if kind else None)


def file_lookup(path: str) -> FileLookup | None:
    """None for a database in memory: no other connection sees it."""
    return FileLookup(realpath(path)) if path else None


def rows(cursor: Any) -> int | None:
    """The row count; None for a statement with RETURNING, whose rows SQLite counts as they are fetched."""
    return rowcount(cursor) if cursor.description is None else None


DRIVER = Driver(
    store=store,
    rows=rows,
    autocommits=autocommits,
    commits_on_exit=commits_on_exit,
    after_success=_after_success,
    lookup=lambda connection: file_lookup(_main_file(connection)),
    connection_wrappers={
        "cursor": _trace_new_cursor,
        "execute": wrappers.trace_connection_execute,
        "executemany": wrappers.trace_connection_execute,
        "executescript": _trace_script,
        "backup": _backup,
    },
    cursor_wrappers={"executescript": _trace_cursor_script},
    reports_transaction=True,
    subclassed=True,
    cursor_classes=("sqlite3.Cursor",),
)
