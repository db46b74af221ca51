"""Command that analyses a statement: `explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli.errors import OK, CommandError
from prefect_lineage_events.escaping import line


def explain(
    sql: Annotated[
        str | None, Parameter(help="The statement, or - for standard input.", allow_leading_hyphen=True)
    ] = None,
    /,
    *,
    file: Annotated[str | None, Parameter(help="Read the statements from a file.")] = None,
    dialect: Annotated[str, Parameter(help="SQL dialect.")] = "snowflake",
    database: Annotated[str | None, Parameter(help="Database for names without one.")] = None,
    schema: Annotated[str | None, Parameter(help="Schema for names without one.")] = None,
    json: Annotated[bool, Parameter(help="Print JSON instead of a tree.")] = False,
) -> int:
    """Show the tables and columns that a SQL statement reads and writes."""
    from prefect_lineage_events.sql import explain as explain_text

    text = _sql_text(sql, file)
    found = explain_text(text, dialect, database=database, schema=schema, as_json=json)
    # Names in a statement may contain control sequences of a terminal.
    print("\n".join(line(one, len(one)) for one in found.split("\n")))
    return OK


def _sql_text(sql: str | None, file: str | None) -> str:
    """The statement from the arguments, a file, or standard input (`-`)."""
    if file:
        try:
            return Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {file}: {error}") from error
    if sql == "-" or (sql is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if sql is None:
        raise CommandError('give a statement, as in: prefect-lineage explain "SELECT 1", or a file with --file')
    return sql
