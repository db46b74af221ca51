"""What tracing has to know about a DB-API driver: a small description, filled in once per driver.

Nothing in a description may run a statement: it reads what the driver's objects already know, because a query of ours
on the user's connection would change its session (`LAST_QUERY_ID()`, an aborted transaction).
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
"""`weave(proxy, method, args, kwargs)`: calls the driver's own bound method, tells the tracer, returns the result."""


def statement_text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The text of what was given to `execute`: str, bytes, or a composed statement (psycopg's `sql` module).

    Parameters stay out of it: bind values never leave the user's thread.
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
    """Whether the cursor has rows to fetch: DB-API's `description` is None when there are none."""
    return getattr(cursor, "description", None) is not None


def _never(_: Any) -> bool:
    return False


def _nothing(_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Driver:
    """How one driver commits, and where it keeps rows, ids, names and types.

    The functions take the driver's own connection or cursor, never a proxy. They may raise: that counts as "not known".

    - `store(connection)`: where it points, told by the live connection, so that all aliases of a host or file meet.
    - `autocommits(connection)`, asked right after a statement: is that committed, with no transaction around it?
    - `in_failed_transaction(connection)`, asked before each statement and commit: has an error ended the transaction?
    - `refuses(error)`, asked when a statement failed: has the driver itself refused it, unknown to the server?
    - `undoes_many(error)`, asked when an `executemany` failed: has the server undone all that it had written?
    - `goes_on(connection)`, asked after a commit or a rollback: has it done nothing, so that the transaction goes on?
    - `is_lost(connection)`, asked when a commit failed: is the connection broken, so that nobody knows whether the
      server committed?
    - `commits_on_exit(connection)`: does leaving a `with connection:` block in peace commit what is open?
    - `text(operation, parameters, cursor)`, `rows(cursor)`, `query_id(cursor)`: about the statement that has just run.
    - `inlines(operation)`: has a function of the driver's written the values of binds into this text?
    - `has_result(cursor)`: are there rows to fetch whose number is worth counting?
    - `type_name(code)`: the store's own name of a type code in `cursor.description`.
    - `lookup(connection)`: how to look columns up on another connection; None where there cannot be one.
    - `on_trace(proxy)`, called for each connection that is to be traced: makes the driver's own functions know proxies.
    - `before_close(lookup)`: the last moment at which the look-up can use the user's database.
    - `connection_wrappers`, `cursor_wrappers`: methods beyond the DB-API that run statements or steer transactions.
    - `tells_transaction`: `autocommits` is answered by the state of the transaction itself, at any time.
    - `subclassed`: its own connections and cursors report, as instances of subclasses; else proxies of them do.
    - `cursor_classes`: the classes of which users make cursors themselves, by their full names.
    """

    store: Callable[[Any], Store]
    autocommits: Callable[[Any], bool]
    in_failed_transaction: Callable[[Any], bool] = _never
    refuses: Callable[[BaseException], bool] = _never
    undoes_many: Callable[[BaseException], bool] = _never
    goes_on: Callable[[Any], bool] = _never
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
    tells_transaction: bool = False
    subclassed: bool = False
    cursor_classes: Sequence[str] = ()

    @property
    def tells_failure(self) -> bool:
        """Is `in_failed_transaction` answered by what the driver knows, and not only because nobody knows?"""
        return self.in_failed_transaction is not _never

    def columns(self, cursor: Any) -> tuple[Column, ...]:
        """The columns of the cursor's result, from its description."""
        description: Sequence[Any] = getattr(cursor, "description", None) or ()
        return _columns(self.type_name, tuple((entry[0], entry[1]) for entry in description))


# The same few results come again and again, and making models costs more than the rest of a note.
@lru_cache(maxsize=512)
def _columns(type_name: Callable[[Any], str | None], description: tuple[tuple[Any, Any], ...]) -> tuple[Column, ...]:
    return tuple(Column(name=str(name), type=type_name(code)) for name, code in description)


# Drivers' own type objects are keys of it, and DuckDB's complain on stderr when they outlive the interpreter.
atexit.register(_columns.cache_clear)
