"""SET a = x, and the branches of MERGE and ON CONFLICT that assign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlglot import exp

from prefect_lineage_events.sql.columns import projections, sources
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.relations import IDENTITY, Output, Relation, TableRelation
from prefect_lineage_events.sql.columns.scopes import Env, Scope
from prefect_lineage_events.sql.columns.targets import (
    assigned_column,
    column_name,
    insert_columns,
    positions,
    target_columns,
)
from prefect_lineage_events.sql.model import TableRef


class Edges(Protocol):
    """The edges of a statement, as its assignments add to them."""

    @property
    def queries(self) -> Evaluator:
        """The evaluation of the statement."""

    def put(
        self, target: TableRef | None, outputs: Sequence[Output], names: Sequence[str], at: Sequence[int] = ()
    ) -> None:
        """Add edges from the origins of outputs to columns of a target, at these positions of it."""


def assign(statements: Edges, items: Sequence[exp.Expr], target: Relation, scope: Scope, *, env: Env | None) -> Task:
    """Edges of the assignments of a SET; the tables they write into."""
    written: list[TableRef] = []
    items = [i for i in items if isinstance(i, (exp.EQ, exp.PropertyEQ))]
    if len(scope.sources) > 1 and isinstance(target, TableRelation):
        names = (column_name(c, scope.rules) for i in items for c in (i.this.expressions or (i.this,)))
        scope.assigned = {name.lower(): ((target.base, name, IDENTITY),) for name in names}
    for item in items:
        pairs = yield from _pairs(statements, item.args["this"], item.args["expression"], scope, env=env)
        for column, lineage in pairs:
            assigned = assigned_column(column, target, scope)
            if assigned is not None:
                statements.put(assigned[0], [Output(assigned[1], lineage)], [assigned[1]])
                written.append(assigned[0])
    return written


def _pairs(statements: Edges, left: exp.Expr, right: exp.Expr, scope: Scope, *, env: Env | None) -> Task:
    """(column, lineage) of `a = x`, `(a, b) = (x, y)` and `(a, b) = (SELECT x, y ...)`."""
    queries = statements.queries
    while left.__class__ is exp.Paren:
        left = left.args["this"]
    if left.__class__ is not exp.Tuple:
        origins = yield from queries.value(_not_inserted(right), "IDENTITY", scope, env)
        return [(left, tuple(origins))]
    columns = left.args.get("expressions") or ()
    if isinstance(right, exp.Query):
        relation = yield queries.query(right, env, scope)
        return list(zip(columns, (o.lineage for o in relation.outputs), strict=False))
    pairs = []
    for column, value in zip(columns, right.args.get("expressions") or (right,), strict=False):
        origins = yield from queries.value(value, "IDENTITY", scope, env)
        pairs.append((column, tuple(origins)))
    return pairs


def _not_inserted(value: exp.Expr) -> exp.Expr:
    """MySQL's VALUES(a) after ON DUPLICATE KEY UPDATE, anywhere in a value: it is excluded.a in other stores."""
    for call in list(value.find_all(exp.Anonymous)):
        if str(call.this).upper() == "VALUES" and len(call.expressions) == 1:
            refused = exp.column(call.expressions[0].name, table="excluded")
            if call is value:
                return refused
            call.replace(refused)
    return value


def on_conflict(
    statements: Edges, insert: exp.Expr, target: Relation, excluded: Relation, scope: Scope, *, env: Env | None
) -> Task:
    """ON CONFLICT DO UPDATE SET, ON DUPLICATE KEY UPDATE: `excluded` is the row that was refused.

    In MySQL it has the alias after VALUES, and the sources of an inserted SELECT are visible.
    """
    queries, node, inserted = statements.queries, insert.args["conflict"], insert.args.get("expression")
    scope.add_qualified("excluded", excluded)
    if isinstance(inserted, exp.Values) and inserted.alias:
        scope.add_qualified(inserted.alias, excluded)
    elif isinstance(inserted, exp.Select) and node.args.get("duplicate") and inserted.args.get("from_") is not None:
        around = scope.parent = Scope(scope.rules, scope.parent)
        yield from sources.item(queries, inserted.args["from_"].this, around, env)
        for joined in inserted.args.get("joins") or ():
            yield from sources.join(queries, joined, around, env)
    yield from assign(statements, node.args.get("expressions") or (), target, scope, env=env)
    yield from queries.decide(node.args.get("where"), "FILTER", scope, env)


class Branch:
    """The WHEN branches of a MERGE. An UPDATE may use both sides, an INSERT the source alone."""

    __slots__ = ("both", "ref", "source", "statements", "target")

    def __init__(self, statements: Edges, target: Relation, ref: TableRef, both: Scope, source: Scope) -> None:
        self.statements = statements
        self.target = target
        self.ref = ref
        self.both = both
        self.source = source

    def write(self, then: exp.Expr, env: Env | None) -> Task:
        """Add the edges of a branch."""
        items = then.args.get("expressions") or ()
        has_star = isinstance(items, exp.Star) or any(i.__class__ is exp.Star for i in items)  # UPDATE *, SET *
        if isinstance(then, exp.Update) and items and not has_star:
            yield from assign(self.statements, items, self.target, self.both, env=env)
        elif isinstance(then, (exp.Insert, exp.Update)):
            yield from self._insert(then.args.get("this"), _cells(then.args.get("expression")), env)

    def _insert(self, listed: exp.Expr | None, cells: Sequence[exp.Expr], env: Env | None) -> Task:
        queries = self.statements.queries
        if not cells and (values := _values_call(listed)):
            listed, cells = None, values
        columns = listed.args.get("expressions") or () if isinstance(listed, exp.Tuple) and not _by_name(listed) else ()
        names = [column_name(c, queries.rules) for c in columns]
        if cells:
            relation = yield from projections.outputs(queries, cells, self.source, env)
            outputs, names = relation.outputs, names or insert_columns(queries, self.ref, {})
        else:  # UPDATE SET *, INSERT *, INSERT ROW, a bare UPDATE or INSERT: every column of the source, by name
            outputs = [o for relation in self.source.sources.values() for o in relation.outputs]
        at = positions(outputs) if cells and not names else []
        self.statements.put(self.ref, outputs, target_columns(outputs, names), at)


def _by_name(listed: exp.Tuple) -> bool:
    """True for DuckDB's INSERT BY NAME, which the parser takes for a column BY with the alias NAME."""
    words = [(item.this.name.upper(), item.alias.upper()) for item in listed.expressions if isinstance(item, exp.Alias)]
    return words == [("BY", "NAME")]


def _values_call(listed: exp.Expr | None) -> Sequence[exp.Expr]:
    """The cells of `INSERT VALUES (a, b)` without a list of columns, where the parser takes VALUES for a function."""
    call = listed.expressions[0] if isinstance(listed, exp.Tuple) and len(listed.expressions) == 1 else None
    is_values = isinstance(call, exp.Anonymous) and str(call.this).upper() == "VALUES"
    return call.expressions if call is not None and is_values else ()


def _cells(values: exp.Expr | None) -> Sequence[exp.Expr]:
    if isinstance(values, exp.Values):
        rows = values.args.get("expressions") or ()
        values = rows[0] if rows else None
    return values.args.get("expressions") or () if isinstance(values, exp.Tuple) else ()
