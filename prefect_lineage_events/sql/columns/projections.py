"""The list between SELECT and FROM: the output columns of a query and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns import stars, structs
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import is_template, lineage_of, name_of, parts_of
from prefect_lineage_events.sql.columns.functions import stacked
from prefect_lineage_events.sql.columns.naming import unnamed
from prefect_lineage_events.sql.columns.relations import Lineage, Output, Relation, Row
from prefect_lineage_events.sql.columns.scopes import Env, Scope


def outputs(evaluator: Evaluator, expressions: Sequence[exp.Expr], scope: Scope, env: Env | None) -> Task:
    """The relation of a SELECT list (or of RETURNING)."""
    listing = Projection(evaluator, scope, env)
    evaluator.budget.spend(len(expressions) * (1 + scope.cost) + 1)
    for item in expressions:
        this: Any = item.args.get("this")
        kind, of = item.__class__, this.__class__
        if kind is exp.Column and of is exp.Identifier and is_template(this):
            listing.outputs.append(Output("*", ()))  # any number of columns
        elif kind is exp.Column and of is exp.Identifier:
            listing.named(name_of(this, scope.rules), lineage_of(item, scope), scope.row(parts_of(item, scope.rules)))
        elif kind in _MAYBE_STARS and stars.is_star(item):
            yield from listing.star(item)
        elif kind is exp.Aliases or kind is exp.QueryTransform:
            yield from listing.several(item)
        else:
            yield from listing.expression(item)
    return Relation(listing.outputs, frozenset(listing.hidden))


def value_table(relation: Relation) -> Relation:
    """BigQuery's SELECT AS VALUE: the fields of its one struct are the columns."""
    row = relation.outputs[0].row if len(relation.outputs) == 1 else None
    return relation if row is None or row.arrays else Relation(row.outputs())


_MAYBE_STARS = frozenset(
    {exp.Star, exp.Column, exp.Columns, exp.Apply, exp.Dot, exp.Like, exp.ILike, exp.Glob, exp.SimilarTo}
)


class Projection:
    """A SELECT list while it is read: the outputs so far, and the names (in lower case) that its `*` leaves out."""

    __slots__ = ("env", "evaluator", "hidden", "outputs", "scope")

    def __init__(self, evaluator: Evaluator, scope: Scope, env: Env | None) -> None:
        self.evaluator = evaluator
        self.scope = scope
        self.env = env
        self.outputs: list[Output] = []
        self.hidden: set[str] = set()

    def named(self, name: str, lineage: Lineage, row: Row | None = None) -> None:
        """An output with a name, which the expressions after it may use."""
        self.scope.aliases[name.lower()] = lineage
        if row is not None:
            self.scope.rows[name.lower()] = row
        self.outputs.append(Output(name, lineage, row=row))

    def star(self, item: exp.Expr) -> Task:
        """All columns of the star."""
        found = yield from stars.listed(self.evaluator, item, self.scope, self.env)
        if item.__class__ is not exp.Star and any(o.name == "*" and not o.lineage for o in found.outputs):
            self.evaluator.unclear = self.evaluator.unclear or stars.UNKNOWN
        self.outputs += found.outputs
        self.hidden.update(found.hidden)

    def expression(self, item: exp.Expr) -> Task:
        """Any expression, with or without an alias. With COLUMNS(...) in it, it is one for each of those."""
        evaluator, scope, env = self.evaluator, self.scope, self.env
        scope.expands = None
        origins = yield from evaluator.value(item, "IDENTITY", scope, env)
        if scope.expands is not None and scope.rules.expands_columns:
            yield from self._each(item, scope.expands)
            return
        value = item.args["this"] if item.__class__ is exp.Alias else item
        row = yield from evaluator.row_of(value, scope, env)
        fields = yield from structs.spread(evaluator, value, scope, env)
        if fields is not None:
            self.outputs += fields.outputs()
        elif item.__class__ is exp.Alias:
            self.named(name_of(item.args["alias"], scope.rules), tuple(origins), row)
        else:
            name, label = unnamed(item, self.outputs, scope.rules)
            self.outputs.append(Output(name, tuple(origins), label, row))

    def _each(self, item: exp.Expr, columns: exp.Expr) -> Task:
        """`max(COLUMNS(*))`: an expression for each column, with its name (duckdb.org: star expression)."""
        evaluator, scope = self.evaluator, self.scope
        found = yield from stars.listed(evaluator, columns, scope, self.env)
        for output in found.outputs:
            if output.name == "*":
                self.outputs.append(Output("*", ()))
                continue
            scope.bound = output
            origins = yield from evaluator.value(item, "IDENTITY", scope, self.env)
            scope.bound = None
            name = output.name or output.label
            if item.__class__ is exp.Alias:
                name = name_of(item.args["alias"], scope.rules).replace("\\0", name)
                name = "" if "\\" in name else name  # a group of the expression that chose the columns
            self.outputs.append(Output(name, tuple(origins)))

    def several(self, item: exp.Expr) -> Task:
        """One expression, several columns: `posexplode(m) AS (k, v)`, Hive's `TRANSFORM(a) USING 'x' AS (b)`."""
        if item.__class__ is exp.QueryTransform:
            names, inputs = item.args.get("schema"), item.args.get("expressions") or ()
        else:
            names, inputs = item, (item.args["this"],)
        origins: dict[Any, None] = {}
        for node in inputs:
            yield from self.evaluator.into(origins, node, "TRANSFORMATION", self.scope, self.env)
        columns = names.args.get("expressions") or () if names is not None else ()
        values: list[Lineage] = []
        if inputs and inputs[0].__class__ is exp.Stack:
            values = yield from stacked(self.evaluator, inputs[0], self.scope, self.env)
        for position, column in enumerate(columns):
            identifier = column.args["this"] if column.__class__ is exp.ColumnDef else column
            lineage = values[position] if position < len(values) else tuple(origins)
            self.named(name_of(identifier, self.scope.rules), lineage)
        if not columns:
            self.outputs.append(Output("*", ()))
