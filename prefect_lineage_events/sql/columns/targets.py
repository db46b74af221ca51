"""Targets of values: the table and the column that a statement writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.evaluator import Evaluator
from prefect_lineage_events.sql.columns.expressions import name_of
from prefect_lineage_events.sql.columns.relations import Lineage, Output, Relation, TableRelation
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Scope
from prefect_lineage_events.sql.model import TableRef


def own_names(outputs: Sequence[Output]) -> list[str]:
    """The outputs' own names; one without a known name is named by its position."""
    return [o.name or o.label or f"_{i}" for i, o in enumerate(outputs, 1)]


def target_columns(outputs: Sequence[Output], columns: Sequence[str]) -> list[str]:
    """The target column of each output: by position, after a `*` from the end; its own name if none is known."""
    names = own_names(outputs)
    stars = [i for i, o in enumerate(outputs) if o.name == "*"]
    first = stars[0] if stars else len(outputs)
    for i in range(min(first, len(columns))):
        names[i] = columns[i]
    if columns and len(stars) == 1:
        for from_end in range(1, len(outputs) - first):
            if first + from_end <= len(columns):
                names[-from_end] = columns[-from_end]
    return names


def positions(outputs: Sequence[Output], columns: Sequence[str] = ()) -> list[int]:
    """Each output's position, from 1; after a `*` from the end, as -1. Between two stars it is not known.

    If the `columns` to fill are listed, only a `*` maps by position, which is not known.
    """
    if columns:
        return [UNKNOWN if o.name == "*" else 0 for o in outputs]
    stars = [i for i, o in enumerate(outputs) if o.name == "*"]
    first, last = (stars[0], stars[-1]) if stars else (len(outputs), -1)
    return [i + 1 if i <= first else i - len(outputs) if i >= last else UNKNOWN for i in range(len(outputs))]


# A position beyond those of all columns.
UNKNOWN = 1 << 30


def insert_columns(evaluator: Evaluator, ref: TableRef, args: dict[str, Any]) -> list[str]:
    """A target's columns by its schema, as an INSERT without a list fills them.

    Static partitions (Hive's `PARTITION (day = '...')`) are no part of the query, dynamic ones come last.
    """
    known = evaluator.base(ref).columns
    if known is None:
        return []
    table = args.get("this")
    partition = args.get("partition") or (table.args.get("partition") if isinstance(table, exp.Table) else None)
    parts = partition.args.get("expressions") or () if isinstance(partition, exp.Partition) else ()
    static = {p.this.name.lower() for p in parts if isinstance(p, exp.EQ)}
    dynamic = {p.name.lower() for p in parts if not isinstance(p, exp.EQ)}
    kept = [c for c in known if c.lower() not in static]
    return [c for c in kept if c.lower() not in dynamic] + [c for c in kept if c.lower() in dynamic]


def target_of(evaluator: Evaluator, node: Any) -> tuple[TableRef | None, list[str]]:
    """A table, or the table or file of a function, to write into, and the columns listed after it."""
    listed: list[str] = []
    if isinstance(node, exp.Schema):
        listed = [column_name(c, evaluator.rules) for c in node.args.get("expressions") or ()]
        node = node.args.get("this")
    return (evaluator.resolve(node) if isinstance(node, (exp.Table, exp.Func, exp.Directory)) else None), listed


def column_name(node: exp.Expr, rules: ColumnRules) -> str:
    """The name in a column list, with or without a type after it."""
    inner = node.args.get("this") if isinstance(node, (exp.ColumnDef, exp.Column)) else node
    return name_of(inner, rules) if isinstance(inner, exp.Expr) else str(inner)


def table_of(relation: Relation | None) -> TableRef | None:
    """The table that a change of this relation changes: itself, or the one below an updatable CTE."""
    if relation is None or isinstance(relation, TableRelation):
        return None if relation is None else relation.base.ref
    bases = {base for o in relation.outputs for base, _, how in o.lineage if how == "IDENTITY"}
    return next(iter(bases)).ref if len(bases) == 1 else None


def assigned_column(column: exp.Expr, target: Relation, scope: Scope) -> tuple[TableRef, str] | None:
    """The table and the column on the left side of an assignment."""
    while isinstance(column, exp.Dot):  # a field of a struct: its column is what changes
        column = column.args["this"]
    qualified = isinstance(column, exp.Column)
    identifier = column.args.get("this") if qualified else column
    if not isinstance(identifier, exp.Identifier):
        return None
    name = name_of(identifier, scope.rules)
    qualifier = column.args.get("table") if qualified else None
    relation = scope.sources.get(qualifier.name.lower()) if qualifier is not None else None
    if qualifier is not None and relation is None and scope.rules.struct_fields:
        name = name_of(qualifier, scope.rules)
    lower = name.lower()
    if relation is None and qualifier is None and target.closed and target.find(name, lower) is None:
        listed = [r for r in scope.sources.values() if r.find(name, lower) is not None]  # MySQL's UPDATE a JOIN b
        relation = listed[0] if len(listed) == 1 else None
    relation = relation or target
    if isinstance(relation, TableRelation):
        return relation.base.ref, relation.base.own(name, lower) or name
    lineage: Lineage = relation.find(name, lower) or relation.guess(name, lower) or ()
    return (lineage[0][0].ref, lineage[0][1]) if len(lineage) == 1 and lineage[0][2] == "IDENTITY" else None
