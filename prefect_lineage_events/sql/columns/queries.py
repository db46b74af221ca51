"""Relations of queries: SELECT, set operations, VALUES and CTEs, evaluated from the inside out.

Every query is evaluated once, by a generator that yields the queries it needs the relations of; `Queries.run` keeps
the stack. So neither deep nesting nor a long chain of CTEs reaches Python's recursion limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns import pivots, projections, sources, stars, structs
from prefect_lineage_events.sql.columns.evaluator import Resolve, Task
from prefect_lineage_events.sql.columns.expressions import Budget, Found, Trace, add
from prefect_lineage_events.sql.columns.functions import column_names
from prefect_lineage_events.sql.columns.paths import OPENING
from prefect_lineage_events.sql.columns.relations import NOTHING, Base, Output, Relation, Row
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.scopes import Cte, Env, Scope
from prefect_lineage_events.sql.columns.unions import branches_of, combine
from prefect_lineage_events.sql.context import FoldedNames
from prefect_lineage_events.sql.model import TableRef, Transformation

Schemas = Mapping[str, Any]


class Queries:
    """The evaluation of one statement's queries.

    `decisions` collects the columns that decide over rows, in any query of the statement. `write`
    evaluates a CTE that changes data. `unclear` is the first thing that the text leaves open. `rows` are the fields
    of expressions, by node and scope, each worked out once.
    """

    def __init__(self, resolve: Resolve, schemas: Schemas, rules: ColumnRules, budget: Budget) -> None:
        self.resolve = resolve
        self.schemas = schemas
        self.rules = rules
        self.budget = budget
        self.decisions: Found = {}
        self.unclear = ""
        self.unions: Mapping[int, Sequence[TableRef]] = {}
        self.rows: dict[tuple[int, int], tuple[Row | None, Scope]] = {}
        self._nested: dict[tuple[int, int], tuple[Relation, Found, Scope]] = {}
        self.write: Callable[[exp.Expr, Env | None], Task] | None = None
        self._bases: dict[TableRef, Base] = {}

    def run(self, task: Task) -> Any:
        """The result of a task, with all tasks it asks for."""
        stack, value = [task], None
        while stack:
            try:
                needed = stack[-1].send(value)
            except StopIteration as done:
                stack.pop()
                value = done.value
            else:
                stack.append(needed)
                value = None
        return value

    def base(self, ref: TableRef) -> Base:
        """The one origin that stands for a table in this statement."""
        base = self._bases.get(ref)
        if base is None:
            known = None if ref.namespace else columns_of(ref.name, self.schemas)
            base = self._bases[ref] = Base(ref, known)
        return base

    def query(self, node: exp.Expr, env: Env | None, parent: Scope | None) -> Task:
        """The task whose result is the relation of a query."""
        kind = node.__class__
        if kind is exp.Select:
            return self.select(node, env, parent)
        if kind is exp.Subquery:
            return self._subquery(node, env, parent)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, env, parent)
        if kind is exp.Values:
            return self.values(node, env, Scope(self.rules, parent))
        if isinstance(node, exp.DML) and self.write is not None:
            return self.write(node, env)
        return self._from_alone(node, env, parent)

    def select(self, node: exp.Expr, env: Env | None, parent: Scope | None, given: exp.Expr | None = None) -> Task:
        """A SELECT; `given` is its source where it stands before it (Hive's FROM t INSERT ... SELECT)."""
        args = node.args
        scope = Scope(self.rules, parent)
        scalars: list[tuple[str, exp.Expr, Env]] = []
        if args.get("with_") is not None:
            env = yield from self.with_(args["with_"], env, scalars)
        from_ = args.get("from_")
        source = from_.args["this"] if from_ is not None else given
        if source is not None:
            yield from sources.item(self, source, scope, env)
        for join in args.get("joins") or ():
            yield from sources.join(self, join, scope, env)
        for lateral in args.get("laterals") or ():
            yield from sources.item(self, lateral, scope, env)
        for name, body, inner in scalars:
            scope.aliases[name] = tuple((yield from self.value(body, "IDENTITY", scope, inner)))
        if args.get("match") is not None:
            yield from pivots.match(self, args["match"], scope, env)
        if args.get("connect") is not None:
            scope.aliases["level"] = ()  # a column that CONNECT BY makes
        for window in args.get("windows") or ():
            scope.windows[window.name.lower()] = window
        relation = yield from projections.outputs(self, args.get("expressions") or (), scope, env)
        yield from self._decide_rows(args, scope, env, relation.outputs)
        self.note(scope)
        return projections.value_table(relation) if args.get("kind") == "VALUE" else relation

    def renamed(self, relation: Relation, names: Sequence[str]) -> Relation:
        """A relation whose columns the text calls otherwise, by position."""
        if relation.rest and any(o.name == "*" for o in relation.outputs[: len(names)]):
            self.unclear = self.unclear or "which columns a list of names stands for is not known"
        return relation.renamed(names)

    def note(self, scope: Scope) -> None:
        """Note a name that a finished scope could not resolve."""
        if scope.ambiguous and not self.unclear:
            self.unclear = f"{scope.ambiguous} could come from several tables"

    def with_(self, node: exp.Expr, outer: Env | None, scalars: list[tuple[str, exp.Expr, Env]] | None = None) -> Task:
        """The environment inside a WITH. CTEs that change data are evaluated at once.

        Scalar ones (ClickHouse) are aliases of the SELECT, whose columns they may use: they are left to it.
        """
        ctes: dict[str, list[tuple[int, Cte]]] = {}
        recursive = bool(node.args.get("recursive")) or self.rules.implicit_recursion
        for position, cte in enumerate(node.args.get("expressions") or ()):
            env = Env(ctes, position, outer)
            alias = cte.args.get("alias")
            name = str(alias.name).lower() if alias is not None else ""
            body = cte.args["this"]
            if cte.args.get("scalar") and scalars is not None:
                scalars.append((name, body, env))
                continue
            known = Cte(name, cte, recursive)
            ctes.setdefault(name, []).append((position, known))
            if isinstance(body, exp.DML):
                yield self.cte(known, env)
        return Env(ctes, len(node.args.get("expressions") or ()), outer)

    def cte(self, cte: Cte, env: Env) -> Task:
        """The relation of a CTE, whose query may use the CTEs of `env`."""
        if cte.relation is None and not cte.running:
            cte.running = True
            body = cte.node.args["this"]
            names = column_names(cte.node.args.get("alias"), self.rules)
            if cte.recursive and isinstance(body, exp.SetOperation):
                relation = yield self._recursive(cte, body, names, env)
            else:
                relation = yield self.query(body, env, None)
                relation = self.renamed(relation, names) if names else relation
            cte.relation = relation
        return cte.relation or NOTHING

    def _recursive(self, cte: Cte, body: exp.Expr, names: Sequence[str], env: Env) -> Task:
        """The relation of a recursive CTE, from its anchor on. Steps may swap columns: walk until nothing is new."""
        if body.args.get("with_") is not None:
            env = yield from self.with_(body.args["with_"], env)
        anchor, *steps = branches_of(body)
        cte.relation = None
        start = yield self.query(anchor.query, env, None)
        cte.relation = start.renamed(names) if names else start
        for _ in range(4):
            branches = []
            for step in steps:
                branches.append(((yield self.query(step.query, env, None)), step))
            before = cte.relation
            merged = combine(before, branches)
            cte.relation = merged
            if [set(o.lineage) for o in merged.outputs] == [set(o.lineage) for o in before.outputs]:
                break
        return cte.relation

    def value(self, node: exp.Expr, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """The origins of an expression, those of the queries inside it included."""
        found: Found = {}
        yield from self.into(found, node, how, scope, env)
        return found

    def into(self, found: Found, node: exp.Expr, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """Add the origins of an expression to `found`."""
        trace = Trace(scope, found)
        trace.walk(node, how, self.budget)
        for inner, becomes in trace.nested:
            if inner.__class__ in _STARS:
                yield from stars.into(self, found, inner, becomes or "TRANSFORMATION", scope, env=env)
            elif inner.__class__ in _OPENED:
                yield from structs.into(self, found, inner, becomes or "TRANSFORMATION", scope, env=env)
            else:
                relation, decisions = yield from self._nested_with_decisions(inner, scope, env)
                lineages = [] if becomes is None else [o.lineage for o in relation.outputs if o.name != "*"]
                for lineage in lineages:
                    add(lineage, becomes or "TRANSFORMATION", found)
                if not any(lineages) and found is not self.decisions:
                    # EXISTS and COUNT(*) give a value that only these decide.
                    add(tuple(decisions), "CONDITIONAL", found)

    def nested(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        """The relation of a query inside an expression, evaluated once in its scope."""
        relation, _ = yield from self._nested_with_decisions(node, scope, env)
        return relation

    def _nested_with_decisions(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        """The relation of a query inside an expression, and the columns that decide over its rows."""
        key = (id(node), id(scope))
        if key not in self._nested or scope.bound is not None:
            around, self.decisions = self.decisions, {}
            relation = yield self.query(node, env, scope)
            decisions, self.decisions = self.decisions, around
            self.decisions.update(decisions)
            self._nested[key] = relation, decisions, scope
        return self._nested[key][:2]

    def row_of(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        """The fields of an expression's value; None if it is no struct, or if the struct is not known."""
        return structs.row_of(self, node, scope, env)

    def decide(self, node: exp.Expr | None, how: Transformation, scope: Scope, env: Env | None) -> Task:
        """Add the columns of a condition or key to those that decide over rows."""
        if node is not None:
            yield from self.into(self.decisions, node, how, scope, env)

    def values(self, node: exp.Expr, env: Env | None, scope: Scope) -> Task:
        """VALUES: each row adds to its columns; rows of literals add nothing."""
        columns: list[Found] = []
        for row in node.args.get("expressions") or ():
            cells = row.args.get("expressions") or () if row.__class__ is exp.Tuple else (row,)
            self.budget.spend(len(cells))
            for position, cell in enumerate(cells):
                if position == len(columns):
                    columns.append({})
                if cell.__class__ is not exp.Literal:
                    yield from self.into(columns[position], cell, "IDENTITY", scope, env)
        fold = self.rules.plain
        return Relation([Output(fold(f"column{i}"), tuple(found)) for i, found in enumerate(columns, 1)])

    def _subquery(self, node: exp.Expr, env: Env | None, parent: Scope | None) -> Task:
        args = node.args
        if args.get("with_") is not None:
            env = yield from self.with_(args["with_"], env)
        if args.get("pivots") or args.get("joins") or args.get("alias"):
            return (yield self._from_alone(node, env, parent))
        return (yield self.query(args["this"], env, parent))

    def _from_alone(self, node: exp.Expr, env: Env | None, parent: Scope | None) -> Task:
        """A source in the position of a query (`FROM t`, `TABLE t`, `(a JOIN b)`): all of its columns."""
        scope = Scope(self.rules, parent)
        yield from sources.item(self, node, scope, env)
        relation = yield from projections.outputs(self, (exp.Star(),), scope, env)
        self.note(scope)
        return relation

    def _set_operation(self, node: exp.Expr, env: Env | None, parent: Scope | None) -> Task:
        if node.args.get("with_") is not None:
            env = yield from self.with_(node.args["with_"], env)
        first, *others = branches_of(node)
        start = yield self.query(first.query, env, parent)
        branches = []
        for branch in others:
            branches.append(((yield self.query(branch.query, env, parent)), branch))
            self.budget.spend(len(branches[-1][0].outputs))
        relation = combine(start, branches)
        if node.args.get("order") is not None:
            scope = Scope(self.rules, parent)
            scope.add("", relation)
            yield from self._decide_keys(node.args["order"], "SORT", scope, env, relation.outputs)
        return relation

    def _decide_rows(self, args: dict[str, Any], scope: Scope, env: Env | None, outputs: Sequence[Output]) -> Task:
        """WHERE and the other clauses of a SELECT that decide over its rows and their order."""
        for clause, how in _CONDITIONS:
            if args.get(clause) is not None:
                scope.by_alias = clause not in ("where", "prewhere")
                yield from self.decide(args[clause], how, scope, env)
        scope.by_alias = True
        for clause, how in _KEYS:
            if args.get(clause) is not None:
                yield from self._decide_keys(args[clause], how, scope, env, outputs)
        distinct = args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            yield from self.decide(distinct.args["on"], "GROUP_BY", scope, env)

    def _decide_keys(
        self, node: exp.Expr, how: Transformation, scope: Scope, env: Env | None, outputs: Sequence[Output]
    ) -> Task:
        """GROUP BY, ORDER BY: a number is the output at that position; ALL are the outputs without an aggregation."""
        if node.__class__ is exp.Group and node.args.get("all"):
            for output in outputs:
                if output.name != "*" and not any(becomes == "AGGREGATION" for _, _, becomes in output.lineage):
                    add(output.lineage, how, self.decisions)
        for part in node.args.values():
            for key in part if part.__class__ is list else (part,):
                if not isinstance(key, exp.Expr):
                    continue
                inner = key.args.get("this") if key.__class__ is exp.Ordered else key
                if inner.__class__ is exp.Literal and str(inner.name).isdigit():
                    position = int(inner.name)
                    if 0 < position <= len(outputs) and not any(o.name == "*" for o in outputs[:position]):
                        add(outputs[position - 1].lineage, how, self.decisions)
                else:
                    yield from self.decide(inner, how, scope, env)


_STARS = (exp.Star, exp.Column, exp.Columns, exp.Apply)
_OPENED = (*OPENING, exp.Anonymous, exp.Sub, exp.JSONBDeleteAtPath)
_CONDITIONS: tuple[tuple[str, Transformation], ...] = (
    ("where", "FILTER"), ("prewhere", "FILTER"), ("connect", "JOIN"), ("having", "FILTER"), ("qualify", "FILTER"),
)  # fmt: skip
_KEYS: tuple[tuple[str, Transformation], ...] = (
    ("group", "GROUP_BY"), ("order", "SORT"), ("sort", "SORT"), ("cluster", "SORT"),
)  # fmt: skip


# Among more tables than these, a name needs the store's case: a search for another spelling would take longer than all
# the rest.
_SEARCHED = 1000


def columns_of(name: str, schemas: Schemas) -> Mapping[str, object] | None:
    """A table's columns by its dotted name, as written, else in any case. A list of names is accepted."""
    columns = schemas.get(name) if schemas else None
    if columns is None and schemas and not isinstance(schemas, FoldedNames):
        lower = name.lower()
        columns = schemas.get(lower)
        if columns is None and len(schemas) <= _SEARCHED:
            columns = next((c for key, c in schemas.items() if key.lower() == lower), None)
    if not columns:
        return None
    return columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
