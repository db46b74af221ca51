"""Connections to servers that a program opens by drivers other than PostgreSQL's."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.drivers import odbc, oracle
from prefect_lineage_events.instrumentation.drivers.mysql import connector as mysql_connector
from prefect_lineage_events.instrumentation.drivers.mysql import pymysql
from prefect_lineage_events.instrumentation.drivers.snowflake import opened as snowflake
from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = (
    pymysql.LIBRARY,
    *mysql_connector.LIBRARIES,
    odbc.LIBRARY,
    oracle.LIBRARY,
    *snowflake.LIBRARIES,
)
