"""The state that belongs to a connection, as a value: each statement turns it into the next one.

A statement that failed is not fed, and so changes nothing. Copying a connection copies the value.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .alike import pattern_of
from .attached import attached_by
from .cache import BoundedCache
from .context import Context, OwnNames
from .longlists import COLUMNS_KEPT
from .model import Statement, TableRef
from .statement import analyze_piece
from .tokens import split

Columns = Mapping[str, str]
Parts = tuple[str, ...]

_TABLES_KNOWN = 250  # the columns of more tables than a session has reason to make are let go, oldest first
_USES_LAST_QUERY = re.compile(r"last_query_id|->>", re.IGNORECASE)
_LOST_COLUMNS = f"a select list of more than {COLUMNS_KEPT:,} columns was cut"
_STATEMENT_BYTES = 1_500  # what one statement weighs, about, and one reference or edge of it
_REFERENCE_BYTES = 250


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


_FRESH = State()
_CHANGES_STATE = frozenset({"create", "clone", "rename", "swap", "alter", "drop", "overwrite"})
_ANSWERS: BoundedCache[tuple[Statement, ...]] = BoundedCache(2_000, 16_000_000)


@dataclass(frozen=True, slots=True)
class Session:
    """What a connection knows between two statements.

    `database` and `schema` complete names; None when nobody knows. `last_query` is what the last statement read, None
    before the first. `state` is what the session made: temporary tables, columns, variables. `autocommit`: no statement
    has switched it off.
    """

    dialect: str = ""
    database: str | None = None
    schema: str | None = None
    last_query: tuple[TableRef, ...] | None = None
    state: State = _FRESH
    autocommit: bool = True

    def analyze(
        self, sql: str, *, columns: bool = True, schemas: Mapping[str, Columns] | None = None
    ) -> tuple[tuple[Statement, ...], Session]:
        """The statements of a text, in order, and the session as they leave it. Never raises.

        `schemas` are columns and types known from elsewhere, by dotted table name; what the session itself
        declared counts more, being newer.
        """
        if schemas:
            return self._analyze(sql, columns, schemas)
        key = self._key(sql, columns)
        known = _ANSWERS.get(key)
        if known is not None:
            return known, self.after(*known)
        pattern = pattern_of(sql, self.dialect)
        if pattern is not None and (known := _ANSWERS.get(self._key(pattern, columns))) is not None:
            return known, self.after(*known)
        statements, session = self._analyze(sql, columns, {})
        if not _USES_LAST_QUERY.search(sql):
            weight = len(sql) + _weight(statements) + 100 * len(self.state.columns)
            _ANSWERS.put(key, statements, weight)
            if pattern is not None and all(s.confidence == "exact" and not s.session for s in statements):
                _ANSWERS.put(self._key(pattern, columns), statements, weight)
        return statements, session

    def _key(self, sql: str, columns: bool) -> Hashable:
        return (sql, self.dialect, self.database, self.schema, columns, self.state)

    def after(self, *statements: Statement) -> Session:
        """The session that these statements leave, in order."""
        session = self
        for statement in statements:
            session = session._after(statement)
        return session

    def _analyze(
        self, sql: str, columns: bool, schemas: Mapping[str, Columns]
    ) -> tuple[tuple[Statement, ...], Session]:
        session = self
        statements: list[Statement] = []
        for piece in split(sql, self.dialect):
            found = analyze_piece(piece, session._context(columns, schemas))
            if piece.lost_columns:
                found = tuple(replace(s, confidence="partial", reason=_LOST_COLUMNS) for s in found)
            session = session.after(*found)
            opened = attached_by(piece, session.state.attached)
            if opened is not None:
                session = replace(session, state=replace(session.state, attached=opened))
            statements += found
        return tuple(statements), session

    def _after(self, statement: Statement) -> Session:
        database, schema, autocommit = self.database, self.schema, self.autocommit
        for name, value in statement.session:
            if name == "database":
                database = value or None
            elif name == "schema":
                schema = value or None
            elif name == "autocommit":
                autocommit = value != "off"
        read = statement.inputs if statement.kind == "read" else ()
        return Session(self.dialect, database, schema, read, self.state.after(statement), autocommit)

    def _context(self, columns: bool, schemas: Mapping[str, Columns]) -> Context:
        known = {**schemas, **self.state.columns} if schemas else self.state.columns
        return Context(
            dialect=self.dialect,
            database=self.database,
            schema=self.schema,
            schemas=known,
            variables=self.state.variables,
            temporary=self.state.temporary,
            last_query=self.last_query,
            columns=columns,
        )


def fresh_answer(
    sql: str,
    dialect: str,
    database: str | None,
    schema: str | None,
    *,
    columns: bool,
    schemas: Mapping[str, Columns] | None,
) -> tuple[Statement, ...]:
    """What a new session answers. A text seen before costs one look into the cache: no session is made for it."""
    if not schemas:
        known = _ANSWERS.get((sql, dialect, database, schema, columns, _FRESH))
        if known is not None:
            return known
    return Session(dialect, database, schema).analyze(sql, columns=columns, schemas=schemas)[0]


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


def _weight(statements: Iterable[Statement]) -> int:
    """About how many bytes the statements hold."""
    weight = 0
    for s in statements:
        references = len(s.inputs) + len(s.outputs) + len(s.columns) + len(s.indirect)
        references += sum(map(len, s.declared.values()))
        weight += _STATEMENT_BYTES + len(s.sanitised) + _REFERENCE_BYTES * references
    return weight
