"""Differences between dialects in the handling of columns, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prefect_lineage_events.dialect_facts import ColumnNaming, Fold
from prefect_lineage_events.dialects import dialect_of

_FOLDS: dict[Fold, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "keep": str}


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """Rules of one dialect for column names.

    `plain` and `quoted` fold a name to the store's case. With `lateral_aliases` an expression may use an alias given
    before it in the same SELECT. With `struct_fields`, `a.b` may be field `b` of column `a`. With `positions`, `$1` is
    a source's first column. With `implicit_recursion` a CTE may refer to itself without the word RECURSIVE. `naming` is
    the rule for names of expressions without an alias (`text`: the text, which is not certain). `constants` are words
    that look like columns and are none, `variables` names that are columns only of tables that are known to have them.
    `exploded` are the columns of EXPLODE in a FROM clause; sqlglot reads Snowflake's FLATTEN as one. With
    `expands_columns` an expression with COLUMNS(...) in it is one for each of those columns. With `unnests_fields` the
    rows of an unnested array of structs have their fields as columns. With `rows_by_name` a table's name in the
    position of a value is its whole row. With `sets_of_tables` the right side of IN may be a table's name.
    `program_scans` are functions whose rows are the program's own. `arrows`: the arguments of a function in which `->`
    is the operator of JSON and no lambda's (a function that takes a lambda has it after its list). With
    `creates_by_name` the columns that CREATE TABLE lists beside a query are not those of the query by position.
    """

    plain: Callable[[str], str]
    quoted: Callable[[str], str]
    lateral_aliases: bool = False
    struct_fields: bool = False
    positions: bool = False
    implicit_recursion: bool = False
    naming: ColumnNaming = "text"
    constants: frozenset[str] = frozenset()
    exploded: tuple[str, ...] = ()
    expands_columns: bool = False
    unnests_fields: bool = False
    rows_by_name: bool = False
    sets_of_tables: bool = False
    variables: frozenset[str] = frozenset()
    program_scans: frozenset[str] = frozenset()
    arrows: Literal["none", "first", "all"] = "none"
    creates_by_name: bool = False


# docs.snowflake.com/en/sql-reference/functions/flatten
FLATTENED = ("SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS")
# Reserved words that are values: SQL:2016, 5.2 and 6.4
_CONSTANTS = frozenset(
    {"default", "current_user", "session_user", "system_user", "current_role", "current_path", "current_catalog",
     "current_schema"}
)  # fmt: skip


@lru_cache(maxsize=64)
def rules_of(dialect: str) -> ColumnRules:
    """The rules of a dialect, by sqlglot's name for it; an unknown one has those of the generic dialect."""
    facts = dialect_of(dialect)
    return ColumnRules(
        plain=_FOLDS[facts.plain],
        quoted=_FOLDS[facts.quoted],
        lateral_aliases=facts.lateral_aliases,
        struct_fields=facts.struct_fields,
        positions=facts.positions,
        implicit_recursion=facts.implicit_recursion,
        naming=facts.column_naming,
        constants=_CONSTANTS | facts.constants,
        exploded=FLATTENED if facts.flattens else (),
        expands_columns=facts.expands_columns,
        unnests_fields=facts.unnests_fields,
        rows_by_name=facts.rows_by_name,
        sets_of_tables=facts.sets_of_tables,
        program_scans=facts.in_memory_scans,
        arrows=facts.json_arrows,
        creates_by_name=facts.creates_by_name,
    )
