"""Expressions that make, choose or open a struct: the fields of their value (`Row`), and single fields of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns import constructors
from prefect_lineage_events.sql.columns.evaluator import Evaluator, Task
from prefect_lineage_events.sql.columns.expressions import Found, add, lineage_of, name_of, parts_of
from prefect_lineage_events.sql.columns.json_paths import arrow_of_json, document, extended
from prefect_lineage_events.sql.columns.paths import OPENING, json_path, opened
from prefect_lineage_events.sql.columns.relations import IDENTITY, Output, Relation, Row, Step
from prefect_lineage_events.sql.columns.scopes import Env, Scope
from prefect_lineage_events.sql.columns.transformations import COMPOSED, LESS_BY_NAME, OPENING_BY_NAME
from prefect_lineage_events.sql.model import Transformation

_SAME = (exp.Paren, exp.Alias, exp.IgnoreNulls, exp.RespectNulls, exp.Limit, exp.Distinct, exp.ToMap)
_AS_JSON = (exp.JSONFormat, exp.ToVariant, exp.ParseJSON, exp.FromJson)
_AS_JSON_BY_NAME = frozenset({"to_json", "to_jsonb", "row_to_json", "to_variant", "to_object", "as_object"})
_JSON_TYPES = frozenset({exp.DType.JSON, exp.DType.JSONB, exp.DType.VARIANT, exp.DType.OBJECT})
_ONE_OF_ALL = (exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin)
_ONE_OF_ALL_BY_NAME = frozenset(
    {"any", "anylast", "any_last", "anyheavy", "argmax", "argmin", "max_by", "min_by", "arbitrary", "first", "last"}
)
_ONE_OF_WINDOW = (exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead)
_ALL = (exp.ArrayAgg, exp.ArrayUniqueAgg, exp.JSONArrayAgg)
_ALL_BY_NAME = frozenset(
    {"grouparray", "groupuniqarray", "grouparraysorted", "collect", "list", "json_agg", "jsonb_agg", "json_group_array"}
)
_ELEMENT_BY_NAME = frozenset(
    {"list_extract", "array_extract", "list_element", "arrayelement", "element_at", "array_first", "list_first",
     "array_last", "list_last", "arrayfirst", "arraylast", "any_element"}
)  # fmt: skip
_ROW_BY_NAME = frozenset({"row"})
_GREATEST = (exp.Max, exp.Min)


def row_of(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The fields of an expression's value; None if it is no struct, or if the struct is not known."""
    if node.__class__ not in _READERS:
        return None
    key = (id(node), id(scope))
    if key not in evaluator.rows or scope.bound is not None:
        evaluator.budget.spend(1)
        evaluator.rows[key] = (yield _READERS[node.__class__](evaluator, node, scope, env)), scope
    return evaluator.rows[key][0]


def into(
    evaluator: Evaluator, found: Found, node: exp.Expr, how: Transformation, scope: Scope, *, env: Env | None
) -> Task:
    """Add the origins of a field that is taken out of a value to `found`; of all of the value, if that is not known."""
    value = COMPOSED[how]["TRANSFORMATION"]
    if node.__class__ is exp.Anonymous:
        row = yield row_of(evaluator, node, scope, env)
        output = yield called(evaluator, node, scope, env)
        if output is not None or row is not None:
            add(output.lineage if output is not None else row.everything(), value, found)
            return
        if (part := document(node)) is not None:
            _add_part(found, part, how, scope)
            return
        for argument in node.args.get("expressions") or ():
            yield from evaluator.into(found, argument, value, scope, env)
        return
    output = yield _opened(evaluator, node, scope, env)
    is_path = node.__class__ in (exp.Dot, exp.Bracket, exp.StructExtract)
    if output is not None:
        add(output.lineage, how if is_path else value, found)
        return
    if isinstance(node, _LESS):
        row = yield row_of(evaluator, node, scope, env)
        if row is not None:
            add(row.everything(), value, found)
            return
    root, _ = opened(node)
    if root is node:
        for part in node.args.values():
            for item in part if part.__class__ is list else (part,):
                if isinstance(item, exp.Expr):
                    yield from evaluator.into(found, item, value, scope, env)
        return
    if root.__class__ is exp.Anonymous and root.expressions and root.expressions[0].__class__ is exp.Lambda:
        arrow_of_json(root.expressions[0], scope.rules)
    if (part := document(node)) is not None:
        root = part[0]
        _add_part(found, part, how, scope)
    else:
        yield from evaluator.into(found, root, value, scope, env)
    while node is not root:
        args = dict(node.args)
        below = args.pop("this")
        if node.__class__ is exp.Anonymous:
            below, *args["expressions"] = args["expressions"]
        for part in args.values():
            for item in part if part.__class__ is list else (part,):
                if isinstance(item, exp.Expr) and not isinstance(item, (exp.Literal, exp.Identifier, exp.JSONPath)):
                    yield from evaluator.into(found, item, value, scope, env)
        node = below


