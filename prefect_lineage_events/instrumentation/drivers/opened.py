"""Databases: connections, pools and engines that the user opens."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.drivers import sqlalchemy_opened, sqlite_opened
from prefect_lineage_events.instrumentation.drivers.duckdb import opened as duckdb_opened
from prefect_lineage_events.instrumentation.drivers.mysql import connector as mysql_connector
from prefect_lineage_events.instrumentation.drivers.mysql import pymysql
from prefect_lineage_events.instrumentation.drivers.postgres import opened as postgres_opened
from prefect_lineage_events.instrumentation.drivers.snowflake import opened as snowflake
from prefect_lineage_events.instrumentation.library import Library

_LOCAL: tuple[Library, ...] = (
    *sqlalchemy_opened.LIBRARIES,
    *sqlite_opened.LIBRARIES,
    *postgres_opened.LIBRARIES,
    *duckdb_opened.LIBRARIES,
)
_SERVERS: tuple[Library, ...] = (pymysql.LIBRARY, *mysql_connector.LIBRARIES, *snowflake.LIBRARIES)

LIBRARIES: tuple[Library, ...] = (*_LOCAL, *_SERVERS)
