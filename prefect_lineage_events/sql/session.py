"""The state that belongs to a connection, as a value: each statement turns it into the next one.

A statement that failed is not fed, and so changes nothing. Copying a connection copies the value.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from .alike import pattern_of
from .attached import attached_by
from .cache import BoundedCache
from .context import Context
from .longlists import LOST_LITERAL
from .model import Statement, TableRef
from .state import Columns, State
from .statement import analyze_piece
from .tokens import split

_USES_LAST_QUERY = re.compile(r"last_query_id|->>", re.IGNORECASE)
_STATEMENT_BYTES = 1_500  # what one statement weighs, about, and one reference or edge of it
_REFERENCE_BYTES = 250


_FRESH = State()
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
            lost = piece.lost or (LOST_LITERAL if piece.lost_literal and piece.may_execute_texts else "")
            if lost:
                found = tuple(replace(s, confidence="partial", reason=lost) for s in found)
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


def _weight(statements: Iterable[Statement]) -> int:
    """About how many bytes the statements hold."""
    weight = 0
    for s in statements:
        references = len(s.inputs) + len(s.outputs) + len(s.columns) + len(s.indirect)
        references += sum(map(len, s.declared.values()))
        weight += _STATEMENT_BYTES + len(s.sanitised) + _REFERENCE_BYTES * references
    return weight
