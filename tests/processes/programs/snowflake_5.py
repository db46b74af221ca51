"""All methods of connector 5 that run a statement: its own classes over a core that always returns success.

Prints the calls of the tracer, a line of JSON for each method. The connector's folder is the only argument. It is
beside the environment, whose connector is older (the stand-in for Snowflake does not understand a login of 5).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

_FOLDER = sys.argv[1]
sys.path.insert(0, _FOLDER)
import snowflake  # noqa: E402

snowflake.__path__ = [f"{_FOLDER}/snowflake"]  # the environment's own connector shares the namespace

import pandas as pd  # noqa: E402
from snowflake.connector._internal.binding_converters import ParamStyle  # noqa: E402
from snowflake.connector.connection import SnowflakeConnection, _connection  # noqa: E402
from snowflake.connector.constants import QueryStatus  # noqa: E402
from snowflake.connector.cursor import SnowflakeCursor  # noqa: E402
from snowflake.connector.pandas_tools import write_pandas  # noqa: E402

from prefect_lineage_events import instrument, instrument_connection  # noqa: E402
from prefect_lineage_events.instrumentation import proxies  # noqa: E402
from tests.instrumentation.drivers.conftest import RecordingTracer  # noqa: E402

_PARAMETERS = {"AUTOCOMMIT": "true"}
_INFO = {
    "host": "myorg-shop.snowflakecomputing.com",
    "account": "myorg-shop",
    "database": "SHOP",
    "schema": "PUBLIC",
    "role": "ETL",
}
# The names in the connector's module by which a connection reaches the core.
_CORE = {
    "core_driver": MagicMock(),
    "SessionParametersProxy": lambda _: _PARAMETERS,
    "ConnectionInfoProxy": lambda _: _INFO,
}
_SENT = "00000000-0000-0000-0000-000000000001"
tracers: list[RecordingTracer] = []


class Cursor(SnowflakeCursor):
    """Record a statement when the connector passes it to its core."""

    def _execute(self, *_: Any, **__: Any) -> Any:
        self._query_result.sfqid, self._query_result.rowcount = "query-id", 2
        return self

    def _execute_async(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"queryId": _SENT}

    def fetchall(self) -> Any:
        return [("file0.txt", "LOADED", 2, 2)]


class OpenedConnection(SnowflakeConnection):
    """A connection that its own `__init__` opens."""

    def __del__(self) -> None:
        pass

    def _should_auto_cleanup(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return False

    def cursor(self, cursor_class: Any = None) -> Any:
        return Cursor(self)

    def get_query_status(self, _: str) -> QueryStatus:
        return QueryStatus.SUCCESS

    def close(self, retry: bool = True) -> None:
        pass


class Connection(OpenedConnection):
    """A connection that was never opened: the attributes that the core would set are set here."""

    host = "myorg-shop.snowflakecomputing.com"
    account, database, schema, role, paramstyle = "myorg-shop", "SHOP", "PUBLIC", "ETL", ParamStyle.PYFORMAT
    config = SimpleNamespace(authenticator="SNOWFLAKE_JWT", private_key=b"key", log_query_text=False, mfa_callback=None)
    conn_handle = db_handle = 1
    _reuse_results = None
    _telemetry_client = SimpleNamespace(log_api_call=lambda *_, **__: None)

    def __init__(self) -> None:
        self._session_parameters = _PARAMETERS


def connection(store: Any, *, lookup: Any = None) -> RecordingTracer:
    tracers.append(RecordingTracer(store, lookup))
    return tracers[-1]


def write(own: Any, **more: Any) -> None:
    write_pandas(own, pd.DataFrame({"A": [1, 2]}), "T", **more)


def opened_by_the_program() -> list[Any]:
    """The statements of a connection that a program opens itself while `instrument()` is on."""
    instrument("databases")
    for name, value in _CORE.items():
        setattr(_connection, name, value)
    own = OpenedConnection(account="myorg-shop", user="etl", authenticator="SNOWFLAKE_JWT", private_key=b"key")
    own.cursor().execute("INSERT INTO a SELECT * FROM b")
    assert isinstance(own, OpenedConnection)
    return [[s.sql, s.rows, s.query_id, s.autocommit] for s in tracers[-1].reported]


WAYS: dict[str, Callable[[Any], Any]] = {
    "execute": lambda c: c.cursor().execute("INSERT INTO a SELECT * FROM b"),
    "keyword": lambda c: c.cursor().execute(operation="SELECT 1", parameters=None),
    "executemany": lambda c: c.cursor().executemany("INSERT INTO a VALUES (%s)", [(1,), (2,)]),
    "row by row": lambda c: c.cursor().executemany("UPDATE a SET x = %s", [(1,), (2,)]),
    "string": lambda c: c.execute_string("SELECT 1; SELECT 2"),
    "stream": lambda c: list(c.execute_stream(StringIO("SELECT 1; SELECT 2"))),
    "sent": lambda c: c.cursor().execute_async("CREATE TABLE z AS SELECT * FROM a"),
    "asked": lambda c: c.get_query_status(_SENT),
    "write_pandas": write,
}


if __name__ == "__main__":
    proxies.tracing.connection = connection  # type: ignore[assignment]
    own = instrument_connection(Connection())
    assert isinstance(own, SnowflakeConnection)
    assert tracers[0].lookup is not None
    for name, way in WAYS.items():
        before = len(tracers[0].reported)
        way(own)
        print(json.dumps([name, [[s.sql, s.rows, s.query_id, s.autocommit] for s in tracers[0].reported[before:]]]))
    print(json.dumps(["opened", opened_by_the_program()]))
