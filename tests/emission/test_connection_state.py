"""The schema that a connection begins in, where only the store knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.emission.analysis import analyse
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import Connection, StatementNote
from prefect_lineage_events.events import UnnumberedEvent
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import STARTED, make_run

POSTGRES = stores.server("postgres", "db.example.org", None, "shop")


class Lookup:
    """A look-up whose methods named in `failing` raise, as without a network."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing

    def _answer(self, method: str, answer: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
        if method in self.failing:
            raise OSError("no route to host")
        return answer

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        return {}

    def default_schema(self) -> str | None:
        return "mart" if self._answer("default_schema") is None else None

    def search_path(self) -> tuple[str, ...] | None:
        return self._answer("search_path", ("mart", "sales"))

    def searched_schemas(self) -> tuple[str, ...] | None:
        return self._answer("searched_schemas", ("mart", "sales"))

    def existing_schemas(self, names: tuple[str, ...], database: str | None) -> Mapping[str, str] | None:
        return {name: name for name in names}

    def schemas_with(self, table: str, schemas: tuple[str, ...], database: str | None) -> tuple[str, ...] | None:
        return self._answer("schemas_with", ("mart",))

    def forget(self) -> None:
        pass


def event_of(sql: str, lookup: Lookup) -> UnnumberedEvent:
    connection = Connection(POSTGRES, lookup)
    note = StatementNote(connection, sql, make_run(), STARTED, 0.1, True)
    (analysed,) = analyse(note, ConnectionState.of(connection), LineageSettings())
    (pending,) = analysed.pending_events
    return pending.event


def test_names_are_completed_with_the_schema_that_the_store_reports() -> None:
    event = event_of("select a from t", Lookup())
    assert (event.inputs[0].name, event.statement.confidence) == ("shop.mart.t", "exact")


@pytest.mark.parametrize("failing", ["default_schema", "search_path", "searched_schemas", "schemas_with"])
def test_a_name_without_schema_is_partial_where_the_look_up_fails(failing: str) -> None:
    statement = event_of("select a from t", Lookup(failing)).statement
    assert statement.confidence == "partial"
    assert statement.reason == "which schema of the search path has a table is known only to the store"


def test_a_name_with_its_schema_is_exact_where_the_look_up_fails() -> None:
    event = event_of("select a from sales.t", Lookup("default_schema", "search_path"))
    assert (event.inputs[0].name, event.statement.confidence) == ("shop.sales.t", "exact")


def named(store: stores.Store, sql: str) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    connection = Connection(store)
    note = StatementNote(connection, sql, make_run(), STARTED, 0.1, True)
    (analysed,) = analyse(note, ConnectionState.of(connection), LineageSettings())
    (pending,) = analysed.pending_events
    return [(d.namespace, d.name, d.symlinks) for d in pending.event.datasets]


def test_tables_have_the_other_names_of_their_server() -> None:
    store = stores.server("redshift", "shop.abc.eu-west-1.redshift.amazonaws.com", None, "dev")
    alias = "redshift://shop.abc.eu-west-1.redshift.amazonaws.com:5439"
    assert named(store, "select * from orders") == [
        ("redshift://shop.eu-west-1:5439", "dev.public.orders", ((alias, "dev.public.orders"),))
    ]


@pytest.mark.parametrize("path", ["dbfs:/mnt/orders", "/mnt/orders"])
def test_file_of_a_workspace_is_named_by_its_host(path: str) -> None:
    store = stores.server("databricks", "adb-1.azuredatabricks.net", 443, "main", "sales")
    assert named(store, f"select * from delta.`{path}`") == [("dbfs://adb-1.azuredatabricks.net", "/mnt/orders", ())]


def test_containers_in_statements_are_kept() -> None:
    store = stores.snowflake("org-acct", "SHOP", "PUBLIC")
    for container in ("raw", "curated"):
        names = named(store, f"copy into t from 'azure://acct.blob.core.windows.net/{container}/x.csv'")
        assert (f"abfss://{container}@acct.dfs.core.windows.net", "x.csv", ()) in names
