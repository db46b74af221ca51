"""What our thread knows of a connection: the SQL session it is in, its transaction, and what its tables are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from prefect_lineage_events import datasets
from prefect_lineage_events.capture.log import softly
from prefect_lineage_events.capture.notes import Connection, TellsSchema
from prefect_lineage_events.capture.process import process_token
from prefect_lineage_events.capture.transactions import Transaction
from prefect_lineage_events.datasets import Dataset, Store
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.naming import KEEPS_SPELLING, TABLE_SCHEMES, host_and_port
from prefect_lineage_events.settings import settings
from prefect_lineage_events.sql.model import Statement, TableRef

# Schemas in which databases describe themselves. Reading them is no lineage.
_CATALOG_SCHEMAS = frozenset(
    {"information_schema", "pg_catalog", "pg_toast", "performance_schema", "sys", "account_usage", "organization_usage"}
)
_CATALOG_TABLES = re.compile(
    r"sqlite_(?:master|schema|temp_master|temp_schema|sequence|stat\d)|pragma_\w+|duckdb_\w+(?:\(\))?|pg_\w+|dual",
    re.IGNORECASE,
)
# Stores that open files where the flow runs; a server's files lie on the server.
_EMBEDDED = frozenset({"sqlite", "duckdb"})
# By folded name. Our thread alone reads and writes it.
_SPELLINGS: dict[Dataset, Dataset] = {}
_MAX_SPELLINGS = 10_000


class SqlSession(Protocol):
    """`sql.Session`: a value that each statement turns into the next one."""

    @property
    def autocommit(self) -> bool: ...  # pragma: no cover

    def analyze(
        self, sql: str, *, columns: bool = True
    ) -> tuple[Sequence[Statement], SqlSession]: ...  # pragma: no cover


@dataclass(slots=True)
class ConnectionState:
    """Belongs to our thread. `session` is a value that is replaced with each statement.

    It knows the connection by its number only: kept for it in a weak dictionary, it must not keep it alive.
    """

    store: Store
    number: int
    session: SqlSession
    transaction: Transaction = field(default_factory=Transaction)

    @classmethod
    def of(cls, connection: Connection) -> ConnectionState:
        from prefect_lineage_events.sql.session import Session

        store = _begun(connection)
        session = Session(dialect=store.dialect, database=store.database, schema=store.schema)
        return cls(connection.store, connection.number, session)

    @property
    def autocommit(self) -> bool:
        """False once a statement has switched it off, whatever the driver was told of it."""
        return self.session.autocommit

    def dataset(self, table: TableRef) -> EventDataset | None:
        """What the statement's table is called everywhere; None for what is no dataset: a catalog, or nothing at all.

        A temporary table exists on its connection only, so it is named after it: two tasks' `tmp` are two datasets.
        """
        if table.namespace:
            return _event_dataset(datasets.table_at(table.namespace, table.parts), table.kind)
        if table.kind == "file":
            return _event_dataset(self._location(table.path), "file")
        if not table.parts or _in_catalog(table.parts):
            return None
        store, parts = self._place(table.parts)
        named = self._spelled(store.table(parts), table)
        if table.temporary:
            place = f"temporary://{process_token()}.{self.number}"
            return EventDataset(namespace=place, name=named.name, kind=table.kind, temporary=True)
        if table.kind == "stage":
            return EventDataset(namespace=named.namespace, name=f"@{named.name}", kind="stage")
        return _event_dataset(named, table.kind)

    def _place(self, parts: tuple[str, ...]) -> tuple[Store, tuple[str, ...]]:
        """The store a name leads to: the connection's own, or a database file that is attached under its first part."""
        state = getattr(self.session, "state", None)
        path = state.attached.get(parts[0].lower()) if state is not None and len(parts) > 1 else None
        if path is None:
            return self.store, parts
        open_file = datasets.sqlite if self.store.dialect == "sqlite" else datasets.duckdb
        memory = f"{process_token()}.{self.number}.{parts[0]}" if path in ("", ":memory:") else None
        return open_file(path, memory), parts[1:]

    def _spelled(self, named: Dataset, table: TableRef) -> Dataset:
        """The table in the spelling in which this process met it first, where its store compares without case."""
        if self.store.dialect not in KEEPS_SPELLING or table.temporary:
            return named
        spelled = self.store.table(table.spelling) if table.spelling else named
        if len(_SPELLINGS) >= _MAX_SPELLINGS:
            _SPELLINGS.clear()
        return _SPELLINGS.setdefault(named, spelled)

    def _location(self, path: str) -> Dataset:
        here = "://" in path or path.startswith("file:") or self.store.dialect in _EMBEDDED
        host, _ = host_and_port(self.store.namespace.partition("://")[2])
        if here or host in ("", "localhost"):
            return datasets.location(path)
        return Dataset(f"file://{host}", path)


def _begun(connection: Connection) -> Store:
    """The connection's store with the schema that it really begins in, where only the server knows that."""
    store, lookup = connection.store, connection.lookup
    if store.schema in (None, "public") and isinstance(lookup, TellsSchema) and settings().schema_lookup:
        with softly("asking for the schema of a connection"):
            return replace(store, schema=lookup.default_schema() or store.schema)
    return store


def _event_dataset(dataset: Dataset, kind: str) -> EventDataset:
    return EventDataset(namespace=dataset.namespace, name=dataset.name, kind=kind)


def _in_catalog(parts: tuple[str, ...]) -> bool:
    return any(p.lower() in _CATALOG_SCHEMAS for p in parts[:-1]) or _CATALOG_TABLES.fullmatch(parts[-1]) is not None


def kind_of(dataset: Dataset) -> str:
    """What sort of thing a dataset is that somebody recorded by its URI."""
    scheme = dataset.namespace.partition(":")[0]
    if scheme in TABLE_SCHEMES:
        return "table"
    return {"kafka": "topic", "http": "api", "https": "api"}.get(scheme, "file")
