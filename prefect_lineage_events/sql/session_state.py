"""Tables, columns and variables that the statements of a session made, as later statements meet them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from prefect_lineage_events.sql.attach import Attached
from prefect_lineage_events.sql.context import Context, FoldedNames
from prefect_lineage_events.sql.model import Statement, TableRef
from prefect_lineage_events.sql.transactions.rules import TransactionRules

Columns = Mapping[str, str]
Parts = tuple[str, ...]

_TABLES_KNOWN = 250  # more than sessions ordinarily make; beyond, the columns of the oldest are dropped
_CHANGES_STATE = frozenset({"create", "clone", "rename", "swap", "alter", "drop", "overwrite"})
_OF_STATE = frozenset({"discard", "created schema", "dropped schema"})


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Results of a session's statements, compared by identity: between equal states nothing has changed.

    `columns` are those that statements declared, by dotted table name; `temporary` are the keys of tables and stages
    that end with the session, `ephemeral` those of them that end with the transaction, `doubtful` those that may not
    exist; `schemas` are the schemas that it created, `made` its lasting tables; `variables` have their names in upper
    case; `attached` maps names to the databases that are open under them (SQLite, DuckDB).
    Values and paths are the user's own, so no repr shows them.
    """

    columns: Mapping[str, Columns] = field(default_factory=FoldedNames)
    temporary: frozenset[Parts] = frozenset()
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    attached: Mapping[str, Attached] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    ephemeral: frozenset[Parts] = frozenset()
    doubtful: frozenset[Parts] = frozenset()
    schemas: frozenset[str] = frozenset()
    made: frozenset[Parts] = frozenset()

    def after(self, statement: Statement) -> State:
        """The state after the statement; the same object if it changes nothing."""
        made = [(name, value) for name, value in statement.session if name in _OF_STATE or name[0] == "$"]
        if statement.effect not in _CHANGES_STATE and not made:
            return self
        columns, temporary = FoldedNames(self.columns), set(self.temporary)
        if statement.effect == "drop":
            _forget(statement.outputs, columns, temporary)
        elif statement.effect == "alter":
            _forget(statement.outputs, columns, set())
        if statement.effect in ("rename", "swap", "clone"):
            _carry(statement, columns, temporary)
        if statement.if_not_exists:  # the known ones are older, and still hold
            columns.update({table: known for table, known in statement.declared.items() if table not in columns})
        else:
            columns.update(statement.declared)
        own = {table.key for table in statement.outputs if table.temporary and statement.effect != "drop"}
        temporary |= own
        state = replace(
            self,
            columns=columns,
            temporary=frozenset(temporary),
            ephemeral=(self.ephemeral | own if statement.drops_on_commit else self.ephemeral) & temporary,
            doubtful=(self.doubtful - own) & temporary,
            made=_made(self.made, statement),
        )
        for name, value in made:
            state = state._changed(name, value)
        while len(columns) > _TABLES_KNOWN:
            del columns[next(iter(columns))]
        return state

    def _changed(self, name: str, value: str) -> State:
        if name == "discard":
            return self.without(self.temporary)
        if name == "created schema":
            return replace(self, schemas=self.schemas | {value})
        if name == "dropped schema":
            return replace(self, schemas=self.schemas - {value})
        known = {known: text for known, text in {**self.variables, name[1:]: value}.items() if text}
        return replace(self, variables=known)

    def after_partial_run(self, after: State) -> State:
        """The state if only a part of the statements that led to `after` may have run."""
        if after is self:
            return self
        changed = self.temporary ^ after.temporary
        variables = {name: text for name, text in self.variables.items() if after.variables.get(name) == text}
        return replace(
            self,
            temporary=self.temporary | after.temporary,
            doubtful=self.doubtful | changed,
            variables=variables,
            attached={**after.attached, **self.attached},
        )

    def without(self, tables: frozenset[Parts]) -> State:
        """The state without these temporary tables; the same object if there are none."""
        if not tables:
            return self
        gone = {TableRef(key, temporary=True).name for key in tables}
        columns = FoldedNames({name: found for name, found in self.columns.items() if name not in gone})
        return replace(self, columns=columns, temporary=self.temporary - tables, ephemeral=self.ephemeral - tables)

    def rolled_back(self, earlier: State, rules: TransactionRules) -> State:
        """The state after a rollback to the state `earlier`."""
        kept = earlier if rules.tables else self
        attached = earlier.attached if rules.attached else self.attached
        if kept.variables is self.variables and kept.attached is attached:
            return kept
        return replace(kept, variables=self.variables, attached=attached)


def moved_on(context: Context, statements: Iterable[Statement]) -> Context:
    """The context after statements of a text, for its next statement."""
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


def _made(before: frozenset[Parts], statement: Statement) -> frozenset[Parts]:
    """The tables that the session has made and not dropped, as far as the text names them with certainty."""
    outputs = {table.parts for table in statement.outputs if not (table.temporary or table.doubt)}
    if statement.effect in ("create", "clone", "overwrite") and statement.kind == "create":
        made = before | outputs
    elif statement.effect == "drop":
        made = before - {table.parts for table in statement.outputs}
    elif statement.effect in ("rename", "swap"):
        made = (before - {old.parts for old, _ in statement.renames}) | outputs
    else:
        return before
    return frozenset(made if len(made) <= _TABLES_KNOWN else outputs)


def _forget(tables: Iterable[TableRef], columns: dict[str, Columns], temporary: set[Parts]) -> None:
    for table in tables:
        columns.pop(table.name, None)
        temporary.discard(table.key)


def _carry(statement: Statement, columns: dict[str, Columns], temporary: set[Parts]) -> None:
    """Apply a rename, a swap or a clone to the known columns and temporary tables, all pairs at once."""
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
