"""`analyze`: the statements of one SQL text."""

from __future__ import annotations

from collections.abc import Mapping

from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.session import analyze_in_new_session


def analyze(
    sql: str,
    *,
    dialect: str,
    database: str | None = None,
    schema: str | None = None,
    schemas: Mapping[str, Mapping[str, str]] | None = None,
    columns: bool = True,
) -> tuple[Statement, ...]:
    """The statements of a text, in order, with the tables and columns that each reads, writes and defines.

    `dialect` is sqlglot's name for the store's SQL ("" for the generic one, which also stands for names that sqlglot
    does not know). `database` and `schema` complete names that leave them out; a USE in the text counts from there on.
    `schemas` maps a table's dotted name to its columns and types, and lets `*` be expanded. Without `columns`, no
    column edges are computed. Pure and thread-safe; never raises on any text.
    """
    return analyze_in_new_session(sql, dialect, database, schema, columns=columns, schemas=schemas)
