"""Drivers nobody described: what their SQLAlchemy URL says, and what the DB-API promises of every driver."""

from __future__ import annotations

from typing import Any

from prefect_lineage_events import datasets
from prefect_lineage_events.capture.drivers.driver import Driver
from prefect_lineage_events.datasets import Store

# SQLAlchemy's dialect names to sqlglot's, which are the ones our stores speak.
_DIALECTS = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql", "awsathena": "athena", "hana": ""}
_DDL_COMMITS = frozenset({"mysql", "oracle", "snowflake"})


def url_driver(url: Any) -> Driver:
    """A driver by its SQLAlchemy URL: transactional unless the connection says that it commits by itself (PEP 249)."""
    name = url.get_backend_name()
    dialect = _DIALECTS.get(name, name)
    return Driver(
        store=lambda _: url_store(dialect, url), commits_itself=_autocommit, ddl_commits=dialect in _DDL_COMMITS
    )


def url_store(dialect: str, url: Any) -> Store:
    """Where a URL points, without credentials."""
    if dialect == "bigquery":
        return datasets.bigquery(url.host, url.database)
    database, _, schema = (url.database or "").partition("/")  # Databricks, Snowflake and Trino: `catalog/schema`
    return datasets.server(dialect, url.host or "", url.port, database or None, schema or None)


def _autocommit(connection: Any) -> bool:
    value = getattr(connection, "autocommit", False)
    if callable(value):  # PyMySQL and its like set it by a method of that name, and tell it by another
        return bool(connection.get_autocommit())
    return bool(value)
