"""`SnowflakeLineage`: a drop-in for the official connector that reports, against the stand-in."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("prefect_snowflake")
from prefect_snowflake import SnowflakeConnector, SnowflakeCredentials
from snowflake.connector import DictCursor, SnowflakeConnection

from prefect_lineage_events import SnowflakeLineage
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.requirements import connector_4
from tests.services.snowflake import ACCOUNT, PASSWORD, SnowflakeStandIn

Tracers = list[RecordingTracer]


def make(cls: type[SnowflakeConnector] = SnowflakeLineage, **credentials: Any) -> Any:
    login = SnowflakeCredentials(account=ACCOUNT, user="etl", password=PASSWORD, **credentials)
    return cls(credentials=login, database="BLOCKS", schema="PUBLIC", warehouse="ETL", poll_frequency_s=0)


@pytest.fixture
def block(snowflake_server: SnowflakeStandIn, tracers: Tracers) -> Iterator[SnowflakeLineage]:
    with snowflake_server.connect("BLOCKS") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE t (a INT, b VARCHAR)")
        cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    block = make()
    block.get_connection(**snowflake_server.link)
    yield block
    block.close()


def statements(tracers: Tracers) -> list[str]:
    return [sql for tracer in tracers for sql in tracer.statements]


@connector_4
def test_every_inherited_method_is_seen(block: SnowflakeLineage, tracers: Tracers) -> None:
    block.execute("CREATE OR REPLACE TABLE u AS SELECT a FROM t")
    block.execute_many("INSERT INTO u VALUES (%(a)s)", [{"a": 3}, {"a": 4}])
    assert block.fetch_one("SELECT MAX(a) FROM u") == (4,)
    assert block.fetch_many("SELECT a FROM u ORDER BY a", size=2) == [(1,), (2,)]
    assert block.fetch_all("SELECT b FROM t ORDER BY b", cursor_type=DictCursor) == [{"B": "x"}, {"B": "y"}]

    assert statements(tracers) == [
        "CREATE OR REPLACE TABLE u AS SELECT a FROM t",
        "INSERT INTO u VALUES (%(a)s)",
        "SELECT MAX(a) FROM u",
        "SELECT a FROM u ORDER BY a",
        "SELECT b FROM t ORDER BY b",
    ]


@connector_4
async def test_every_async_method_is_captured(block: SnowflakeLineage, tracers: Tracers) -> None:
    await block.execute_async("CREATE OR REPLACE TABLE u AS SELECT a FROM t")
    await block.execute_many_async("INSERT INTO u VALUES (%(a)s)", [{"a": 3}])
    assert await block.fetch_one_async("SELECT MAX(a) FROM u") == (3,)
    assert await block.fetch_all_async("SELECT a FROM u ORDER BY a") == [(1,), (2,), (3,)]

    assert [sql.split()[0] for sql in statements(tracers)] == ["CREATE", "INSERT", "SELECT", "SELECT"]
    assert all(reported.query_id for tracer in tracers for reported in tracer.reported)


def test_run_query_returns_rows(block: SnowflakeLineage, tracers: Tracers) -> None:
    assert block.run_query("SELECT b FROM t WHERE a = %(a)s", {"a": 2}) == [("y",)]
    assert statements(tracers) == ["SELECT b FROM t WHERE a = %(a)s"]


async def test_arun_query_returns_the_same(block: SnowflakeLineage) -> None:
    assert await block.arun_query("SELECT b FROM t WHERE a = 2") == [("y",)]


def test_connection_is_one_and_its_class_is_the_connectors(block: SnowflakeLineage, tracers: Tracers) -> None:
    connection = block.get_connection()
    assert connection is block.get_connection()
    assert isinstance(connection, SnowflakeConnection)
    assert len(tracers) == 1


def test_pandas_reads_through_the_connection(block: SnowflakeLineage, tracers: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_sql("SELECT a FROM t", block.get_connection())

    assert len(frame) == 2
    assert statements(tracers) == ["SELECT a FROM t"]


def test_columns_are_looked_up_on_a_connection_of_its_own(block: SnowflakeLineage, tracers: Tracers) -> None:
    found = tracers[0].lookup([("BLOCKS", "PUBLIC", "T"), ("BLOCKS", "PUBLIC", "MISSING")])

    assert {table: list(columns) for table, columns in found.items()} == {("BLOCKS", "PUBLIC", "T"): ["A", "B"]}
    assert statements(tracers) == []
    assert len(tracers) == 1


@pytest.mark.parametrize("authenticator", ["externalbrowser", "username_password_mfa", "okta_endpoint"])
def test_no_second_login_that_could_ask_a_person(authenticator: str) -> None:
    from prefect_lineage_events.instrumentation.drivers.snowflake.block import _lookup

    more = {"endpoint": "https://org.okta.com"} if authenticator == "okta_endpoint" else {}
    own = SimpleNamespace(rest=SimpleNamespace(mfa_token=None))
    assert _lookup(make(authenticator=authenticator, **more), own, {}) is None
    assert _lookup(make(), own, {"authenticator": "externalbrowser"}) is None
    assert _lookup(make(), own, {"passcode": "123456"}) is None
    assert _lookup(make(), own, {"client_request_mfa_token": True}) is None
    assert _lookup(make(), own, {}) is not None


def test_no_second_login_where_the_first_was_let_in_by_a_second_factor() -> None:
    from prefect_lineage_events.instrumentation.drivers.snowflake.block import _lookup

    assert _lookup(make(), SimpleNamespace(rest=SimpleNamespace(mfa_token="token")), {}) is None


def test_block_is_a_drop_in() -> None:
    assert issubclass(SnowflakeLineage, SnowflakeConnector)
    assert set(SnowflakeConnector.model_fields) == set(SnowflakeLineage.model_fields)
    for name in ("execute", "execute_many", "fetch_one", "fetch_all", "get_connection", "fetch_all_async"):
        ours, theirs = (inspect.signature(getattr(cls, name)) for cls in (SnowflakeLineage, SnowflakeConnector))
        assert list(ours.parameters) == list(theirs.parameters)
    assert SnowflakeLineage.get_block_type_slug() == "snowflake-lineage"
    assert "SnowflakeLineage.load" in (SnowflakeLineage.get_code_example() or "")
    assert repr(make()) == repr(make(SnowflakeConnector)).replace("SnowflakeConnector", "SnowflakeLineage")


def test_pickled_block_reports_again(
    block: SnowflakeLineage, tracers: Tracers, snowflake_server: SnowflakeStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpickling opens a connection, as the official block does; here it is opened at the stand-in."""
    from snowflake import connector

    connect = connector.connect
    monkeypatch.setattr(connector, "connect", lambda **kwargs: connect(**{**kwargs, **snowflake_server.link}))
    back = pickle.loads(pickle.dumps(block))
    assert back.run_query("SELECT a FROM t WHERE a = 1") == [(1,)]
    back.close()

    assert tracers[-1].statements == ["SELECT a FROM t WHERE a = 1"]
