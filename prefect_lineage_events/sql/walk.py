"""One walk over the tree of a statement: which tables it reads and writes, and to what effect.

A statement that changes data may stand in another (a data-changing CTE): each has its own target. A name is a
table unless a CTE of that name is in sight, or it is another word for a target (UPDATE and DELETE by alias).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlglot import exp
from sqlglot.expressions import Expr

from .columns.rules import IMPLICIT_RECURSION
from .draft import Draft
from .identifiers import fold
from .lexis import BATCHED
from .model import Effect, TableRef
from .names import FILE_READERS, Part, location_of, named_by, stage_of, table_of, variable_of

_OF_INTEREST = (
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
)


def walk(tree: Expr, draft: Draft) -> None:
    """Fill `draft` with what `tree` reads and writes."""
    nodes: list[Expr] = list(tree.find_all(*_OF_INTEREST))
    _Walk(draft, nodes).run(tree)


class _Walk:
    def __init__(self, draft: Draft, nodes: list[Expr]) -> None:
        self.draft = draft
        self.context = draft.context
        self.nodes = nodes
        self.targets: set[int] = set()  # ids of nodes that are no inputs: targets, and further mentions of them
        self.withs = {id(node): _names(node, self.context.dialect) for node in nodes if isinstance(node, exp.With)}

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
        if len(self.draft.outputs) > 1:
            self._moved_on()
        if not self.draft.outputs and self.draft.effect is None:
            self.draft.kind = "read"

    def _moved_on(self) -> None:
        """`WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d`: what leaves a goes into b."""
        for clause in self.nodes:
            for cte in clause.expressions if isinstance(clause, exp.With) else ():
                change = cte.this
                if isinstance(change, (exp.Delete, exp.Update)) and change.args.get("returning") is not None:
                    self.draft.read(self.draft.refs.get(id(change.this)))

    # --- inputs

    def _input(self, node: exp.Table) -> None:
        if id(node) in self.targets:
            return
        if self._is_cte(node):
            self.draft.refs[id(node)] = None
            return
        table = self.ref(node)
        parent = node.parent
        if isinstance(parent, (exp.Reference, exp.Predict, exp.FeaturesAtTime)) and node.arg_key == "this":
            return  # a foreign key; a model of BigQuery ML
        if node.arg_key == "format":
            return
        self.draft.read(table)

    def ref(self, node: exp.Table) -> TableRef | None:
        """What a table node stands for, whatever CTEs are in sight; None when that is no table with a known name."""
        if id(node) not in self.draft.refs:
            self.draft.refs[id(node)] = self._resolve(node)
        return self.draft.refs[id(node)]

    def _resolve(self, node: exp.Table) -> TableRef | None:
        this = node.this
        if isinstance(this, exp.Identifier):
            parts = [_part(p) for p in (node.args.get("catalog"), node.args.get("db")) if p is not None]
            return table_of([*parts, _part(this)], self.context)
        if isinstance(this, exp.Dot):
            parts = [_part(p) for p in (node.args.get("catalog"), node.args.get("db")) if p is not None]
            return table_of(
                [*parts, *(_part(p) for p in this.flatten() if isinstance(p, exp.Identifier))], self.context
            )
        if isinstance(this, exp.Var) and this.name.startswith("@"):
            return stage_of(this.name, self.context)
        if isinstance(this, exp.Literal):
            return location_of(this.name, self.context)
        if isinstance(this, exp.DynamicIdentifier):
            return self._dynamic(this.this)
        if isinstance(this, exp.Func):
            return self._table_function(this)
        if isinstance(this, exp.Parameter) and self.context.dialect in BATCHED:
            return variable_of(this.name)
        if isinstance(this, exp.Parameter):
            return self._dynamic(this)
        if isinstance(this, exp.Placeholder):
            return self._unknown("the name of a table is a bind")
        return None

    def _dynamic(self, argument: Expr | None) -> TableRef | None:
        """`IDENTIFIER(...)`: a literal or a bare name is the name, a variable may be known."""
        if isinstance(argument, exp.Literal):
            return named_by(argument.name, self.context)
        if isinstance(argument, exp.Column):
            return table_of([_part(p) for p in argument.parts], self.context)
        if isinstance(argument, exp.Parameter) and argument.name.isdigit():
            return self._result(int(argument.name))
        if isinstance(argument, exp.Parameter):
            value = self.context.variables.get(argument.name.upper())
            if value is not None:
                return named_by(value, self.context)
        return self._unknown("the name of a table is known only when it runs")

    def _result(self, back: int) -> TableRef | None:
        """`$1`: the result of the statement before, in a chain of `->>`."""
        results = self.context.results
        if not 0 < back <= len(results):
            return self._unknown("the result that it reads is not known")
        for table in results[-back]:
            self.draft.read(table)
        return None

    def _table_function(self, function: exp.Func) -> TableRef | None:
        name = _function_name(function)
        if name in FILE_READERS.get(self.context.dialect, ()):
            return self._files(function)
        arguments = _arguments(function)
        if name == "identifier":
            return self._dynamic(arguments[0] if arguments else None)
        if name == "only" and arguments and isinstance(arguments[0], exp.Column):
            return table_of([_part(p) for p in arguments[0].parts], self.context)
        return None

    def _files(self, function: exp.Func) -> TableRef | None:
        """The file that a reader names, the first of a list of them; the others are noted here."""
        texts = [x for x in _arguments(function) if isinstance(x, exp.Literal) and x.is_string]
        if not texts:
            return None
        first, *others = texts if isinstance(texts[0].parent, exp.Array) else texts[:1]
        for other in others:
            if isinstance(other.parent, exp.Array):
                self.draft.read(location_of(other.name, self.context))
        return location_of(first.name, self.context)

    def _from_rows(self, node: exp.TableFromRows) -> None:
        """Snowflake's `TABLE(...)`: of a name, of a variable, of a former result, of a function."""
        argument = node.this
        if isinstance(argument, exp.Literal) and argument.is_string:
            self.draft.refs[id(node)] = table = named_by(argument.name, self.context)
            self.draft.read(table)
        elif isinstance(argument, exp.Parameter):
            self.draft.refs[id(node)] = table = self._dynamic(argument)
            self.draft.read(table)
        elif isinstance(argument, exp.Anonymous) and argument.name.upper() == "RESULT_SCAN":
            if self.context.last_query is None:
                self._unknown("the query that RESULT_SCAN refers to is not known")
            for table in self.context.last_query or ():
                self.draft.read(table)

    def _function(self, node: exp.Anonymous) -> None:
        """A table as an argument: Trino's and BigQuery's `f(TABLE orders)`, `TABLE(orders)`."""
        name = node.name.upper()
        if name in _MOVES:
            self._moves(node, *_MOVES[name])
        if name != "TABLE" or isinstance(node.parent, exp.Table):
            return
        argument = next(iter(_arguments(node)), None)
        if isinstance(argument, exp.Column):
            self.draft.read(table_of([_part(p) for p in argument.parts], self.context))

    def _moves(self, node: exp.Anonymous, source: int, target: int) -> None:
        texts = [a.name if isinstance(a, exp.Literal) else "" for a in _arguments(node)]
        if len(texts) > max(source, target):
            self._effect("append")
            self.draft.read(named_by(texts[source], self.context))
            table = named_by(texts[target], self.context)
            self.draft.write(table)

    def _unknown(self, reason: str) -> TableRef | None:
        self.draft.doubt("partial", reason)
        return None

    # --- CTEs

    def _is_cte(self, node: exp.Table) -> bool:
        if not self.withs or node.args.get("db") is not None or not isinstance(node.this, exp.Identifier):
            return False
        name = _key(node.this, self.context.dialect)
        child: Expr = node
        parent = node.parent
        while parent is not None:
            if isinstance(parent, exp.With):
                if self._sees(parent, child, name):
                    return True
            else:
                clause = parent.args.get("with_")
                if clause is not None and clause is not child and name in self.withs.get(id(clause), ()):
                    return True
            child, parent = parent, parent.parent
        return False

    def _sees(self, clause: exp.With, cte: Expr, name: str) -> bool:
        """Is `name` in sight within `cte` of `clause`: is it an earlier one, or the CTE itself, recursively?"""
        names = self.withs[id(clause)]
        if name not in names:
            return False
        own = cte.index
        found = names[name]
        if own is None or found < own:
            return True
        if found > own:
            return bool(clause.recursive)
        return bool(clause.recursive) or (
            self.context.dialect in IMPLICIT_RECURSION and isinstance(cte.this, exp.SetOperation)
        )

    # --- targets

    def _write(self, node: Expr | None, effect: Effect, temporary: bool = False) -> TableRef | None:
        table_node = node.this if isinstance(node, exp.Schema) else node
        self._effect(effect)
        if isinstance(table_node, exp.Table):
            self.targets.add(id(table_node))
            table = self.draft.write(self.ref(table_node), temporary)
            self.draft.refs[id(table_node)] = table
            return table
        if isinstance(table_node, exp.Directory):
            literal = table_node.this
            return self.draft.write(location_of(literal.name, self.context))
        if isinstance(table_node, exp.Func):
            return self.draft.write(self._table_function(table_node))
        return None

    def _effect(self, effect: Effect) -> None:
        if self.draft.effect is None:
            self.draft.effect = effect
            self.draft.kind = "create" if effect == "create" else "write"

    def insert(self, node: exp.Insert) -> None:
        overwrite = node.args.get("overwrite") or str(node.args.get("alternative") or "").upper() == "OVERWRITE"
        self._write(node.this, "overwrite" if overwrite else "append")
        self._returning(node)

    def _returning(self, node: Expr) -> None:
        """`OUTPUT ... INTO log` writes a second table (learn.microsoft.com: OUTPUT clause); elsewhere INTO takes variables."""
        returning = node.args.get("returning")
        into = returning.args.get("into") if returning is not None else None
        if into is None or into is False or self.context.dialect not in BATCHED:
            return
        if isinstance(into, exp.Table):
            self._write(into, "append")
        elif isinstance(into, exp.Parameter):
            self.draft.write(variable_of(into.name))
        elif isinstance(into, (exp.Column, exp.Identifier)):
            self.draft.write(table_of([_part(p) for p in into.find_all(exp.Identifier)], self.context))
        elif isinstance(into, exp.Func):
            self.draft.write(table_of([(_function_name(into), False)], self.context))

    def update(self, node: exp.Update) -> None:
        target = node.this
        if not isinstance(target, exp.Table):
            return  # the action of MERGE ... WHEN MATCHED
        sources = _tables_of(node.args.get("from_")) + _joined(target)
        self._change(target, sources, "update")
        self._returning(node)

    def delete(self, node: exp.Delete) -> None:
        using = node.args.get("using") or []
        sources = [table for item in using if isinstance(item, Expr) for table in _tables_of(item)]
        named = node.args.get("tables") or []
        if isinstance(node.this, exp.Table):
            sources += _joined(node.this)
            if not named:
                self._change(node.this, sources, "delete")
            else:
                sources.append(node.this)
        elif isinstance(node.this, exp.Subquery):
            self._inline(node.this, "delete")
        for target in named:
            self._change(target, sources, "delete")
        self._returning(node)

    def _change(self, target: exp.Table, sources: list[exp.Table], effect: Effect) -> None:
        """The target is a table of its own, or the alias or name of one among the sources."""
        match = self._same(target, sources)
        if match is None or match is target:
            if self._is_cte(target):
                self._through(target, effect)
            else:
                self._write(target, effect)
            return
        self.targets.add(id(target))
        self.targets.add(id(match))
        if self._is_cte(match):
            self._through(match, effect)
            return
        table = self._write(match, effect)
        self.draft.refs[id(target)] = table

    def _inline(self, view: exp.Subquery, effect: Effect) -> None:
        """`DELETE FROM (SELECT * FROM t ...)` changes the one table of the query (docs.oracle.com: DELETE)."""
        self._effect(effect)
        tables = _tables_of(view.this.args.get("from_")) if isinstance(view.this, exp.Select) else []
        if len(tables) == 1:
            self._write(tables[0], effect)
        else:
            self.draft.doubt("partial", "which table is changed through a query is not clear")

    def _through(self, target: exp.Table, effect: Effect) -> None:
        """A CTE is changed through to its one table (learn.microsoft.com: WITH common_table_expression, updatable)."""
        self._effect(effect)
        self.targets.add(id(target))
        name = _key(target.this, self.context.dialect)
        bodies = [
            c.this
            for c in self.nodes
            if isinstance(c, exp.With)
            for c in c.expressions
            if c.alias.lower() == name.lower()
        ]
        tables = [t for body in bodies for t in _tables_of(body.args.get("from_"))]
        if len(tables) == 1 and not self._is_cte(tables[0]):
            self._write(tables[0], effect)
        else:
            self.draft.doubt("partial", "which table is changed through a CTE is not clear")

    def _same(self, target: exp.Table, sources: list[exp.Table]) -> exp.Table | None:
        dialect = self.context.dialect
        if isinstance(target.this, exp.Identifier) and target.args.get("db") is None:
            name = _key(target.this, dialect)
            for source in sources:
                alias = source.args.get("alias")
                known = alias.this if alias is not None and alias.this is not None else source.this
                if isinstance(known, exp.Identifier) and _key(known, dialect) == name:
                    return source
            return None
        for source in sources:
            if source is not target and not source.alias and self.ref(source) == self.ref(target):
                return source
        return None

    def merge(self, node: exp.Merge) -> None:
        self._write(node.this, "update")
        self._returning(node)

    def into(self, node: exp.Into) -> None:
        """`SELECT ... INTO t` makes a table where the dialect says so; elsewhere what follows is a variable."""
        target = node.this
        if isinstance(target, exp.Table) and self.context.dialect in SELECT_INTO_MAKES_A_TABLE:
            self._write(target, "create", temporary=bool(node.args.get("temporary")))
        else:
            self.targets.update(id(t) for t in node.find_all(exp.Table))


