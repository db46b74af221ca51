"""Trino's client by its DB-API. https://github.com/trinodb/trino-python-client"""

from __future__ import annotations

from typing import Any

from prefect_lineage_events import patches, stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import traces_own
from prefect_lineage_events.stores import Store


def store(connection: Any) -> Store:
    """The coordinator's address, with the catalog and schema given to `connect`. Later USE statements are parsed."""
    host = connection.host.partition("/")[0]
    return stores.server("trino", host, connection.port, connection.catalog, connection.schema)


def _plain(_: Any, method: Any, args: Any, kwargs: Any) -> Any:
    """Make the call as it is; methods of the cursor that it calls are no statements of the user's."""
    return method(*args, **kwargs)


DRIVER = Driver(
    store=store,
    autocommits=lambda connection: connection.transaction is None,
    query_id=lambda cursor: cursor.query_id,
    type_name=str,
    connection_wrappers={"start_transaction": wrappers.trace_begin},
    cursor_wrappers={"describe": _plain},
    subclassed=True,
    cursor_classes=("trino.dbapi.Cursor",),
)


def _patch(module: Any) -> None:
    patches.add(module.Connection, "__init__", traces_own(lambda: DRIVER))


LIBRARY = Library(
    "databases",
    "trino.dbapi",
    _patch,
    package="trino",
    captured="connections and cursors of `trino.dbapi`, under every name of `connect`; query ids",
    not_captured="`trino.client` used directly; rows taken by `genall`",
    tests=("tests/instrumentation/opened/test_trino.py",),
    against="the client's own code over a stand-in of Trino's HTTP interface",
)
