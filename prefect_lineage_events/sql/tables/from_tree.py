"""Walk over the tree of a statement: the tables it reads and writes, and its effect.

A statement that changes data may contain another (a data-changing CTE): each has its own target. A name is a table
unless a CTE of that name is in scope, or it is an alias of a target (UPDATE and DELETE by alias).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.expressions import Expr

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import Effect, TableRef
from prefect_lineage_events.sql.names import MOVES, location_of, named_by, table_of, variable_of
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.correlated import Arrays
from prefect_lineage_events.sql.tables.ctes import Ctes, key_of
from prefect_lineage_events.sql.tables.remote import ROWSETS
from prefect_lineage_events.sql.tables.tree_nodes import (
    NodeReader,
    arguments_of,
    dotted,
    function_name,
    joined,
    part_of,
    qualifier_of,
    tables_of,
)

_RELEVANT = (
    exp.Table,
    exp.With,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Into,
    exp.TableFromRows,
    exp.Anonymous,
    exp.Directory,
    exp.Lock,
    exp.Lateral,
    exp.In,
)

# The first argument is no table: a foreign key's, the name of an inline function (trino.io: WITH FUNCTION), or the
# model of a function (docs.cloud.google.com: BigQuery ML).
_WITH_NO_TABLE = (
    exp.Reference, exp.UserDefinedFunction, exp.Predict, exp.MLForecast, exp.MLTranslate, exp.GenerateEmbedding,
    exp.GenerateText, exp.GenerateTable, exp.GenerateBool, exp.GenerateInt, exp.GenerateDouble,
)  # fmt: skip


def walk(tree: Expr, builder: StatementBuilder) -> None:
    """Add the reads and writes of `tree` to `builder`."""
    builder.nodes = list(tree.walk())
    _Walk(builder, [node for node in builder.nodes if _is_relevant[node.__class__]]).run(tree)


class _Relevance(dict[type[Expr], bool]):
    """Cache of whether a class of nodes is relevant."""

    def __missing__(self, kind: type[Expr]) -> bool:
        self[kind] = answer = issubclass(kind, _RELEVANT)
        return answer


_is_relevant = _Relevance()


class _Walk(NodeReader):
    """Walk over one tree. `targets` are the ids of nodes that are no inputs: targets, and other mentions of them."""

    def __init__(self, builder: StatementBuilder, nodes: list[Expr]) -> None:
        super().__init__(builder)
        self.nodes = nodes
        self.targets: set[int] = set()
        self.ctes = Ctes(nodes, self.context.dialect)
        self.arrays = Arrays(self.context.dialect)
        self._own_names: tuple[set[str], set[str]] | None = None

    def run(self, tree: Expr) -> None:
        for node in self.nodes:
            handler = _TARGETS.get(type(node))
            if handler:
                handler(self, node)
        for node in self.nodes:
            if isinstance(node, exp.Table):
                self._input(node)
            elif isinstance(node, exp.TableFromRows):
                self._from_rows(node)
            elif isinstance(node, exp.Anonymous):
                self._function(node)
            elif isinstance(node, exp.In) and isinstance(node.args.get("field"), exp.Column):
                self._table_of_in(node.args["field"], tree)
            elif isinstance(node, exp.Lateral):
                self._apply_operand(node)
        if len(self.builder.outputs) > 1:
            self._read_moved_rows()
        if not self.builder.outputs and self.builder.effect is None:
            self.builder.kind = "read"

    def _read_moved_rows(self) -> None:
        """`WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d`: rows that leave a go into b."""
        for clause in self.ctes.clauses:
            for cte in clause.expressions:
                change = cte.this
                if isinstance(change, (exp.Delete, exp.Update)) and change.args.get("returning") is not None:
                    self.builder.read(self.builder.refs.get(id(change.this)))

    # --- inputs

    def _input(self, node: exp.Table) -> None:
        if id(node) in self.targets:
            return
        if self.ctes.holds(node) or self._is_show_statement(node) or self.arrays.holds(node):
            self.builder.refs[id(node)] = None
            return
        table = self.ref(node)
        parent = node.parent
        if isinstance(parent, _WITH_NO_TABLE) and node.arg_key == "this":
            return
        if node.arg_key in ("format", "indexed") or isinstance(parent, exp.JoinHint):
            return  # a file format; an index of SQLite; the alias in `/*+ BROADCAST(c) */`
        self.builder.read(table)

    def _is_show_statement(self, node: exp.Table) -> bool:
        """Return whether it is `(SHOW TABLES)`, which the parser takes for a table and its alias (duckdb.org: SHOW)."""
        may = "SHOW" in dialect_of(self.context.dialect).parenthesised_statements
        is_statement = may and isinstance(node.parent, exp.Subquery) and bool(node.alias)
        return is_statement and node.name.lower() == "show" and not node.this.args.get("quoted")

    def _table_of_in(self, name: exp.Column, tree: Expr) -> None:
        """Read `t` in `a IN t`, short for `(SELECT * FROM t)` unless the query names `t` (clickhouse.com/docs: IN)."""
        if not dialect_of(self.context.dialect).sets_of_tables:
            return
        if self._own_names is None:
            own = list(tree.find_all(exp.Table, exp.Subquery, exp.Alias, exp.CTE))
            values = {node.alias.lower() for node in own if isinstance(node, (exp.Alias, exp.CTE))}
            self._own_names = values, {node.alias_or_name.lower() for node in own}
        if name.parts[0].name.lower() not in self._own_names[len(name.parts) > 1]:
            self.builder.read(self.named([part_of(part) for part in name.parts]))

    def _apply_operand(self, node: exp.Lateral) -> None:
        """Read the operand of `CROSS APPLY b`: mostly a function, but it may be a table (learn.microsoft.com: FROM)."""
        function = node.this.expression if isinstance(node.this, exp.Dot) else node.this
        if isinstance(function, exp.Anonymous):
            if self.call(function) is None:
                self.doubt_of(function)
            return
        is_dotted = isinstance(node.this, (exp.Identifier, exp.Dot))
        is_name = is_dotted and all(isinstance(part, exp.Identifier) for part in node.this.flatten())
        if is_name and not self.ctes.holds(node):
            self.builder.refs[id(node)] = table = self.named(list(dotted(node.this)))
            self.builder.read(table)

    def _from_rows(self, node: exp.TableFromRows) -> None:
        """Read Snowflake's `TABLE(...)` of a name, a variable, an earlier result or a function."""
        argument = node.this
        if isinstance(argument, exp.Literal) and argument.is_string:
            self.builder.refs[id(node)] = table = self.unless_hidden(named_by(argument.name, self.context))
            self.builder.read(table)
        elif isinstance(argument, exp.Parameter):
            self.builder.refs[id(node)] = table = self.unless_hidden(self.dynamic(argument))
            self.builder.read(table)
        elif isinstance(argument, exp.Placeholder):
            self.unknown("the name of a table is a bind")
        elif isinstance(argument, exp.Anonymous) and argument.name.upper() == "RESULT_SCAN":
            last = self.context.last_query
            if last is None or _is_earlier_query(argument):
                self.unknown("the query that RESULT_SCAN refers to is not known")
                return
            for table in last:
                self.builder.read(table)
        else:
            self._rows_of(argument)

    def _rows_of(self, argument: Expr | None) -> None:
        """Read `TABLE(f(1))`, `TABLE(db.s.f(1))` of a function that a user may have defined."""
        path = list(argument.flatten()) if isinstance(argument, exp.Dot) else [argument]
        is_catalog = any(isinstance(p, exp.Identifier) and p.name.lower() == "information_schema" for p in path)
        function = path[-1]
        if isinstance(function, exp.Anonymous) and self.call(function) is None and not is_catalog:
            self.doubt_of(function)

    def _function(self, node: exp.Anonymous) -> None:
        """Read a table in an argument: `f(TABLE orders)`, `TABLE(orders)` (Trino, BigQuery), or a name in a text."""
        name = node.name.upper()
        if not isinstance(node.parent, (exp.Table, exp.Insert)) and (found := self.call(node)) is not None:
            for table in found.tables:
                self.builder.read(table)
            return
        if name in MOVES:
            self._moves(node, *MOVES[name])
        if name != "TABLE" or isinstance(node.parent, exp.Table):
            return
        argument = next(iter(arguments_of(node)), None)
        if isinstance(argument, exp.Column):
            self.builder.read(table_of([part_of(p) for p in argument.parts], self.context))

    def _moves(self, node: exp.Anonymous, source: int, target: int) -> None:
        texts = [a.name if isinstance(a, exp.Literal) else "" for a in arguments_of(node)]
        if len(texts) > max(source, target):
            self._effect("append")
            self.builder.read(named_by(texts[source], self.context))
            table = named_by(texts[target], self.context)
            self.builder.write(table)

    # --- targets

    def _write(self, node: Expr | None, effect: Effect, temporary: bool = False) -> TableRef | None:
        table_node = node.this if isinstance(node, exp.Schema) else node
        self._effect(effect)
        if (
            isinstance(node, exp.Schema)
            and dialect_of(self.context.dialect).is_tsql
            and node.this.name.lower() in ROWSETS
        ):
            self.targets.add(id(node.this))  # INSERT OPENQUERY(server, 'query')
            return self.builder.write(self.rowset(node.this.name.lower(), node.expressions))
        if isinstance(table_node, exp.Table):
            self.targets.add(id(table_node))
            table = self.builder.write(self.ref(table_node), temporary)
            self.builder.refs[id(table_node)] = table
            return table
        place = self.table_function(table_node) if isinstance(table_node, exp.Func) else None
        if isinstance(table_node, exp.Directory):
            place = location_of(table_node.this.name, self.context)
        if table_node is not None:
            self.builder.refs[id(table_node)] = place = self.builder.write(place)
        return place

    def _effect(self, effect: Effect) -> None:
        if self.builder.effect is None:
            self.builder.effect = effect
            self.builder.kind = "create" if effect == "create" else "write"

    def insert(self, node: exp.Insert) -> None:
        overwrite = node.args.get("overwrite") or str(node.args.get("alternative") or "").upper() == "OVERWRITE"
        self._write(node.this, "overwrite" if overwrite else "append")
        self._returning(node)

    def _returning(self, node: Expr) -> None:
        """Write the second table of `OUTPUT ... INTO log` (learn.microsoft.com: OUTPUT clause).

        In other dialects INTO takes variables.
        """
        returning = node.args.get("returning")
        into = returning.args.get("into") if returning is not None else None
        if into is None or into is False or not dialect_of(self.context.dialect).is_tsql:
            return
        if isinstance(into, (exp.Table, exp.Schema)):
            self._write(into, "append")
        elif isinstance(into, exp.Parameter):
            self.builder.write(variable_of(into.name))
        elif isinstance(into, (exp.Column, exp.Identifier)):
            self.builder.write(table_of([part_of(p) for p in into.find_all(exp.Identifier)], self.context))
        elif isinstance(into, exp.Func):
            self.builder.write(table_of([(function_name(into), False)], self.context))

    def update(self, node: exp.Update) -> None:
        target = node.this
        if not isinstance(target, exp.Table):
            return  # the action of MERGE ... WHEN MATCHED
        sources = tables_of(node.args.get("from_")) + joined(target)
        among = [] if node.args.get("from_") is not None else self._assigned(node, [target, *joined(target)])
        for one in among or [target]:
            self._change(one, [s for s in sources if s not in among], "update")
        self.targets -= {id(one) for one in among if self._is_read_by_set(one, node)}
        self._returning(node)

    def _is_read_by_set(self, table: exp.Table, node: exp.Update) -> bool:
        """Return whether a column of another table is set from this one, which is then read too."""
        name, dialect = qualifier_of(table, self.context.dialect), self.context.dialect
        return any(
            key_of(column.args["table"], dialect) == name
            for item in node.expressions
            if isinstance(item, exp.EQ)
            and isinstance(item.this, exp.Column)
            and item.this.args.get("table") is not None
            and key_of(item.this.args["table"], dialect) != name
            for column in item.expression.find_all(exp.Column)
            if column.args.get("table") is not None
        )

    def _assigned(self, node: exp.Update, tables: list[exp.Table]) -> list[exp.Table]:
        """The tables of a join that SET assigns to: `UPDATE a JOIN b ON ... SET b.x = a.x` changes b.

        (dev.mysql.com/doc/refman/en/update.html)
        """
        if len(tables) == 1:
            return []
        left = [item.this for item in node.expressions if isinstance(item, exp.EQ)]
        named = {
            key_of(table, self.context.dialect)
            for column in left
            if isinstance(column, exp.Column) and (table := column.args.get("table")) is not None
        }
        return [table for table in tables if qualifier_of(table, self.context.dialect) in named]

    def delete(self, node: exp.Delete) -> None:
        using = node.args.get("using") or []
        sources = [table for item in using if isinstance(item, Expr) for table in tables_of(item)]
        named = node.args.get("tables") or []
        if isinstance(node.this, exp.Table):
            sources += joined(node.this)
            if not named:
                self._change(node.this, sources, "delete")
            else:
                sources.append(node.this)
        elif isinstance(node.this, exp.Subquery):
            self._write_through_query(node.this, "delete")
        for target in named:
            self._change(target, sources, "delete")
        self._returning(node)

    def _change(self, target: exp.Table, sources: list[exp.Table], effect: Effect) -> None:
        """Write a target, which is a table of its own, or the alias or name of one among the sources."""
        match = self._source_of_target(target, sources)
        if match is None or match is target:
            if self.ctes.holds(target):
                self._write_through_cte(target, effect)
            else:
                self._write(target, effect)
            return
        self.targets.add(id(target))
        self.targets.add(id(match))
        if self.ctes.holds(match):
            self._write_through_cte(match, effect)
            return
        table = self._write(match, effect)
        self.builder.refs[id(target)] = table

    def _write_through_query(self, view: exp.Subquery, effect: Effect) -> None:
        """Write the one table of the query in `DELETE FROM (SELECT * FROM t ...)` (docs.oracle.com: DELETE)."""
        self._effect(effect)
        tables = tables_of(view.this.args.get("from_")) if isinstance(view.this, exp.Select) else []
        if len(tables) == 1:
            self._write(tables[0], effect)
        else:
            self.builder.doubt("partial", "which table is changed through a query is not clear")

    def _write_through_cte(self, target: exp.Table, effect: Effect) -> None:
        """Write the one table of an updatable CTE (learn.microsoft.com: WITH common_table_expression)."""
        self._effect(effect)
        self.targets.add(id(target))
        name = key_of(target.this, self.context.dialect)
        named = [cte for clause in self.ctes.clauses for cte in clause.expressions if cte.alias.lower() == name.lower()]
        tables = [t for cte in named for t in tables_of(cte.this.args.get("from_"))]
        if len(tables) == 1 and not self.ctes.holds(tables[0]):
            self._write(tables[0], effect)
        else:
            self.builder.doubt("partial", "which table is changed through a CTE is not clear")

    def _source_of_target(self, target: exp.Table, sources: list[exp.Table]) -> exp.Table | None:
        dialect = self.context.dialect
        if isinstance(target.this, exp.Identifier) and target.args.get("db") is None:
            name = key_of(target.this, dialect)
            return next((source for source in sources if qualifier_of(source, dialect) == name), None)
        for source in sources:
            if source is not target and not source.alias and self.ref(source) == self.ref(target):
                return source
        return None

    def merge(self, node: exp.Merge) -> None:
        self._write(node.this, "update")
        self._returning(node)

    def lock(self, node: exp.Lock) -> None:
        """Ignore the names in `FOR UPDATE OF o`: tables named before, or a column of one (docs.oracle.com: SELECT)."""
        self.targets.update(id(named) for named in node.expressions)

    def into(self, node: exp.Into) -> None:
        """Write the table of `SELECT ... INTO t`; in some dialects the name is a variable instead."""
        target = node.this
        if isinstance(target, exp.Table) and self.context.select_into_makes_a_table:
            NodeReader(self.builder, self.context.for_new_tables).ref(target)
            self._write(target, "create", temporary=bool(node.args.get("temporary")))
        else:
            self.targets.update(id(t) for t in node.find_all(exp.Table))


_TARGETS: dict[type[Expr], Callable[[_Walk, Any], None]] = {
    exp.Insert: _Walk.insert,
    exp.Update: _Walk.update,
    exp.Delete: _Walk.delete,
    exp.Merge: _Walk.merge,
    exp.Into: _Walk.into,
    exp.Lock: _Walk.lock,
}


def _is_earlier_query(result_scan: exp.Anonymous) -> bool:
    """Return whether it is an earlier query: LAST_QUERY_ID(-2) is the one before, (1) the first (Snowflake)."""
    asked = next((a for a in arguments_of(result_scan) if isinstance(a, exp.Anonymous)), None)
    return asked is not None and any(number.sql() != "-1" for number in arguments_of(asked))
