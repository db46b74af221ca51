"""The columns of a `*`, with the clauses after it: EXCEPT, EXCLUDE, REPLACE, RENAME, ILIKE, APPLY.

COLUMNS(...) is a star that chooses in another way. A star means the same in a SELECT list and within an expression.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from prefect_lineage_events.sql.columns import patterns
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import Found, name_of
from prefect_lineage_events.sql.columns.relations import Lineage, Output, Relation, changed
from prefect_lineage_events.sql.columns.scopes import Env, Scope
from prefect_lineage_events.sql.columns.transformations import aggregates
from prefect_lineage_events.sql.model import Transformation

_COMPARED = (exp.Like, exp.ILike, exp.Glob, exp.SimilarTo)
UNKNOWN = "which columns a * stands for is not known"
_NOT_LISTED = Output("*", ())


class Listed(NamedTuple):
    """The columns of a star in order, and the names (in lower case) that a `*` among them does not include."""

    outputs: Sequence[Output]
    hidden: Collection[str] = ()


def is_star(node: exp.Expr) -> bool:
    """True if this item of a SELECT list stands for all columns of a source."""
    kind = node.__class__
    if kind is exp.Star or kind is exp.Columns or kind is exp.Apply:
        return True
    if kind is exp.Column:
        return node.args["this"].__class__ is exp.Star
    if kind is exp.Dot:
        expression = node.args["expression"]
        return expression.__class__ is exp.Star or _is_columns_of(node)
    return kind in _COMPARED and is_star(node.args["this"])


def listed(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The columns that a star lists (`is_star`)."""
    kind, args = node.__class__, node.args
    if kind is exp.Star:
        found = yield from _star(evaluator, node, scope.sources, scope.merged, scope, env=env)
    elif kind is exp.Column:
        found = yield from _qualified(evaluator, node, scope, env)
    elif kind is exp.Columns:
        found = yield from _columns(evaluator, args["this"], scope, env)
    elif kind is exp.Apply:
        found = yield from _applied(evaluator, node, scope, env)
    elif kind is exp.Dot:
        if _is_columns_of(node):
            qualified = exp.Column(this=exp.Star(), table=args["this"])
            whole = yield from _qualified(evaluator, qualified, scope, env)
            found = _chosen(whole, _choice(args["expression"].expressions[0]))
        else:
            row = yield evaluator.row_of(args["this"], scope, env)
            found = Listed([_NOT_LISTED] if row is None else row.outputs())
    else:
        whole = yield from listed(evaluator, args["this"], scope, env)
        found = _chosen(whole, patterns.compared(node))
    evaluator.budget.spend(len(found.outputs))
    return found


def into(
    evaluator: Evaluator, found: Found, node: exp.Expr, how: Transformation, scope: Scope, *, env: Env | None
) -> Task:
    """Add the origins of all columns of a star inside an expression to `found`."""
    outputs: Sequence[Output]
    if node.__class__ is exp.Columns and scope.bound is not None and not node.args.get("unpack"):
        outputs = (scope.bound,)
    else:
        outputs = (yield from listed(evaluator, node, scope, env)).outputs
        if node.__class__ is exp.Columns and not node.args.get("unpack"):
            scope.expands = scope.expands or node
    for output in outputs:
        if output.name == "*":
            evaluator.unclear = evaluator.unclear or UNKNOWN
        else:
            found.update(dict.fromkeys(changed([output.lineage], how)))


def _is_columns_of(node: exp.Expr) -> bool:
    """`t.COLUMNS('a.*')`."""
    call = node.args["expression"]
    return (
        call.__class__ is exp.Anonymous
        and str(call.args["this"]).upper() == "COLUMNS"
        and node.args["this"].__class__ is exp.Identifier
        and len(call.expressions) == 1
    )