# postgresql.org/docs/current/sql-selectinto.html, docs.aws.amazon.com/redshift: SELECT INTO, learn.microsoft.com: INTO clause.
# Elsewhere (Oracle, MySQL, Snowflake scripting, BigQuery) INTO takes variables.
SELECT_INTO_MAKES_A_TABLE = frozenset(
    {"", "postgres", "redshift", "tsql", "fabric", "materialize", "risingwave", "greenplum"}
)
# Functions that move data between tables: the positions of source and target (docs.vertica.com: Partition functions, COPY_TABLE)
_MOVES = {
    "SWAP_PARTITIONS_BETWEEN_TABLES": (0, 3),
    "MOVE_PARTITIONS_TO_TABLE": (0, 3),
    "COPY_PARTITIONS_TO_TABLE": (0, 3),
    "COPY_TABLE": (0, 1),
}
_TARGETS: dict[type[Expr], Callable[[_Walk, Any], None]] = {
    exp.Insert: _Walk.insert,
    exp.Update: _Walk.update,
    exp.Delete: _Walk.delete,
    exp.Merge: _Walk.merge,
    exp.Into: _Walk.into,
}


def _names(clause: Expr, dialect: str) -> dict[str, int]:
    names: dict[str, int] = {}
    for at, cte in enumerate(clause.expressions):
        alias = cte.args.get("alias")
        if alias is not None and isinstance(alias.this, exp.Identifier):
            names.setdefault(_key(alias.this, dialect), at)
    return names


