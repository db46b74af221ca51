"""Command that explains how lineage is known: `explain`, of a run or of a SQL statement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import asking, checks
from prefect_lineage_events.cli.errors import MAX_LINE, OK, CommandError
from prefect_lineage_events.cli.output import heading, print_json, say, table
from prefect_lineage_events.cli.windows import Asked
from prefect_lineage_events.cli.words import (
    Names,
    as_said,
    column_pair,
    datasets_of,
    gaps_table,
    run_text,
    span,
    statement_text,
)
from prefect_lineage_events.escaping import line
from prefect_lineage_events.nearness import no_path
from prefect_lineage_events.sentences import listed

if TYPE_CHECKING:
    from prefect_lineage_events.graph.graph import Graph
    from prefect_lineage_events.graph.values import RunDetails, RunExplanation, StatementOfRun

# The dialect of a statement without one: names without quotes are in capitals.
_DIALECT = "snowflake"
# Column edges that one line names.
_COLUMNS = 4
# A longer text is no name of a run.
_LONGEST_NAME = 500


def explain(
    what: Annotated[
        str | None,
        Parameter(
            help="A SQL statement, - for standard input; or a run, by its name, its id, its page or its flow.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    /,
    *,
    run: Annotated[str | None, Parameter(help="A run whose name could be a statement.")] = None,
    file: Annotated[str | None, Parameter(help="Read the statements from a file.")] = None,
    dialect: Annotated[str | None, Parameter(help="SQL dialect (default: snowflake).")] = None,
    database: Annotated[str | None, Parameter(help="Database for names without one.")] = None,
    schema: Annotated[str | None, Parameter(help="Schema for names without one.")] = None,
    asked: Asked | None = None,
) -> int:
    """Show how the edges of a run are known, or what a SQL statement reads and writes."""
    as_json = bool(asked and asked.json)
    chosen = dialect or _DIALECT
    if run or (what and what != "-" and not file and _is_run(what, chosen)):
        return _explain_run(run or str(what), asked, as_json)
    from prefect_lineage_events.sql import explain as explain_text

    text = _sql_text(what, file)
    found = explain_text(text, chosen, database=database, schema=schema, as_json=as_json)
    # Names in a statement may contain control sequences of a terminal.
    print("\n".join(line(one, len(one)) for one in found.split("\n")))
    if dialect is None:
        print(f"note: read as SQL of {_DIALECT}; --dialect postgres reads it as that of PostgreSQL", file=sys.stderr)
    return OK


def _is_run(text: str, dialect: str) -> bool:
    """Return whether a text is the name of a run, and not a statement.

    A statement that is understood and touches something is never looked up: it needs no Prefect API. All else is a run
    if Prefect has one of that name, and so is a single word that is no statement.
    """
    from prefect_lineage_events.sql import analyze

    statements = analyze(text, dialect=dialect)
    understood = bool(statements) and all(one.confidence == "exact" for one in statements)
    if understood and any(one.inputs or one.outputs for one in statements):
        return False
    is_word = len(text.split()) == 1
    named = len(text) <= _LONGEST_NAME and _has_run(text, nearest=not understood and not is_word)
    return named or (is_word and not understood)


def _has_run(name: str, *, nearest: bool) -> bool:
    """Return whether Prefect has a run or flow of this name. Notes on standard error: the nearest names, no answer."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL

    from prefect_lineage_events.api_errors import explain as explain_error
    from prefect_lineage_events.graph.names import AmbiguousNameError, UnknownNameError
    from prefect_lineage_events.graph.run_names import run_id_of

    if not PREFECT_API_URL.value():
        return False
    try:
        checks.require_reachable_api()
        with get_client(sync_client=True) as client:
            run_id_of(client, name)
    except AmbiguousNameError:
        return True
    except UnknownNameError as error:
        if nearest:
            print(f"note: {line(str(error), MAX_LINE)}", file=sys.stderr)
        return False
    except Exception as error:  # noqa: BLE001  (a statement can be explained while no API answers)
        print(f"note: runs are not looked up: {line(explain_error(error))}", file=sys.stderr)
        return False
    return True


def _explain_run(name: str, asked: Asked | None, as_json: bool) -> int:
    from prefect_lineage_events.graph.names import UnknownNameError, find_run
    from prefect_lineage_events.graph.runs import explained, explained_absent

    graph = asking.graph_of(asked)
    try:
        found = explained(graph, find_run(graph, name))
    except UnknownNameError:
        absent: RunDetails | None = asking.absent_run(name, asked)
        if absent is None:
            raise
        found = explained_absent(absent)
    print_json(found) if as_json else _print_run(graph, found)
    return OK


def _print_run(graph: Graph, found: RunExplanation) -> None:
    heading(found.run.name, run_text(found.run) + (f", {as_said(found.producer)}" if found.producer else ""))
    shown = Names(
        graph,
        [
            *(uri for edge in found.edges for uri in (edge.source, edge.target)),
            *(uri for one in found.statements for uri in (*one.inputs, *one.outputs)),
            *(one.dataset for one in found.schema_changes),
            *datasets_of(found.gaps),
        ],
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
    gaps_table(found.gaps, shown)
    if found.complete and not found.gaps and found.run.ended and not found.producer:
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
        except FileNotFoundError:
            raise ValueError(f"cannot read {file}: {no_path(file)}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {file}: {error}") from error
    if sql == "-" or (sql is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if sql is None:
        raise CommandError(
            'give a run, as in: prefect-lineage explain crafty-otter; or a statement: "SELECT 1", or a file with --file'
        )
    return sql
