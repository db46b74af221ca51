"""The blocks of prefect-sqlalchemy, prefect-snowflake and prefect-gcp: one method of each connector class is wrapped.

Classes, subclasses, saved blocks and pickles stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.engines import trace_any_engine
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


def _traced_engine(method: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    engine = method(*args, **kwargs)
    with guarded("tracing an engine", count_untraced):
        trace_any_engine(engine)
    return engine


def _traced_snowflake(method: Callable[..., Any], block: Any, args: Any, kwargs: Any) -> Any:
    from prefect_lineage_events.instrumentation.opening import left_alone

    with left_alone():  # the block's own trace can look columns up, with the block's credentials
        connection = method(*args, **kwargs)
    with guarded("tracing a Snowflake connection", count_untraced):
        from prefect_lineage_events.instrumentation.drivers.snowflake.block import traced_connection

        connection = block._connection = traced_connection(block, connection, kwargs)
    return connection


def _traced_bigquery(method: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    client = method(*args, **kwargs)
    with guarded("tracing a BigQuery client", count_untraced):
        from prefect_lineage_events.instrumentation.drivers.bigquery.client import trace_client

        return trace_client(client)
    return client


def _patch(wrapper: Wrapper, method_name: str, class_names: tuple[str, ...], module: Any) -> None:
    for class_name in class_names:
        connector = getattr(module, class_name, None)
        if connector is not None:
            patches.add(connector, method_name, partial(_traced, wrapper))


def _traced(wrapper: Wrapper, method: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(method, wrapper, enabled=is_on)


# The one method of each connector through which all its others reach the database. In prefect-gcp, the block and the
# tasks get their client from the credentials.
LIBRARIES = (
    Library(
        "blocks",
        "prefect_sqlalchemy.database",
        partial(_patch, _traced_engine, "get_engine", ("SqlAlchemyConnector", "AsyncSqlAlchemyConnector")),
        package="prefect-sqlalchemy",
        captured="every connection of the engine: methods, `get_engine()`, ORM, pandas, `raw_connection()`",
        tests=("tests/instrumentation/test_instrument_blocks.py",),
        against="SQLite, DuckDB, PostgreSQL",
    ),
    Library(
        "blocks",
        "prefect_snowflake.database",
        partial(_patch, _traced_snowflake, "get_connection", ("SnowflakeConnector",)),
        package="prefect-snowflake",
        captured="the connection: methods, cursors, `execute_async`, `write_pandas`, PUT and GET",
        tests=("tests/instrumentation/test_instrument_blocks.py", "tests/flows/snowflake_instrumented.py"),
        against="a stand-in (fakesnow)",
    ),
    Library(
        "blocks",
        "prefect_gcp.credentials",
        partial(_patch, _traced_bigquery, "get_bigquery_client", ("GcpCredentials",)),
        package="prefect-gcp",
        captured="BigQuery's client: queries, load, copy and extract jobs, streamed rows, tables",
        tests=("tests/instrumentation/drivers/test_bigquery.py",),
        against="a stand-in of BigQuery",
    ),
)
