"""The list between SELECT and FROM: which columns a query puts out, under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from .expressions import is_template, lineage_of, name_of
from .naming import unnamed
from .relations import Lineage, Output, Relation
from .scopes import Scope

if TYPE_CHECKING:
    from .ctes import Env
    from .queries import Queries, Task


def outputs(queries: Queries, expressions: Sequence[exp.Expr], scope: Scope, env: Env | None) -> Task:
    """The relation of a SELECT list (or of RETURNING)."""
    listing = Projection(queries, scope, env)
    queries.budget.spend(len(expressions) * (1 + scope.cost) + 1)
    for item in expressions:
        this: Any = item.args.get("this")
        kind, of = item.__class__, this.__class__
        if kind is exp.Column and of is exp.Identifier and is_template(this):
            listing.outputs.append(Output("*", ()))  # as many columns as it pleases
        elif kind is exp.Column and of is exp.Identifier:
            listing.named(name_of(this, scope.rules), lineage_of(item, scope))
        elif kind is exp.Star or (kind is exp.Columns and of is exp.Star):
            yield from listing.star(item if kind is exp.Star else this, scope.sources, scope.merged)
        elif kind is exp.Column and of is exp.Star:
            yield from listing.qualified_star(item)
        elif kind is exp.Columns or (kind is exp.Dot and item.is_star):
            listing.outputs.append(Output("*", ()))
        elif kind is exp.Aliases or kind is exp.QueryTransform:
            yield from listing.several(item)
        else:
            yield from listing.expression(item)
    return Relation(listing.outputs, frozenset(listing.hidden))


class Projection:
    """A SELECT list while it is read: the outputs so far, and the names (in lower case) that are not behind its `*`."""

    __slots__ = ("env", "hidden", "outputs", "queries", "scope")

    def __init__(self, queries: Queries, scope: Scope, env: Env | None) -> None:
        self.queries = queries
        self.scope = scope
        self.env = env
        self.outputs: list[Output] = []
        self.hidden: set[str] = set()

    def named(self, name: str, lineage: Lineage) -> None:
        """An output with a name, which the expressions behind it may use."""
        self.scope.aliases[name.lower()] = lineage
        self.outputs.append(Output(name, lineage))

    def expression(self, item: exp.Expr) -> Task:
        """Any expression, with or without an alias."""
        origins = yield from self.queries.value(item, "IDENTITY", self.scope, self.env)
        if item.__class__ is exp.Alias:
            self.named(name_of(item.args["alias"], self.scope.rules), tuple(origins))
        else:
            name, label = unnamed(item, self.outputs, self.scope.rules)
            self.outputs.append(Output(name, tuple(origins), label))

    def several(self, item: exp.Expr) -> Task:
        """One expression, several columns: `posexplode(m) AS (k, v)`, Hive's `TRANSFORM(a) USING 'x' AS (b)`."""
        if item.__class__ is exp.QueryTransform:
            names, inputs = item.args.get("schema"), item.args.get("expressions") or ()
        else:
            names, inputs = item, (item.args["this"],)
        origins: dict[Any, None] = {}
        for node in inputs:
            yield from self.queries.into(origins, node, "TRANSFORMATION", self.scope, self.env)
        columns = names.args.get("expressions") or () if names is not None else ()
        for column in columns:
            identifier = column.args["this"] if column.__class__ is exp.ColumnDef else column
            self.named(name_of(identifier, self.scope.rules), tuple(origins))
        if not columns:
            self.outputs.append(Output("*", ()))

    def qualified_star(self, item: exp.Expr) -> Task:
        """`t.*`, or `s.*` where `s` is a struct."""
        args, rules = item.args, self.scope.rules
        names = [args[key] for key in ("catalog", "db", "table") if args.get(key) is not None]
        qualifier = tuple(name_of(n, rules).lower() for n in names)
        scope: Scope | None = self.scope
        while scope is not None:
            relation = scope.sources.get(qualifier[-1]) if len(qualifier) == 1 else None
            relation = relation or scope.dotted.get(qualifier)
            if relation is not None:
                yield from self.star(args["this"], {qualifier[-1]: relation}, {})
                return
            scope = scope.parent
        struct = self.scope.column(name_of(names[0], rules))
        self.outputs.append(Output("*", tuple((base, f"{column}.*", how) for base, column, how in struct)))

    def star(self, star: exp.Expr, sources: Mapping[str, Relation], merged: Mapping[str, Lineage]) -> Task:
        """`*` with what may stand behind it: EXCEPT / EXCLUDE, REPLACE, RENAME, ILIKE. Merged columns come once."""
        args, scope = star.args, self.scope
        left_out, new_names = _left_out(args, scope), _renamed(args, scope)
        renamed = {old.lower(): new for old, new in new_names.items()}
        replaced = yield from self._replaced(args)
        ilike = args.get("ilike")
        like = _glob(str(ilike.name)) if isinstance(ilike, exp.Literal) else "*"
        self.hidden.update(left_out, renamed, replaced)
        waiting, is_open = dict(merged), False
        for key, relation in sources.items():
            if key in scope.unseen and sources is scope.sources:
                continue
            for output in relation.outputs:
                lower = (output.name or output.label).lower()
                if output.name == "*":
                    is_open = True
                    self.hidden.update(relation.hidden)
                    self.outputs.append(output)
                elif lower in left_out or (like != "*" and not fnmatchcase(lower, like)):
                    continue
                elif lower in replaced:
                    self.outputs.append(replaced[lower])
                elif lower in renamed:
                    self.outputs.append(Output(renamed[lower], output.lineage))
                elif lower not in merged:
                    self.outputs.append(output)
                elif lower in waiting:
                    self.outputs.append(Output(output.name, waiting.pop(lower)))
        if is_open:
            self.outputs += replaced.values()
            self.outputs += [Output(new, scope.column(old)) for old, new in new_names.items()]
        self.queries.budget.spend(len(self.outputs))

    def _replaced(self, args: dict[str, Any]) -> Task:
        """`REPLACE (a + 1 AS a)`: outputs by the lower-case names they stand for."""
        found: dict[str, Output] = {}
        for item in args.get("replace") or ():
            if isinstance(item, exp.Alias):
                name = name_of(item.args["alias"], self.scope.rules)
                origins = yield from self.queries.value(item.args["this"], "IDENTITY", self.scope, self.env)
                found[name.lower()] = Output(name, tuple(origins))
        return found


def _left_out(args: dict[str, Any], scope: Scope) -> set[str]:
    listed = args.get("except_") or ()
    items = (listed,) if isinstance(listed, exp.Expr) else listed
    return {name_of(i.args["this"] if isinstance(i, exp.Column) else i, scope.rules).lower() for i in items}


def _renamed(args: dict[str, Any], scope: Scope) -> dict[str, str]:
    items = [i for i in args.get("rename") or () if isinstance(i, exp.Alias)]
    old = [i.this.this if isinstance(i.this, exp.Column) else i.this for i in items]
    return {name_of(o, scope.rules): name_of(i.args["alias"], scope.rules) for o, i in zip(old, items, strict=True)}


def _glob(like: str) -> str:
    """A LIKE pattern, in lower case, as a glob."""
    table = {"%": "*", "_": "?", "[": "[[]", "*": "[*]", "?": "[?]"}
    return "".join(table.get(c, c) for c in like.lower())
