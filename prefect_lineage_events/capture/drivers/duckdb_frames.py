"""DataFrames that a DuckDB statement names as tables: Python's, not the database's, so no dataset of its lineage.

https://duckdb.org/docs/stable/guides/python/sql_on_pandas
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_PACKAGE = "prefect_lineage_events."
_NAMED = re.compile(r"\b(FROM|JOIN)(\s+)([A-Za-z_]\w*)\b(?!\s*[.(])(?=\s+(\w+))?", re.IGNORECASE)
# Words that may follow a table's name and are no alias of it.
_CLAUSES = re.compile(
    r"where|join|left|right|full|inner|outer|cross|natural|asof|positional|semi|anti|on|using|group|having|order|limit"
    r"|offset|union|intersect|except|qualify|window|sample|tablesample|select|set|returning|pivot|unpivot",
    re.IGNORECASE,
)


def callers_frame() -> FrameType:
    """The innermost frame that is not ours: where DuckDB would look for variables without us."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def without_frames(sql: str, is_frame: Callable[[str], bool]) -> str:
    """The statement with its DataFrames named as what they are to DuckDB, a scan of something outside of it."""

    def scanned(found: re.Match[str]) -> str:
        keyword, space, name, following = found.groups(default="")
        if not is_frame(name):
            return found[0]
        has_alias = following and not _CLAUSES.fullmatch(following)
        return f"{keyword}{space}pandas_scan(0)" + ("" if has_alias else f" AS {name}")

    return _NAMED.sub(scanned, sql)


def is_variable(frame: FrameType, name: str) -> bool:
    """Does the name stand for a DataFrame, or its like, where this frame of Python runs?"""
    value: Any = frame.f_locals.get(name, frame.f_globals.get(name))
    return hasattr(value, "columns") or hasattr(value, "schema") or type(value).__module__.partition(".")[0] == "numpy"
