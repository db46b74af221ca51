"""Expressions that make a struct of their own: `STRUCT(a AS b)`, `{'b': a}`, `ROW(a)`, a JSON object, a map, a star."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns import stars
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import name_of
from prefect_lineage_events.sql.columns.relations import Output, Relation, Row
from prefect_lineage_events.sql.columns.scopes import Env, Scope

OBJECT_BY_NAME: frozenset[str] = frozenset(
    {"json_build_object", "jsonb_build_object", "object", "object_construct", "json_object"}
)


def whole(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A star as a value of its own: `any(t.*)`, `{*}`."""
    return Row(Relation((yield from stars.listed(evaluator, node, scope, env)).outputs))


def struct(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A struct, tuple or object of the text's own: fields by name, where they have one."""
    items: Sequence[exp.Expr] = node.args.get("expressions") or ()
    if node.__class__ is exp.Anonymous and str(node.args["this"]).lower() in OBJECT_BY_NAME:
        if len(items) % 2:
            return None
        items = [exp.PropertyEQ(this=k, expression=v) for k, v in zip(items[::2], items[1::2], strict=True)]
    fields: list[Output] = []
    for item in items:
        if stars.is_star(item):
            fields += (yield from stars.listed(evaluator, item, scope, env)).outputs
            continue
        name, value = _named(item, scope)
        if value is None:
            return None
        fields.append((yield from _field(evaluator, name, value, scope, env)))
    return Row(Relation(fields))


def _field(evaluator: Evaluator, name: str, value: exp.Expr, scope: Scope, env: Env | None) -> Task:
    lineage = yield from evaluator.value(value, "IDENTITY", scope, env)
    return Output(name, tuple(lineage), row=(yield evaluator.row_of(value, scope, env)))


def _named(item: exp.Expr, scope: Scope) -> tuple[str, exp.Expr | None]:
    """The name of a field and its value; None if the name is known only at run time."""
    if isinstance(item, (exp.PropertyEQ, exp.JSONKeyValue, exp.Slice)):
        key, value = item.args["this"], item.args.get("expression")
        named = isinstance(key, (exp.Identifier, exp.Literal)) or (
            isinstance(key, exp.Column) and item.__class__ is exp.PropertyEQ
        )
        return str(key.name), value if named else None
    if isinstance(item, exp.Alias):
        return name_of(item.args["alias"], scope.rules), item.args["this"]
    if isinstance(item, exp.Column) and item.args["this"].__class__ is exp.Identifier:
        return name_of(item.args["this"], scope.rules), item
    return "", item


def star_map(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    return (yield whole(evaluator, node.args["this"], scope, env))


def map(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A map of literal keys: each is a field."""
    keys, values = (getattr(node.args.get(key), "expressions", None) or () for key in ("keys", "values"))
    if not keys or len(keys) != len(values) or not all(isinstance(k, exp.Literal) for k in keys):
        return None
    fields = []
    for key, value in zip(keys, values, strict=True):
        fields.append((yield from _field(evaluator, str(key.name), value, scope, env)))
    return Row(Relation(fields))
