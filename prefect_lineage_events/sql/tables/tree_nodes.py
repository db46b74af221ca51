"""Resolution of table nodes of a tree into references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from sqlglot import exp
from sqlglot.expressions import Expr

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.names import (
    HIDDEN_REASON,
    Part,
    is_hidden,
    is_substituted,
    is_value,
    location_in,
    location_of,
    location_position,
    named_by,
    stage_of,
    table_of,
    text_item,
    variable_of,
)
from prefect_lineage_events.sql.tables.arguments import Argument, Arguments
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.ctes import key_of
from prefect_lineage_events.sql.tables.generators import UNKNOWN_FUNCTION, is_generator
from prefect_lineage_events.sql.tables.remote import ELSEWHERE, ROWSETS, elsewhere, name_of, rowset
from prefect_lineage_events.sql.tables.table_functions import (
    UNKNOWN_FILE,
    UNKNOWN_SERVER,
    Found,
    may_name_tables,
    passed_through,
    tables_of_call,
)

UNKNOWN_NAME = "the name of a table is known only when it runs"
_KNOWN_AT_RUN_TIME = (exp.Placeholder, exp.Parameter, exp.Query)


class NodeReader:
    """Resolver of table nodes, each once. Names that are known only at run time lower the builder's confidence."""

    def __init__(self, builder: StatementBuilder, context: Context | None = None) -> None:
        self.builder = builder
        self.context = context or builder.context

    def ref(self, node: exp.Table) -> TableRef | None:
        """The table of a node, regardless of CTEs in scope; None if it has no known name."""
        refs, key = self.builder.refs, id(node)
        if key not in refs:
            refs[key] = self.unless_hidden(self._resolve(node))
        return refs[key]

    def unless_hidden(self, table: TableRef | None) -> TableRef | None:
        return self.unknown(HIDDEN_REASON) if is_hidden(table) else table

    def _resolve(self, node: exp.Table) -> TableRef | None:
        this = node.this
        if isinstance(this, (exp.Identifier, exp.Dot)):
            above = [p for p in (node.args.get("catalog"), node.args.get("db")) if p is not None]
            if not above and isinstance(this, exp.Identifier):
                return self.named([part_of(this)], node.args.get("alias"))
            parts = [*(part_of(p) for p in above if not isinstance(p, exp.Func)), *dotted(this)]
            if any(isinstance(p, exp.Placeholder) for p in above):  # {db:Identifier}.t
                return self.unknown("the name of a table is a bind")
            source = next((p for p in above if isinstance(p, exp.Func)), None)
            return self._of_source(source, parts) if source else self.named(parts, node.args.get("alias"))
        if isinstance(this, exp.Var) and this.name.startswith("@"):
            return stage_of(this.name, self.context)
        if isinstance(this, exp.Literal):
            return text_item(this.name, self.context)
        if isinstance(this, exp.DynamicIdentifier):
            return self.dynamic(this.this)
        if isinstance(this, exp.Func):
            return self.table_function(this)
        if isinstance(this, exp.Parameter) and dialect_of(self.context.dialect).is_tsql:
            return variable_of(this.name)
        if isinstance(this, exp.Parameter):
            return self.dynamic(this)
        if isinstance(this, exp.Placeholder):
            return self.unknown("the name of a table is a bind")
        return None

    def named(self, parts: Sequence[Part], alias: Expr | None = None) -> TableRef | None:
        """The table of that name; None if the name is a value, or known only at run time."""
        if is_substituted(parts, self.context.dialect):
            return self.unknown(UNKNOWN_NAME)
        if is_value(parts, self.context.dialect):
            return None
        if self.context.dialect == "clickhouse" and alias is not None and alias.this is None and len(parts) == 1:
            arguments = alias.args.get("columns") or [None]
            if parts[0][0].lower() == "dictionary" and isinstance(arguments[0], exp.Identifier):
                return named_by(arguments[0].name, self.context)  # clickhouse.com: dictionary('d.t')
        return table_of(parts, self.context)

    def _of_source(self, source: exp.Func, parts: Sequence[Part]) -> TableRef | None:
        """The table of `OPENDATASOURCE('provider', 'connection string').db.schema.t`."""
        given = [a.name if isinstance(a, exp.Literal) else () for a in arguments_of(source)]
        named = elsewhere(given[0], given[1], name_of(parts, self.context.dialect)) if len(given) == 2 else None
        return named or self.unknown(ELSEWHERE)

    def dynamic(self, argument: Expr | None) -> TableRef | None:
        """The table of `IDENTIFIER(...)`: a literal or a bare name is its name, a variable may be known."""
        if isinstance(argument, exp.Literal):
            return named_by(argument.name, self.context) or self.unknown(UNKNOWN_NAME)
        if isinstance(argument, exp.Column):
            return table_of([part_of(p) for p in argument.parts], self.context)
        if isinstance(argument, exp.Parameter) and argument.name.isdigit():
            return self._result(int(argument.name))
        if isinstance(argument, exp.Parameter):
            value = self.context.variables.get(argument.name.upper())
            if value is not None:
                return named_by(value, self.context)
        return self.unknown(UNKNOWN_NAME)

    def _result(self, back: int) -> TableRef | None:
        """Read `$1`, the result of the statement before in a chain of `->>`."""
        results = self.context.results
        if not 0 < back <= len(results):
            return self.unknown("the result that it reads is not known")
        for table in results[-back]:
            self.builder.read(table)
        return None

    def table_function(self, function: exp.Func) -> TableRef | None:
        name = function_name(function)
        arguments = arguments_of(function)
        found = self.call(function)
        if found is not None:
            if found.is_one:
                return found.tables[0]
            return self.union_of(function, found.tables) if found.is_union else self.read_all(found.tables)
        if dialect_of(self.context.dialect).is_tsql and name in ROWSETS:
            return self.rowset(name, arguments)
        if name in dialect_of(self.context.dialect).naming_functions:
            named = arguments[0] if arguments else None
            return self.named([part_of(p) for p in named.parts]) if isinstance(named, exp.Column) else None
        if name in dialect_of(self.context.dialect).file_readers:
            return self._files(function)
        if name == "identifier":
            return self.dynamic(arguments[0] if arguments else None)
        if name == "only" and arguments and isinstance(arguments[0], exp.Column):
            return table_of([part_of(p) for p in arguments[0].parts], self.context)
        of_the_program = name in dialect_of(self.context.dialect).in_memory_scans
        self.builder.from_program |= of_the_program
        if isinstance(function, exp.Anonymous) and not of_the_program:
            self.doubt_of(function)
        return None

    def doubt_of(self, function: exp.Anonymous) -> None:
        """Lower the confidence for a function in the place of a table, which may read tables."""
        inner = next(iter(function.expressions), None)
        if function_name_is("table", function):  # TABLE(f(1)), TABLE(package.f(1))
            inner = inner.expression if isinstance(inner, exp.Dot) else inner
            if isinstance(inner, exp.Anonymous) and self.call(inner) is None:
                self.doubt_of(inner)
        elif not is_generator(function.name.lower()):
            self.unknown(UNKNOWN_FUNCTION)

    def call(self, function: exp.Expr) -> Found | None:
        """The tables that a call names in its arguments; None for a function that names none."""
        if function_name_is("table", function) and isinstance(function.expressions[0], exp.Dot):
            *path, last = function.expressions[0].flatten()
            names = [part_of(p)[0].lower() for p in path]
            if len(names) != 2 or names[1] != "system" or not isinstance(last, exp.Anonymous):
                return None
            found: Found | None = passed_through(names[0], last.name.lower(), call_arguments(last), self.context)
        elif self.context.dialect == "clickhouse" and (inner := _function_within(function)) is not None:
            found = self._elsewhere(function, inner)
        elif isinstance(function, exp.Anonymous) and may_name_tables(function.name.lower(), self.context):
            found = tables_of_call(function.name.lower(), call_arguments(function), self.context)
        else:
            return None
        if found is not None and found.reason:
            self.builder.doubt("partial", found.reason)
        return found

    def _elsewhere(self, function: exp.Expr, inner: exp.Anonymous) -> Found:
        """The tables of a function that other servers of the cluster run, or that another service runs.

        Only the address names such a service.
        """
        is_query = inner.name.lower() == "view"
        if is_generator(inner.name.lower()) and not is_query:
            return Found()
        if function.name.lower().startswith("cluster"):
            return Found() if is_query else self.call(inner) or Found(reason=UNKNOWN_FUNCTION)
        for table in inner.find_all(exp.Table):
            self.builder.refs[id(table)] = None
        return Found(reason=UNKNOWN_SERVER)

    def rowset(self, name: str, arguments: Sequence[Expr]) -> TableRef | None:
        """Return the first table of a rowset function, and read the others."""
        given = [
            a.name if isinstance(a, exp.Literal) else name_of(list(dotted(a)), self.context.dialect) for a in arguments
        ]
        tables, doubt = rowset(name, given, self.context)
        if doubt:
            self.builder.doubt("partial", doubt)
        for table in tables[1:]:
            self.builder.read(table)
        return tables[0] if tables else None

    def _files(self, function: exp.Func) -> TableRef | None:
        """Return the file that a function reads; read those of a list."""
        arguments = arguments_of(function)[location_position(function_name(function)) :]
        within = arguments[0].parent if arguments else None
        given = within.expressions if isinstance(within, exp.Array) else arguments[:1]
        texts = [x.name for x in given if is_text(x)]
        if not texts or len(texts) < len(given):
            self.unknown(UNKNOWN_FILE)  # a bind, an expression, a named collection
        if len(given) == len(texts) == 1:
            texts = [location_in(function_name(function), [x.name for x in takewhile(is_text, arguments)])]
        files = [location_of(text, self.context) for text in texts]
        if dialect_of(self.context.dialect).embedded and not function.find(*_KNOWN_AT_RUN_TIME):
            reader = function.sql(self.context.dialect)
            files = [file and replace(file, reader=reader) for file in files]
        return self.union_of(function, files) if len(given) > 1 else next(iter(files), None)

    def union_of(self, function: exp.Func, tables: Sequence[TableRef | None]) -> TableRef | None:
        """Read the tables whose rows a function combines; each of its columns comes from all of them."""
        self.builder.unions[id(function)] = [t for t in tables if t is not None and not is_hidden(t)]
        return self.read_all(tables)

    def read_all(self, tables: Sequence[TableRef | None]) -> TableRef | None:
        for table in tables:
            self.builder.read(table)
        return None

    def unknown(self, reason: str) -> TableRef | None:
        self.builder.doubt("partial", reason)
        return None


