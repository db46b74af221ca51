"""Readers of definitions, transfers and changes of the connection, by the first word of the statement."""

from __future__ import annotations

from collections.abc import Callable

from prefect_lineage_events.sql import attach
from prefect_lineage_events.sql.tables import alter_drop, copy, execute, renames, use_set
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.copy import Query
from prefect_lineage_events.sql.words import NO_DATA, PARSED, Words

TRANSFERS: dict[str, Callable[[Words, StatementBuilder], Query | None]] = {
    "COPY": copy.copy,
    "UNLOAD": copy.unload,
    "LOAD": copy.load,
    "EXPORT": copy.export,
    "IMPORT": copy.import_,
    "PUT": copy.put,
    "GET": copy.put,
    "BULK": copy.bulk,
    "APPLY": copy.apply_changes,
    "AUTO": copy.apply_changes,
}
DEFINITIONS: dict[str, Callable[[Words, StatementBuilder], object]] = {
    "ATTACH": attach.attach,
    "DROP": alter_drop.drop,
    "UNDROP": alter_drop.undrop,
    "FLASHBACK": alter_drop.flashback,
    "RESTORE": alter_drop.restore,
    "REFRESH": alter_drop.refresh,
    "TRUNCATE": alter_drop.truncate,
    "RENAME": renames.rename,
    "EXCHANGE": renames.exchange,
    "USE": use_set.use,
    "DATABASE": use_set.use,
    "PREPARE": execute.prepare,
    "DEALLOCATE": execute.deallocate,
    "DISCARD": use_set.discard,
    "RESET": use_set.reset,
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
