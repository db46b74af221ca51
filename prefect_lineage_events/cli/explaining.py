"""Command that explains how lineage is known: `explain`, of a run or of a SQL statement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import asking
from prefect_lineage_events.cli.errors import OK, CommandError
from prefect_lineage_events.cli.output import heading, print_json, say, table
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.cli.words import Names, column_pair, gaps_table, run_text, span, statement_text
from prefect_lineage_events.escaping import line
from prefect_lineage_events.sentences import listed

if TYPE_CHECKING:
    from prefect_lineage_events.graph.values import RunDetails, RunExplanation, StatementOfRun

# Column edges that one line names.
_COLUMNS = 4


def explain(
    what: Annotated[
        str | None,
        Parameter(help="A SQL statement, - for standard input, or a run.", allow_leading_hyphen=True),
    ] = None,
    /,
    *,
    run: Annotated[str | None, Parameter(help="A run whose name has spaces, or a flow's newest run.")] = None,
    file: Annotated[str | None, Parameter(help="Read the statements from a file.")] = None,
    dialect: Annotated[str, Parameter(help="SQL dialect.")] = "snowflake",
    database: Annotated[str | None, Parameter(help="Database for names without one.")] = None,
    schema: Annotated[str | None, Parameter(help="Schema for names without one.")] = None,
    asked: Asked | None = None,
) -> int:
    """Show how the edges of a run are known, or what a SQL statement reads and writes."""
    as_json = bool(asked and asked.json)
    # A statement has two words at least; a run's name, id or address is one.
    named = run or (what if what and what != "-" and not file and len(what.split()) == 1 else None)
    if named:
        return _explain_run(named, asked, as_json)
    from prefect_lineage_events.sql import explain as explain_text

    text = _sql_text(what, file)
    found = explain_text(text, dialect, database=database, schema=schema, as_json=as_json)
    # Names in a statement may contain control sequences of a terminal.
    print("\n".join(line(one, len(one)) for one in found.split("\n")))
    return OK


def _explain_run(name: str, asked: Asked | None, as_json: bool) -> int:
    from prefect_lineage_events.graph.names import UnknownNameError, find_run
    from prefect_lineage_events.graph.runs import explained

    graph = asking.graph_of(asked)
    try:
        found = explained(graph, find_run(graph, name))
    except UnknownNameError:
        absent: RunDetails | None = asking.absent_run(name, asked)
        if absent is None:
            raise
        from prefect_lineage_events.graph.values import RunExplanation

        found = RunExplanation(run=absent.summary.run, gaps=absent.gaps, complete=False)
    print_json(found) if as_json else _print_run(found)
    return OK


def _print_run(found: RunExplanation) -> None:
    heading(found.run.name, run_text(found.run))
    shown = Names(
        [
            *(uri for edge in found.edges for uri in (edge.source, edge.target)),
            *(uri for one in found.statements for uri in (*one.inputs, *one.outputs)),
            *(one.dataset for one in found.schema_changes),
        ]
    )
    rows = []
    for edge in found.edges:
        columns = [column_pair(one.source, one.target, one.transformation, one.inferred) for one in edge.columns]
        numbers = ", ".join(map(str, edge.statements[:_COLUMNS])) + (", ..." if edge.statements[_COLUMNS:] else "")
        rows.append(
            (
                f"{shown(edge.source)} -> {shown(edge.target)}",
                edge.how,
                edge.why,
                numbers,
                listed(dict.fromkeys(columns), _COLUMNS),
            )
        )
    table("EDGES", ("edge", "known by", "because", "statements", "columns"), rows, limit=1_000)
    if found.more_edges:
        say(f"and {found.more_edges:,} more edges: prefect-lineage export --format csv has all")
    table(
        "STATEMENTS",
        ("#", "operation", "rows", "took", "understood", "reads", "writes", "statement"),
        [
            (
                str(one.number),
                one.operation,
                one.rows,
                span(one.duration) + (f" in {one.executions:,} executions" if one.executions > 1 else ""),
                _understood(one),
                ", ".join(map(shown, one.inputs)),
                ", ".join(map(shown, one.outputs)),
                statement_text(one),
            )
            for one in found.statements
        ],
        limit=1_000,
    )
    table("SCHEMA CHANGES", ("dataset", "change"), [(shown(one.dataset), one.text) for one in found.schema_changes])
    gaps_table(found.gaps)
    if found.complete and not found.gaps and found.run.ended:
        say("nothing of this run is unknown: all of its events are there, and all statements were understood")


def _understood(one: StatementOfRun) -> str:
    """The confidence of a statement, with the reason where it is not exact."""
    if one.sql is None or not one.reason:
        return one.confidence
    return f"{one.confidence}: {one.reason}"


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
        raise CommandError(
            'give a run, as in: prefect-lineage explain crafty-otter; or a statement: "SELECT 1", or a file with --file'
        )
    return sql
