"""Connections to servers that a program opens by drivers other than PostgreSQL's."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.drivers import (
    clickhouse,
    databricks_opened,
    odbc,
    oracle,
    pymssql,
    redshift,
    trino,
)
from prefect_lineage_events.instrumentation.drivers.bigquery import opened as bigquery
from prefect_lineage_events.instrumentation.drivers.mysql import connector as mysql_connector
from prefect_lineage_events.instrumentation.drivers.mysql import mysqlclient
from prefect_lineage_events.instrumentation.drivers.mysql import pymysql as mysql_pymysql
from prefect_lineage_events.instrumentation.drivers.snowflake import opened as snowflake
from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = (
    mysql_pymysql.LIBRARY,
    *mysql_connector.LIBRARIES,
    mysqlclient.LIBRARY,
    odbc.LIBRARY,
    oracle.LIBRARY,
    pymssql.LIBRARY,
    redshift.LIBRARY,
    trino.LIBRARY,
    *snowflake.LIBRARIES,
    bigquery.LIBRARY,
    databricks_opened.LIBRARY,
    *clickhouse.LIBRARIES,
)
