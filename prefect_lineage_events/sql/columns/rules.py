"""How dialects differ where columns are concerned, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prefect_lineage_events.dialects import Fold, dialect_of
from prefect_lineage_events.sql.names import IN_MEMORY_SCANS

Naming = Literal["text", "postgres", "bigquery", "hive", "trino", "none"]

_FOLDS: dict[Fold, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "keep": str}


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a dialect does with column names.

    `plain` and `quoted` fold a name to the store's case. With `lateral_aliases` an expression may use an alias given
    before it in the same SELECT. With `struct_fields`, `a.b` may be field `b` of column `a`. With `positions`, `$1`
    is a source's first column. With `implicit_recursion` a CTE may refer to itself without the word RECURSIVE.
    `naming` says how an expression without an alias is called (`text`: by its text, of which nobody can be certain).
    `constants` are words that look like columns and are none, `variables` names that are columns only of a table which
    is known to have them. `exploded` are the columns of EXPLODE in a FROM clause;
    sqlglot reads Snowflake's FLATTEN as one. With `expands_columns` an expression with COLUMNS(...) in it is one for
    each of those columns. With `unnests_fields` the rows of an unnested array of structs have their fields as columns.
    With `rows_by_name` a table's name is its whole row, where a value is expected. With `sets_of_tables` the right side
    of IN may be a table's name. `program_scans` are functions whose rows are the program's own.
    """

    plain: Callable[[str], str]
    quoted: Callable[[str], str]
    lateral_aliases: bool = False
    struct_fields: bool = False
    positions: bool = False
    implicit_recursion: bool = False
    naming: Naming = "text"
    constants: frozenset[str] = frozenset()
    exploded: tuple[str, ...] = ()
    expands_columns: bool = False
    unnests_fields: bool = False
    rows_by_name: bool = False
    sets_of_tables: bool = False
    variables: frozenset[str] = frozenset()
    program_scans: frozenset[str] = frozenset()


# docs.snowflake.com: SELECT; docs.aws.amazon.com/redshift: SELECT list, alias reference; docs.databricks.com: SELECT,
# lateral column alias; duckdb.org: SELECT clause; docs.teradata.com: named expressions; clickhouse.com/docs:
# SELECT, aliases
_LATERAL_ALIASES = frozenset({"snowflake", "redshift", "databricks", "spark", "duckdb", "teradata", "clickhouse"})
_STRUCT_FIELDS = frozenset(
    {"bigquery", "databricks", "spark", "spark2", "hive", "duckdb", "trino", "presto", "athena", "clickhouse",
     "redshift", "dremio", "drill", "doris", "starrocks"}
)  # fmt: skip
# Where a self-reference in WITH without RECURSIVE is recursion: the dialect has no such word, or does not ask for it.
IMPLICIT_RECURSION = frozenset({"tsql", "fabric", "oracle", "snowflake", "db2", ""})
_NAMING: dict[str, Naming] = {
    "postgres": "postgres",  # postgresql.org/docs/current/queries-select-lists.html; FigureColname in parse_target.c
    "redshift": "postgres",
    "materialize": "postgres",
    "risingwave": "postgres",
    "greenplum": "postgres",
    "bigquery": "bigquery",  # cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax: f0_, f1_
    "hive": "hive",  # cwiki.apache.org: _c0, _c1
    "trino": "trino",  # trino.io: _col0, _col1
    "presto": "trino",
    "athena": "trino",
    "tsql": "none",  # learn.microsoft.com: "(No column name)"
    "fabric": "none",
}
# postgresql.org/docs: composite types; cloud.google.com/bigquery: SELECT, value tables; duckdb.org: struct
_ROWS_BY_NAME = frozenset({"postgres", "redshift", "materialize", "risingwave", "greenplum", "bigquery", "duckdb", ""})
# docs.snowflake.com/en/sql-reference/functions/flatten
FLATTENED = ("SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS")
# Reserved words that are values: SQL:2016, 5.2 and 6.4
_CONSTANTS = frozenset(
    {"default", "current_user", "session_user", "system_user", "current_role", "current_path", "current_catalog",
     "current_schema"}
)  # fmt: skip
_MORE_CONSTANTS: dict[str, frozenset[str]] = {
    "oracle": frozenset(  # docs.oracle.com: Oracle SQL Reserved Words, Pseudocolumns
        {"rownum", "level", "user", "uid", "sysdate", "systimestamp", "sessiontimezone", "dbtimezone",
         "connect_by_iscycle", "connect_by_isleaf"}
    ),
    "postgres": frozenset({"user"}),  # postgresql.org/docs/current/sql-keywords-appendix.html
    "redshift": frozenset({"user", "sysdate"}),
    "mysql": frozenset({"utc_date", "utc_time", "utc_timestamp"}),  # dev.mysql.com: Keywords and Reserved Words
    "tsql": frozenset({"user", "$action"}),  # learn.microsoft.com: Reserved Keywords; OUTPUT clause
    "teradata": frozenset(  # docs.teradata.com: Built-In Functions
        {"date", "time", "user", "session", "account", "database", "role", "profile"}
    ),
}  # fmt: skip


@lru_cache(maxsize=64)
def rules_of(dialect: str) -> ColumnRules:
    """The rules of a dialect, by sqlglot's name for it; an unknown one has those of the generic dialect."""
    facts = dialect_of(dialect)
    return ColumnRules(
        plain=_FOLDS[facts.plain],
        quoted=_FOLDS[facts.quoted],
        lateral_aliases=dialect in _LATERAL_ALIASES,
        struct_fields=dialect in _STRUCT_FIELDS,
        positions=dialect == "snowflake",
        implicit_recursion=dialect in IMPLICIT_RECURSION,
        naming=_NAMING.get(dialect, "text"),
        constants=_CONSTANTS | _MORE_CONSTANTS.get(dialect, frozenset()),
        exploded=FLATTENED if dialect == "snowflake" else (),
        expands_columns=dialect in ("duckdb", ""),
        unnests_fields=dialect == "bigquery",
        rows_by_name=dialect in _ROWS_BY_NAME,
        sets_of_tables=dialect == "clickhouse",
        program_scans=IN_MEMORY_SCANS.get(dialect, frozenset()),
    )
