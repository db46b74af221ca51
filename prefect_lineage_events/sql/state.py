"""Tables, columns and variables that the statements of a session made, for the statements after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .context import Context, OwnNames
from .model import Statement, TableRef

Columns = Mapping[str, str]
Parts = tuple[str, ...]

_TABLES_KNOWN = 250  # the columns of more tables than a session has reason to make are let go, oldest first
_CHANGES_STATE = frozenset({"create", "clone", "rename", "swap", "alter", "drop", "overwrite"})


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What statements of a session made, compared by identity: nothing else happened between equal ones.

    `columns` are those that statements declared, by dotted table name; `temporary` holds the keys of tables and stages
    that are gone with the session; `variables` have their names in upper case; `attached` maps the names under which
    other database files are open to their paths (SQLite, DuckDB). Values and paths are the user's own, so no repr shows
    them.
    """

    columns: Mapping[str, Columns] = field(default_factory=OwnNames)
    temporary: frozenset[Parts] = frozenset()
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    attached: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def after(self, statement: Statement) -> State:
        """The state that the statement leaves; itself when the statement changes nothing of it."""
        if statement.effect not in _CHANGES_STATE and not statement.session:
            return self
        columns, temporary = OwnNames(self.columns), set(self.temporary)
        if statement.effect == "drop":
            _forget(statement.outputs, columns, temporary)
        elif statement.effect == "alter":
            _forget(statement.outputs, columns, set())
        if statement.effect in ("rename", "swap", "clone"):
            _carry(statement, columns, temporary)
        columns.update(statement.declared)
        temporary |= {table.key for table in statement.outputs if table.temporary and statement.effect != "drop"}
        variables = {name[1:]: value for name, value in statement.session if name.startswith("$")}
        known = {name: value for name, value in {**self.variables, **variables}.items() if value}
        while len(columns) > _TABLES_KNOWN:
            del columns[next(iter(columns))]
        return replace(self, columns=columns, temporary=frozenset(temporary), variables=known)


def moved_on(context: Context, statements: Iterable[Statement]) -> Context:
    """The context that statements of one text leave to the next one of it."""
    for statement in statements:
        state = State(context.schemas, context.temporary, context.variables)
        after = state.after(statement)
        if after is state:
            continue
        names = {level: value or None for level, value in statement.session if level in ("database", "schema")}
        context = replace(
            context,
            schemas=after.columns,
            temporary=after.temporary,
            variables=after.variables,
            database=names.get("database", context.database),
            schema=names.get("schema", context.schema),
        )
    return context


def _forget(tables: Iterable[TableRef], columns: dict[str, Columns], temporary: set[Parts]) -> None:
    for table in tables:
        columns.pop(table.name, None)
        temporary.discard(table.key)


def _carry(statement: Statement, columns: dict[str, Columns], temporary: set[Parts]) -> None:
    """What a rename, a swap or a clone does to what is known of its tables, all at once."""
    pairs = dict.fromkeys(statement.renames)
    if statement.effect == "swap":
        pairs.update(dict.fromkeys((new, old) for old, new in statement.renames))
    carried = {new.name: columns[old.name] for old, new in pairs if old.name in columns}
    if statement.effect != "clone":
        moved = {new.parts for old, new in pairs if old.parts in temporary}
        for old, new in pairs:
            _forget([old, new], columns, temporary)
        temporary |= moved
    columns.update(carried)
