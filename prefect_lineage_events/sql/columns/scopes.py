"""Resolution of names to columns: the sources of one SELECT, and those of the enclosing queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns.relations import Lineage, Output, Relation, Row, changed, fields_of, is_open
from prefect_lineage_events.sql.columns.rules import ColumnRules

# Functions that take a row: postgresql.org: JSON functions, hstore; duckdb.org: JSON creation functions;
# cloud.google.com/bigquery: TO_JSON, TO_JSON_STRING
_OF_ROWS = (exp.JSONFormat, exp.JSONArrayAgg)
_OF_ROWS_BY_NAME = frozenset(
    {"row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "json_group_array", "to_json_string", "hstore"}
)


class Cte:
    """A common table expression: evaluated when first used, then kept.

    It has no reference to its environment, which refers to it: such a cycle keeps the whole tree of the statement until
    the garbage collector runs, and makes it run.
    """

    __slots__ = ("name", "node", "recursive", "relation", "running")

    def __init__(self, name: str, node: exp.Expr, recursive: bool) -> None:
        self.name = name
        self.node = node
        self.recursive = recursive
        self.relation: Relation | None = None
        self.running = False


class Env:
    """The CTEs that a query can use: those of its WITH before `limit`, then outer ones. The last of a name counts."""

    __slots__ = ("ctes", "limit", "outer")

    def __init__(self, ctes: dict[str, list[tuple[int, Cte]]], limit: int, outer: Env | None) -> None:
        self.ctes = ctes
        self.limit = limit
        self.outer = outer

    def find(self, name: str) -> tuple[Cte, Env] | None:
        """The CTE of a name, and the CTEs that its own query can use."""
        env: Env | None = self
        while env is not None:
            for position, cte in reversed(env.ctes.get(name, ())):
                if position < env.limit or (position == env.limit and cte.recursive and cte.relation is not None):
                    return cte, Env(env.ctes, position, env.outer)
            env = env.outer
        return None


class Scope:
    """The names that one SELECT can use.

    `sources` are relations by alias (in lower case), in the order of the text. `merged` are columns that a USING or
    NATURAL JOIN makes one, `aliases` those that the SELECT list has named so far. `unseen` sources (of semi joins)
    are neither in `*` nor meant by a name without its table. `windows` are those of the WINDOW clause. An unknown
    qualifier fails the lookup, unless the scope is `loose` (the variables of a row pattern). `rows` are the fields of
    aliases whose value is a struct, `called` the sources that the text gives a name of their own. `expands` is the
    COLUMNS(...) of the expression that is read, which is evaluated once for each column: `bound` is the one it stands
    for then. `spelled` are the aliases in the store's own case, `twins` the sources by an alias that differs from an
    earlier one in case alone.
    """

    __slots__ = (
        "aliases", "ambiguous", "assigned", "bound", "by_alias", "called", "dotted", "expands", "loose", "merged",
        "parent", "rows", "rules", "sources", "spelled", "twins", "unseen", "windows",
    )  # fmt: skip

    def __init__(self, rules: ColumnRules, parent: Scope | None = None) -> None:
        self.rules = rules
        self.parent = parent
        self.sources: dict[str, Relation] = {}
        self.dotted: dict[tuple[str, ...], Relation] = {}
        self.merged: dict[str, Lineage] = {}
        self.aliases: dict[str, Lineage] = {}
        self.unseen: set[str] = set()
        self.assigned: dict[str, Lineage] = {}
        self.windows: dict[str, exp.Expr] = {}
        self.by_alias = False
        self.loose = False
        self.ambiguous = ""
        self.called: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.bound: Output | None = None
        self.expands: exp.Expr | None = None
        self.spelled: dict[str, str] = {}
        self.twins: dict[str, Relation] = {}

    @property
    def cost(self) -> int:
        """The cost of looking up a name, in steps; it grows with the number of sources."""
        return len(self.sources) >> 3

    def add(self, alias: str, relation: Relation, parts: Sequence[str] = ()) -> str:
        """Add a relation by its alias, if it has one, and by the parts of its table name; return its key."""
        key = alias.lower()
        if not key or key in self.sources:
            if key and alias != self.spelled.get(key, alias):
                self.twins[alias] = relation
            key = f"{key}\0{len(self.sources)}"
        else:
            self.spelled[key] = alias
        self.sources[key] = relation
        lower = tuple(p.lower() for p in parts)
        for start in range(len(lower)):
            self.dotted.setdefault(lower[start:], relation)
        return key

    def add_qualified(self, alias: str, relation: Relation) -> None:
        """Add a relation for qualified names alone (`excluded.a`, `inserted.a`): `a` does not refer to it."""
        self.parent = around = Scope(self.rules, self.parent)
        around.add(alias, relation)

    def add_sources_of(self, other: Scope) -> None:
        """Add another scope's sources to this one."""
        for key, relation in other.sources.items():
            self.add(key, relation)
        for parts, relation in other.dotted.items():
            self.dotted.setdefault(parts, relation)

    def column(self, name: str) -> Lineage:
        """The lineage of an unqualified name; () if it has none or it is not known."""
        lower = name.lower()
        scope: Scope | None = self
        while scope is not None:
            lineage = scope._own(name, lower)
            if lineage is not None:
                return lineage
            scope = scope.parent
        return ()

    def qualified(self, parts: Sequence[str]) -> Lineage:
        """The lineage of `a.b`, `a.b.c`, ...: a source's column, perhaps with fields of a struct after it."""
        scope: Scope | None = self
        while scope is not None:
            lineage = scope._of_source(parts)
            if lineage is not None:
                return lineage
            scope = scope.parent
        if self.loose:
            return self.column(parts[-1])
        return self._of_struct(parts)

    def row(self, parts: Sequence[str]) -> Row | None:
        """The fields behind a name: of a whole row by its table's name, or of a column whose struct is known."""
        name, lower = parts[0], parts[0].lower()
        scope: Scope | None = self
        while scope is not None:
            if (source := scope.sources.get(lower)) is not None and len(parts) > 1:
                return _inner(source.row(parts[1], parts[1].lower()), parts[2:])
            for relation in scope._visible():
                if relation.find(name, lower) is not None:
                    return _inner(relation.row(name, lower), parts[1:])
            if lower in scope.rows:
                return _inner(scope.rows[lower], parts[1:])
            if source is not None:
                return Row(source) if source.outputs else None
            scope = scope.parent
        return None

    def names_row(self, column: exp.Expr) -> bool:
        """True for the table's name in `row_to_json(t)`: all of its columns, unless a source lists such a column."""
        if column.args.get("table") is not None or not _is_taken_as_row(column):
            return False
        name, lower = str(column.name), str(column.name).lower()
        scope: Scope | None = self
        while scope is not None:
            if any(relation.find(name, lower) is not None for relation in scope._visible()):
                return False
            if lower in scope.sources:
                return scope.sources[lower].value is None
            scope = scope.parent
        return False

    def _own(self, name: str, lower: str) -> Lineage | None:
        merged = self.merged.get(lower) if self.merged else None
        if merged is not None:
            return merged
        found: Lineage | None = None
        for relation in self._visible():
            lineage = relation.find(name, lower)
            if lineage is not None:
                if found is not None:
                    return self._ambiguous(name, lower)
                found = lineage
        if found is not None:
            return found
        return self._unlisted(name, lower)

    def _visible(self) -> Collection[Relation]:
        sources = self.sources
        return [r for key, r in sources.items() if key not in self.unseen] if self.unseen else sources.values()

    def _ambiguous(self, name: str, lower: str) -> Lineage:
        """The lineage of a name that several sources have: an alias of the SELECT list if allowed, else ambiguous."""
        if self.by_alias and lower in self.aliases:
            return self.aliases[lower]
        self.ambiguous = self.ambiguous or name
        return ()

    def _unlisted(self, name: str, lower: str) -> Lineage | None:
        """The lineage of a name that no source lists: an alias, or a column of the one source with unknown columns."""
        alias = self.aliases.get(lower) if self.aliases else None
        sources = self._visible()
        strong = [r for r in sources if r.rest and lower not in r.hidden]
        if alias is not None and (not strong or self._prefers(alias, lower)):
            return alias
        if lower in self.sources and self.sources[lower].value is not None:
            return self.sources[lower].value  # a function's one column is called like its alias
        if lower in self.assigned:
            return self.assigned[lower]
        if lower in self.rules.variables:
            return ()
        if len(strong) > 1 or (strong and len(strong[0].rest) > 1):
            return self._ambiguous(name, lower)
        if strong and lower in self.called and self.rules.rows_by_name:
            self.ambiguous = self.ambiguous or name  # the whole row, if no source has such a column
            return ()
        if strong:
            return strong[0].guess(name, lower)
        if lower in self.sources:
            return _whole_row(self.sources[lower])
        weak = [r for r in sources if r.filler is not None]
        return weak[0].filler if len(weak) == 1 else () if weak else None

    def _prefers(self, alias: Lineage, lower: str) -> bool:
        """True if a name may mean an alias although a table may have such a column: not one made of it."""
        allowed = self.by_alias or self.rules.lateral_aliases
        return allowed and not any(column.lower() == lower for _, column, _ in alias)

    def _of_source(self, parts: Sequence[str]) -> Lineage | None:
        first = parts[0].lower()
        relation = self.twins.get(parts[0]) or self.sources.get(first)
        if relation is not None:
            return _column_of(relation, parts[1:], first)
        if self.dotted:
            lower = tuple(p.lower() for p in parts[:3])
            for size in (3, 2, 1):
                if len(parts) > size and (relation := self.dotted.get(lower[:size])) is not None:
                    return _column_of(relation, parts[size:], first)
        return None

    def _of_struct(self, parts: Sequence[str]) -> Lineage:
        name, lower = parts[0], parts[0].lower()
        scope: Scope | None = self
        while scope is not None:
            for relation in scope.sources.values():
                lineage = relation.find(name, lower)
                if lineage is not None:
                    row = relation.row(name, lower)
                    field = row.at(parts[1:]) if row is not None else None
                    return field.lineage if field is not None else with_path(lineage, parts[1:])
            if lower in scope.rows and (taken := scope.rows[lower].at(parts[1:])) is not None:
                return taken.lineage
            scope = scope.parent
        return with_path(self.column(name), parts[1:]) if self.rules.struct_fields else ()


