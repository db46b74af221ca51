"""Items of FROM and JOIN: the relations that a SELECT can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import name_of, parts_of
from prefect_lineage_events.sql.columns.functions import column_names, function_name, rows_of, unnest
from prefect_lineage_events.sql.columns.json_rows import element_of
from prefect_lineage_events.sql.columns.pivots import pivot_statement, pivoted
from prefect_lineage_events.sql.columns.relations import (
    IDENTITY,
    PROGRAM,
    Lineage,
    Output,
    Relation,
    TableRelation,
    changed,
)
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Env, Scope

_UNKNOWN = Relation([Output("*", ())], filler=())
# Rows of the program's own (a DataFrame): their columns are values that it gives, as binds are.
_OF_THE_PROGRAM = Relation([Output("*", ((PROGRAM, "*", "IDENTITY"),))])
_AROUND_TABLES = (exp.Final, exp.Stream)  # ClickHouse's FINAL, Databricks' STREAM(t)
_NAMES_ITSELF = (exp.Unnest, exp.Lateral, exp.TableFromRows)


def item(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """Add an item of a FROM clause, with the items joined in it, to the scope; return their keys."""
    while node.__class__ in _AROUND_TABLES:
        node = node.args["this"]
    if node.__class__ is exp.AtIndex:
        return [_indexed(evaluator, node, scope)]
    args = node.args
    alias, pivots = args.get("alias"), args.get("pivots") or ()
    if node.__class__ is exp.Subquery and not alias and not pivots and not is_query(args["this"]):
        keys = yield item(evaluator, args["this"], scope, env)  # `(a JOIN b)`: items of this scope
    else:
        relation, name, parts = yield from _relation(evaluator, node, scope, env)
        named = node.__class__ is not exp.Table or alias is None or alias.args.get("this") is not None
        names = column_names(alias, evaluator.rules) if named else []  # (ClickHouse: `dictionary('d.t')`)
        if names and not isinstance(node, _NAMES_ITSELF):
            relation = evaluator.renamed(relation, names)
        name = _alias(alias, evaluator.rules) or (names[0] if names else name)
        for pivot in pivots:
            relation = yield from pivoted(evaluator, relation, name, pivot, env)
            own = _alias(pivot.args.get("alias"), evaluator.rules)
            name, parts = (own, ()) if own else (name, parts)
        keys = [scope.add(name, relation, parts)]
        if alias is not None and _alias(alias, evaluator.rules):
            scope.called.update(keys)
    for joined in args.get("joins") or ():
        keys += yield from join(evaluator, joined, scope, env)
    for lateral in args.get("laterals") or ():
        keys += yield from item(evaluator, lateral, scope, env)
    return keys


def _indexed(evaluator: Evaluator, node: exp.Expr, scope: Scope) -> str:
    """Redshift's `o.items AS i AT n`: an array of a source before it, and the position (Unnesting queries)."""
    array = node.args["this"]
    column = array.args["this"] if isinstance(array, exp.Alias) else array
    lineage = element_of(scope.qualified(parts_of(column, evaluator.rules))) if isinstance(column, exp.Column) else ()
    name = name_of(array.args["alias"], evaluator.rules) if isinstance(array, exp.Alias) else str(column.name)
    outputs = [Output(name, lineage), Output(name_of(node.args["expression"], evaluator.rules), ())]
    return scope.add(name, Relation(outputs, filler=changed([lineage], IDENTITY), value=lineage))


