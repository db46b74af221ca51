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


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver's transaction rules, and the places where it keeps rows, ids, names and types.

    The functions take the driver's own connection or cursor, never a proxy. They may raise: that counts as "not known".

    docs/drivers.md has them as a table, made from this list (`docs/make_drivers_page.py`).

    - `store(connection)`, once for each connection: the store to which it is connected, read from the live connection,
      so that all aliases of a host or file have one identity.
    - `autocommits(connection)`, right after each statement: is that committed, with no transaction around it?
    - `in_failed_transaction(connection)`, before each statement and commit: has an error ended the transaction, so that
      even a commit rolls back?
    - `refuses(error)`, when a statement failed: did the driver itself refuse it, before it reached the server?
    - `undoes_executemany(error)`, when an `executemany` failed: has the server undone all that it had written?
    - `leaves_transaction_open(connection)`, after each commit and rollback: did the call do nothing, so that the
      transaction continues?
    - `is_lost(connection)`, when a commit failed: is the connection broken, so that the outcome of the commit is
      unknown?
    - `commits_on_exit(connection)`, before the end of a `with connection:` block without an error: does that commit?
    - `text(operation, parameters, cursor)`, after each statement: its text.
    - `inlines(operation)`, after each statement: has a function of the driver written the values of binds into its
      text?
    - `after_success(text, parameters, cursor)`, after each statement that succeeded: note what its text does not show.
    - `reads_inside`, after each statement that succeeded: the mark of texts whose scan reads files while the statement
      runs (a lazy frame); such a statement comes after these reads.
    - `with_readers(text)`, after each statement with this mark: its text with readers for the frames in memory that it
      scans, which are noted.
    - `rows(cursor)`, after each statement: the number of rows that it read or wrote; None if not known.
    - `has_result(cursor)`, after each statement: are there rows to fetch, so that counting them makes sense?
    - `query_id(cursor)`, after each statement: the server's id of it.
    - `type_name(code)`, for each column of a result: the store's own name of a type code in `cursor.description`.
    - `lookup(connection)`, once for each connection: a look-up of columns on another connection; None where there
      cannot be one.
    - `on_trace(proxy)`, once for each connection that gets a proxy: make the driver's own functions accept proxies
      (`instrumentation/unwrapping.py`).
    - `before_close(lookup)`, before a connection is closed: the last moment at which the look-up can use the user's
      database.
    - `connection_wrappers`, when a method of a connection is called: the wrappers of methods beyond the DB-API that run
      statements or control transactions, and of `cursor` where it returns no DB-API cursor.
    - `cursor_wrappers`, when a method of a cursor is called: the same for cursors.
    - `reports_transaction`, at any time: does `autocommits` read the state of the transaction itself, so that an end
      that was not seen can be noted?
    - `subclassed`, once for each connection: do connections and cursors become instances of traced subclasses?
      Otherwise they get proxies.
    - `cursor_classes`, once for each connection: full names of the classes that users instantiate to get a cursor, such
      as `sqlite3.Cursor`.
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
    after_success: Callable[[str, Any, Any], None] | None = None
    reads_inside: str = ""
    with_readers: Callable[[str], str] = _unchanged
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

    reports_failure: bool = field(init=False)
    """Does the driver implement `in_failed_transaction`? Without it the default answer, False, proves nothing."""
    # Questions with a default answer are not asked: they come with each statement.
    has_query_ids: bool = field(init=False)
    may_inline: bool = field(init=False)

    def __post_init__(self) -> None:
        for name, question, default in (
            ("reports_failure", self.in_failed_transaction, _never),
            ("has_query_ids", self.query_id, _nothing),
            ("may_inline", self.inlines, _never),
        ):
            object.__setattr__(self, name, question is not default)

    def columns(self, cursor: Any) -> tuple[Column, ...]:
        """The columns of the cursor's result, from its description."""
        description: Sequence[Any] = getattr(cursor, "description", None) or ()
        return _columns(self.type_name, tuple([(entry[0], entry[1]) for entry in description]))


# Cached: the same few results recur, and making the models costs more than the rest of a note.
@lru_cache(maxsize=512)
def _columns(type_name: Callable[[Any], str | None], description: tuple[tuple[Any, Any], ...]) -> tuple[Column, ...]:
    return tuple(Column(name=str(name), type=type_name(code)) for name, code in description)


# Its keys are drivers' type objects, and DuckDB's print a complaint on stderr when they outlive the interpreter.
atexit.register(_columns.cache_clear)
