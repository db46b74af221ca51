"""`Driver`: a description of one DB-API driver, with all that tracing needs of it.

No function of a description may run a statement: it reads attributes of the driver's objects. A query of ours on the
user's connection would change its session (`LAST_QUERY_ID()`, an aborted transaction).
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation.tracer import SchemaLookup
from prefect_lineage_events.stores import Store

MethodWrapper = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""`wrapper(proxy, method, args, kwargs)`: calls the driver's method, reports to the tracer, returns the result."""


def statement_text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The text of an argument of `execute`: str, bytes, or a composed statement (psycopg's `sql` module).

    The text is without parameters: bind values never leave the user's thread.
    """
    if isinstance(operation, str):
        return operation
    if isinstance(operation, bytes | bytearray):
        return bytes(operation).decode("utf-8", "replace")
    if hasattr(operation, "as_string"):
        return str(operation.as_string(cursor))
    return str(operation)


def rowcount(cursor: Any) -> int | None:
    """DB-API's `rowcount`, where -1 and None mean that the driver does not know."""
    rows = getattr(cursor, "rowcount", None)
    return rows if isinstance(rows, int) and rows >= 0 else None


def has_result(cursor: Any) -> bool:
    """Has the cursor rows to fetch? DB-API's `description` is None when there are none."""
    return getattr(cursor, "description", None) is not None


def _never(_: Any) -> bool:
    return False


def _nothing(_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver's transaction rules, and the places where it keeps rows, ids, names and types.

    The functions take the driver's own connection or cursor, never a proxy. They may raise: that counts as "not known".

    - `store(connection)`: the store of the live connection, so that all aliases of a host or file have one identity.
    - `autocommits(connection)`, called right after a statement: is that committed, with no transaction around it?
    - `in_failed_transaction(connection)`, called before each statement and commit: has an error ended the transaction?
    - `refuses(error)`, called when a statement failed: did the driver itself refuse it, before it reached the server?
    - `undoes_executemany(error)`, called when an `executemany` failed: has the server undone all that it had written?
    - `leaves_transaction_open(connection)`, called after a commit or a rollback: did the call do nothing, so that the
      transaction continues?
    - `is_lost(connection)`, called when a commit failed: is the connection broken, so that the outcome of the commit is
      unknown?
    - `commits_on_exit(connection)`: does the end of a `with connection:` block without an error commit?
    - `text(operation, parameters, cursor)`, `rows(cursor)`, `query_id(cursor)`: facts of the statement that just ran.
    - `inlines(operation)`: has a function of the driver written the values of binds into this text?
    - `has_result(cursor)`: are there rows to fetch, so that counting them makes sense?
    - `type_name(code)`: the store's own name of a type code in `cursor.description`.
    - `lookup(connection)`: a look-up of columns on another connection; None where there cannot be one.
    - `on_trace(proxy)`, called for each connection that gets a proxy: makes the driver's own functions accept proxies.
    - `before_close(lookup)`: the last moment at which the look-up can use the user's database.
    - `connection_wrappers`, `cursor_wrappers`: methods beyond the DB-API that run statements or control transactions.
    - `reports_transaction`: `autocommits` reads the state of the transaction itself, and may be called at any time.
    - `subclassed`: its connections and cursors become instances of reporting subclasses; otherwise they get proxies.
    - `cursor_classes`: full names of the classes that users instantiate to get a cursor.
    """

    store: Callable[[Any], Store]
    autocommits: Callable[[Any], bool]
    in_failed_transaction: Callable[[Any], bool] = _never
    refuses: Callable[[BaseException], bool] = _never
    undoes_executemany: Callable[[BaseException], bool] = _never
    leaves_transaction_open: Callable[[Any], bool] = _never
    is_lost: Callable[[Any], bool] = _never
    commits_on_exit: Callable[[Any], bool] = _never
    text: Callable[[Any, Any, Any], str] = statement_text
    inlines: Callable[[Any], bool] = _never
    rows: Callable[[Any], int | None] = rowcount
    has_result: Callable[[Any], bool] = has_result
    query_id: Callable[[Any], str | None] = _nothing
    type_name: Callable[[Any], str | None] = _nothing
    lookup: Callable[[Any], SchemaLookup | None] = _nothing
    on_trace: Callable[[Any], None] = _nothing
    before_close: Callable[[Any], None] = _nothing
    connection_wrappers: Mapping[str, MethodWrapper] = field(default_factory=dict)
    cursor_wrappers: Mapping[str, MethodWrapper] = field(default_factory=dict)
    reports_transaction: bool = False
    subclassed: bool = False
    cursor_classes: Sequence[str] = ()

    @property
    def reports_failure(self) -> bool:
        """Does the driver implement `in_failed_transaction`? Without it the default answer, False, proves nothing."""
        return self.in_failed_transaction is not _never

    def columns(self, cursor: Any) -> tuple[Column, ...]:
        """The columns of the cursor's result, from its description."""
        description: Sequence[Any] = getattr(cursor, "description", None) or ()
        return _columns(self.type_name, tuple((entry[0], entry[1]) for entry in description))


# Cached: the same few results recur, and making the models costs more than the rest of a note.
@lru_cache(maxsize=512)
def _columns(type_name: Callable[[Any], str | None], description: tuple[tuple[Any, Any], ...]) -> tuple[Column, ...]:
    return tuple(Column(name=str(name), type=type_name(code)) for name, code in description)


# Its keys are drivers' type objects, and DuckDB's print a complaint on stderr when they outlive the interpreter.
atexit.register(_columns.cache_clear)
