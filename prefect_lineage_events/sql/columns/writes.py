"""Edges of statements: values into the columns of INSERT, UPDATE, MERGE, CREATE ... AS, and the result of a read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns import projections, sources
from prefect_lineage_events.sql.columns.assignments import Branch, assign, on_conflict
from prefect_lineage_events.sql.columns.evaluator import Task
from prefect_lineage_events.sql.columns.queries import Queries
from prefect_lineage_events.sql.columns.relations import (
    NOTHING,
    PROGRAM,
    Output,
    Relation,
    TableRelation,
    column_and_path,
)
from prefect_lineage_events.sql.columns.scopes import Env, Scope
from prefect_lineage_events.sql.columns.targets import (
    column_name,
    insert_columns,
    own_names,
    positions,
    table_of,
    target_columns,
    target_of,
)
from prefect_lineage_events.sql.model import DIRECT, ColumnEdge, TableRef


class Statements:
    """The edges of one statement, collected while its parts are evaluated.

    `declared` are the columns and types that it gives to tables, by their dotted names. `bound` are the columns of each
    target that take binds (`*`: binds decide over its rows), `constant` those that take neither binds nor columns.
    `open` are targets that take all columns of rows of the program's, which no text lists.
    """

    def __init__(self, queries: Queries, dialect: str) -> None:
        self.queries = queries
        self.dialect = dialect
        self.edges: dict[ColumnEdge, None] = {}
        self.indirect: dict[ColumnEdge, None] = {}
        self.declared: dict[str, dict[str, str]] = {}
        self.bound: dict[TableRef, dict[str, dict[str, None]]] = {}
        self.constant: dict[TableRef, dict[str, None]] = {}
        self.open: set[TableRef] = set()
        queries.write = self.nested

    def statement(self, node: exp.Expr, env: Env | None = None) -> Task:
        """Evaluate a statement; the relation it returns to its caller."""
        handler = _HANDLERS.get(node.__class__)
        if handler is None:
            return NOTHING
        if node.args.get("with_") is not None:
            env = yield from self.queries.with_(node.args["with_"], env)
        return (yield from handler(self, node, env))

    def nested(self, node: exp.Expr, env: Env | None) -> Task:
        """A CTE that changes data: columns that decide over its rows do not decide over those around it."""
        around, self.queries.decisions = self.queries.decisions, {}
        relation = yield from self.statement(node, env)
        self.queries.decisions = around
        return relation

    def read(self, node: exp.Expr) -> Task:
        """A query with a result for the caller, or for the table after its INTO."""
        into = node.args.get("into")
        table = into.args.get("this") if isinstance(into, exp.Into) else None
        target = self.queries.resolve(table) if isinstance(table, exp.Table) else None
        relation = yield self.queries.query(node, None, None)
        self.put(target, relation.outputs, own_names(relation.outputs))
        self.decide([target])
        if target is None:
            return relation
        self._declare(target, relation, ())
        return NOTHING

    def unload(self, node: exp.Expr, target: TableRef) -> Task:
        """A query whose result the outer statement writes: by position into the known columns of the target."""
        relation = yield self.queries.query(node, None, None)
        known = insert_columns(self.queries, target, {})
        at = [] if known or target.kind != "table" else positions(relation.outputs)
        self.put(target, relation.outputs, target_columns(relation.outputs, known), at)
        self.decide([target])
        if target.kind == "file":
            self._declare(target, relation, ())
        return NOTHING

    def insert(self, node: exp.Expr, env: Env | None, given: Relation | None = None) -> Task:
        """INSERT: by position into the listed columns, else into those of the schema, else under the query's names."""
        args, queries = node.args, self.queries
        ref, listed = target_of(queries, args.get("this"))
        relation = (yield from self._inserted(args.get("expression"), env)) if given is None else given
        if ref is None:
            return NOTHING
        by_position = [] if args.get("by_name") else listed or insert_columns(queries, ref, args)
        names = target_columns(relation.outputs, by_position)
        by_name = args.get("by_name") or ref.kind == "file"
        at = [] if by_name else positions(relation.outputs, by_position)
        self.put(ref, relation.outputs, names, at)
        conflict, returning = args.get("conflict"), args.get("returning")
        if conflict is None and returning is None:
            self.decide([ref])
            return NOTHING
        scope, target = Scope(queries.rules), TableRelation(queries.base(ref))
        scope.add(_alias(args["this"]) or (ref.parts[-1] if ref.parts else ""), target, ref.parts)
        if conflict is not None:
            excluded = Relation([Output(n, o.lineage) for n, o in zip(names, relation.outputs, strict=True)])
            yield from on_conflict(self, node, target, excluded, scope, env=env)
        self.decide([ref])
        scope.add_qualified("inserted", target)
        return (yield from self._returning(node, scope, env))

    def _inserted(self, expression: exp.Expr | None, env: Env | None, scope: Scope | None = None) -> Task:
        """The relation that an INSERT inserts. The columns of VALUES have no names there."""
        if not isinstance(expression, exp.Expr):
            return NOTHING
        if expression.__class__ is not exp.Values:
            return (yield self.queries.query(expression, env, None))
        rows = yield from self.queries.values(expression, env, scope or Scope(self.queries.rules))
        return Relation([Output("", o.lineage, f"_{i}") for i, o in enumerate(rows.outputs, 1)])

    def update(self, node: exp.Expr, env: Env | None) -> Task:
        """UPDATE, with FROM or joins. Its target may be named by an alias of the FROM clause (T-SQL), or be a CTE."""
        args, queries = node.args, self.queries
        scope = Scope(queries.rules)
        if args.get("from_") is not None:
            yield from sources.item(queries, args["from_"].args["this"], scope, env)
        target = yield from self._changed(args.get("this"), scope, env)
        written = yield from assign(self, args.get("expressions") or (), target, scope, env=env)
        yield from queries.decide(args.get("where"), "FILTER", scope, env)
        queries.note(scope)
        self.decide(written or [table_of(target)])
        scope.add_qualified("inserted", target)
        scope.add_qualified("deleted", target)
        return (yield from self._returning(node, scope, env))

    def delete(self, node: exp.Expr, env: Env | None) -> Task:
        """DELETE writes no value; its condition decides over the remaining rows."""
        args = node.args
        scope = Scope(self.queries.rules)
        using = args.get("using")
        for other in using if isinstance(using, list) else ():
            yield from sources.item(self.queries, other, scope, env)
        named = args.get("tables") or (None,)  # DELETE t, without FROM
        target = yield from self._changed(args.get("this") or named[0], scope, env)
        yield from self.queries.decide(args.get("where"), "FILTER", scope, env)
        self.decide([table_of(target)])
        scope.add_qualified("deleted", target)
        return (yield from self._returning(node, scope, env))

    def _changed(self, node: exp.Expr | None, scope: Scope, env: Env | None) -> Task:
        """The relation that an UPDATE or DELETE changes: a source it has already named, or a further one."""
        if not isinstance(node, exp.Expr):
            return next(iter(scope.sources.values()), NOTHING)
        alias = node.name.lower() if isinstance(node, exp.Table) and not node.args.get("db") else ""
        if alias not in scope.sources:
            alias = (yield from sources.item(self.queries, node, scope, env))[0]
        return scope.sources[alias]

    def merge(self, node: exp.Expr, env: Env | None) -> Task:
        """MERGE: the edges of all its branches."""
        args, queries = node.args, self.queries
        scope, source = Scope(queries.rules), Scope(queries.rules)
        target = scope.sources[(yield from sources.item(queries, args["this"], scope, env))[0]]
        ref = table_of(target)
        yield from sources.item(queries, args["using"], source, env)
        scope.add_sources_of(source)
        yield from queries.decide(args.get("on") or None, "JOIN", scope, env)
        sources.merge_using(queries, args.get("using_cond") or (), [target], list(source.sources.values()), scope)
        whens = args["whens"].args.get("expressions") or () if args.get("whens") is not None else ()
        for when in whens:
            sees = scope if when.args.get("matched") or when.args.get("source") else source
            yield from queries.decide(when.args.get("condition"), "FILTER", sees, env)
            if ref is not None:
                branch = Branch(self, target, ref, scope, source)
                yield from branch.write(when.args["then"], env)
                yield from queries.decide(when.args["then"].args.get("where"), "FILTER", sees, env)
        queries.note(scope)
        self.decide([ref])
        scope.add_qualified("inserted", target)
        scope.add_qualified("deleted", target)
        return (yield from self._returning(node, scope, env))

    def create(self, node: exp.Expr, env: Env | None) -> Task:
        """CREATE TABLE / VIEW: the values of its query, and the columns that it declares."""
        args = node.args
        this, query = args.get("this"), args.get("expression")
        ref, _ = target_of(self.queries, this)
        if ref is None:
            return NOTHING
        listed = this.args.get("expressions") or () if isinstance(this, exp.Schema) else ()
        columns = [c for c in listed if isinstance(c, (exp.ColumnDef, exp.Identifier, exp.Column))]
        relation = NOTHING
        if isinstance(query, (exp.Query, exp.Values, exp.Table, exp.Pivot)):
            relation = yield self.queries.query(query, env, None)
            by_name = self.queries.rules.creates_by_name and args.get("kind") == "TABLE"
            names = [] if by_name else [column_name(c, self.queries.rules) for c in columns]
            at = [p if o.name == "*" else 0 for o, p in zip(relation.outputs, positions(relation.outputs), strict=True)]
            self.put(ref, relation.outputs, target_columns(relation.outputs, names), at if names else ())
            self.decide([ref])
        self._declare(ref, relation, columns)
        return NOTHING

    def insert_many(self, node: exp.Expr, env: Env | None) -> Task:
        """INSERT ALL / FIRST ... SELECT, and Hive's FROM t INSERT ... SELECT ... INSERT ... SELECT."""
        args, queries = node.args, self.queries
        source = args["source"]
        is_query = isinstance(source, exp.Query)
        relation = (yield queries.query(source, env, None)) if is_query else NOTHING
        shared = queries.decisions
        for part in args.get("expressions") or ():
            insert = part.args.get("this") if isinstance(part, exp.ConditionalInsert) else part
            if not isinstance(insert, exp.Insert):
                continue
            queries.decisions = dict(shared)
            scope = Scope(queries.rules)
            scope.add("", relation)
            if part is not insert:
                yield from queries.decide(part.args.get("expression"), "FILTER", scope, env)
            values = insert.args.get("expression")
            given = relation
            if isinstance(values, exp.Select):
                given = yield queries.select(values, env, None, given=None if is_query else source)
            elif values is not None:
                given = yield from self._inserted(values, env, scope)
            yield from self.insert(insert, env, given)
        return NOTHING

    def put(
        self, target: TableRef | None, outputs: Sequence[Output], names: Sequence[str], at: Sequence[int] = ()
    ) -> None:
        """Edges from the origins of outputs to columns of a target; `at`: they go there by these positions."""
        edges, budget = self.edges, self.queries.budget
        for output, name, position in zip(outputs, names, at or [0] * len(names), strict=True):
            budget.spend(len(output.lineage))
            if target is not None and not output.lineage and name != "*":
                self.constant.setdefault(target, {})[name] = None
            for base, column, how in output.lineage:
                if base is not PROGRAM:
                    own, path = column_and_path(column)
                    edges[ColumnEdge(base.ref, own, target, name, how, position, path)] = None
                    if base.ref == target and name != "*":  # SET a = a + 1: the text gives the whole value
                        self.bound.setdefault(target, {})
                elif target is not None and name == "*":
                    self.open.add(target)
                elif target is not None and how in DIRECT:
                    self.bound.setdefault(target, {}).setdefault(name, {})[column] = None

    def decide(self, targets: Iterable[TableRef | None]) -> None:
        """Add edges from the columns that decide over rows to whole targets."""
        for target in dict.fromkeys(targets):
            for base, column, how in self.queries.decisions:
                if base is PROGRAM:
                    if target is not None:
                        self.bound.setdefault(target, {}).setdefault("*", {})
                elif how not in DIRECT:
                    own, path = column_and_path(column)
                    self.indirect[ColumnEdge(base.ref, own, target, "*", how, path=path)] = None
        self.queries.decisions = {}

    def _declare(self, ref: TableRef, relation: Relation, columns: Sequence[exp.Expr]) -> None:
        """Note the columns and types that the text gives to a table; none if it leaves one open."""
        declared = {column_name(c, self.queries.rules): self._type(c) for c in columns}
        is_added = not declared or self.queries.rules.creates_by_name
        if is_added and relation.outputs and relation.closed:
            names = [o.name or ("" if o.label.startswith("_") else o.label) for o in relation.outputs]
            known = {name.lower() for name in declared}
            declared |= dict.fromkeys([name for name in names if name.lower() not in known], "") if all(names) else {}
        if declared:
            self.declared[ref.name] = declared

    def _type(self, column: exp.Expr) -> str:
        kind = column.args.get("kind") if isinstance(column, exp.ColumnDef) else None
        return kind.sql(dialect=self.dialect) if isinstance(kind, exp.Expr) else ""

    def _returning(self, node: exp.Expr, scope: Scope, env: Env | None) -> Task:
        returning = node.args.get("returning")
        if returning is None:
            return NOTHING
        relation = yield from projections.outputs(self.queries, returning.args.get("expressions") or (), scope, env)
        log, listed = target_of(self.queries, returning.args.get("into"))  # learn.microsoft.com: OUTPUT ... INTO
        if log is None:
            return relation
        columns = listed or insert_columns(self.queries, log, {})
        names = target_columns(relation.outputs, columns)
        self.put(log, relation.outputs, names, positions(relation.outputs, columns))
        return NOTHING


def _alias(node: exp.Expr) -> str:
    """The alias of an INSERT's target (PostgreSQL), with or without a list of columns after it."""
    table = node.this if isinstance(node, exp.Schema) else node
    return str(table.alias) if isinstance(table, exp.Table) else ""


_HANDLERS: dict[type[exp.Expr], Callable[[Statements, exp.Expr, Env | None], Task]] = {
    exp.Insert: Statements.insert,
    exp.Update: Statements.update,
    exp.Merge: Statements.merge,
    exp.Delete: Statements.delete,
    exp.Create: Statements.create,
    exp.MultitableInserts: Statements.insert_many,
}