def _qualified(evaluator: Evaluator, item: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """`t.*`, or `s.*` where `s` is a struct."""
    args, rules = item.args, scope.rules
    names = [args[key] for key in ("catalog", "db", "table") if args.get(key) is not None]
    qualifier = tuple(name_of(n, rules).lower() for n in names)
    around: Scope | None = scope
    while around is not None:
        relation = around.sources.get(qualifier[-1]) if len(qualifier) == 1 else None
        relation = relation or around.dotted.get(qualifier)
        if relation is not None:
            return (yield from _star(evaluator, args["this"], {qualifier[-1]: relation}, {}, scope, env=env))
        around = around.parent
    parts = [name_of(n, rules) for n in names]
    row = scope.row(parts)
    if row is not None:
        fields = {qualifier[-1]: Relation(row.outputs())}
        return (yield from _star(evaluator, args["this"], fields, {}, scope, env=env))
    struct = scope.qualified(parts) if len(parts) > 1 else scope.column(parts[0])
    return Listed([Output("*", tuple((base, f"{column}.*", how) for base, column, how in struct))])


def _star(
    evaluator: Evaluator,
    star: exp.Expr,
    sources: Mapping[str, Relation],
    merged: Mapping[str, Lineage],
    scope: Scope,
    *,
    env: Env | None,
) -> Task:
    """The columns of these sources, less those that are left out; merged columns come once."""
    args = star.args
    left_out, new_names = _left_out(args, scope), _renamed(args, scope)
    renamed = {old.lower(): new for old, new in new_names.items()}
    replaced = yield from _replaced(evaluator, args, scope, env)
    ilike = args.get("ilike")
    chooses = patterns.like(str(ilike.name), ignore_case=True) if isinstance(ilike, exp.Literal) else None
    hidden = {name for key, name in left_out if not key} | set(renamed) | set(replaced)
    outputs: list[Output] = []
    waiting, is_open = dict(merged), False
    for key, relation in sources.items():
        if key in scope.unseen and sources is scope.sources:
            continue
        hidden |= {name for of, name in left_out if of == key}
        for output in relation.outputs:
            lower = (output.name or output.label).lower()
            if output.name == "*":
                is_open = True
                hidden.update(relation.hidden)
                outputs.append(output)
            elif not {("", lower), (key, lower)}.isdisjoint(left_out) or (chooses and not chooses(lower)):
                continue
            elif lower in replaced:
                outputs.append(replaced[lower])
            elif lower in renamed:
                outputs.append(output._replace(name=renamed[lower]))
            elif lower not in merged:
                outputs.append(output)
            elif lower in waiting:
                outputs.append(Output(output.name, waiting.pop(lower)))
    if is_open:
        outputs += replaced.values()
        outputs += [Output(new, scope.column(old)) for old, new in new_names.items()]
    found = Listed(outputs, hidden)
    for pattern in (e.name for e in _excepted(args) if isinstance(e, exp.Literal)):  # ClickHouse: EXCEPT('re')
        found = _chosen(found, patterns.negated(patterns.matching(pattern)))
    return found


def _excepted(args: dict[str, Any]) -> Sequence[exp.Expr]:
    named = args.get("except_") or ()
    return (named,) if isinstance(named, exp.Expr) else named


def _left_out(args: dict[str, Any], scope: Scope) -> set[tuple[str, str]]:
    """The names after EXCEPT, in lower case, each with the source that qualifies it ("": any).

    A field of a struct (`EXCEPT (address.city)`) removes nothing from the list of columns.
    """
    found: set[tuple[str, str]] = set()
    for item in _excepted(args):
        if isinstance(item, exp.Literal):
            continue  # ClickHouse: a regular expression
        table = item.args.get("table") if isinstance(item, exp.Column) else None
        source = name_of(table, scope.rules).lower() if table is not None else ""
        if not source or source in scope.sources:
            named = item.args["this"] if isinstance(item, exp.Column) else item
            found.add((source, name_of(named, scope.rules).lower()))
    return found


def _renamed(args: dict[str, Any], scope: Scope) -> dict[str, str]:
    items = [i for i in args.get("rename") or () if isinstance(i, exp.Alias)]
    old = [i.this.this if isinstance(i.this, exp.Column) else i.this for i in items]
    return {name_of(o, scope.rules): name_of(i.args["alias"], scope.rules) for o, i in zip(old, items, strict=True)}


def _replaced(evaluator: Evaluator, args: dict[str, Any], scope: Scope, env: Env | None) -> Task:
    """`REPLACE (a + 1 AS a)`: outputs by the lower-case names they stand for."""
    found: dict[str, Output] = {}
    for item in args.get("replace") or ():
        if isinstance(item, exp.Alias):
            name = name_of(item.args["alias"], scope.rules)
            origins = yield from evaluator.value(item.args["this"], "IDENTITY", scope, env)
            found[name.lower()] = Output(name, tuple(origins))
    return found


def _columns(evaluator: Evaluator, chosen: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """COLUMNS(...): of a star, of a regular expression, of names, of a lambda or a list comprehension over names."""
    if is_star(chosen):
        return (yield from listed(evaluator, chosen, scope, env))
    whole = yield from _star(evaluator, exp.Star(), scope.sources, scope.merged, scope, env=env)
    if _names_texts(chosen) and any((output.name or output.label) == "*" for output in whole.outputs):
        outputs = []
        for item in chosen.expressions:
            column = exp.Column(this=exp.Identifier(this=item.name, quoted=True))
            origins = yield from evaluator.value(column, "IDENTITY", scope, env)
            outputs.append(Output(item.name, tuple(origins)))
        return Listed(outputs)
    return _chosen(whole, _choice(chosen))


def _names_texts(chosen: exp.Expr) -> bool:
    items = chosen.expressions if isinstance(chosen, exp.Array) else ()
    return bool(items) and all(isinstance(item, exp.Literal) for item in items)


def _choice(chosen: exp.Expr) -> patterns.Chooses:
    """The names that the argument of COLUMNS chooses."""
    if isinstance(chosen, exp.Literal):
        return patterns.matching(chosen.name)
    if isinstance(chosen, exp.Lambda) and len(chosen.expressions) == 1:
        return patterns.condition(chosen.this, chosen.expressions[0].name)
    items = chosen.expressions if isinstance(chosen, exp.Array) else ()
    if len(items) == 1 and isinstance(items[0], exp.Comprehension):
        return patterns.condition(items[0].args.get("condition"), items[0].expression.name)
    if _names_texts(chosen):
        names = {i.name.lower() for i in items}
        return lambda name: name.lower() in names
    return lambda name: None


def _chosen(whole: Listed, chooses: patterns.Chooses) -> Listed:
    """The columns whose names are chosen; a single unlisted one if that is not known for one of them."""
    outputs: list[Output] = []
    for output in whole.outputs:
        name = output.name or output.label
        decision = True if name == "*" else chooses(name)
        if decision is None:
            return Listed([_NOT_LISTED])
        if decision:
            outputs.append(output)
    return Listed(outputs, whole.hidden)


def _applied(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """ClickHouse's `* APPLY(f)`: f of each (clickhouse.com/docs: SELECT, dynamic column selection)."""
    inner = yield listed(evaluator, node.args["this"], scope, env)
    function = node.args.get("expression")
    text = function.name if isinstance(function, exp.Expr) else ""
    name = text.strip()
    known = exp.FUNCTION_BY_NAME.get(name.upper(), exp.Func)
    how: Transformation = (
        "AGGREGATION" if issubclass(known, exp.AggFunc) or aggregates(name.lower()) else "TRANSFORMATION"
    )
    outputs = [
        Output(
            "*" if o.name == "*" else f"{name}({o.name or o.label})" if name == text else "", changed([o.lineage], how)
        )
        for o in inner.outputs
    ]
    return Listed(outputs, inner.hidden)
