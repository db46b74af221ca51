"""`instrument()`, `uninstrument()` and `instrument_connection()`: lineage for plain connectors and users' connections.

A library is patched when it is imported, and never imported to be patched.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, TypeVar

from prefect_lineage_events import patches
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.engines import is_engine, trace_any_engine, untrace_engines
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.settings import FAMILIES, Family, chosen_families

T = TypeVar("T")

_families: dict[Family, None] = {}
patches.when_off(_families.clear)


def instrumented() -> tuple[Family, ...]:
    """The families of libraries whose calls are captured now."""
    return tuple(_families)


def instrument(*families: Family) -> None:
    """Capture the calls of libraries in this process, from now on: those of some families, or of all.

    Families are `blocks` (of prefect-sqlalchemy, prefect-snowflake, prefect-gcp), `databases`, `files`, `http`,
    `messages` and `children`. May be called any number of times, before or after the libraries are imported, in code or
    by the Prefect plugin; further families are added. Raises ValueError for a name that is no family.
    """
    chosen = chosen_families(families) if families else FAMILIES
    from prefect_lineage_events.instrumentation.libraries import capture

    capture(chosen)
    _families.update(dict.fromkeys(chosen))
    # The engines are imported when the first flow or task is run: before its context is entered.
    for module_name in ("prefect.flow_engine", "prefect.task_engine"):
        when_imported(module_name, _watch_runs)


def uninstrument() -> None:
    """Undo `instrument()` and remove all patches; connections that blocks open from now on are the driver's own.

    A Snowflake connection or a BigQuery client that a block has open stays traced until it is closed, and so does a
    connection of the user's (`instrument_connection`), but for cursors that are made from a class. The next use of
    lineage (a lineage block, `record_*`, `instrument_connection`) installs its patches again.
    """
    untrace_engines()
    patches.switch_off()


def _watch_runs(_: Any) -> None:
    """Switch lineage on before the first run.

    Threads that are started before the first connection must have their run as well. The end of a run must also be seen
    if all its connections are in other processes.
    """
    with guarded("watching runs"):
        import_module("prefect_lineage_events.emission.losses")
        patches.switch_on()


def _is_bigquery_client(connection: Any) -> bool:
    module = sys.modules.get("google.cloud.bigquery.client")
    return module is not None and isinstance(connection, module.Client)


def instrument_connection(connection: T, *, url: str | None = None) -> T:
    """Capture the statements of a connection that the user opened. Use the connection that this returns.

    Takes connections of sqlite3, psycopg, psycopg2, asyncpg, DuckDB, PyMySQL, mysql.connector, MySQLdb, pyodbc,
    oracledb, redshift_connector, trino, Snowflake's and Databricks' connectors and BigQuery's DB-API as they are,
    asynchronous ones as well, and BigQuery's client. Any other DB-API connection (ADBC, pymssql, ...) needs `url`, its
    database's address as SQLAlchemy writes it, because its store is not known from the connection; so does one whose
    store is known under another name (a tunnel, a shared SQLite database in memory). Credentials in it are not used.
    A SQLAlchemy engine, asynchronous or not, is returned itself: connections that it opens or checks out from now on
    are captured. Raises TypeError or ValueError with a message about what is missing.
    """
    import_module("prefect_lineage_events.emission.losses")
    patches.switch_on()
    if is_engine(connection):
        trace_any_engine(connection)
        return connection
    if _is_bigquery_client(connection):
        from prefect_lineage_events.instrumentation.drivers.bigquery.client import trace_client

        return trace_client(connection)
    from prefect_lineage_events.instrumentation.connections import retrace, trace, traced_again
    from prefect_lineage_events.instrumentation.drivers.registry import description_of

    if url is None and traced_again(connection):
        return connection
    return (trace if url is None else retrace)(connection, description_of(connection, url))
