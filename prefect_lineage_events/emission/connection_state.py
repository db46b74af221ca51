"""The state of a connection in our thread: its SQL session, its transaction, and the names of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from prefect_lineage_events import stores
from prefect_lineage_events.context.process import process_token
from prefect_lineage_events.datasets import DEVICES, Dataset, Located, file_at
from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.emission.lookups import SchemaNameLookup
from prefect_lineage_events.emission.notes import Connection
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.store_schemas import StoreSchemas
from prefect_lineage_events.emission.temporary_files import is_temporary
from prefect_lineage_events.emission.transactions import Transaction
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.file_parts import split_parts
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.naming import host_and_port
from prefect_lineage_events.settings import settings
from prefect_lineage_events.sql.catalogs import is_catalog
from prefect_lineage_events.sql.model import Control, Statement, TableRef
from prefect_lineage_events.sql.transactions.rules import TransactionRules, transaction_rules
from prefect_lineage_events.stores import Store

# First spellings of tables, by folded name. Only our thread uses it.
_SPELLINGS: dict[Dataset, Dataset] = {}
_MAX_SPELLINGS = 10_000


class SqlSession(Protocol):
    """The part of `sql.Session` that emission uses: a value from which each statement makes the next one."""

    @property
    def autocommit(self) -> bool: ...  # pragma: no cover

    def analyze(
        self,
        sql: str,
        *,
        columns: bool = True,
        schemas: Mapping[str, Mapping[str, str]] | None = None,
        in_transaction: bool = False,
    ) -> tuple[Sequence[Statement], SqlSession]: ...  # pragma: no cover

    def step(self, control: Control) -> SqlSession: ...  # pragma: no cover

    def failed(self) -> SqlSession: ...  # pragma: no cover

    def after_partial_run(self, after: Any) -> SqlSession: ...  # pragma: no cover

    def ended(self) -> SqlSession: ...  # pragma: no cover


@dataclass(slots=True)
class ConnectionState:
    """The state of one connection. Our thread alone uses it; each statement replaces the value `session`.

    `number` is the connection's. There is no reference to the connection itself: as the value of a weak dictionary, the
    state must not keep its key alive.
    """

    store: Store
    number: int
    session: SqlSession
    transaction: Transaction
    schemas: StoreSchemas | None = None

    @classmethod
    def of(cls, connection: Connection) -> ConnectionState:
        from prefect_lineage_events.sql.session import Session

        store, lookup = connection.store, connection.lookup
        session, schemas = Session(store.dialect, store.database, store.schema), None
        if len(store.searched) > 1:
            session = replace(session, searched=store.searched, is_sure=False)
        if isinstance(lookup, SchemaNameLookup) and settings().schema_lookup:
            schemas = StoreSchemas(lookup)
            is_known = False
            with guarded("looking up the schema of a connection"):
                if store.schema in (None, "public"):
                    session = replace(session, schema=lookup.default_schema() or store.schema)
                path = lookup.search_path()
                if path is not None:
                    session = replace(session, path=path, searched=lookup.searched_schemas() or (), is_sure=True)
                is_known = True
            # Where the store did not answer, statements with names that have no schema are partial.
            session = replace(session, store=schemas, is_sure=session.is_sure and is_known)
        return cls(store, connection.number, session, Transaction(store.dialect), schemas)

    def defined(self, statements: Iterable[Statement]) -> None:
        """Discard answers of the store that these statements may have made obsolete."""
        for statement in statements:
            if self.schemas is not None:
                self.schemas.after(statement)

    @property
    def rules(self) -> TransactionRules:
        return transaction_rules(self.store.dialect)

    def step(self, control: Control) -> list[PendingEvent]:
        """Do a step of the transaction that the driver took. Returns the events that are true from now on."""
        self.session = self.session.step(control)
        return self.transaction.step(control)

    def failed(self) -> None:
        """Note that a statement has failed the transaction."""
        self.session = self.session.failed()
        self.transaction.failed()

    @property
    def autocommit(self) -> bool:
        """False once a statement has switched it off, even if the driver's own mode is on."""
        return self.session.autocommit

    def dataset(self, table: TableRef) -> EventDataset | None:
        """The dataset of a table in a statement; None for a table of the catalog, a device and an empty name.

        A temporary table exists on its connection only and is named after it: two tasks' `tmp` are two datasets.
        """
        if table.namespace:
            elsewhere = stores.table_at(table.namespace, table.parts)
            return _event_dataset(elsewhere, table.kind, temporary=is_temporary(elsewhere))
        if table.kind == "file" and table.path.startswith(DEVICES):
            return None
        if table.kind == "file":
            located = self._location(table.path)
            return _event_dataset(located.dataset, "file", located.part, temporary=is_temporary(located.dataset))
        if not table.parts or is_catalog(table, self.store.dialect):
            return None
        store, parts = self._located(table.parts[-1:] if table.is_apart else table.parts)
        named = self._spelled(_named(store, parts), table)
        if table.temporary:
            namespace = f"temporary://{process_token()}.{self.number}"
            return EventDataset(namespace=namespace, name=named.name, kind=table.kind, temporary=True)
        if table.kind == "stage":
            return EventDataset(namespace=named.namespace, name=f"@{named.name}", kind="stage")
        return _event_dataset(named, table.kind, aliases=store.aliases, temporary=is_temporary(named))

    def _located(self, parts: tuple[str, ...]) -> tuple[Store, tuple[str, ...]]:
        """The store of a name, and the name in it: the connection's own store, or a database file attached under it."""
        state = getattr(self.session, "state", None)
        attached = state.attached.get(parts[0].lower()) if state is not None and len(parts) > 1 else None
        if attached is None or not attached.is_file:
            return self.store, parts
        kind = attached.kind or ("sqlite" if stores.is_sqlite(attached.path) else "duckdb")
        open_file = stores.sqlite if kind == "sqlite" else stores.duckdb
        memory = None if attached.path else f"{process_token()}.{self.number}.{parts[0]}"
        return open_file(attached.path, memory), parts[1:]

    def _spelled(self, named: Dataset, table: TableRef) -> Dataset:
        """The table in the spelling that this process saw first, where its store compares names without case."""
        if not dialect_of(self.store.dialect).keeps_spelling or table.temporary:
            return named
        spelled = _named(self.store, table.spelling) if table.spelling else named
        if len(_SPELLINGS) >= _MAX_SPELLINGS:
            _SPELLINGS.clear()
        return _SPELLINGS.setdefault(named, spelled)

    def _location(self, path: str) -> Located:
        embedded = dialect_of(self.store.dialect).embedded
        is_local = "://" in path or path.startswith("file:") or embedded
        host, _ = host_and_port(self.store.namespace.partition("://")[2])
        # docs.databricks.com: "Work with files on Databricks": a path without a scheme is one of DBFS in SQL
        on_dbfs = "/" if self.store.namespace.startswith("unitycatalog:") else "dbfs:/"
        if not embedded and path.startswith(("dbfs:/", on_dbfs)) and "://" not in path:
            root, part = split_parts(path.removeprefix("dbfs:"), patterns=True)
            return Located(Dataset(f"dbfs://{host}", root), part)
        if is_local or host in ("", "localhost"):
            return file_at(path, patterns=True)
        root, part = split_parts(path, patterns=True)
        return Located(Dataset(f"file://{host}", root), part)


