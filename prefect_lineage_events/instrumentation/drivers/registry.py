"""The `Driver` of a connection, by the package of its class."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from prefect_lineage_events.instrumentation.driver import Driver

# Package of the connection's class: module and name of the description, which is imported when it is needed.
_DRIVERS = {
    "sqlite3": ("sqlite", "DRIVER"),
    "psycopg": ("postgres.psycopg", "PSYCOPG"),
    "psycopg2": ("postgres.psycopg", "PSYCOPG2"),
    "asyncpg": ("postgres.asyncpg", "DRIVER"),
    "duckdb": ("duckdb.connections", "DRIVER"),
    "_duckdb": ("duckdb.connections", "DRIVER"),
    "snowflake": ("snowflake.connector", "DRIVER"),
    "google": ("bigquery.client", "DRIVER"),
    "databricks": ("databricks", "DRIVER"),
}


_registered: dict[str, Driver] = {}


def register(package: str, driver: Driver) -> None:
    """Use this description for connections whose class comes from `package`. It takes precedence over the ones here."""
    _registered[package] = driver


def described(connection: Any, url: str | None) -> Driver:
    """The description for a connection of a user; `url`, if given, decides its store."""
    from prefect_lineage_events.instrumentation.drivers.generic import url_driver

    if url is None:
        return driver_for(connection)
    store = url_driver(url).store
    try:
        return replace(driver_for(connection), store=store)
    except TypeError:
        return url_driver(url)


def driver_for(connection: Any) -> Driver:
    """The description for a driver's own connection, or one of a subclass. Raises TypeError for any other object."""
    # `__class__`, not `type()`: a proxy of any library has the class of the wrapped object there.
    for base in connection.__class__.__mro__:
        package = base.__module__.partition(".")[0]
        if package in _registered:
            return _registered[package]
        if package in _DRIVERS:
            module, name = _DRIVERS[package]
            driver: Driver = getattr(import_module(f"{__package__}.{module}"), name)
            return driver
    raise TypeError(
        f"{type(connection).__module__}.{type(connection).__qualname__} cannot be instrumented: pass a connection of "
        "sqlite3, psycopg, psycopg2, asyncpg, duckdb, snowflake.connector, google.cloud.bigquery or databricks.sql, "
        "or any other DB-API connection with its `url`"
    )