def _is_taken_as_row(column: exp.Expr) -> bool:
    parent = column.parent.parent if isinstance(column.parent, exp.Order) else column.parent
    if isinstance(parent, exp.Anonymous):
        return str(parent.this).lower() in _OF_ROWS_BY_NAME
    return isinstance(parent, _OF_ROWS)


def _column_of(relation: Relation, path: Sequence[str], alias: str) -> Lineage:
    name, lower = path[0], path[0].lower()
    lineage = relation.find(name, lower)
    if lineage is None and relation.filler is not None and is_open(relation.value or ()):
        return with_path(relation.value or (), path)  # a field of a document or struct that is the row
    if lineage is None:
        lineage = relation.guess(name, lower)
    if lineage is not None:
        field = row.at(path[1:]) if len(path) > 1 and (row := relation.row(name, lower)) is not None else None
        return field.lineage if field is not None else with_path(lineage, path[1:])
    inner = relation.row(alias, alias)
    if inner is not None and (found := inner.at(path)) is not None:
        return found.lineage
    value = relation.find(alias, alias)  # BigQuery's `UNNEST(x) AS a`: `a` is the row and its only column
    return () if value is None else with_path(value, path)


def _inner(row: Row | None, path: Sequence[str]) -> Row | None:
    if row is None or not path:
        return row
    field = row.at(path)
    return None if field is None else field.row


def _whole_row(relation: Relation) -> Lineage:
    """A source's name used as a value (`to_json(t)`): all of its columns."""
    return changed((o.lineage for o in relation.outputs if o.name != "*"), "TRANSFORMATION")


def with_path(lineage: Lineage, path: Sequence[str]) -> Lineage:
    """The lineage with fields after a column: a part of the column's name while the column itself is unchanged."""
    if not path:
        return lineage
    return fields_of(lineage, "." + ".".join(path))
