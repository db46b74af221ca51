"""DuckDB: its own connections, and duckdb-engine's wrapper of them.

https://duckdb.org/docs/stable/clients/python/overview
"""

from __future__ import annotations

import re
import weakref
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from types import FrameType
from typing import Any
from uuid import uuid4

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.connections import trace
from prefect_lineage_events.instrumentation.driver import Driver, rowcount, statement_text
from prefect_lineage_events.instrumentation.drivers.duckdb import module, relations
from prefect_lineage_events.instrumentation.drivers.duckdb.appenders import trace_appender, trace_query_appender
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import (
    SCAN,
    callers_frame,
    frame_variable,
    has_frame_variables,
    in_callers_frame,
    observe_setting,
    replace_names,
    with_bound_files,
)
from prefect_lineage_events.instrumentation.drivers.duckdb.lookup import InstanceLookup, duplicate_of
from prefect_lineage_events.instrumentation.drivers.duckdb.scanned_frames import scan_of, with_readers
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    answer_or_default,
    argument,
    operation_of,
    parameters_of,
)
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy
from prefect_lineage_events.naming import quote
from prefect_lineage_events.stores import Store

_PATH = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
# Texts that are valid as a subquery, and those that are so only in parentheses. A relation of any other is a result.
_QUERY = re.compile(r"(?=([\s(]*))\1(?:WITH|SELECT|FROM|VALUES)\b", re.IGNORECASE)
_GIVES_ROWS = re.compile(r"(?=(\s*))\1(?:TABLE|PIVOT|UNPIVOT|SUMMARIZE|DESCRIBE|SHOW)\b", re.IGNORECASE)
_QUOTED_OR_END = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|;""")
# The result of a statement that changes data or settings is one row: the number of changed rows, or success.
_STATUS_COLUMNS = frozenset({"Count", "Success"})


def store(connection: Any) -> Store:
    """The current database's file, read on a duplicate of the connection, so that no result of the user is lost."""
    with closing(duplicate_of(connection)) as duplicate:
        row = duplicate.execute(_PATH).fetchone()
    path = row[0] if row else None
    return stores.duckdb(path) if path else stores.duckdb("", memory_id=uuid4().hex[:12])


def rows(cursor: Any) -> int | None:
    """The number of changed rows. DuckDB does not count rows of queries; they are counted as they are fetched."""
    return rowcount(cursor) if _is_status(cursor) else None


def has_result(cursor: Any) -> bool:
    """Has the cursor rows of a query? The result of any other statement is a status of one row."""
    return cursor.description is not None and not _is_status(cursor)


def _is_status(cursor: Any) -> bool:
    description = cursor.description
    return bool(description) and len(description) == 1 and description[0][0] in _STATUS_COLUMNS


# Texts that duckdb-engine runs as a call of `register(name, frame)`, with name and frame as the parameters.
_REGISTERING = frozenset({"register", "register(?, ?)", "register($1, $2)"})
_registered_by: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()


def _engine_text(operation: Any, parameters: Any, cursor: Any) -> str:
    """The statement with scans for the DataFrames that were registered as views on the cursor's connection."""
    scans = _registered_by.setdefault(cursor._CursorWrapper__connection_wrapper, {})
    text = statement_text(operation, parameters, cursor)
    if text.lower() in _REGISTERING:
        name, value = str(parameters[0]), parameters[1]
        scans[name.lower()] = answer_or_default(_query_of_value, value, name, default=SCAN)
        return ""
    return replace_names(text, lambda name: scans.get(name.lower())) if scans else text


ENGINE = Driver(
    store=store,
    autocommits=lambda _: True,
    rows=rows,
    has_result=has_result,
    type_name=str,
    text=_engine_text,
    reads_inside=SCAN.partition("(")[0],
    with_readers=with_readers,
    lookup=InstanceLookup,
    before_close=InstanceLookup.read_before_close,
    connection_wrappers={"begin": wrappers.trace_begin},
)
"""duckdb-engine's wrapper: DuckDB commits each statement unless a transaction was begun, by method or by text."""


