"""Databases: connections, pools and engines that the user opens."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.drivers import (
    adbc,
    connectorx,
    opened_servers,
    sqlalchemy_opened,
    sqlite_opened,
)
from prefect_lineage_events.instrumentation.drivers.duckdb import opened as duckdb_opened
from prefect_lineage_events.instrumentation.drivers.postgres import opened as postgres_opened
from prefect_lineage_events.instrumentation.library import Library

_LOCAL: tuple[Library, ...] = (
    *sqlalchemy_opened.LIBRARIES,
    *sqlite_opened.LIBRARIES,
    *postgres_opened.LIBRARIES,
    *duckdb_opened.LIBRARIES,
    *adbc.LIBRARIES,
    *connectorx.LIBRARIES,
)

LIBRARIES: tuple[Library, ...] = (*_LOCAL, *opened_servers.LIBRARIES)
