"""Column lineage of one statement: an answer for any tree, in bounded time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.evaluator import Resolve, Task
from prefect_lineage_events.sql.columns.expressions import Budget, Exhausted
from prefect_lineage_events.sql.columns.queries import Queries, columns_of
from prefect_lineage_events.sql.columns.rules import rules_of
from prefect_lineage_events.sql.columns.sources import SUMMARY
from prefect_lineage_events.sql.columns.writes import Statements
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef

# Steps of a walk, each about a microsecond: a larger statement has a reason instead of columns.
BUDGET = 400_000


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """The columns of one statement.

    `edges` go to single columns, `indirect` ones to all rows of an output (see `Statement`). `result_columns` are the
    names of what the statement returns: "" where the store's name for an expression is not certain, "*" for columns
    that cannot be listed. `declared` gives a created table's columns and types by its dotted name. `bound` and
    `constant` are the columns of each output that take binds and constants, `program_columns` those of the program's
    own rows that go into them (see `Statement`). `reason` names what is missing.
    """

    edges: tuple[ColumnEdge, ...] = ()
    indirect: tuple[ColumnEdge, ...] = ()
    result_columns: tuple[str, ...] = ()
    declared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bound: Mapping[TableRef, tuple[str, ...]] = field(default_factory=dict)
    constant: Mapping[TableRef, tuple[str, ...]] = field(default_factory=dict)
    program_columns: Mapping[TableRef, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    reason: str = ""


def column_edges(
    tree: exp.Expr,
    *,
    resolve: Resolve,
    unions: Mapping[int, Sequence[TableRef]] | None = None,
    schemas: Mapping[str, Any] | None = None,
    dialect: str = "",
    statement: Statement | None = None,
    variables: frozenset[str] = frozenset(),
    budget: int = BUDGET,
) -> ColumnResult:
    """The column lineage of one statement's tree.

    `resolve` gives the reference of a table node (or of a TABLE(...)), None where it is no table of the store;
    `unions`, by `id(node)`, those of a function that puts rows of several together. `schemas` maps dotted names to
    columns. `statement` is what is known of the statement so far: its output is the target of a query that the text
    writes somewhere in a way the tree does not show. `variables` are names that a block gives to values, in lower case.
    Never raises; a tree too large to walk, or of an unexpected shape, yields no edges and a reason.
    """
    rules = replace(rules_of(dialect), variables=variables) if variables else rules_of(dialect)
    queries = Queries(resolve, schemas or {}, rules, Budget(budget))
    queries.unions = unions or {}
    statements = Statements(queries, dialect)
    try:
        relation = queries.run(_task(statements, tree, statement))
        if tree.__class__ is exp.Summarize:
            queries.unclear = SUMMARY
    except Exhausted:
        return ColumnResult(reason=f"columns: more than {budget:,} steps")
    except Exception as error:  # noqa: BLE001  (the promise: the user's statement has run, whatever its tree looks like)
        return ColumnResult(reason=f"columns: {type(error).__name__}")
    finally:
        queries.write = None  # a cycle of references remains until the garbage collector runs, and makes it run
    return ColumnResult(
        edges=tuple(statements.edges),
        indirect=tuple(statements.indirect),
        result_columns=tuple(output.name for output in relation.outputs),
        declared=statements.declared,
        bound={target: tuple(names) for target, names in statements.bound.items() if target not in statements.open},
        constant={target: tuple(names) for target, names in statements.constant.items()},
        program_columns={
            target: pairs
            for target, names in statements.bound.items()
            if target not in statements.open and (pairs := _other_names(names))
        },
        reason=f"columns: {queries.unclear}" if queries.unclear else "",
    )


def _other_names(bound: Mapping[str, Mapping[str, None]]) -> tuple[tuple[str, str], ...]:
    """(column of the output, column of the program's rows), where these are not all of the same names."""
    pairs = tuple((name, column) for name, columns in bound.items() for column in columns if column not in ("?", "*"))
    return pairs if any(name.casefold() != column.casefold() for name, column in pairs) else ()


def cloned(source: TableRef, target: TableRef, schemas: Mapping[str, Any]) -> ColumnResult:
    """The columns of a clone: each comes from the one of its name."""
    if source.kind != "table":
        return ColumnResult()
    columns = columns_of(source.name, schemas)
    edges = tuple(ColumnEdge(source, column, target, column) for column in columns or ("*",))
    declared = {target.name: {column: str(kind or "") for column, kind in columns.items()}} if columns else {}
    return ColumnResult(edges, declared=declared)


def joined(results: Sequence[ColumnResult]) -> ColumnResult:
    """The edges of several statements as those of one, such as a procedure's body."""
    return ColumnResult(
        edges=tuple(dict.fromkeys(edge for result in results for edge in result.edges)),
        indirect=tuple(dict.fromkeys(edge for result in results for edge in result.indirect)),
        reason=next((result.reason for result in results if result.reason), ""),
    )


def _task(statements: Statements, tree: exp.Expr, known: Statement | None) -> Task:
    if not isinstance(tree, (exp.Query, exp.Values, exp.Table, exp.Pivot)):
        return statements.statement(tree)
    written = known.outputs if known is not None and known.kind in ("write", "create") else ()
    if len(written) == 1 and not tree.args.get("into") and not _changes_data(tree):
        return statements.unload(tree, written[0])
    return statements.read(tree)


def _changes_data(query: exp.Expr) -> bool:
    """True if a CTE writes. Then its target is written, and the query itself returns rows."""
    with_ = query.args.get("with_")
    return with_ is not None and any(isinstance(cte.this, exp.DML) for cte in with_.expressions)
