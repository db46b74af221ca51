"""clickhouse-connect: its clients, sync and async, and so its DB-API and its SQLAlchemy dialect, which use a client.

All methods of a client end in a few, which are patched in its class; clients that were made before are reported too.
https://clickhouse.com/docs/integrations/python
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from prefect_lineage_events import patches, stores
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import Execution, answer_or_default, argument, traced_call
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import is_by_traced_cursor, is_left_alone, patched
from prefect_lineage_events.stores import Store

_MAX_COLUMNS = 2_000
_inside: ContextVar[bool] = ContextVar("lineage_inside_clickhouse_call", default=False)


def client_store(client: Any) -> Store:
    """The server's address, and the client's database."""
    address = urlsplit(client.url)
    return stores.server("clickhouse", address.hostname or "", address.port, client.database or None)


DRIVER = Driver(store=client_store, autocommits=lambda _: True)


@dataclass(frozen=True, slots=True)
class _Connection:
    """A client's calls, as those of a traced connection. It does not refer to the client."""

    _self_driver: Driver
    _self_tracer: tracing.ConnectionTracer

    @property
    def _self_own(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Facts:
    """The known facts of a call that has succeeded."""

    rows: int | None = None
    query_id: str | None = None
    columns: tuple[Column, ...] = ()


_connections: WeakKeyDictionary[Any, tuple[Store, _Connection]] = WeakKeyDictionary()


def _connection(client: Any) -> _Connection:
    store = client_store(client)
    known = _connections.get(client)
    if known is None or known[0] != store:  # `client.database` may be set
        known = _connections[client] = store, _Connection(DRIVER, tracing.connection(store))
    return known[1]


def _query_text(args: Any, kwargs: Any) -> str | None:
    """The text of a query context; None for those of the client itself."""
    context = argument(args, kwargs, 0, "context")
    text = str(context.query)
    is_probe = text.startswith("SELECT * FROM (") and text.endswith(") LIMIT 0")  # by which a cursor reads its columns
    return None if getattr(context, "internal", False) or is_probe else text


def _text(args: Any, kwargs: Any) -> str | None:
    return str(argument(args, kwargs, 0, "query", "cmd", default=""))


def _insert_text(args: Any, kwargs: Any) -> str | None:
    context = argument(args, kwargs, 0, "context")
    return None if context.empty else _insert(str(context.table), context.column_names)


def _raw_insert_text(args: Any, kwargs: Any) -> str | None:
    names = argument(args, kwargs, 1, "column_names")
    return _insert(str(argument(args, kwargs, 0, "table", default="")), names or ())


def _insert(table: str, names: Sequence[str]) -> str:
    listed = tuple(names)[:_MAX_COLUMNS]
    return f"INSERT INTO {table}{wrappers.column_list(listed)} VALUES ({', '.join('?' * max(1, len(listed)))})"


def _of_query(result: Any, *_: Any) -> _Facts:
    columns = zip(result.column_names, result.column_types, strict=False)
    found = int(result.summary.get("result_rows") or 0) or None  # 0 where the server has sent it too early
    described = tuple(Column(name=str(name), type=str(type_.name)) for name, type_ in columns)[:_MAX_COLUMNS]
    return _Facts(found, result.query_id or None, described)


def _of_command(result: Any, *_: Any) -> _Facts:
    if not hasattr(result, "written_rows"):
        return _Facts()
    return _Facts(result.written_rows or None, result.query_id() or None)


def _of_insert(result: Any, args: Any, kwargs: Any) -> _Facts:
    context = argument(args, kwargs, 0, "context")
    rows = result.written_rows or getattr(context, "row_count", None)
    return _Facts(rows or None, result.query_id() or None)


def _of_raw(*_: Any) -> _Facts:
    return _Facts()


# By method: its equivalent statement, and the facts in its result.
_METHODS: dict[str, tuple[Callable[[Any, Any], str | None], Callable[..., _Facts]]] = {
    "_query_with_context": (_query_text, _of_query),
    "command": (_text, _of_command),
    "raw_query": (_text, _of_raw),
    "raw_stream": (_text, _of_raw),
    "data_insert": (_insert_text, _of_insert),
    "raw_insert": (_raw_insert_text, _of_command),
}


def _called(name: str, method: Any, client: Any, args: Any, kwargs: Any) -> Any:
    execution = None
    facts = _METHODS[name][1]
    with guarded("tracing a client of ClickHouse", count_untraced):
        if not (_inside.get() or is_left_alone() or is_by_traced_cursor("clickhouse_connect.dbapi.")):
            text = _METHODS[name][0](args, kwargs)  # before the call, which empties a context of an insert
            execution = Execution(_connection(client), text) if text else None
    if execution is None:
        return method(*args, **kwargs)
    rows = answer_or_default(_row_count, args, kwargs, default=None) if name == "data_insert" else None

    def on_success(result: Any) -> Any:
        known = answer_or_default(facts, result, args, kwargs, default=_Facts())
        counted = known.rows if known.rows is not None else rows
        execution.succeeded(rows=counted, query_id=known.query_id, columns=known.columns)
        return result

    return traced_call(_quiet(method), args, kwargs, on_success, execution.failed)


def _row_count(args: Any, kwargs: Any) -> int | None:
    rows: int | None = argument(args, kwargs, 0, "context").row_count
    return rows


def _quiet(method: Any) -> Any:
    """The method, within which no other method of a client is noted."""
    if iscoroutinefunction(method):

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            token = _inside.set(True)
            try:
                return await method(*args, **kwargs)
            finally:
                _inside.reset(token)

        return awaited

    def called(*args: Any, **kwargs: Any) -> Any:
        token = _inside.set(True)
        try:
            return method(*args, **kwargs)
        finally:
            _inside.reset(token)

    return called


def _own_operation(method: Any, _: Any, args: Any, kwargs: Any) -> Any:
    """Make a query of the client itself: its settings, the types of a table's columns."""
    return _quiet(method)(*args, **kwargs)


def _patch(name: str, module: Any) -> None:
    cls = getattr(module, name)
    for method in _METHODS:
        if hasattr(cls, method):
            patches.add(cls, method, patched(partial(_called, method)))
    if hasattr(cls, "_execute_operation"):
        patches.add(cls, "_execute_operation", patched(_own_operation))


_TESTS = ("tests/instrumentation/opened/test_clickhouse.py",)
_AGAINST = "the client's own code over a stand-in of ClickHouse's HTTP interface"
LIBRARIES = (
    Library(
        "databases",
        "clickhouse_connect.driver.httpclient",
        partial(_patch, "HttpClient"),
        package="clickhouse-connect",
        captured="clients made before and after switch-on: `query` and its forms for numpy, pandas, Arrow and streams, "
        "`command`, `raw_query`, `insert` and its forms; so also its DB-API and its SQLAlchemy dialect",
        not_captured="the number of rows of a query that the server sends before it knows it; the embedded chDB client",
        tests=_TESTS,
        against=_AGAINST,
    ),
    Library(
        "databases",
        "clickhouse_connect.driver.asyncclient",
        partial(_patch, "AsyncClient"),
        package="clickhouse-connect",
        captured="the same of asynchronous clients",
        tests=_TESTS,
        against=_AGAINST,
    ),
)
