"""The drivers that have a description (`Driver`): one row each, for connections and for SQLAlchemy's engines.

docs/drivers.md has a table of them (`docs/make_drivers_page.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from prefect_lineage_events.instrumentation.driver import Driver


@dataclass(frozen=True, slots=True)
class KnownDriver:
    """A driver that has a description, which is imported when it is needed.

    `module` is the module that users import, `packages` are those of its connections' classes. `description` is the
    place of the description in this package, `module:NAME`. `engines` are SQLAlchemy's names of the driver
    (`dialect+driver`); the description of their DB-API connections is at `adapter`, where these are adapters.
    """

    module: str
    packages: tuple[str, ...]
    description: str
    engines: tuple[str, ...] = ()
    adapter: str = ""

    @property
    def driver(self) -> Driver:
        """The description of the driver's own connections."""
        return _load(self.description)

    @property
    def engine_driver(self) -> Driver:
        """The description of the connections of an engine."""
        return _load(self.adapter or self.description)


KNOWN = (
    KnownDriver("sqlite3", ("sqlite3",), "sqlite:DRIVER", ("sqlite+pysqlite", "sqlite+aiosqlite")),
    KnownDriver(
        "psycopg", ("psycopg",), "postgres.psycopg:PSYCOPG", ("postgresql+psycopg", "postgresql+psycopg_async")
    ),
    KnownDriver("psycopg2", ("psycopg2",), "postgres.psycopg:PSYCOPG2", ("postgresql+psycopg2",)),
    KnownDriver(
        "asyncpg", ("asyncpg",), "postgres.asyncpg:DRIVER", ("postgresql+asyncpg",), "postgres.asyncpg:ADAPTED"
    ),
    KnownDriver(
        "duckdb",
        ("duckdb", "_duckdb"),
        "duckdb.connections:DRIVER",
        ("duckdb+duckdb_engine",),
        "duckdb.connections:ENGINE",
    ),
    KnownDriver("snowflake.connector", ("snowflake",), "snowflake.connector:DRIVER", ("snowflake+snowflake",)),
    KnownDriver("google.cloud.bigquery", ("google",), "bigquery.client:DRIVER"),
    KnownDriver("databricks.sql", ("databricks",), "databricks:DRIVER"),
    KnownDriver(
        "mysql.connector",
        ("mysql",),
        "mysql.connector:DRIVER",
        ("mysql+mysqlconnector", "mariadb+mysqlconnector"),
    ),
    KnownDriver("MySQLdb", ("MySQLdb",), "mysql.mysqlclient:DRIVER"),
    KnownDriver("pyodbc", ("pyodbc",), "odbc:DRIVER"),
    KnownDriver("redshift_connector", ("redshift_connector",), "redshift:DRIVER"),
    KnownDriver("trino", ("trino",), "trino:DRIVER", ("trino+rest",)),
    KnownDriver("oracledb", ("oracledb",), "oracle:DRIVER", ("oracle+oracledb",)),
    KnownDriver("pymysql", ("pymysql",), "mysql.pymysql:DRIVER", ("mysql+pymysql", "mariadb+pymysql")),
)
_BY_PACKAGE = {package: known for known in KNOWN for package in known.packages}
_BY_ENGINE = {engine: known for known in KNOWN for engine in known.engines}
_registered: dict[str, Driver] = {}


def register(package: str, driver: Driver) -> None:
    """Use this description for connections whose class comes from `package`. It takes precedence over the ones here."""
    _registered[package] = driver


def description_of(connection: Any, url: str | None) -> Driver:
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
        if package in _BY_PACKAGE:
            return _BY_PACKAGE[package].driver
    *names, last = (known.module for known in KNOWN)
    raise TypeError(
        f"{type(connection).__module__}.{type(connection).__qualname__} cannot be instrumented: pass a connection of "
        f"{', '.join(names)} or {last}, or any other DB-API connection with its `url`"
    )


def driver_of_engine(name: str) -> Driver | None:
    """The description for the connections of an engine, by its `dialect+driver`; None for a driver without one."""
    known = _BY_ENGINE.get(name)
    return known.engine_driver if known is not None else None


def _load(place: str) -> Driver:
    module, _, name = place.partition(":")
    driver: Driver = getattr(import_module(f"{__package__}.{module}"), name)
    return driver
