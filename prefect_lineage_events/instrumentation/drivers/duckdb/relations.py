"""DuckDB's relations: queries built by method calls, which run when they are fetched, written or shown.

A relation stays DuckDB's own object, because later statements may name it as a Python variable, where DuckDB would not
accept a proxy. So the methods of its class are patched; the patches do nothing for relations of connections that are
not traced. The tables that a relation reads are in its SQL.
https://duckdb.org/docs/stable/clients/python/relational_api
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.emission.value_matching import store_row
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import SCAN, in_callers_frame, replace_names
from prefect_lineage_events.instrumentation.execution import Execution, answer_or_default, argument
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.rowcount import FetchedRows
from prefect_lineage_events.naming import quote, split_name

_TABLE = "CREATE TABLE {name} AS {query}"
_VIEW = "CREATE OR REPLACE VIEW {name} AS {query}"
_FILE = "COPY ({query}) TO {path}"
# Methods that write what the relation gives, and the statement that each of them is.
_WRITE_METHODS = {
    "create": _TABLE,
    "to_table": _TABLE,
    "create_view": _VIEW,
    "to_view": _VIEW,
    "insert_into": "INSERT INTO {name} {query}",
    "write_csv": _FILE,
    "to_csv": _FILE,
    "write_parquet": _FILE,
    "to_parquet": _FILE,
}
# Methods of a relation on a table that change the table.
_CHANGE_METHODS = {"insert": "INSERT INTO {table} VALUES (?)", "update": "UPDATE {table} SET {columns}"}
# Methods that run the query and give rows.
_READ_METHODS = frozenset(
    {
        "fetchone", "fetchmany", "fetchall", "fetchnumpy", "df", "fetchdf", "to_df", "fetch_df_chunk", "pl", "arrow",
        "to_arrow_table", "fetch_arrow_table", "to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch",
        "record_batch", "torch", "tf", "to_dicts", "iter_rows", "execute", "materialize", "show", "preview",
        "__len__", "__str__", "__repr__", "__arrow_c_stream__",
    }
)  # fmt: skip
# After these the rest of the result is still to be fetched.
_PARTIAL_READS = frozenset({"fetchone", "fetchmany", "fetch_df_chunk", "execute"})
_STEP_METHODS = frozenset({"__getitem__", "__getattr__"})
_UNTRACED_METHODS = frozenset({"sql_query", "explain", "close"})
# Names in a relation's SQL for data in Python or in a result.
_SOURCE = re.compile(r'"(__duckdb_source_\w+)"')
_ONLY_SOURCE = re.compile(r'SELECT \* FROM "__duckdb_source_\w+"(?: AS "\w+")?\s*\Z')
_NAMED_SOURCE = re.compile(r'\b(\w+) AS NOT MATERIALIZED \(\s*SELECT \* FROM "(__duckdb_source_\w+)"\s*\)')
_OF_PYTHON = re.compile(r"__duckdb_source_|\b(?:pandas|arrow|python_map|numpy)_scan\(")
_HELD_RESULT = "ColumnDataCollection"
# Parts that differ each time: generated names, and addresses in memory.
_GENERATED = re.compile(r"\b(unnamed_relation|df|arrow_object)_[0-9a-f]{16}\b")
_SCAN = re.compile(r"\b(?:pandas|arrow)_scan\([^()]*\)")
_ADDRESS = re.compile(r",\s*0x[0-9a-f]+\b")
_MAX_SOURCES = 1_000
_PLAIN_QUERY = re.compile(r"SELECT \* FROM ([\w.\"]+)\s*", re.IGNORECASE)


@dataclass(eq=False)
class TracedRelation:
    """A relation of a traced connection: its connection, its query, and the rows fetched so far.

    `held`: its rows were read when it was made, so a fetch is no other read.
    """

    connection: ConnectionProxy
    query: str
    held: bool = False
    fetched: FetchedRows = field(init=False)

    def __post_init__(self) -> None:
        self.fetched = FetchedRows(self.connection._self_tracer)


_known: WeakKeyDictionary[Any, TracedRelation] = WeakKeyDictionary()
_inside = local()
_patched: set[str] = set()
patches.when_off(_patched.clear)


def trace_relations() -> None:
    """Patch the methods of DuckDB's relations, unless that is done; called when a connection is traced."""
    import duckdb

    if _patched:
        return
    _patch(duckdb.DuckDBPyRelation)
    grouped = getattr(duckdb.DuckDBPyRelation, "group_by", None)
    if grouped is not None:
        from duckdb._relation import GroupedRelation  # from version 2 on

        _patch(GroupedRelation)
    _patched.add(duckdb.__name__)