def _add_part(found: Found, part: tuple[exp.Expr, list[Step]], how: Transformation, scope: Scope) -> None:
    """Add the origins of a part of a column's value: `payload:customer.name`."""
    column, steps = part
    value = COMPOSED[how]["TRANSFORMATION"]
    for base, name, inner in extended(lineage_of(column, scope), steps, unchanged=how == IDENTITY):
        found[(base, name, COMPOSED[value][inner])] = None


def _opened(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The field at the end of a node that opens a value."""
    root, path = opened(node)
    if not path:
        return None
    row = yield row_of(evaluator, root, scope, env)
    return None if row is None else row.at(path)


# --- the rows of each kind of node


def _open(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    output = yield _opened(evaluator, node, scope, env)
    return None if output is None else output.row


def _same(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    inner = node.args.get("this")
    if inner is None:
        inner = next(iter(node.args.get("expressions") or ()), None)
    return (yield row_of(evaluator, inner, scope, env)) if isinstance(inner, exp.Expr) else None


def _changed(how: Transformation, arrays: int = 0, ordered: bool = False) -> _Reader:
    """A node that passes on the row of its first argument; its other arguments choose the row."""

    def read(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        first, *others = _arguments(node)
        row = yield row_of(evaluator, first, scope, env)
        if row is None:
            return None
        decides = yield from _deciding(evaluator, others, "CONDITIONAL", scope, env)
        return row.through(how, decides, arrays=arrays, ordered=ordered)

    return read


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    args = node.args
    if node.__class__ in (exp.Anonymous, exp.AnonymousAggFunc):
        return list(args.get("expressions") or (exp.Null(),))
    rest = args.get("expression")
    return [args["this"], *([rest] if isinstance(rest, exp.Expr) else ())]


def _deciding(evaluator: Evaluator, nodes: Iterable[Any], how: Transformation, scope: Scope, env: Env | None) -> Task:
    found: dict[Any, None] = {}
    for node in nodes:
        if isinstance(node, exp.Expr):
            yield from evaluator.into(found, node, how, scope, env)
    return tuple(found)


def _beside(how: Transformation, *keys: str) -> _Reader:
    """A node that passes on the row of `this`; its arguments `keys` decide over it."""

    def read(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        row = yield row_of(evaluator, node.args["this"], scope, env)
        if row is None:
            return None
        parts = [node.args.get(key) for key in keys]
        nodes = [n for part in parts for n in (part if part.__class__ is list else (part,))]
        return row.through("IDENTITY", (yield from _deciding(evaluator, nodes, how, scope, env)))

    return read


def _column(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    if node.args["this"].__class__ is exp.Identifier:
        return scope.row(parts_of(node, scope.rules))
    if node.args["this"].__class__ is exp.Star:
        return (yield constructors.whole(evaluator, node, scope, env))
    return None


def _array(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    items = node.args.get("expressions") or ()
    row = yield _either(evaluator, items, scope, env)
    return None if row is None else row.through("IDENTITY", arrays=1)


def _either(evaluator: Evaluator, nodes: Sequence[exp.Expr], scope: Scope, env: Env | None) -> Task:
    """The row of a value that is one of several: each field is that of any."""
    rows: list[Row] = []
    for node in nodes:
        if isinstance(node, exp.Null):
            continue
        row = yield row_of(evaluator, node, scope, env)
        if row is None or (rows and rows[0].arrays != row.arrays):
            return None
        rows.append(row)
    if len(rows) < 2:
        return rows[0] if rows else None
    first, *others = [row.outputs() for row in rows]
    if any(len(o) != len(first) for o in others) or any(o.name == "*" for one in (first, *others) for o in one):
        return None
    merged = [
        Output(o.name, tuple(dict.fromkeys(origin for one in (first, *others) for origin in one[i].lineage)))
        for i, o in enumerate(first)
    ]
    return Row(Relation(merged), rows[0].arrays)


def _choice(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """COALESCE, CASE and IF of rows; the conditions decide."""
    args, decide = node.args, []
    if node.__class__ is exp.Coalesce:
        values = [args["this"], *(args.get("expressions") or ())]
    elif node.__class__ is exp.If:
        decide, values = [args["this"]], [args.get("true"), args.get("false")]
    else:
        branches = args.get("ifs") or ()
        decide = [args.get("this"), *(b.args["this"] for b in branches)]
        values = [*(b.args.get("true") for b in branches), args.get("default")]
    row = yield _either(evaluator, [v for v in values if isinstance(v, exp.Expr)], scope, env)
    if row is None:
        return None
    return row.through("TRANSFORMATION", (yield from _deciding(evaluator, decide, "CONDITIONAL", scope, env)))


def _query(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A query as a value: a struct by its SELECT AS STRUCT, else that of its one column."""
    relation = yield from evaluator.nested(node, scope, env)
    inner: Any = node
    while inner.__class__ is exp.Subquery:
        inner = inner.args["this"]
    if inner.args.get("kind") == "STRUCT":
        return Row(relation)
    return relation.outputs[0].row if len(relation.outputs) == 1 else None


def _cast(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A cast to JSON, or to a struct whose type names its fields."""
    row = yield row_of(evaluator, node.args["this"], scope, env)
    to = node.args.get("to")
    if row is None or not isinstance(to, exp.DataType):
        return None
    if to.this in _JSON_TYPES:
        return row.through("TRANSFORMATION")
    names = [name_of(c.this, scope.rules) for c in to.expressions if isinstance(c, exp.ColumnDef)]
    if to.this is not exp.DType.STRUCT or len(names) != len(to.expressions) or not row.fields.closed:
        return None
    return Row(row.fields.renamed(names), row.arrays, COMPOSED["TRANSFORMATION"][row.how], row.decides, row.ordered)


def _call(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A function that sqlglot does not know, by its name."""
    name = str(node.args["this"]).lower()
    reader = _BY_NAME.get(name)
    return (yield reader(evaluator, node, scope, env)) if reader is not None else None


def _extracted(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    output = yield called(evaluator, node, scope, env)
    return None if output is None else output.row


def called(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The field that a function takes out of its first argument: `tupleElement(x, 1)`."""
    first, *keys = node.args.get("expressions") or (node,)
    if (
        not keys
        or str(node.args["this"]).lower() not in OPENING_BY_NAME
        or not all(isinstance(k, exp.Literal) for k in keys)
    ):
        return None
    row = yield row_of(evaluator, first, scope, env)
    steps = [s for k in keys for s in (json_path(k) or ())]
    shift = 1 if str(node.args["this"]).lower() == "tupleelement" else 0
    return None if row is None else row.at([s - shift if isinstance(s, int) else s for s in steps])


def _less(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """A JSON object without the named fields, or with them alone: `OBJECT_DELETE(x, 'a')`, `to_jsonb(t) - 'a'`."""
    first, *named = _arguments(node)
    keys = [k for n in named for k in (n.expressions if isinstance(n, exp.Array) else (n,))]
    row = yield row_of(evaluator, first, scope, env)
    if row is None or not keys or not all(isinstance(k, exp.Literal) and k.is_string for k in keys):
        return None
    names = {k.name.strip("{}").lower() for k in keys}
    picks = str(node.args["this"]).lower() == "object_pick"
    kept = [o for o in row.outputs() if o.name == "*" or ((o.name or o.label).lower() in names) == picks]
    return Row(Relation(kept, hidden=frozenset() if picks else frozenset(names)))


def _unnested(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The struct that each row of an UNNEST or EXPLODE has; of a struct itself, it makes columns (`spread`)."""
    row = yield row_of(evaluator, _input(node), scope, env)
    return row.through("TRANSFORMATION", arrays=-1) if row is not None else None


def _input(node: exp.Expr) -> exp.Expr:
    """The array that a function makes rows of: its first argument, perhaps by name (`input => c.items`)."""
    argument, *_ = _arguments(node)
    inner = argument.args.get("expression") if isinstance(argument, exp.Kwarg) else None
    return inner if isinstance(inner, exp.Expr) else argument


def spread(evaluator: Evaluator, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
    """The row whose fields are columns of the query: of `unnest(s)` (DuckDB), `inline(a)` (Spark), `untuple(t)`."""
    arrays = _SPREADS.get(node.__class__)
    if node.__class__ is exp.Anonymous and str(node.args["this"]).lower() == "untuple":
        arrays = 0
    if arrays is None:
        return None
    row = yield row_of(evaluator, _input(node), scope, env)
    return row.through("TRANSFORMATION", arrays=-arrays) if row is not None and row.arrays == arrays else None


_SPREADS: dict[type[exp.Expr], int] = {exp.Explode: 0, exp.Inline: 1}
_LESS = (exp.Sub, exp.JSONBDeleteAtPath)
_Reader = Callable[[Evaluator, exp.Expr, Scope, Env | None], Task]
_BY_NAME: dict[str, _Reader] = {
    **dict.fromkeys(_AS_JSON_BY_NAME, _changed("TRANSFORMATION")),
    **dict.fromkeys(_ONE_OF_ALL_BY_NAME, _changed("AGGREGATION")),
    **dict.fromkeys(_ALL_BY_NAME, _changed("AGGREGATION", arrays=1)),
    **dict.fromkeys(_ELEMENT_BY_NAME, _changed("IDENTITY", arrays=-1)),
    **dict.fromkeys(OPENING_BY_NAME, _extracted),
    **dict.fromkeys(constructors.OBJECT_BY_NAME | _ROW_BY_NAME, constructors.struct),
    **dict.fromkeys(LESS_BY_NAME, _less),
}
_READERS: dict[type[exp.Expr], _Reader] = {
    exp.Column: _column,
    exp.Star: constructors.whole,
    exp.Struct: constructors.struct,
    exp.Tuple: constructors.struct,
    exp.JSONObject: constructors.struct,
    exp.StarMap: constructors.star_map,
    exp.Map: constructors.map,
    exp.VarMap: constructors.map,
    exp.Array: _array,
    exp.Coalesce: _choice,
    exp.Case: _choice,
    exp.If: _choice,
    exp.Subquery: _query,
    exp.Select: _query,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _call,
    exp.AnonymousAggFunc: _call,
    exp.Order: _beside("SORT", "expressions"),
    exp.HavingMax: _beside("CONDITIONAL", "expression"),
    exp.Filter: _beside("CONDITIONAL", "expression"),
    exp.Window: _beside("WINDOW", "partition_by", "order"),
    exp.ArraySort: _changed("TRANSFORMATION", ordered=True),
    exp.WithinGroup: _beside("SORT", "expression"),
    exp.Explode: _unnested,
    exp.ExplodeOuter: _unnested,
    exp.Posexplode: _unnested,
    exp.Inline: _unnested,
    **dict.fromkeys(_LESS, _less),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_AS_JSON, _changed("TRANSFORMATION")),
    **dict.fromkeys(_ONE_OF_ALL, _changed("AGGREGATION")),
    **dict.fromkeys(_ONE_OF_WINDOW, _changed("TRANSFORMATION")),
    **dict.fromkeys(_ALL, _changed("AGGREGATION", arrays=1)),
    exp.ArrayMax: _changed("AGGREGATION", arrays=-1, ordered=True),
    exp.ArrayMin: _changed("AGGREGATION", arrays=-1, ordered=True),
    **dict.fromkeys(_GREATEST, _changed("AGGREGATION", ordered=True)),
    **dict.fromkeys(OPENING, _open),
}
