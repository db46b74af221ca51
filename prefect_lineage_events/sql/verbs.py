"""Readers of definitions, transfers and changes of the connection, by the first word of the statement."""

from __future__ import annotations

from collections.abc import Callable

from . import alterations, attached, connection, executed, renames, transfers
from .draft import Draft
from .sniff import NO_DATA, PARSED
from .transfers import Query
from .words import Words

TRANSFERS: dict[str, Callable[[Words, Draft], Query | None]] = {
    "COPY": transfers.copy,
    "UNLOAD": transfers.unload,
    "LOAD": transfers.load,
    "EXPORT": transfers.export,
    "IMPORT": transfers.import_,
    "PUT": transfers.put,
    "GET": transfers.put,
    "BULK": transfers.bulk,
    "APPLY": transfers.apply_changes,
    "AUTO": transfers.apply_changes,
}
DEFINITIONS: dict[str, Callable[[Words, Draft], object]] = {
    "ATTACH": attached.attach,
    "DROP": alterations.drop,
    "UNDROP": alterations.undrop,
    "FLASHBACK": alterations.flashback,
    "RESTORE": alterations.restore,
    "REFRESH": alterations.refresh,
    "TRUNCATE": alterations.truncate,
    "RENAME": renames.rename,
    "EXCHANGE": renames.exchange,
    "USE": connection.use,
    "DATABASE": connection.use,
    "PREPARE": executed.prepare,
    "DEALLOCATE": executed.deallocate,
    "DISCARD": connection.discard,
    "RESET": connection.reset,
}

_EXPLAINED = PARSED - {"("} | {"CREATE", "EXECUTE"}
# EXPLAIN of a table describes it (dev.mysql.com: EXPLAIN, clickhouse.com: EXPLAIN)
_EXPLAINS_TABLES = frozenset({"", "mysql", "singlestore", "doris", "starrocks", "clickhouse", "spark", "databricks"})
_NEAR = 40  # words behind EXPLAIN: its options, and the verb of a statement
_NAMED = 4  # EXPLAIN, a table, a column, and no more


def is_explained(words: Words, dialect: str) -> bool:
    """Does EXPLAIN stand before a statement, or before the name of a table?"""
    verbs = (NO_DATA | PARSED | DEFINITIONS.keys() | TRANSFERS.keys()) - {"("}
    if not verbs.isdisjoint(words.upper[1:_NEAR]):
        return True
    is_name = words.is_name(1) and words.source[words.span(1)[0]] != '"'
    return dialect in _EXPLAINS_TABLES and is_name and (len(words) < _NAMED or words.word(2) == ".")


def explained(words: Words) -> int:
    """Where the statement starts that EXPLAIN ANALYZE runs; -1 where nothing runs."""
    at, runs = 1, False
    while at < len(words) and words.word(at) not in _EXPLAINED:
        runs = runs or words.word(at) in ("ANALYZE", "ANALYSE")
        at += 1
    return at if runs and at < len(words) else -1