def _patch(kind: Any) -> None:
    special = _READ_METHODS | _STEP_METHODS
    for name, value in list(vars(kind).items()):
        if callable(value) and (name in special or not name.startswith("_")) and name not in _UNTRACED_METHODS:
            patches.add(kind, name, _traced)


def _traced(method: Any, is_on: Callable[[], bool]) -> Any:
    return wrapt.FunctionWrapper(method, _trace_method, enabled=is_on)


def query_of(relation: Any) -> str | None:
    """The query of a relation of a traced connection; None for any other object."""
    known = _known.get(relation) if _is_relation(relation) else None
    return known.query if known is not None else None


def track(
    connection: ConnectionProxy,
    relation: Any,
    hidden: str,
    *,
    query: str | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    held: bool = False,
) -> None:
    """Track a new relation of a traced connection.

    `query` is its query, if that is more exact than DuckDB's own SQL of it. `hidden` is the query of what that SQL does
    not show, because it is in Python or in a result. `names` are Python's names in its statement, with their queries.
    """
    with guarded("tracking a relation", connection._self_tracer.lose_step):
        own = _own_query(connection, relation, hidden, names)
        _known[relation] = TracedRelation(connection, query or own, held)


def is_of_python(relation: Any) -> bool:
    """Return whether a relation's SQL has data in Python."""
    return _OF_PYTHON.search(relation.sql_query()) is not None


def has_run(relation: Any) -> bool:
    """Was the relation's statement run when it was made, so that the relation is its result?"""
    shown = answer_or_default(relation.sql_query, default=_HELD_RESULT)
    return _HELD_RESULT in shown or _ONLY_SOURCE.match(shown) is not None


def _trace_method(method: Callable[..., Any], relation: Any, args: Any, kwargs: Any) -> Any:
    """The wrapper of all methods of relations."""
    known = None if getattr(_inside, "ours", False) else _known.get(relation)
    if known is None:
        return method(*args, **kwargs)
    execution = Execution(known.connection)
    with _one_call():
        result = in_callers_frame(method)(*args, **kwargs)
    with guarded("following a relation", known.connection._self_tracer.lose_step), _one_call():
        name = method.__name__
        if name in _READ_METHODS:
            _note_read(known, relation, name, result, execution)
        elif (statement := _statement_of(known, name, args, kwargs, result)) is not None:
            execution.operation = statement
            execution.succeeded()
        _track_result(known, name, result, args, kwargs)
    return result


@contextmanager
def _one_call() -> Iterator[None]:
    """Suppress the reports of nested calls: DuckDB's methods call each other, and only the user's call is reported."""
    _inside.ours = True
    try:
        yield
    finally:
        _inside.ours = False


def _note_read(known: TracedRelation, relation: Any, name: str, result: Any, execution: Execution) -> None:
    """Note one read for a result, however often it is fetched from."""
    if known.held:
        return
    fetched = known.fetched
    if not fetched.open:
        execution.operation = known.query
        note = execution.succeeded(columns=columns_of(relation))
        if note is not None:
            fetched.start(note, relation)
            single = result[0] if type(result) is list and len(result) == 1 else result
            if type(single) is tuple:
                store_row(note, single)
    fetched.keep([result] if type(result) is tuple else result)
    fetched.keep_frame(result)
    rows = (0 if result is None else 1) if name == "fetchone" else _rows(result)
    fetched.add(rows or 0)
    if name not in _PARTIAL_READS or rows == 0:
        fetched.end(exhausted=rows is not None)


