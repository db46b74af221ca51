"""Drivers nobody described: what a URL says, and what the DB-API promises of every driver (PEP 249).

This is also how ADBC connections are captured, which do not tell where they point.
"""

from __future__ import annotations

import datetime as dt
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from prefect_lineage_events import stores
from prefect_lineage_events.instrumentation import wrappers
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.sqlite import file_store, shared_name, url_path
from prefect_lineage_events.instrumentation.execution import answer_or_default, note_statement, when_done
from prefect_lineage_events.instrumentation.proxies import CursorProxy
from prefect_lineage_events.naming import quote, scheme_of
from prefect_lineage_events.stores import Store

_FRAMES = ("fetch_arrow_table", "fetchallarrow", "fetch_df", "fetch_polars")


def url_driver(url: str) -> Driver:
    """A driver by a URL such as SQLAlchemy's: transactional unless the connection says that it commits by itself.

    Raises ValueError, saying what is expected, for a text that is no URL.
    """
    store = url_store(url)
    return Driver(
        store=lambda _: store,
        autocommits=_autocommit,
        type_name=str,
        cursor_wrappers={"adbc_ingest": _ingests, **dict.fromkeys(_FRAMES, wrappers.trace_fetch_frame)},
    )


def url_store(url: str) -> Store:
    """Where a URL points; credentials and options are left out."""
    name, separator, rest = url.partition("://")
    if not name or not separator:
        raise ValueError("give the database's URL, such as 'postgresql://host:5432/database'")
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
    if scheme == "snowflake":
        return stores.snowflake(parts.hostname or "", database or None, schema or None)
    database = database or parse_qs(parts.query).get("service_name", [""])[0]  # Oracle's name for it
    user = unquote(parts.username or "")
    return stores.server(scheme, parts.hostname or "", parts.port, database or None, schema or None, user=user)


def _autocommit(connection: Any) -> bool:
    """Is nothing open after a statement? Some say it without asking the server: mysql.connector's `autocommit` is a
    query on the user's connection, its `in_transaction` what the server's last answer said.

    https://github.com/mysql/mysql-connector-python/blob/trunk/mysql-connector-python/lib/mysql/connector/connection_cext.py
    """
    in_transaction = getattr(connection, "in_transaction", None)
    if isinstance(in_transaction, bool):
        return not in_transaction
    value = getattr(connection, "autocommit", False)
    if callable(value):  # PyMySQL and its like set it by a method of that name, and tell it by another
        return bool(connection.get_autocommit())
    return bool(value)


def _ingests(cursor: CursorProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """ADBC's `adbc_ingest(table, data, mode)`: data go in without a statement, so the notes say which they stand for.

    https://arrow.apache.org/adbc/current/python/api/adbc_driver_manager.html
    """
    table, data, mode = (*args, *(kwargs[name] for name in ("table_name", "data") if name in kwargs), "create")[:3]
    mode = kwargs.get("mode", mode)
    name = ".".join(map(quote, filter(None, (kwargs.get("db_schema_name"), table))))
    columns: tuple[str, ...] = answer_or_default(_column_names, data, default=())
    listed = f" ({', '.join(map(quote, columns))})" if columns else ""
    fill = f"INSERT INTO {name}{listed} VALUES ({', '.join('?' * max(1, len(columns)))})"
    started, clock = dt.datetime.now(dt.timezone.utc), perf_counter()
    cursor._self_fetched.end()

    def on_success(rows: Any) -> Any:
        duration = perf_counter() - clock
        if mode in _MAKES:
            note_statement(cursor, f"{_MAKES[mode]} {name}{listed}", started, duration, rows=0)
        note_statement(cursor, fill, started, duration, rows=rows if isinstance(rows, int) and rows >= 0 else None)
        return rows

    return when_done(method(*args, **kwargs), on_success)


def _column_names(data: Any) -> tuple[str, ...]:
    """Of an Arrow table, batch or reader, or of a DataFrame of polars."""
    names = data.schema.names
    return tuple(map(str, names() if callable(names) else names))


_MAKES = {
    "create": "CREATE TABLE",
    "replace": "CREATE OR REPLACE TABLE",
    "create_append": "CREATE TABLE IF NOT EXISTS",
}
