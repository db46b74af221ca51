"""A `Driver` for any DB-API driver without a description of its own, made from a URL and PEP 249.

It also serves ADBC connections, which have no attribute that names their store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from prefect_lineage_events import stores
from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.sqlite import file_store, shared_name, url_path
from prefect_lineage_events.instrumentation.execution import (
    Execution,
    TracedCursor,
    answer_or_default,
    argument,
    when_done,
)
from prefect_lineage_events.naming import SCHEMES, fold, host_and_port, quote, scheme_of, split_name
from prefect_lineage_events.stores import Store

_FRAME_METHODS = ("fetch_arrow_table", "fetchallarrow", "fetch_df", "fetch_polars")


def url_driver(url: str) -> Driver:
    """A description made from a URL as SQLAlchemy writes it: transactional unless the connection reports autocommit.

    Raises ValueError, with the expected form, for a text that is no URL.
    """
    store = url_store(url)
    return Driver(
        store=lambda _: store,
        autocommits=_autocommit,
        type_name=str,
        cursor_wrappers={"adbc_ingest": _trace_ingest, **dict.fromkeys(_FRAME_METHODS, wrappers.trace_fetch_frame)},
    )


def url_store(url: str) -> Store:
    """The store of a URL, without credentials and options. The names in it fold as the store folds them in SQL."""
    name, separator, rest = url.partition("://")
    if not name or not separator:
        raise ValueError("pass the database's URL, such as 'postgresql://host:5432/database'")
    parts = urlsplit(f"//{rest}")
    scheme = scheme_of(name)
    if scheme == "sqlite":
        name = rest.removeprefix("/")
        path = name if name.startswith("file:") else unquote(name.partition("?")[0])
        return file_store(url_path(path), shared_name(name))
    if scheme == "duckdb":
        return stores.duckdb(unquote(parts.path.removeprefix("/")))
    path = unquote(parts.path.strip("/"))
    if scheme == "bigquery":
        return stores.bigquery(parts.hostname, path or None)
    database, _, schema = path.partition("/")  # Databricks, Snowflake and Trino: `catalog/schema`
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if "odbc_connect" in options:
        return _odbc_store(scheme, options["odbc_connect"])
    if scheme == "snowflake":
        database, schema = database or options.get("database", ""), schema or options.get("schema", "")
        return stores.snowflake(parts.hostname or "", _folded(scheme, database), _folded(scheme, schema))
    database = database or options.get("service_name", "") or options.get("dbname", "")  # of Oracle; of libpq
    database = database or options.get("database", "")  # of Teradata: pypi.org/project/teradatasqlalchemy
    if scheme == "unitycatalog":  # docs.databricks.com: SQLAlchemy, `?catalog=main&schema=sales`
        database, schema = database or options.get("catalog", ""), schema or options.get("schema", "")
    if scheme == "awsathena":  # pypi.org/project/PyAthena: the path is the schema
        database, schema = options.get("catalog_name", "awsdatacatalog").lower(), database
    user = unquote(parts.username or "")
    host, port = _address(parts, options)
    database, schema = _folded(scheme, database) or "", _folded(scheme, schema) or ""
    return stores.server(scheme, host, port, database or None, schema or None, user=user)


def _address(parts: SplitResult, options: Mapping[str, str]) -> tuple[str, int | None]:
    """The host and port of a URL, or, where it has no host, those of its options `?host=h&port=1` and `?host=h:1`.

    postgresql.org/docs/current/libpq-connect.html: Connection URIs; docs.sqlalchemy.org: PostgreSQL, Specifying
    multiple fallback hosts. A host that is a directory is a socket of this machine.
    """
    host = options.get("host", "").partition(",")[0]
    if parts.hostname or not host or host.startswith("/"):
        return parts.hostname or "", parts.port
    name, colon, number = host.partition(":")
    if ":" in number:  # an address of IPv6
        name, colon = host, ""
    number = number if colon else options.get("port", "").partition(",")[0]
    return name, int(number) if number.isascii() and number.isdigit() else parts.port


def _folded(scheme: str, name: str) -> str | None:
    """The database or schema of a URL as the store keeps it: in upper case unless it stands in double quotes.

    docs.snowflake.com: Python Connector API, connect; docs.oracle.com: Database Net Services, service names;
    ibm.com/docs/en/db2: Database names
    """
    known = SCHEMES.get(scheme)
    # Exasol, of two levels, has it otherwise: its drivers quote the schema.
    folds = known is not None and known.depth == 3 and dialect_of(known.dialect).plain == "upper"
    if known is None or not folds or not name:
        return name or None
    quoted = name.startswith('"') and name.endswith('"')
    return split_name(name)[0] if quoted else fold(name, False, known.dialect)


# Keywords of ODBC drivers. learn.microsoft.com: DSN and Connection String Keywords and Attributes; odbc.postgresql.org:
# Configuration options; dev.mysql.com: Connector/ODBC Connection Parameters
_ODBC_HOST = ("server", "address", "addr", "servername", "host", "hostname")
_ODBC_DATABASE = ("database", "db", "dbname")
_ODBC_PAIR = re.compile(r"(?:\A|;)([^=;{}]{1,64})=\s{0,9}(?:\{((?:[^}]|\}\}){0,999})\}|([^;]{0,999}))")


def _odbc_store(scheme: str, text: str) -> Store:
    """The store of an ODBC connection string, `DRIVER={...};Server=tcp:host,port;Database=name`.

    A data source that is only named (`DSN=`) stands for its server, as in a URL.
    """
    address = odbc_address(text)
    host = address.host or address.dsn
    database = _folded(scheme, address.database)
    return stores.server(scheme, host, address.port, database, user=address.user)


@dataclass(frozen=True, slots=True)
class OdbcAddress:
    """The parts of an ODBC connection string that name a database; empty or None where it lacks them."""

    host: str
    port: int | None
    database: str
    dsn: str
    user: str | None


def odbc_address(text: str) -> OdbcAddress:
    """The address in an ODBC connection string, without its credentials."""
    values: dict[str, str] = {}
    for key, braced, plain in _ODBC_PAIR.findall(text):
        values.setdefault(key.strip().lower(), braced.replace("}}", "}") or plain.strip())  # the first one counts
    found = next((values[key] for key in _ODBC_HOST if values.get(key)), "")
    host, comma, port = found.rpartition(",")
    if not comma:
        host, number = host_and_port(found)
        port = values.get("port", "") if number is None else str(number)
    host = host.strip().removeprefix("tcp:")
    host = "localhost" if host.lower() in (".", "(local)") else host
    return OdbcAddress(
        host,
        int(port) if port.strip().isdecimal() else None,
        next((values[key] for key in _ODBC_DATABASE if values.get(key)), ""),
        values.get("dsn", ""),
        values.get("uid") or values.get("user"),
    )


def _autocommit(connection: Any) -> bool:
    """Is no transaction open after a statement? Read without a query where the driver can: mysql.connector's
    `autocommit` is a query on the user's connection, its `in_transaction` is from the server's last response.

    https://github.com/mysql/mysql-connector-python/blob/trunk/mysql-connector-python/lib/mysql/connector/connection_cext.py
    """
    in_transaction = getattr(connection, "in_transaction", None)
    if isinstance(in_transaction, bool):
        return not in_transaction
    value = getattr(connection, "autocommit", False)
    if callable(value):  # in PyMySQL and its like this method sets it, and another one returns it
        if hasattr(connection, "autocommit_state"):  # pymssql's
            return bool(connection.autocommit_state)
        return bool(connection.get_autocommit())
    return bool(value)


def _trace_ingest(cursor: TracedCursor, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace ADBC's `adbc_ingest(table, data, mode)`, which sends no statement: the notes have equivalent ones.

    https://arrow.apache.org/adbc/current/python/api/adbc_driver_manager.html
    """
    table, data = argument(args, kwargs, 0, "table_name", default=""), argument(args, kwargs, 1, "data")
    mode = argument(args, kwargs, 2, "mode", default="create")
    name = ".".join(quote(str(part)) for part in (kwargs.get("db_schema_name"), table) if part)
    columns: tuple[str, ...] = answer_or_default(_column_names, data, default=())
    listed = wrappers.column_list(columns)
    fill = f"INSERT INTO {name}{listed} VALUES ({', '.join('?' * max(1, len(columns)))})"
    cursor._self_fetched.end()
    execution = Execution(cursor._self_connection)

    def on_success(rows: Any) -> Any:
        if mode in _CREATES:
            execution.operation = f"{_CREATES[mode]} {name}{listed}"
            execution.succeeded(cursor, rows=0)
        execution.operation = fill
        execution.succeeded(cursor, rows=rows if isinstance(rows, int) and rows >= 0 else None)
        return rows

    return when_done(method(*args, **kwargs), on_success)


def _column_names(data: Any) -> tuple[str, ...]:
    """The column names of an Arrow table, batch or reader, or of a DataFrame of polars."""
    names = data.schema.names
    return tuple(map(str, names() if callable(names) else names))


_CREATES = {
    "create": "CREATE TABLE",
    "replace": "CREATE OR REPLACE TABLE",
    "create_append": "CREATE TABLE IF NOT EXISTS",
}
