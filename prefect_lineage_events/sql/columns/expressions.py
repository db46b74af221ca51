"""Columns that an expression takes its value from: one walk over its tree, without recursion.

Queries, stars and fields of structs inside an expression are not entered here. They are returned as `nested`, for
the walk over queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.json_paths import arrow_of_json
from prefect_lineage_events.sql.columns.relations import IDENTITY, PROGRAM, Lineage, Origin, closed_path
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Scope, with_path
from prefect_lineage_events.sql.columns.transformations import (
    CHOOSING_BY_NAME,
    CHOOSING_BY_PAIRS,
    COMBINED_WITH_IF,
    COMPOSED,
    LESS_BY_NAME,
    OPENING_BY_NAME,
    ROLES,
    Role,
    aggregates,
    is_method,
    role_of,
)
from prefect_lineage_events.sql.model import DIRECT, Transformation

Found = dict[Origin, None]


class Exhausted(Exception):
    """The statement needs more steps than its budget allows."""


class Budget:
    """Budget of steps for one statement, about a million a second."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise Exhausted


class Trace:
    """Walk over expressions of one scope that adds their origins to `found`.

    `nested` are the queries, stars and fields of structs in them, with the transformation of their outputs (None:
    none, only their rows count).
    """

    __slots__ = ("found", "nested", "scope", "work")

    def __init__(self, scope: Scope, found: Found) -> None:
        self.scope = scope
        self.found = found
        self.nested: list[tuple[exp.Expr, Transformation | None]] = []
        self.work: list[tuple[exp.Expr, Transformation]] = []

    def walk(self, node: exp.Expr, how: Transformation, budget: Budget) -> None:
        """Add the origins of `node`, each with the transformation `how`."""
        work, roles = self.work, ROLES
        work.append((node, how))
        steps = 0
        while work:
            node, how = work.pop()
            steps += 1
            role = roles.get(node.__class__)
            if role is None:
                role = role_of(node.__class__)
            if role is Role.LEAF:
                continue
            if role is Role.COLUMN:
                if node.args["this"].__class__ is exp.Star:
                    self.nested.append((node, how))
                    continue
                if self.scope.rules.rows_by_name and self.scope.names_row(node):
                    self.nested.append((exp.Column(this=exp.Star(), table=node.this.copy()), how))
                    continue
                lineage = lineage_of(node, self.scope)
                steps += len(lineage) + self.scope.cost
                add(lineage, how, self.found)
            elif role is Role.VALUE:
                self.below(node, "TRANSFORMATION" if how == IDENTITY else how)
            elif role is Role.SAME:
                self.below(node, how)
            elif role is Role.QUERY:
                self.nested.append((node, how))
            else:
                _SPECIAL[role](self, node, how)
        budget.spend(steps)

    def below(self, node: exp.Expr, how: Transformation) -> None:
        """All children of a node are next."""
        work = self.work
        for value in node.args.values():
            if value.__class__ is list:
                for item in value:
                    if isinstance(item, exp.Expr):
                        work.append((item, how))
            elif isinstance(value, exp.Expr):
                work.append((value, how))

    def one(self, node: Any, how: Transformation) -> None:
        """A child is next, if it is there."""
        if isinstance(node, exp.Expr):
            self.work.append((node, how))

    def aggregate(self, node: exp.Expr, how: Transformation) -> None:
        self.below(node, "AGGREGATION" if how in DIRECT else how)

    def chosen(self, node: exp.Expr, how: Transformation) -> None:
        """MAX_BY(a, b): `a` of the row that has the greatest `b`."""
        self.one(node.args.get("this"), COMPOSED[how]["AGGREGATION"])
        for key, part in node.args.items():
            if key != "this":
                self.one(part, COMPOSED[how]["CONDITIONAL"])

    def call(self, node: exp.Expr, how: Transformation) -> None:
        name = str(node.args["this"]).lower()
        if name in OPENING_BY_NAME or name in LESS_BY_NAME:
            self.nested.append((node, how))
            return
        if name in CHOOSING_BY_NAME or name in CHOOSING_BY_PAIRS:
            self.chosen_argument(node.args.get("expressions") or (), how, pairs=name in CHOOSING_BY_PAIRS)
            return
        self.below(node, COMPOSED[how]["AGGREGATION" if aggregates(name) else "TRANSFORMATION"])

    def chosen_argument(self, arguments: Sequence[exp.Expr], how: Transformation, *, pairs: bool) -> None:
        """CHOOSE(i, a, b): `i` decides. multiIf(x, a, y, b, c): so does each first one of a pair."""
        for at, argument in enumerate(arguments):
            decides = (at % 2 == 0 and at + 1 < len(arguments)) if pairs else at == 0
            self.one(argument, COMPOSED[how]["CONDITIONAL" if decides else "TRANSFORMATION"])

    def decoded(self, node: exp.Expr, how: Transformation) -> None:
        """DECODE(a, 1, x, 2, y, z): `a` is compared with 1 and 2."""
        compared, *pairs = node.args.get("expressions") or [None]
        self.one(compared, COMPOSED[how]["CONDITIONAL"])
        self.chosen_argument(pairs, how, pairs=True)

    def nulled(self, node: exp.Expr, how: Transformation) -> None:
        self.one(node.args["this"], COMPOSED[how]["TRANSFORMATION"])
        self.one(node.args.get("expression"), COMPOSED[how]["CONDITIONAL"])

    def combined(self, node: exp.Expr, how: Transformation) -> None:
        """An aggregate of ClickHouse with combinators. One with parameters has them before its arguments."""
        arguments = list(node.args.get("params") or node.args.get("expressions") or ())
        if arguments and COMBINED_WITH_IF.search(str(node.args["this"])):
            self.one(arguments.pop(), COMPOSED[how]["CONDITIONAL"])
        for argument in arguments:
            self.one(argument, COMPOSED[how]["AGGREGATION"])

    def comprehended(self, node: exp.Expr, how: Transformation) -> None:
        """`[x + a for x, i in l if x > 1]`: `x` and `i` are elements of `l` and positions, not columns."""
        elements = [node.args.get("expression"), node.args.get("position")]
        names = {element.name.lower() for element in elements if isinstance(element, exp.Expr)}
        for part in (node.args["this"], node.args.get("condition")):
            for column in list(part.find_all(exp.Column)) if isinstance(part, exp.Expr) else ():
                if column.parts[0].name.lower() in names:
                    column.replace(exp.Identifier(this=column.name, quoted=True))
        self.one(node.args["this"], COMPOSED[how]["TRANSFORMATION"])
        self.one(node.args.get("iterator"), COMPOSED[how]["TRANSFORMATION"])
        self.one(node.args.get("condition"), COMPOSED[how]["FILTER"])

    def arrow(self, node: exp.Expr, how: Transformation) -> None:
        """`f(payload -> 'items')`, which sqlglot takes for a lambda."""
        opened = arrow_of_json(node, self.scope.rules)
        if opened is None:
            self.below(node, COMPOSED[how]["TRANSFORMATION"])
        else:
            self.work.append((opened, how))

    def count(self, node: exp.Expr, how: Transformation) -> None:
        """COUNT(*) counts rows: it depends on no column."""
        this = node.args.get("this")
        if not isinstance(this, exp.Expr) or not this.is_star:
            self.aggregate(node, how)

    def window(self, node: exp.Expr, how: Transformation) -> None:
        args = node.args
        self.one(args.get("this"), COMPOSED[how]["TRANSFORMATION"])
        decides = COMPOSED[how]["WINDOW"]
        for definition in self.definitions(args):
            for key in definition.get("partition_by") or ():
                self.one(key, decides)
            self.one(definition.get("order"), decides)

    def definitions(self, window: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A window, and the named ones that it is made of: `OVER (w ORDER BY c) ... WINDOW w AS (v), v AS (...)`."""
        yield window
        used: set[str] = set()
        named = window.get("alias")
        while named is not None and (name := named.name.lower()) not in used and name in self.scope.windows:
            used.add(name)
            definition = self.scope.windows[name].args
            yield definition
            named = definition.get("alias")

    def choice(self, node: exp.Expr, how: Transformation) -> None:
        """CASE x WHEN y THEN z and IF(x, z): `x` and `y` decide, `z` goes in."""
        value = COMPOSED[how]["TRANSFORMATION"]
        for key, part in node.args.items():
            becomes = COMPOSED[how]["CONDITIONAL"] if key == "this" else value
            for item in part if part.__class__ is list else (part,):
                self.one(item, becomes)

    def exists(self, node: exp.Expr, how: Transformation) -> None:
        query = node.args.get("this")
        if isinstance(query, exp.Expr):
            self.nested.append((query, None))

    def dot(self, node: exp.Expr, how: Transformation) -> None:
        """`(col).field`, `a.b.c.d.e`: fields after a column belong to its name. After anything else they do not."""
        path: list[str] = []
        whole, rules = node, self.scope.rules
        while is_method(node):
            node = node.args["this"]
        called = node is not whole
        while node.__class__ is exp.Dot and node.args["expression"].__class__ is exp.Identifier:
            path.append(name_of(node.args["expression"], rules))
            node = node.args["this"]
        inner = node.args.get("this")
        is_column = node.__class__ is exp.Paren and inner.__class__ is exp.Column and not inner.args.get("table")
        while node.__class__ is exp.Paren:
            node = node.args["this"]
        parts = parts_of(node, rules) if node.__class__ is exp.Column else []
        if called and node.__class__ is exp.Identifier:
            parts = [name_of(node, rules)]
        if parts and (called or node.args["this"].__class__ is exp.Identifier):
            parts += reversed(path)
            lineage = self.scope.qualified(parts) if len(parts) > 1 else self.scope.column(parts[0])
            if not lineage and is_column and parts[0].lower() not in self.scope.sources:
                lineage = with_path(self.scope.column(parts[0]), parts[1:])
            add(lineage, COMPOSED[how]["TRANSFORMATION"] if called else how, self.found)
        else:
            self.opened(whole, how)

    def opened(self, node: exp.Expr, how: Transformation) -> None:
        """A field of a value: its origins depend on the struct of the value."""
        self.nested.append((node, how))

    def member(self, node: exp.Expr, how: Transformation) -> None:
        """`a IN t`: a name in the position of a table is no column."""
        value: Transformation = "TRANSFORMATION" if how == IDENTITY else how
        field = node.args.get("field")
        if not (self.scope.rules.sets_of_tables and field.__class__ is exp.Column):
            self.below(node, value)
            return
        self.one(node.args["this"], value)
        if parts_of(field, self.scope.rules)[0].lower() in (self.scope.sources if field.table else self.scope.aliases):
            self.one(field, value)

    def filtered(self, node: exp.Expr, how: Transformation) -> None:
        """AGG(a) FILTER (WHERE b) is AGG(CASE WHEN b THEN a END): `b` decides over this value alone."""
        self.one(node.args["this"], how)
        self.one(node.args["expression"], COMPOSED[how]["CONDITIONAL"])

    def ordered(self, node: exp.Expr, how: Transformation) -> None:
        self.one(node.args.get("this"), how)
        for key in node.args.get("expressions") or ():
            self.one(key, COMPOSED[how]["SORT"])

    def within(self, node: exp.Expr, how: Transformation) -> None:
        """LISTAGG(a) WITHIN GROUP (ORDER BY b) sorts by `b`; PERCENTILE_CONT(0.5) with it is made of `b`."""
        aggregate, order = node.args["this"], node.args.get("expression")
        self.one(aggregate, how)
        made_of_keys = aggregate.find(exp.Column) is None
        for key in order.args.get("expressions") or () if isinstance(order, exp.Expr) else ():
            self.one(key, COMPOSED[how]["AGGREGATION" if made_of_keys else "SORT"])

    def less(self, node: exp.Expr, how: Transformation) -> None:
        """`to_jsonb(t) - 'a'`: the right side is a value, unless the left side is a text."""
        left_out = node.args.get("expression")
        if left_out.__class__ is exp.Array or (isinstance(left_out, exp.Literal) and left_out.is_string):
            self.opened(node, how)
        else:
            self.below(node, COMPOSED[how]["TRANSFORMATION"])

    def star(self, node: exp.Expr, how: Transformation) -> None:
        """The values of all columns of the star."""
        self.nested.append((node, how))

    def parameter(self, node: exp.Expr, how: Transformation) -> None:
        """`$1` is a column by its position if there is such a column, else a bind."""
        lineage = positional(node, self.scope, None)
        if lineage:
            add(lineage, how, self.found)
        else:
            self.bind(node, how)

    def bind(self, node: exp.Expr, how: Transformation) -> None:
        self.found[(PROGRAM, "?", how)] = None


_SPECIAL: dict[Role, Callable[[Trace, exp.Expr, Transformation], None]] = {
    Role.AGGREGATE: Trace.aggregate,
    Role.CALL: Trace.call,
    Role.COUNT: Trace.count,
    Role.WINDOW: Trace.window,
    Role.CHOICE: Trace.choice,
    Role.TEST: Trace.exists,
    Role.DOT: Trace.dot,
    Role.FILTERED: Trace.filtered,
    Role.ORDERED: Trace.ordered,
    Role.WITHIN: Trace.within,
    Role.STAR: Trace.star,
    Role.PARAMETER: Trace.parameter,
    Role.BIND: Trace.bind,
    Role.OPENED: Trace.opened,
    Role.CHOSEN: Trace.chosen,
    Role.LESS: Trace.less,
    Role.MEMBER: Trace.member,
    Role.COMPREHENDED: Trace.comprehended,
    Role.LAMBDA: Trace.arrow,
    Role.DECODED: Trace.decoded,
    Role.NULLED: Trace.nulled,
    Role.COMBINED: Trace.combined,
}


def add(lineage: Lineage, how: Transformation, found: Found) -> None:
    """Add a lineage to `found`, each origin with the transformation `how`."""
    if how == IDENTITY:
        for origin in lineage:
            found[origin] = None
    else:
        table = COMPOSED[how]
        for base, column, inner in lineage:
            found[(base, closed_path(column), table[inner])] = None


def lineage_of(column: exp.Expr, scope: Scope) -> Lineage:
    """The lineage of a Column node, qualified or not."""
    args = column.args
    this = args["this"]
    kind = this.__class__
    if kind is exp.Identifier:
        if is_template(this):
            return ()
        if args.get("table") is None:
            name = name_of(this, scope.rules)
            return () if name.lower() in scope.rules.constants and not this.args.get("quoted") else scope.column(name)
        return scope.qualified(parts_of(column, scope.rules))
    if kind is exp.Parameter:
        return positional(this, scope, args.get("table"))
    if kind is exp.Literal and str(this.name).isdigit():  # ClickHouse: an element of a tuple, `a.1`
        parts = parts_of(column, scope.rules)
        row = scope.row(parts)
        field = row.field(int(str(this.name)[:4]) - 1) if row is not None else None
        if field is not None:
            return field.lineage
        return scope.qualified(parts) if len(parts) > 1 else scope.column(parts[0]) if parts else ()
    return ()


def name_of(node: exp.Expr, rules: ColumnRules) -> str:
    """An identifier in the store's own case; the text of any other node."""
    if node.__class__ is not exp.Identifier:
        return rules.plain(str(node.name))
    args = node.args
    return (rules.quoted if args.get("quoted") else rules.plain)(str(args["this"]))


def is_template(identifier: exp.Expr) -> bool:
    """True for a template's leftover in the position of a name (`{{ column }}`, `${x}`, `&x`)."""
    return str(identifier.args["this"]).startswith(("{{", "${", "&", "<%"))


def parts_of(column: exp.Expr, rules: ColumnRules) -> list[str]:
    """The parts of a column's name, outermost first."""
    args = column.args
    names = (args.get("catalog"), args.get("db"), args.get("table"), args["this"])
    return [name_of(n, rules) for n in names if n.__class__ is exp.Identifier]


def positional(parameter: exp.Expr, scope: Scope, table: exp.Expr | None) -> Lineage:
    """`$1`, `t.$2`: a source's column by its position; of a stage or file it is the column's name."""
    number = parameter.args["this"]
    if number.__class__ is not exp.Literal or not str(number.args["this"]).isdigit():
        return ()
    key = name_of(table, scope.rules).lower() if table is not None else ""
    sources = [scope.sources[key]] if key in scope.sources else [] if key else list(scope.sources.values())
    if len(sources) != 1:
        return ()
    source, position = sources[0], int(str(number.args["this"]))
    if len(source.rest) == 1 and all(base.ref.kind in ("stage", "file") for base, _, _ in source.rest[0]):
        return tuple((base, f"${position}", how) for base, _, how in source.rest[0])
    if scope.rules.positions and source.closed and 0 < position <= len(source.outputs):
        return source.outputs[position - 1].lineage
    return ()