@lru_cache(maxsize=4096)  # few datasets are named many times
def _named(store: Store, parts: tuple[str, ...]) -> Dataset:
    """The table of a name in a statement. The session has completed a name of several parts."""
    return store.table(parts) if len(parts) == 1 else store.completed_table(parts)


@lru_cache(maxsize=4096)
def _event_dataset(
    dataset: Dataset, kind: str, part: str = "", aliases: tuple[str, ...] = (), *, temporary: bool = False
) -> EventDataset:
    return EventDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        kind=kind,
        temporary=temporary,
        subset=(part,) if part else (),
        symlinks=tuple((namespace, dataset.name) for namespace in aliases),
    )


def kind_of(dataset: Dataset) -> str:
    """The kind of a dataset that was recorded by its URI."""
    if dataset.is_table:
        return "table"
    scheme = dataset.namespace.partition(":")[0]
    if dataset.namespace.startswith("arn:aws:glue:"):
        return "table"
    return _KINDS.get(scheme, "file")


_TOPICS = ("kafka", "redis", "pubsub", "sqs", "kinesis", "pulsar", "amqp", "amqps", "nats", "mqtt", "mqtts")
_TABLES = ("azurecosmos", "azurekusto", "mongodb", "elasticsearch", "opensearch", "dremio", "drill", "druid")
_KINDS = {
    "http": "api",
    "https": "api",
    **dict.fromkeys(_TOPICS, "topic"),
    **dict.fromkeys(_TABLES, "table"),
}
