"""Snowflake's connections, sync and async, and Snowpark's sessions that a program opens itself.

The connector runs its own commits, scripts and uploads by cursors of the connection, which are traced, so that these
methods are not traced a second time. Snowpark runs each statement on a cursor of a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.drivers.snowflake import connector
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import traces_own


def _plain(_: Any, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Make the call as it is. The methods of a cursor that it calls are not traced either."""
    return method(*args, **kwargs)


_BY_CURSORS = ("commit", "rollback", "autocommit", "execute_string", "execute_stream", "__exit__", "__aexit__")
_READS_NOTHING = ("describe", "_describe_internal")  # both run `execute` with an option by which no row is read
DRIVER = replace(
    connector.DRIVER,
    connection_wrappers={
        **connector.DRIVER.connection_wrappers,
        **dict.fromkeys(_BY_CURSORS, _plain),
    },
    cursor_wrappers={**connector.DRIVER.cursor_wrappers, **dict.fromkeys(_READS_NOTHING, _plain)},
    subclassed=True,
    cursor_classes=("snowflake.connector.cursor.SnowflakeCursor",),
)


def _patch(module: Any) -> None:
    own = module.SnowflakeConnection
    # Connector 5 connects in `__init__`, at whose end its session is known; its async connections and those of
    # connector 4 have `connect`.
    patches.add(own, "connect" if hasattr(own, "connect") else "__init__", traces_own(lambda: DRIVER))


def _nothing(_: Any) -> None:
    """Snowpark's statements pass the connector, which is patched."""


_AGAINST = "a stand-in (fakesnow)"
LIBRARIES = (
    Library(
        "databases",
        "snowflake.connector.connection",
        _patch,
        package="snowflake-connector-python",
        captured="all connections and cursors, under every name of `connect`: statements, `executemany`, "
        "`execute_async` once its status or result was requested, `execute_string`, `write_pandas`, PUT and GET",
        not_captured="asynchronous statements whose outcome the program never requests",
        tests=("tests/instrumentation/opened/test_snowflake.py",),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "snowflake.connector.aio._connection",
        _patch,
        package="snowflake-connector-python",
        captured="the same of `snowflake.connector.aio`",
        tests=("tests/instrumentation/opened/test_snowflake.py",),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "snowflake.connector.aio.connection",
        _patch,
        package="snowflake-connector-python",
        captured="the same of `snowflake.connector.aio` of connector 5",
        tests=("tests/instrumentation/drivers/test_snowflake_5.py",),
        against="its own classes over a stub",
    ),
    Library(
        "databases",
        "snowflake.snowpark",
        _nothing,
        package="snowflake-snowpark-python",
        captured="`Session.sql`, actions of DataFrames, `save_as_table`, `write_pandas`; Snowpark's temporary tables "
        "and stages are passed through",
        not_captured="Python functions that run in Snowflake (`udf`, `sproc`): their call is seen, their body is not",
        tests=("tests/instrumentation/opened/test_snowpark.py",),
        against=_AGAINST,
    ),
)