def _rows(result: Any) -> int | None:
    """The number of fetched rows; None for a relation, which would run a query to count them."""
    return None if _is_relation(result) else wrappers.row_count(result)


def _is_relation(value: Any) -> bool:
    return type(value).__name__ == "DuckDBPyRelation"


def _statement_of(known: TracedRelation, name: str, args: Any, kwargs: Any, result: Any) -> str | None:
    """The statement that a method has run; None for a method that only makes another relation."""
    if name == "query" and (result is None or has_run(result)):
        return _in_view(known, args, kwargs)
    if name in _WRITE_METHODS:
        target = str(argument(args, kwargs, 0, "table_name", "view_name", "file_name"))
        path = "'" + target.replace("'", "''") + "'"
        return _WRITE_METHODS[name].format(name=quoted(target), query=known.query, path=path)
    if name in _CHANGE_METHODS:
        table = _PLAIN_QUERY.fullmatch(known.query)
        given = args[0] if args else next(iter(kwargs.values()), ())
        columns = ", ".join(f"{quoted(str(column))} = ?" for column in given) if name == "update" else ""
        return _CHANGE_METHODS[name].format(table=table[1], columns=columns) if table else None
    return None


def _track_result(known: TracedRelation, name: str, result: Any, args: Any, kwargs: Any) -> None:
    """Track the result of a method if it is a relation, or a step on the way to one."""
    if type(result).__name__ == "GroupedRelation":
        _known[result] = known
    elif _is_relation(result) and result not in _known:
        # For what DuckDB does not show of the new relation: a read of the old one, without its columns.
        held = name == "materialize"
        hidden = known.query if held else f"SELECT 1 FROM ({known.query})"
        query = _in_view(known, args, kwargs) if name == "query" else None
        track(known.connection, result, hidden, query=query, held=held)


def _in_view(known: TracedRelation, args: Any, kwargs: Any) -> str:
    """The statement of `relation.query("name", sql)`, in which the relation is a view of that name."""
    view, sql = (str(given) for given in (*args, *kwargs.values())[:2])
    return replace_names(sql, lambda name: f"({known.query})" if name.lower() == view.lower() else None)


def _own_query(connection: ConnectionProxy, relation: Any, hidden: str, names: Mapping[str, str]) -> str:
    """DuckDB's SQL of the relation, with the parts it does not show filled in; `hidden` where it shows nothing."""
    shown: str = answer_or_default(relation.sql_query, default=_HELD_RESULT).strip()
    if _HELD_RESULT in shown:
        return hidden
    sources: dict[str, str] = connection._self_state.setdefault("sources", {})
    unknown = dict.fromkeys(name for name in _SOURCE.findall(shown) if name not in sources)
    by_name = {source: names.get(name.lower(), SCAN) for name, source in _NAMED_SOURCE.findall(shown)}
    for source in unknown:
        if len(sources) >= _MAX_SOURCES:
            del sources[next(iter(sources))]
        sources[source] = by_name.get(source) or (f"({hidden})" if len(unknown) == 1 else SCAN)
    normal = _ADDRESS.sub("", _GENERATED.sub(r"\1", _SCAN.sub(SCAN, shown)))
    return _SOURCE.sub(lambda found: sources.get(found[1], SCAN), normal)


def columns_of(relation: Any) -> tuple[Column, ...]:
    """The columns of the relation, which are known before it runs."""
    return answer_or_default(_columns, relation, default=())


def _columns(relation: Any) -> tuple[Column, ...]:
    return tuple(
        Column(name=str(name), type=str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)
    )


def quoted(name: str) -> str:
    """A dotted name with each part in quotes, so that no part is read as a word of SQL."""
    return ".".join(map(quote, split_name(name)))
