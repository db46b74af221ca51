"""Python variables in a DuckDB statement: DataFrames, and relations that were not run yet.

A DataFrame is no dataset of the statement's lineage; a relation is replaced by its query.
https://duckdb.org/docs/stable/guides/python/sql_on_pandas
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.windowed import find_all, search

# DuckDB's expression for a DataFrame, an Arrow table or an array: a scan of an object outside of the database.
SCAN = "pandas_scan(0)"
_PACKAGE = "prefect_lineage_events."
# Packages whose objects DuckDB takes for tables.
_FRAME_PACKAGES = frozenset({"pandas", "polars", "pyarrow", "numpy", "modin", "datasets", "duckdb", "_duckdb"})

_LIST = re.compile(r"\b(?:FROM|JOIN|PIVOT|UNPIVOT|SUMMARIZE|DESCRIBE)(?=\s)", re.IGNORECASE)
_LONGEST_LIST = 10  # characters of a match, with the blank behind it
_ITEM = re.compile(
    r'(?P<name>"[A-Za-z_]\w*"|[A-Za-z_]\w*)\b(?!\s*[.(])(?=(?P<following>\s+\w+)?)(?P<alias>(?:\s+AS)?\s+\w+)?(?P<next>\s*,\s*)?',
    re.IGNORECASE,
)
_SOLID = re.compile(r"\S")
_CTE = re.compile(r"\b(\w{1,255})\s{1,99}AS\s{1,99}(?:(?:NOT\s{1,99})?MATERIALIZED\s{1,99})?\(", re.IGNORECASE)
_LONGEST_CTE = 700
# Words that may follow a table's name and are no alias of it.
_CLAUSES = re.compile(
    r"where|join|left|right|full|inner|outer|cross|natural|asof|positional|semi|anti|on|using|group|having|order|limit"
    r"|offset|union|intersect|except|qualify|window|sample|tablesample|select|set|returning|pivot|unpivot|in",
    re.IGNORECASE,
)


def callers_frame() -> FrameType:
    """The innermost frame that is not ours, in which DuckDB would look for variables without us."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def in_callers_frame(method: Any) -> Any:
    """Return the method, called in the scope of the user's function.

    DuckDB looks for the DataFrames that a statement names among the variables of the Python frame that calls it; a
    frame of ours in between would hide them. Its warnings name that frame's line, and so does a traceback.
    https://duckdb.org/docs/stable/clients/python/data_ingestion
    """

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        frame = callers_frame()
        scope = {**_variables(frame), "_lineage_call": (method, args, kwargs)}
        here = frame.f_code
        code = _CALL.replace(co_filename=here.co_filename, co_name=here.co_name, co_firstlineno=frame.f_lineno)
        return eval(code, frame.f_globals, scope)

    return call


_CALL = compile("_lineage_call[0](*_lineage_call[1], **_lineage_call[2])", "<prefect_lineage_events>", "eval")


_ALL_FRAMES = "python_scan_all_frames"
_seen: set[str] = set()
_MAX_FRAMES = 1_000


def observe_setting(text: str) -> None:
    """Note that a program may have set DuckDB to look for variables in all outer frames too."""
    if _ALL_FRAMES in text.lower():
        _seen.add(_ALL_FRAMES)


def forget_setting() -> None:
    """Forget that a program has set it."""
    _seen.clear()


patches.when_off(forget_setting)


def _variables(frame: FrameType) -> Mapping[str, Any]:
    """The variables that DuckDB finds in a frame beside its globals; those of outer frames, where it looks there too.

    Then they are in one scope, because frames of ours with variables of theirs are in between.
    """
    if not _seen:
        return _local_variables(frame)
    frames = [frame]
    while (outer := frames[-1].f_back) is not None and len(frames) < _MAX_FRAMES:
        frames.append(outer)
    found: dict[str, Any] = {}
    for one in reversed(frames):
        if not str(one.f_globals.get("__name__", "")).startswith(_PACKAGE):
            found |= one.f_globals
            found |= _local_variables(one)
    return found


