"""DuckDB: its own connections, and duckdb-engine's wrapper of them.

https://duckdb.org/docs/stable/clients/python/overview
"""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from time import perf_counter
from types import FrameType
from typing import Any
from uuid import uuid4

from prefect_lineage_events import datasets
from prefect_lineage_events.capture import weaves
from prefect_lineage_events.capture.drivers.driver import Driver, rowcount, statement_text
from prefect_lineage_events.capture.drivers.duckdb_frames import callers_frame, is_variable, without_frames
from prefect_lineage_events.capture.drivers.lookup import by_table
from prefect_lineage_events.capture.proxies import ConnectionProxy, CursorProxy, ask, operation_of, trace
from prefect_lineage_events.datasets import Store
from prefect_lineage_events.events import Column
from prefect_lineage_events.settings import settings

_PATH = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
# Bounded, because at a close it runs in the user's thread: a few milliseconds at most.
_COLUMNS = """
    SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE database_name = current_database() AND NOT internal LIMIT 2000
"""
_TABLE = "SELECT 1 FROM information_schema.tables WHERE lower(table_name) = lower(?)"
# The result of a statement that changes data or settings is one row: how many it changed, or that it did.
_STATUS_COLUMNS = frozenset({"Count", "Success"})


def store(connection: Any) -> Store:
    """The current database's file, asked on a duplicate of the connection: no result of the user's is lost."""
    with closing(_duplicate(connection)) as duplicate:
        row = duplicate.execute(_PATH).fetchone()
    path = row[0] if row else None
    return datasets.duckdb(path) if path else datasets.duckdb("", memory_id=uuid4().hex[:12])


def _duplicate(connection: Any) -> Any:
    """Another connection to the same database instance: DuckDB's `cursor()`, also behind duckdb-engine's wrapper."""
    own = getattr(connection, "_ConnectionWrapper__c", connection)
    return own.cursor()


def rows(cursor: Any) -> int | None:
    """Only what was changed is counted by DuckDB; what is read is counted as it is fetched."""
    return rowcount(cursor) if _is_status(cursor) else None


def has_result(cursor: Any) -> bool:
    return cursor.description is not None and not _is_status(cursor)


def _is_status(cursor: Any) -> bool:
    description = cursor.description
    return bool(description) and len(description) == 1 and description[0][0] in _STATUS_COLUMNS


class InstanceLookup:
    """Columns over a duplicate of the user's connection: a file open here cannot be opened a second time elsewhere.

    The duplicate lives for the milliseconds of the query, and the connection is held weakly, so that a closed file is
    never kept locked. After the close nothing can be asked any more; so just before it, what is there is remembered.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = weakref.ref(connection)
        self._remembered: list[tuple[str, str, str, str]] = []

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        connection = self._connection()
        found = ask(_all_columns, connection, default=self._remembered) if connection else self._remembered
        return by_table(found, tables, "main")

    def remember(self) -> None:
        if settings().schema_lookup and (connection := self._connection()):
            self._remembered = _all_columns(connection)


def _all_columns(connection: Any) -> list[tuple[str, str, str, str]]:
    with closing(_duplicate(connection)) as duplicate:
        rows: list[tuple[str, str, str, str]] = duplicate.execute(_COLUMNS).fetchall()
    return rows


# What duckdb-engine takes for a call of `register(name, frame)`, with name and frame as the parameters.
_REGISTERING = frozenset({"register", "register(?, ?)", "register($1, $2)"})
_registered_by: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def _engine_text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The statement without the DataFrames that were registered as views on the cursor's connection."""
    names = _registered_by.setdefault(cursor._CursorWrapper__connection_wrapper, set())
    text = statement_text(operation, parameters, cursor)
    if text.lower() in _REGISTERING:
        names.add(str(parameters[0]).lower())
        return ""
    return without_frames(text, lambda name: name.lower() in names) if names else text


ENGINE = Driver(
    store=store,
    commits_itself=lambda _: True,
    rows=rows,
    has_result=has_result,
    type_name=str,
    text=_engine_text,
    lookup=InstanceLookup,
    before_close=InstanceLookup.remember,
    connection_calls={"begin": weaves.begins_transaction},
)
"""duckdb-engine's wrapper: DuckDB commits each statement unless a transaction was begun, by method or by text."""


