"""The state of a connection, as a value: each statement returns the next state.

A failed statement changes nothing. After a text of which a part may have run, its changes are in doubt
(`after_partial_run`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.attach import ACCOUNT, UNKNOWN, attached_by, may_be_of_account
from prefect_lineage_events.sql.cache import BoundedCache, estimated_bytes
from prefect_lineage_events.sql.context import Context, Section
from prefect_lineage_events.sql.model import Control, Statement, TableRef
from prefect_lineage_events.sql.parameterised import parameterised_text
from prefect_lineage_events.sql.script_reader import ScriptReader, uses_last_query
from prefect_lineage_events.sql.search_path import SearchPath, StoreSchemas, schemas_in_order
from prefect_lineage_events.sql.session_settings import SETTINGS, SessionSettings
from prefect_lineage_events.sql.session_state import Columns, State
from prefect_lineage_events.sql.splitting.statements import pieces_of
from prefect_lineage_events.sql.transactions.nesting import CLOSED, Nesting
from prefect_lineage_events.sql.transactions.rules import transaction_rules

_FRESH = State()
_CACHE: BoundedCache[tuple[Statement, ...]] = BoundedCache(2_000, 16_000_000)
_COMMIT = Control("commit")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """States that a rollback may restore: the session at the start of its transaction, or at a savepoint."""

    settings: SessionSettings
    lasting: SessionSettings | None
    state: State


@dataclass(frozen=True, slots=True)
class Session:
    """The state of a connection between two statements.

    `database` and `schema` complete names; None if they are not known. `last_query` are the tables that the last
    statement read, None before the first. `state` contains what the session made: temporary tables, columns, variables.
    `autocommit`: no statement has switched it off. `path`, `role`, `user`, `searched` and `is_sure` are as in
    `SessionSettings`; `store` is asked for schemas.

    `initial` are the settings that the session began with (None: it still has them), `lasting` those that return
    at the end of the transaction (None: the current ones). `nesting` is the open transaction, and `snapshots` are
    the session at its start and at each of its savepoints.
    """

    dialect: str = ""
    database: str | None = None
    schema: str | None = None
    last_query: tuple[TableRef, ...] | None = None
    state: State = _FRESH
    autocommit: bool = True
    path: tuple[str, ...] | None = None
    role: str | None = None
    user: str | None = None
    searched: tuple[str, ...] = ()
    is_sure: bool = True
    store: StoreSchemas | None = field(default=None, repr=False, compare=False)
    initial: SessionSettings | None = None
    lasting: SessionSettings | None = None
    nesting: Nesting = CLOSED
    snapshots: tuple[_Snapshot, ...] = ()

    def analyze(
        self,
        sql: str,
        *,
        columns: bool = True,
        schemas: Mapping[str, Columns] | None = None,
        in_transaction: bool = False,
    ) -> tuple[tuple[Statement, ...], Session]:
        """The statements of a text, in order, and the session after them. Never raises.

        `schemas` are columns and types from another source, by dotted table name; those that the session itself
        declared are newer and take precedence. `in_transaction`: the first statement outside of a transaction begins
        one.
        """
        if schemas:
            return self._analyze(sql, columns, schemas, in_transaction)
        key = self._key(sql, columns)
        known = _CACHE.get(key)
        if known is not None:
            return known, self.after(*known, in_transaction=in_transaction)
        return self.analyze_uncached(sql, key, columns, in_transaction)

    def analyze_uncached(
        self, sql: str, key: Hashable, columns: bool, in_transaction: bool = False, *, is_last: bool = False
    ) -> tuple[tuple[Statement, ...], Session]:
        """The answer of `analyze` to a text that the cache does not contain under this key.

        `is_last`: the session ends with the text, so that its state after the last statement is not needed.
        """
        pattern = parameterised_text(sql, self.dialect)
        if pattern is not None and (known := _CACHE.get(self._key(pattern, columns))) is not None:
            return known, self.after(*known, in_transaction=in_transaction)
        statements, session = self._analyze(sql, columns, {}, in_transaction, is_last)
        if self._may_be_kept(sql, statements, session):
            weight = len(sql) + estimated_bytes(statements) + 100 * len(self.state.columns)
            _CACHE.put(key, statements, weight)
            if pattern is not None and all(
                s.confidence == "exact" and not s.session and not s.control for s in statements
            ):
                _CACHE.put(self._key(pattern, columns), statements, weight)
        return statements, session

    def _key(self, sql: str, columns: bool) -> Hashable:
        schema = "" if self.schema_lost else self.schema
        key = (sql, self.dialect, "" if self.database_lost else self.database, schema, columns, self.state)
        if self._path() is None:
            return key
        return (*key, self.searched, self.is_sure, self.store.version if self.store is not None else 0)

    @property
    def schema_lost(self) -> bool:
        """True if a statement has set the schema to one that its text does not name."""
        return self.schema is None and self.initial is not None and self.initial.schema is not None

    @property
    def database_lost(self) -> bool:
        """The same for the database, in stores whose databases contain schemas."""
        lost = self.database is None and self.initial is not None and self.initial.database is not None
        return lost and dialect_of(self.dialect).levels > 2

    def _path(self) -> SearchPath | None:
        """The schemas that are searched for a table named without one; None if that is the current schema alone."""
        if self.is_sure and not self.searched and not dialect_of(self.dialect).always_searched:
            return None
        attached = self.state.attached.get((self.database or "").lower())
        is_foreign = attached is not None and not attached.is_file
        schemas = schemas_in_order(self.searched, self.schema, "" if is_foreign else self.dialect)
        if self.is_sure and len(schemas) == 1 and not (self.schema and ACCOUNT in self.state.attached):
            return None
        return SearchPath(schemas, self.is_sure, self.state.made, self.state.schemas, self.store, self.database)

    def _may_be_kept(self, sql: str, statements: Sequence[Statement], after: Session) -> bool:
        """True if the answer depends on the key alone, and the session after it on the answer."""
        if uses_last_query(sql) or after.state.attached != self.state.attached:
            return False
        if self.store is not None and any(t.doubt for s in statements for t in (*s.inputs, *s.outputs)):
            return False  # the store may answer the next time
        return len(statements) == 1 or not any(s.control or s.session for s in statements)

    def after(self, *statements: Statement, in_transaction: bool = False) -> Session:
        """The session after these statements, in order."""
        session = self
        for statement in statements:
            session = (session.opened() if in_transaction else session)._after(statement)
        return session

    def opened(self) -> Session:
        """The session in a transaction that the driver or the store has opened."""
        if self.nesting.is_open:
            return self
        return replace(self, nesting=self.nesting.opened(), snapshots=(self._snapshot(),))

    def failed(self) -> Session:
        """The session after a statement has failed its transaction."""
        return replace(self, nesting=self.nesting.with_failure(True))

    def after_partial_run(self, after: Session) -> Session:
        """The session after a text of which a part may have run; `after` is the session after all of it."""
        session = replace(self, state=self.state.after_partial_run(after.state), last_query=None)
        before, then = self.settings, after.settings
        if before == then:
            return session
        database = before.database if before.database == then.database else None
        return replace(session._with(SessionSettings(database)), initial=self.initial or before)

    def step(self, control: Control) -> Session:
        """The session after a step of its transaction."""
        nesting, outcome, index = self.nesting.after(control, transaction_rules(self.dialect))
        session = self
        snapshots = self.snapshots
        if outcome == "commit":
            session, snapshots = self._committed(), ()
        elif outcome == "rollback":
            session, snapshots = self._rolled_back(snapshots[:1]), ()
        elif outcome == "mark":
            snapshots = snapshots or (self._snapshot(),)
            snapshots = (*snapshots[: index + 1], *snapshots[index + 2 :], self._snapshot())
        elif outcome == "return":
            session, snapshots = self._rolled_back(snapshots[index + 1 : index + 2]), snapshots[: index + 2]
        elif outcome == "merge":
            snapshots = snapshots[: index + 1]
        if nesting.is_open and not snapshots:
            snapshots = (session._snapshot(),)
        return replace(session, nesting=nesting, snapshots=snapshots)

    def ended(self) -> Session:
        """The session after the commit of a statement that was a transaction of its own."""
        if self.nesting.is_open and not self.nesting.begun:
            return self.step(_COMMIT)
        return self if self.nesting.is_open else self._committed()

    def _committed(self) -> Session:
        if self.lasting is None and not self.state.ephemeral:
            return self
        session = replace(self, state=self.state.without(self.state.ephemeral), lasting=None)
        return session if self.lasting is None else session._with(self.lasting)

    def _rolled_back(self, snapshots: Sequence[_Snapshot]) -> Session:
        rules = transaction_rules(self.dialect)
        session = replace(self, lasting=None if rules.settings else self.lasting)
        for snapshot in snapshots:
            session = replace(session, state=self.state.rolled_back(snapshot.state, rules))
            if rules.settings:
                session = replace(session._with(snapshot.settings), lasting=snapshot.lasting)
        return session

    @property
    def settings(self) -> SessionSettings:
        return SessionSettings(self.database, self.schema, self.path, self.role, self.user, self.searched, self.is_sure)

    def _with(self, settings: SessionSettings) -> Session:
        return replace(
            self,
            database=settings.database,
            schema=settings.schema,
            path=settings.path,
            role=settings.role,
            user=settings.user,
            searched=settings.searched,
            is_sure=settings.is_sure,
        )

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(self.settings, self.lasting, self.state)

    def _analyze(
        self,
        sql: str,
        columns: bool,
        schemas: Mapping[str, Columns],
        in_transaction: bool = False,
        is_last: bool = False,
    ) -> tuple[tuple[Statement, ...], Session]:
        pieces = pieces_of(sql, self.dialect)
        piece, following = next(pieces, None), next(pieces, None)
        script = ScriptReader(self.dialect, has_several=following is not None)
        session = self
        statements: list[Statement] = []
        while piece is not None:
            found = script.read(piece, session._identity, partial(session.context, columns, schemas))
            if not is_last or following is not None:
                session = session.after(*found, in_transaction=in_transaction)
            if (opened := attached_by(piece.tokens or (), piece.dialect, session.state.attached)) is not None:
                session = replace(session, state=replace(session.state, attached=opened))
            statements += found
            piece, following = following, next(pieces, None)
        return tuple(statements), session

    def _after(self, statement: Statement) -> Session:
        session = self
        if statement.control is not None:
            session = session.step(statement.control)
        elif self.nesting.failed:
            session = replace(session, nesting=self.nesting.with_failure(False))
        if statement.commits and self.nesting.is_open:
            session = session.step(_COMMIT)
        for name, value in statement.session:
            if name == "autocommit":
                session = replace(session, autocommit=value != "off")
            else:
                session = session._set(name, value)
        read, state = self._last_query_after(statement), session.state.after(statement)
        if session is self and state is self.state and read == self.last_query:
            return self  # the same object, by which a repeated statement is recognised
        return replace(session, last_query=read, state=state)

    def _last_query_after(self, statement: Statement) -> tuple[TableRef, ...] | None:
        """The tables that the statement read, where a later one can ask for them."""
        if self.dialect and not dialect_of(self.dialect).has_last_query:
            return self.last_query
        return statement.inputs if statement.kind == "read" else ()

    def _set(self, name: str, value: str) -> Session:
        """The session after a change of a setting, lasting or (`local`) until the transaction ends."""
        local, name = name.startswith("local "), name.removeprefix("local ")
        if name not in SETTINGS:
            return self
        initial = self.initial or self.settings
        made, lasting = self.state.schemas, self.lasting
        if name == "use":
            used = self.settings.used(value, initial, self.state.attached, made, self.store)
            session = replace(self._with(used), initial=initial)
            is_other = used.database == value and value not in (self.database, initial.database)
            if is_other and may_be_of_account(value, self.state.attached):
                attached = {**self.state.attached, value: UNKNOWN}
                return replace(session, state=replace(self.state, attached=attached))
            return session
        if local:
            lasting = lasting or self.settings
        elif lasting is not None:
            lasting = lasting.changed(name, value, initial, made, self.store)
        changed = self.settings.changed(name, value, initial, made, self.store)
        return replace(self._with(changed), initial=initial, lasting=lasting)

    def _identity(self) -> Hashable:
        """All that an answer depends on beside the text; equal while the session is unchanged."""
        path = (self.searched, self.is_sure)
        return (self.database, self.schema, self.schema_lost, self.database_lost, path, self.state)

    def context(
        self,
        columns: bool,
        schemas: Mapping[str, Columns],
        names: frozenset[str] = frozenset(),
        block: Section = "",
    ) -> Context:
        """Knowledge of the next statement beyond its text; `names` are those of variables."""
        path = self._path()
        is_plain = path is None and not (schemas or names or block)
        if is_plain and self is _fresh(self.dialect, self.database, self.schema):
            return _fresh_context(self.dialect, self.database, self.schema, columns)
        return Context(
            dialect=self.dialect,
            database=self.database,
            schema=self.schema,
            schemas={**schemas, **self.state.columns} if schemas else self.state.columns,
            variables=self.state.variables,
            temporary=self.state.temporary,
            last_query=self.last_query,
            columns=columns,
            schema_lost=self.schema_lost,
            database_lost=self.database_lost,
            doubtful=self.state.doubtful,
            made=self.state.made,
            attached=self.state.attached,
            locals=names,
            block=block,
            search_path=path,
            analyze_text=analyze_text,
        )


def analyze_in_new_session(
    sql: str,
    dialect: str,
    database: str | None,
    schema: str | None,
    *,
    columns: bool,
    schemas: Mapping[str, Columns] | None,
) -> tuple[Statement, ...]:
    """The answer of a new session. A text seen before costs one look-up in the cache: no session is made for it."""
    if schemas:
        return _fresh(dialect, database, schema).analyze(sql, columns=columns, schemas=schemas)[0]
    key = (sql, dialect, database, schema, columns, _FRESH)
    known = _CACHE.get(key)
    if known is not None:
        return known
    return _fresh(dialect, database, schema).analyze_uncached(sql, key, columns, is_last=True)[0]


def analyze_text(text: str, dialect: str, database: str | None, schema: str | None) -> tuple[Statement, ...]:
    """The statements of a text within a statement of another text, without columns: `Context.analyze_text`."""
    return analyze_in_new_session(text, dialect, database, schema, columns=False, schemas=None)


@lru_cache(maxsize=64)
def _fresh(dialect: str, database: str | None, schema: str | None) -> Session:
    return Session(dialect, database, schema)


@lru_cache(maxsize=64)
def _fresh_context(dialect: str, database: str | None, schema: str | None, columns: bool) -> Context:
    return Context(dialect, database, schema, _FRESH.columns, columns=columns, analyze_text=analyze_text)