def _local_variables(frame: FrameType) -> Mapping[str, Any]:
    """The local variables of a frame, as in `frame.f_locals`.

    Up to Python 3.12 the frame of a function keeps that dictionary. A connection in it would stay open after the
    function has deleted or replaced its variable, and DuckDB refuses to open its file in another way. PEP 667
    """
    found = frame.f_locals
    if sys.version_info >= (3, 13) or not frame.f_code.co_flags & CO_OPTIMIZED:
        return found
    variables = {**found}
    for name, value in variables.items():
        if issubclass(type(value), ConnectionProxy):
            found.pop(name, None)
    return variables


def replace_names(sql: str, query_of_name: Callable[[str], str | None]) -> str:
    """The statement with each name replaced by the result of `query_of_name`; None keeps a name."""
    parts: list[str] = []
    end = 0
    ctes: set[str] | None = None  # looked for once, and only where a name stands for something
    for item in _items(sql):
        name = item["name"].strip('"')
        query = query_of_name(name)
        if query is None:
            continue
        if ctes is None:
            ctes = {cte[1].lower() for cte in find_all(_CTE, sql, _LONGEST_CTE)}
        if name.lower() in ctes:
            continue
        has_alias = item["following"] and not _CLAUSES.fullmatch(item["following"].strip())
        if has_alias and query == SCAN:
            query = f"{SCAN.partition('(')[0]}({item['name']})"
        parts += [sql[end : item.start("name")], query, "" if has_alias else f" AS {name}"]
        end = item.end("name")
    return "".join([*parts, sql[end:]])


_BIND = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|\?\d{0,9}|\$\w{1,99}""")
_LOCATION = re.compile(r"(?:\b(?:read_\w{1,30}|\w{1,30}_scan)\s{0,20}\(|\b(?:TO|FROM))\s{0,20}\Z", re.IGNORECASE)
_BEFORE_LOCATION = 80  # characters


def with_bound_files(sql: str, parameters: Any) -> str:
    """The statement with the files that it names by binds: `read_csv(?)`, `COPY t TO $1`. Signed URLs stay out."""
    parts: list[str] = []
    end = number = 0
    for found in _BIND.finditer(sql):
        bind = found[0]
        if bind[0] not in "?$":
            continue
        number += bind == "?"
        key = bind[1:] or str(number)
        if isinstance(parameters, Mapping):
            value = parameters.get(key)
        else:
            value = parameters[int(key) - 1] if key.isdecimal() and 0 < int(key) <= len(parameters) else None
        if (
            isinstance(value, str)
            and not _may_be_secret(value)
            and _LOCATION.search(sql[max(found.start() - _BEFORE_LOCATION, 0) : found.start()])
        ):
            parts += [sql[end : found.start()], "'" + value.replace("'", "''") + "'"]
            end = found.end()
    return "".join([*parts, sql[end:]])


def _may_be_secret(location: str) -> bool:
    after_scheme = location.partition("://")[2]
    return "?" in after_scheme or "@" in after_scheme


def _items(sql: str) -> Iterator[re.Match[str]]:
    """The unqualified names in the statement's lists of tables: those after FROM, JOIN and the commas behind them."""
    for start in find_all(_LIST, sql, _LONGEST_LIST):
        first = search(_SOLID, sql, 1, start.end())
        item = first and _ITEM.match(sql, first.start())
        while item is not None:
            yield item
            item = _ITEM.match(sql, item.end()) if item["next"] else None


def has_frame_variables(frame: FrameType) -> bool:
    """True if the frame has a variable that DuckDB may take for a table: a scan of a long text costs more than this."""
    return any(_is_table_like(value) for scope in (_variables(frame), frame.f_globals) for value in scope.values())


def frame_variable(frame: FrameType, name: str) -> Any:
    """The variable that DuckDB would take for a table in this frame: a DataFrame or its like; None for anything else.

    Only its type is checked: reading the columns of a lazy frame would compute them, and warn.
    """
    value: Any = _variables(frame).get(name, frame.f_globals.get(name))
    return value if _is_table_like(value) else None


def _is_table_like(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return bool(value) and all(type(column).__module__.partition(".")[0] == "numpy" for column in value.values())
    return kind.__module__.partition(".")[0] in _FRAME_PACKAGES or hasattr(kind, "__arrow_c_stream__")