def _results(connection: ConnectionProxy) -> CursorProxy:
    """DuckDB's connection is its own cursor, so `execute` and `fetch*` go to a cursor proxy of the connection itself.

    That proxy knows the connection's only weakly: a cycle would keep a file locked after its last name was deleted.
    """
    results: CursorProxy | None = connection._self_state.get("results")
    if results is None:
        results = CursorProxy(connection.__wrapped__, weakref.proxy(connection))
        connection._self_state["results"] = results
    return results


def _runs(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`execute` and `executemany`, which return the connection."""
    results = _results(connection)
    result = weaves.runs_as(results, _operation(connection, args, kwargs), in_callers_frame(method), args, kwargs)
    return connection if result is results else result


def _fetches(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return getattr(_results(connection), method.__name__)(*args, **kwargs)


def _fetches_frame(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return weaves.fetches_frame(_results(connection), method, args, kwargs)


def _relates(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`sql()` and its twins: a SELECT becomes a relation, noted as read when it is made; anything else has run.

    The relation itself stays DuckDB's own: as a Python variable it can be named in later statements, where a proxy
    would not be known for what it is. What its own methods write (`rel.create(...)`) is therefore not seen.
    """
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    relation = in_callers_frame(method)(*args, **kwargs)
    connection._self_tracer.statement(
        _operation(connection, args, kwargs),
        started=started,
        duration=perf_counter() - clock,
        autocommit=True,
        result_columns=ask(_columns, relation, default=()),
    )
    return relation


def _registers(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """`register(name, frame)`: a view of that name on something of Python's."""
    result = method(*args, **kwargs)
    _registered(connection).add(_view_name(args, kwargs))
    return connection._self_same(result)


def _unregisters(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    result = method(*args, **kwargs)
    _registered(connection).discard(_view_name(args, kwargs))
    return connection._self_same(result)


def _registered(connection: ConnectionProxy) -> set[str]:
    names: set[str] = connection._self_state.setdefault("registered", set())
    return names


def _view_name(args: Any, kwargs: Any) -> str:
    return str(args[0] if args else kwargs.get("view_name", "")).lower()


def _operation(connection: ConnectionProxy, args: Any, kwargs: Any) -> str:
    operation = str(operation_of(args, kwargs))
    return ask(without_frames, operation, partial(_is_frame, connection, callers_frame()), default=operation)


def _is_frame(connection: ConnectionProxy, frame: FrameType, name: str) -> bool:
    """What was registered goes before a table, and a table before a variable of the same name."""
    if name.lower() in _registered(connection):
        return True
    return is_variable(frame, name) and not _is_table(connection.__wrapped__, name)


def _is_table(connection: Any, name: str) -> bool:
    with closing(_duplicate(connection)) as duplicate:
        return duplicate.execute(_TABLE, [name]).fetchone() is not None


def _columns(relation: Any) -> tuple[Column, ...]:
    return tuple(
        Column(name=name, type=str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True)
    )


def in_callers_frame(method: Any) -> Any:
    """The method, called as if from the user's own function.

    DuckDB looks for the DataFrames that a statement names among the variables of the Python frame that calls it; a
    frame of ours in between would hide them. https://duckdb.org/docs/stable/clients/python/data_ingestion
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        frame = callers_frame()
        scope = {**frame.f_locals, "_lineage_call": (method, args, kwargs)}
        return eval(_CALL, frame.f_globals, scope)

    return call


_CALL = compile("_lineage_call[0](*_lineage_call[1], **_lineage_call[2])", "<prefect_lineage_events>", "eval")


def _traced_duplicate(connection: ConnectionProxy, duplicate: Any) -> Any:
    """`cursor()` is another connection to the same database, with transactions and temporary tables of its own."""
    return trace(duplicate, replace(connection._self_driver, store=lambda _: connection._self_store))


DRIVER = replace(
    ENGINE,
    text=statement_text,
    traced_cursor=_traced_duplicate,
    connection_calls={
        "execute": _runs,
        "executemany": _runs,
        "begin": weaves.begins_transaction,
        "register": _registers,
        "unregister": _unregisters,
        **dict.fromkeys(("sql", "query", "from_query"), _relates),
        **dict.fromkeys(("fetchone", "fetchmany", "fetchall"), _fetches),
        **dict.fromkeys(("df", "fetchdf", "fetch_df", "pl", "to_arrow_table", "fetch_arrow_table"), _fetches_frame),
    },
)
"""DuckDB's own connection."""