def join(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """Add a joined item to the scope, and its condition to the columns that decide over rows; return its keys."""
    args = node.args
    natural = args.get("method") == "NATURAL"
    before = list(scope.sources.values()) if natural or args.get("using") else []
    if args.get("kind") == "ARRAY":
        return (yield from _array_join(evaluator, node, scope, env))
    keys = yield from item(evaluator, args["this"], scope, env)
    filters = args.get("kind") in ("SEMI", "ANTI") or args.get("side") in ("SEMI", "ANTI")
    yield from evaluator.decide(args.get("on"), "JOIN", scope, env)
    yield from evaluator.decide(args.get("match_condition"), "JOIN", scope, env)
    if filters:
        scope.unseen.update(keys)
    joined = [scope.sources[key] for key in keys]
    names = [name_of(i, evaluator.rules) for i in args.get("using") or () if isinstance(i, exp.Expr)]
    for column in _common(evaluator, before, joined) if natural else names:
        _merge(evaluator, column, before, joined, scope, filters=filters)
    return keys


def merge_using(
    evaluator: Evaluator, using: Sequence[exp.Expr], left: Sequence[Relation], right: Sequence[Relation], scope: Scope
) -> None:
    """The columns of a MERGE's USING (...): each is one of both sides, and decides over the rows."""
    for column in (name_of(i, evaluator.rules) for i in using if isinstance(i, exp.Expr)):
        _merge(evaluator, column, left, right, scope, filters=False)


def is_query(node: exp.Expr) -> bool:
    """True for a query, as opposed to a table or a join in parentheses."""
    while node.__class__ is exp.Subquery:
        node = node.args["this"]
    return isinstance(node, (exp.Query, exp.Values, exp.DML))


SUMMARY = "the rows of a SUMMARIZE are figures of each column"


def _alias(alias: Any, rules: ColumnRules) -> str:
    own = alias.args.get("this") if isinstance(alias, exp.TableAlias) else None
    return name_of(own, rules) if own is not None else ""


def _relation(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The relation of an item, its name without an alias, and the parts of its table name."""
    kind, args = node.__class__, node.args
    if kind is exp.Table:
        return (yield from _table(evaluator, node, scope, env))
    inner: Any = args.get("this")
    if kind is exp.TableFromRows and (ref := evaluator.resolve(node)) is not None:  # Snowflake's TABLE('name')
        return TableRelation(evaluator.base(ref)), ref.parts[-1] if ref.parts else "", ref.parts
    if kind is exp.Summarize:
        evaluator.unclear = evaluator.unclear or SUMMARY
    if kind is exp.Subquery or is_query(node):
        relation = yield evaluator.query(inner if kind is exp.Subquery else node, env, scope.parent)
    elif kind is exp.Lateral and inner.__class__ is exp.Subquery and is_query(inner):
        relation = yield evaluator.query(inner.args["this"], env, scope)
        names = column_names(args.get("alias"), evaluator.rules)
        relation = relation.renamed(names) if names else relation
    elif kind is exp.Unnest:
        relation = yield from unnest(evaluator, node, scope, env)
    elif kind is exp.Pivot:
        around = Scope(evaluator.rules, scope.parent)
        yield from item(evaluator, inner, around, env)
        source = next(iter(around.sources.values()))
        relation = yield from pivot_statement(evaluator, node, source, around, env)
    else:
        function = inner if kind in (exp.Lateral, exp.TableFromRows) else node
        relation = yield from rows_of(evaluator, args.get("alias"), function, scope, env)
    return relation, "", ()


def _table(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A name: a CTE, a table of the store, or an array of a source before it (`FROM t AS a, a.items AS i`)."""
    args = node.args
    this = args.get("this")
    name = name_of(this, evaluator.rules) if this.__class__ is exp.Identifier else ""
    if name and env is not None and args.get("db") is None:
        found = env.find(name.lower())
        if found is not None:
            cte, inner = found
            return (cte.relation if cte.relation is not None else (yield evaluator.cte(cte, inner))), name, ()
    ref = evaluator.resolve(node)
    if ref is None and this.__class__ is exp.SemanticView:
        ref = evaluator.resolve(this.args["this"])
    if together := evaluator.unions.get(id(this)):
        return Relation([Output("*", tuple((evaluator.base(t), "*", IDENTITY) for t in together))]), "", ()
    if ref is not None:
        return TableRelation(evaluator.base(ref)), name or (ref.parts[-1] if ref.parts else ""), ref.parts
    if name:
        path = [name_of(args[key], evaluator.rules) for key in ("catalog", "db", "this") if args.get(key) is not None]
        around: Scope | None = scope
        while around is not None and path[0].lower() not in around.sources:
            around = around.parent
        if len(path) > 1 and around is not None:
            lineage = element_of(around.qualified(path))
            return Relation([Output(name, lineage)], filler=changed([lineage], IDENTITY), value=lineage), name, ()
    if not isinstance(this, exp.Func):
        return _UNKNOWN, name, ()
    if function_name(this) in evaluator.rules.program_scans:
        return _OF_THE_PROGRAM, function_name(this), ()
    return (yield from rows_of(evaluator, args.get("alias"), this, scope, env)), function_name(this), ()


def _array_join(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """ClickHouse's ARRAY JOIN a AS b: adds columns, no source."""
    for array in (node.args["this"], *(node.args.get("expressions") or ())):
        origins = yield from evaluator.value(array, "TRANSFORMATION", scope, env)
        name = array.args["alias"] if isinstance(array, exp.Alias) else array
        key = name_of(name, evaluator.rules).lower()
        scope.merged[key] = tuple(origins)
        row = yield from evaluator.row_of(array, scope, env)
        element = row.through("TRANSFORMATION", arrays=-1) if row is not None else None
        if element is not None:
            scope.rows[key] = element
    return []


def _common(evaluator: Evaluator, left: Sequence[Relation], right: Sequence[Relation]) -> list[str]:
    """The columns that both sides of a NATURAL JOIN have, as far as both are known."""
    evaluator.budget.spend(sum(len(r.outputs) for r in left))
    ours = {o.name.lower() for r in left for o in r.outputs if o.name != "*"}
    return [o.name for r in right for o in r.outputs if o.name.lower() in ours]


def _merge(
    evaluator: Evaluator, name: str, left: Sequence[Relation], right: Sequence[Relation], scope: Scope, *, filters: bool
) -> None:
    """A column of USING is the same on both sides, so it comes from both; of a join that `filters`, from the left."""
    lower = name.lower()
    ours = scope.merged[lower] if lower in scope.merged else _of_one(left, name, lower)
    evaluator.budget.spend(1 + len(ours) // 4)  # a column of many joins is copied at each; four origins cost a step
    both = changed([ours, _of_one(right, name, lower)], "IDENTITY")
    scope.merged[lower] = ours if filters else both
    for base, column, _ in both:
        evaluator.decisions[(base, column, "JOIN")] = None


def _of_one(relations: Sequence[Relation], name: str, lower: str) -> Lineage:
    for relation in relations:
        listed = relation.find(name, lower)
        if listed is not None:
            return listed
    guesses = [r.guess(name, lower) for r in relations if r.rest]
    return guesses[0] or () if len(guesses) == 1 else ()
