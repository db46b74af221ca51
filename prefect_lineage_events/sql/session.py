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
from .longlists import LOST_LITERAL, UNREAD
from .model import Statement, TableRef
from .state import Columns, State
from .statement import analyze_piece
from .tokens import Piece, split

_USES_LAST_QUERY = re.compile(r"last_query_id|->>", re.IGNORECASE)
_MOST_ANALYSED = 220_000  # tokens of one text, those of statements alike counted once: about a second
_EACH = 20  # what a statement costs beside its tokens
_SHORT = 4  # tokens: COMMIT and the like cost nothing
_SMALL = 200  # tokens
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
        script = _Script(columns, schemas)
        session = self
        statements: list[Statement] = []
        for piece in split(sql, self.dialect):
            found = script.read(piece, session)
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

    def context(self, columns: bool, schemas: Mapping[str, Columns]) -> Context:
        """What the next statement may know beyond its text."""
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


class _Script:
    """Analyses the pieces of one text, one after the other, until they have cost more than a text may.

    Statements of a script are often alike but for their values: those are analysed once, as long as nothing happens to
    the session. What is not analysed is one statement that says so, control of transactions excepted.
    """

    def __init__(self, columns: bool, schemas: Mapping[str, Columns]) -> None:
        self._columns = columns
        self._schemas = schemas
        self._left = _MOST_ANALYSED
        self._said = False
        self._known: dict[str, tuple[Statement, ...]] = {}
        self._met: tuple[object, ...] = ()

    def read(self, piece: Piece, session: Session) -> tuple[Statement, ...]:
        """The statements of a piece in the state that the session is in."""
        size = len(piece.tokens if piece.tokens is not None else piece.text)
        if self._left < size and size > _SHORT:
            self._left = 0
            said, self._said = self._said, True
            return () if said else (Statement("misc", confidence="partial", reason=UNREAD),)
        met = (session.database, session.schema, session.state)
        if met != self._met:
            self._met, self._known = met, {}
        text = pattern_of(piece.text, session.dialect) or piece.text
        found = self._known.get(text)
        if found is not None:
            return found
        self._left -= size + _EACH
        found = analyze_piece(piece, session.context(self._columns, self._schemas))
        lost = piece.lost or (LOST_LITERAL if piece.lost_literal and piece.may_execute_texts else "")
        if lost:
            return tuple(replace(s, confidence="partial", reason=lost) for s in found)
        is_plain = all(s.confidence == "exact" and not s.session for s in found)
        if is_plain and size <= _SMALL and not _USES_LAST_QUERY.search(piece.text):
            self._known[text] = found
        return found


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