def is_text(node: Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def dotted(node: Expr) -> Iterator[Part]:
    """The parts of a name; an empty one between two adjacent dots."""
    if isinstance(node, exp.Dot):
        for part in (node.this, node.expression):
            yield from dotted(part) if isinstance(part, Expr) else [("", False)]
    elif isinstance(node, exp.Column):
        yield from (part_of(p) for p in node.parts)
    elif isinstance(node, exp.Identifier):
        yield part_of(node)


def part_of(node: Expr | str) -> Part:
    if isinstance(node, exp.Identifier):
        prefix = "#" if node.args.get("temporary") else "##" if node.args.get("global_") else ""
        return prefix + node.name, bool(node.args.get("quoted"))
    return (node if isinstance(node, str) else node.name), False


def function_name(function: exp.Func) -> str:
    return function.name.lower() if isinstance(function, exp.Anonymous) else function.sql_name().lower()


def arguments_of(function: Expr) -> list[Expr]:
    """The positional arguments of a function, the items of a list included: `read_csv(['a', 'b'])`."""
    found: list[Expr] = []
    values: Iterable[object] = function.args.values()
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, exp.Array):
                found += item.expressions
            elif isinstance(item, Expr):
                found.append(item)
    return found


def _function_within(function: Expr) -> exp.Anonymous | None:
    """The function whose rows another server returns: `remote('h', view(...))`, `cluster('c', merge(db, '^x'))`.

    (clickhouse.com/docs: remote, cluster)
    """
    if not isinstance(function, exp.Anonymous) or len(function.expressions) < _MIN_ARGUMENTS:
        return None
    inner = function.expressions[1]
    is_remote = function.name.lower() in ("remote", "remotesecure", "cluster", "clusterallreplicas")
    return inner if is_remote and isinstance(inner, exp.Anonymous) else None