def _cursor_of(connection: ConnectionProxy) -> CursorProxy:
    """The cursor proxy of the connection, which in DuckDB is its own cursor, for `execute` and `fetch*`.

    It has only a weak reference to the connection's proxy: a cycle would keep a file locked after `del connection`.
    """
    results: CursorProxy | None = connection._self_state.get("results")
    if results is None:
        results = CursorProxy(connection.__wrapped__, weakref.proxy(connection))
        connection._self_state["results"] = results
    return results


def _trace_execute(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `execute` and `executemany`, which return the connection."""
    results = _cursor_of(connection)
    operation, _ = _resolved(connection, args, kwargs)
    result = wrappers.trace_execute_as(results, operation, in_callers_frame(method), args, kwargs)
    return connection if result is results else result


def _trace_fetch(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return getattr(_cursor_of(connection), method.__name__)(*args, **kwargs)


def _trace_fetch_frame(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    return wrappers.trace_fetch_frame(_cursor_of(connection), in_callers_frame(method), args, kwargs)


def _trace_sql(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `sql()` and its aliases: a query becomes a relation, reported when it runs; all else has run."""
    operation, names = _resolved(connection, args, kwargs)
    execution = Execution(connection, operation)
    relation = in_callers_frame(method)(*args, **kwargs)
    *before, last = _parts(operation) or [""]
    ran = relation is None or bool(before) or answer_or_default(relations.has_run, relation, default=False)
    if ran:
        execution.succeeded(columns=relations.columns_of(relation) if relation is not None else ())
    if relation is not None:
        query = last
        if not _QUERY.match(last):
            query = f"SELECT * FROM ({last})" if _GIVES_ROWS.match(last) else f"SELECT * FROM {SCAN}"
        relations.track(connection, relation, query, query=query, names=names, held=ran)
    return relation


def _parts(script: str) -> list[str]:
    """The statements of a script; a semicolon in quotes or a comment ends none."""
    text = script.strip().rstrip(";")
    if ";" not in text:
        return [text] if text else []
    ends = [found.start() for found in _QUOTED_OR_END.finditer(text) if found[0] == ";"]
    parts = [text[start:end] for start, end in pairwise([0, *(end + 1 for end in ends), len(text) + 1])]
    return [part.rstrip(";") for part in parts if part.strip(" \t\r\n;")]


def _track_relation(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Track the relation of `table()`, `read_parquet()`, `from_df()` and the like, which read nothing yet."""
    relation = in_callers_frame(method)(*args, **kwargs)
    given = answer_or_default(_query_of_value, argument(args, kwargs, 0, "df", "arrow_object"), default=SCAN)
    relations.track(connection, relation, f"SELECT * FROM {given}")
    return relation


def _trace_append(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `append(table, frame)`."""
    execution = Execution(connection)
    result = method(*args, **kwargs)
    table, frame = argument(args, kwargs, 0, "table_name"), argument(args, kwargs, 1, "df")
    given = answer_or_default(_query_of_value, frame, default=SCAN)
    execution.operation = f"INSERT INTO {relations.quoted(str(table))} SELECT * FROM {given}"
    execution.succeeded(rows=wrappers.row_count(frame))
    return connection._self_same(result)


def _trace_register(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `register(name, frame)`: a view of that name on a Python object."""
    result = method(*args, **kwargs)
    name, value = argument(args, kwargs, 0, "view_name"), argument(args, kwargs, 1, "python_object")
    _registered(connection)[str(name).lower()] = _query_of_value(value, str(name))
    return connection._self_same(result)


def _trace_unregister(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    result = method(*args, **kwargs)
    _registered(connection).pop(str(next(iter((*args, *kwargs.values())))).lower(), None)
    return connection._self_same(result)


def _registered(connection: ConnectionProxy) -> dict[str, str]:
    """The queries of the names that were registered on the connection."""
    names: dict[str, str] = connection._self_state.setdefault("registered", {})
    return names


_LONG = 16_384  # characters: a text in which the names of tables are looked for only where one may be Python's


def _resolved(connection: ConnectionProxy, args: Any, kwargs: Any) -> tuple[str, dict[str, str]]:
    """The statement with Python's names in it replaced by their queries, and these queries by name."""
    operation = operation_of(args, kwargs)
    text = str(getattr(operation, "query", operation))  # a result of `extract_statements` has its text there
    parameters = parameters_of(args, kwargs)
    if len(text) <= _LONG:
        observe_setting(text)
    if parameters and len(text) <= _LONG and ("?" in text or "$" in text):
        text = answer_or_default(with_bound_files, text, parameters, default=text)
    found: dict[str, str] = {}
    frame = callers_frame()

    def query_of_name(name: str) -> str | None:
        query = _query_of_name(connection, frame, name)
        if query is not None:
            found[name.lower()] = query
        return query

    if (
        len(text) > _LONG
        and not _registered(connection)
        and not answer_or_default(has_frame_variables, frame, default=True)
    ):
        return text, {}
    return answer_or_default(replace_names, text, query_of_name, default=text), found


def _query_of_name(connection: ConnectionProxy, frame: FrameType, name: str) -> str | None:
    """The query of a name. A registered name takes precedence over a table, and a table over a variable."""
    registered = _registered(connection).get(name.lower())
    if registered is not None:
        return registered
    value = frame_variable(frame, name)
    if value is None or _is_table(connection.__wrapped__, name):
        return None
    return _query_of_value(value, name)


def _query_of_value(value: Any, name: str = "frame") -> str:
    """The expression for a Python object in a statement: a relation's query, a scan of a frame or of another object."""
    query = relations.query_of(value)
    if query:
        return f"({query})"
    return scan_of(value, name) or SCAN


def _is_table(connection: Any, name: str) -> bool:
    """Return whether DuckDB finds a table or a view of this name, also a temporary or uncommitted one.

    It looks the name up as the statement will: by a relation on the user's own connection, which runs nothing and
    leaves its result and its transaction as they are. A query of the catalog would take milliseconds. The scope of the
    call has no variable that it could take for a table.
    """
    import duckdb

    try:
        found = eval(_TABLE, {"__builtins__": {}}, {"_lineage_table": connection.table, "_lineage_name": quote(name)})
    except duckdb.Error:  # there is none, or it cannot be read: then the statement fails too
        return False
    return not relations.is_of_python(found)  # a variable in an outer frame, with `python_scan_all_frames`


_TABLE = compile("_lineage_table(_lineage_name)", "<prefect_lineage_events>", "eval")


def _trace_duplicate(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `cursor()`: another connection to the same database, with its own transactions and temporary tables."""
    driver = replace(connection._self_driver, store=lambda _: connection._self_store)
    return trace(method(*args, **kwargs), driver)


def _on_trace(connection: ConnectionProxy) -> None:
    relations.trace_relations()
    module.trace_module_functions(connection)


_SQL_METHODS = ("sql", "query", "from_query")
_RELATION_METHODS = (
    "table", "view", "values", "table_function", "read_parquet", "from_parquet", "read_csv", "from_csv_auto",
    "read_json", "from_df", "from_arrow",
)  # fmt: skip
_FETCH_METHODS = ("fetchone", "fetchmany", "fetchall")
_FRAME_METHODS = (
    "df", "fetchdf", "fetch_df", "pl", "arrow", "to_arrow_table", "fetch_arrow_table", "to_arrow_reader",
    "fetch_record_batch", "fetchnumpy", "torch", "tf",
)  # fmt: skip

DRIVER = replace(
    ENGINE,
    on_trace=_on_trace,
    text=statement_text,
    connection_wrappers={
        "execute": _trace_execute,
        "executemany": _trace_execute,
        "begin": wrappers.trace_begin,
        "register": _trace_register,
        "unregister": _trace_unregister,
        "append": _trace_append,
        "appender": trace_appender,
        "query_appender": trace_query_appender,
        "cursor": _trace_duplicate,
        "duplicate": _trace_duplicate,
        **dict.fromkeys(_SQL_METHODS, _trace_sql),
        **dict.fromkeys(_RELATION_METHODS, _track_relation),
        **dict.fromkeys(_FETCH_METHODS, _trace_fetch),
        **dict.fromkeys(_FRAME_METHODS, _trace_fetch_frame),
    },
)
"""DuckDB's own connection."""