def _key(identifier: exp.Identifier, dialect: str) -> str:
    """For telling two names within one statement apart; stores that keep the case of tables do not look at it here."""
    text = identifier.name
    folded = fold(text, bool(identifier.args.get("quoted")), dialect)
    return folded.lower() if folded is text else folded


def _part(node: Expr | str) -> Part:
    if isinstance(node, exp.Identifier):
        prefix = "#" if node.args.get("temporary") else "##" if node.args.get("global_") else ""
        return prefix + node.name, bool(node.args.get("quoted"))
    return (node if isinstance(node, str) else node.name), False


def _tables_of(node: Expr | None) -> list[exp.Table]:
    """The tables that a FROM names itself, its joins included, but no subquery's."""
    if node is None:
        return []
    item = node.this if isinstance(node, exp.From) else node
    found = [item] if isinstance(item, exp.Table) else []
    return found + _joined(item) if isinstance(item, Expr) else found


def _joined(node: Expr) -> list[exp.Table]:
    return [t for join in node.args.get("joins") or () for t in _tables_of(join.this)]


def _function_name(function: exp.Func) -> str:
    return function.name.lower() if isinstance(function, exp.Anonymous) else function.sql_name().lower()


def _arguments(function: Expr) -> list[Expr]:
    """A function's positional arguments, those within a list too: `read_csv(['a', 'b'])`."""
    found: list[Expr] = []
    values: Iterable[object] = function.args.values()
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, exp.Array):
                found += item.expressions
            elif isinstance(item, Expr):
                found.append(item)
    return found