_MIN_ARGUMENTS = 2  # arguments: an address or a cluster, and the function


def function_name_is(name: str, function: Expr) -> bool:
    return isinstance(function, exp.Anonymous) and function.name.lower() == name and len(function.expressions) == 1


def call_arguments(function: exp.Anonymous) -> Arguments:
    """The arguments of a call as texts and names."""
    positional: list[Argument] = []
    named: dict[str, Argument] = {}
    for item in function.expressions:
        if isinstance(item, (exp.Kwarg, exp.PropertyEQ, exp.EQ)):
            named[item.this.name.lower()] = _argument(item.expression)
        else:
            positional.append(_argument(item))
    return Arguments(positional, named)


def _argument(node: Expr) -> Argument:
    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name
    if isinstance(node, exp.RawString):
        return str(node.name)
    if isinstance(node, exp.Array):
        texts = [i.name for i in node.expressions if isinstance(i, exp.Literal) and i.is_string]
        return texts if texts and len(texts) == len(node.expressions) else None
    return tuple(dotted(node)) or None


def qualifier_of(table: exp.Table, dialect: str) -> str | None:
    """The qualifier of a table's columns, as a key: its alias, else its name."""
    alias = table.args.get("alias")
    known = alias.this if alias is not None and alias.this is not None else table.this
    return key_of(known, dialect) if isinstance(known, exp.Identifier) else None


def tables_of(node: Expr | None) -> list[exp.Table]:
    """The tables that a FROM names itself, its joins included, without those of subqueries."""
    if node is None:
        return []
    item = node.this if isinstance(node, exp.From) else node
    found = [item] if isinstance(item, exp.Table) else []
    return found + joined(item) if isinstance(item, Expr) else found


def joined(node: Expr) -> list[exp.Table]:
    return [t for join in node.args.get("joins") or () for t in tables_of(join.this)]
