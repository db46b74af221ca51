"""Names by each store's rules: one table has one name.

A name is given in the case in which the store keeps it (`naming.CASES`), so that `db.t`, `DB.T` and the catalog's own
listing agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.naming import CASES, Case, fold

from .context import Context
from .model import TableRef

# Stores whose full table name has two parts, database.table: a default database stands before single names only.
TWO_LEVEL = frozenset({"mysql", "doris", "starrocks", "singlestore", "clickhouse", "hive", "sqlite", "teradata"})


def complete(parts: Sequence[str], context: Context, *, as_spelled: bool = False) -> tuple[str, ...]:
    """The parts of a table name with the default schema and database in front, where they are missing and known.

    `db..table` leaves the schema to the default: Snowflake's is PUBLIC, T-SQL's the user's own, left out where unknown.
    `as_spelled`: the defaults are not folded either.
    """
    schema, database = context.schema, context.database
    if not as_spelled and CASES.get(context.dialect, Case()).quoted == "lower":
        schema, database = schema and schema.lower(), database and database.lower()
    if "" in parts:
        middle = "PUBLIC" if context.dialect == "snowflake" else schema or ""  # docs.snowflake.com: double-dot notation
        parts = [p or middle for p in parts]
        parts = [p for p in parts if p]
    if len(parts) == 1 and schema:
        parts = (schema, *parts)
    if database and len(parts) < (2 if context.dialect in TWO_LEVEL else 3):
        parts = (database, *parts)
    return tuple(parts)


def split_identifier(text: str, dialect: str) -> tuple[str, ...]:
    """The folded parts of a name given as text, as in `IDENTIFIER('db.sch."My Table"')`; () when it is no name."""
    parts: list[str] = []
    at, size = 0, len(text)
    while at < size:
        opening = text[at]
        closing = {'"': '"', "`": "`", "[": "]"}.get(opening)
        if closing:
            end = text.find(closing, at + 1)
            while end != -1 and text[end + 1 : end + 2] == closing:
                end = text.find(closing, end + 2)
            if end == -1:
                return ()
            parts.append(fold(text[at + 1 : end].replace(closing * 2, closing), True, dialect))
            at = end + 1
        else:
            end = text.find(".", at)
            end = size if end == -1 else end
            word = text[at:end].strip()
            if word and not all(c.isalnum() or c in "_$-#@%" for c in word):
                return ()
            parts.append(fold(word, False, dialect))
            at = end
        if at < size:
            if text[at] != "." or at + 1 == size:
                return ()
            at += 1
    return tuple(parts) if parts and parts[-1] else ()


_CATALOG_SCHEMAS = frozenset(
    {"information_schema", "pg_catalog", "performance_schema", "sys", "syscat", "sysibm", "svv"}
)
_CATALOG_BY_DIALECT: dict[str, frozenset[str]] = {
    "mysql": frozenset({"mysql"}),
    "clickhouse": frozenset({"system"}),
    "trino": frozenset({"system"}),
    "exasol": frozenset({"exa_statistics"}),
    "teradata": frozenset({"dbc"}),
}
_CATALOG_NAMES = frozenset(
    {
        "sqlite_master",
        "sqlite_schema",
        "sqlite_temp_master",
        "sqlite_temp_schema",
        "sqlite_sequence",
        "dual",
        "sysdummy1",
    }
)
_CATALOG_PREFIXES: dict[str, tuple[str, ...]] = {
    "postgres": ("pg_",),
    "redshift": ("pg_", "stl_", "stv_", "svl_", "svv_", "svcs_", "sys_"),
    "oracle": ("all_tab", "all_col", "all_obj", "all_vie", "all_con", "all_ind", "user_tab", "user_col", "user_obj",
               "user_vie", "user_con", "user_ind", "dba_", "v$", "gv$"),
    "exasol": ("exa_all_", "exa_user_", "exa_dba_"),
    "sqlite": ("pragma_",),
    "duckdb": ("duckdb_", "pragma_"),
}  # fmt: skip


def is_catalog(table: TableRef, dialect: str) -> bool:
    """Does a table describe the store itself (information_schema, pg_catalog, sqlite_master, dual)? No lineage,
    then."""
    if table.kind in ("stage", "file") or not table.parts:
        return False
    *path, name = (p.lower() for p in table.parts)
    if any(p in _CATALOG_SCHEMAS or p in _CATALOG_BY_DIALECT.get(dialect, ()) for p in path):
        return True
    # BigQuery's views hang below a dataset or region: `region-eu.INFORMATION_SCHEMA.TABLES`, one quoted name or three
    return name in _CATALOG_NAMES or name.startswith(_CATALOG_PREFIXES.get(dialect, ())) if len(path) < 2 else False
