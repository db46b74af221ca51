"""BigQuery's clients that the program makes itself, over a stand-in of the REST interface."""

from __future__ import annotations

import gc
import inspect
import io
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events import instrument
from prefect_lineage_events.instrumentation.instrument import instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.bigquery import BigQueryStandIn, bigquery_server

__all__ = ["bigquery_server"]
bigquery = pytest.importorskip("google.cloud.bigquery")
dbapi = pytest.importorskip("google.cloud.bigquery.dbapi")
early_client = bigquery.Client
Tracers = list[RecordingTracer]


@pytest.fixture
def client(bigquery_server: BigQueryStandIn, instrumented: Tracers) -> Iterator[Any]:
    with bigquery_server.client() as own:
        yield own


def _statements(tracers: Tracers) -> list[str]:
    return [sql for tracer in tracers for sql in tracer.statements]


def test_client_is_its_own_and_reports(client: Any, instrumented: Tracers) -> None:
    assert type(client) is early_client
    job = client.query("SELECT a FROM mart.orders")
    assert isinstance(job, bigquery.QueryJob)
    assert instrumented == [] or _statements(instrumented) == []
    assert [row["a"] for row in job.result()] == [1, 2]
    assert len(list(client.query_and_wait("SELECT a, b FROM mart.orders"))) == 2

    assert _statements(instrumented) == ["SELECT a FROM mart.orders", "SELECT a, b FROM mart.orders"]
    assert instrumented[0].store.table(("mart", "orders")).name == "shop-project.mart.orders"


def test_method_that_calls_another_is_reported_once(client: Any, instrumented: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    client.load_table_from_json([{"a": 1}], "mart.t").result()
    client.load_table_from_file(io.BytesIO(b"1"), "mart.t", size=1).result()
    client.load_table_from_dataframe(pandas.DataFrame({"a": [1]}), "mart.t").result()
    client.insert_rows_json("shop-project.mart.t", [{"a": 1}])
    assert [sql.split()[0] for sql in _statements(instrumented)] == ["LOAD", "LOAD", "LOAD", "INSERT"]


def test_client_made_before_is_reported(bigquery_server: BigQueryStandIn, tracers: Tracers) -> None:
    with bigquery_server.client() as own:
        instrument("databases")
        own.query_and_wait("SELECT 1 AS a")
        uninstrument()
        own.query_and_wait("SELECT 2 AS a")
    assert _statements(tracers) == ["SELECT 1 AS a"]


def test_client_of_a_block_is_reported_once(client: Any, instrumented: Tracers) -> None:
    traced = instrument_connection(client)
    traced.query_and_wait("SELECT 1 AS a")
    traced.query("SELECT 2 AS a").result()
    assert _statements(instrumented) == ["SELECT 1 AS a", "SELECT 2 AS a"]


@pytest.mark.parametrize("traced", [False, True])
def test_cursor_of_the_dbapi_is_reported_once(client: Any, instrumented: Tracers, traced: bool) -> None:
    connection = dbapi.connect(client)
    connection = instrument_connection(connection) if traced else connection
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM mart.orders")
    assert len(cursor.fetchall()) == 2
    assert _statements(instrumented) == ["SELECT a FROM mart.orders"]


def test_client_is_collected_as_before(bigquery_server: BigQueryStandIn, instrumented: Tracers) -> None:
    client = bigquery_server.client()
    client.query_and_wait("SELECT 1 AS a")
    client.close()
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_methods_have_their_signatures_and_are_restored(instrumented: Tracers) -> None:
    before = inspect.signature(bigquery.Client.query)
    uninstrument()
    assert type(vars(bigquery.Client)["query"]).__name__ == "function"
    assert inspect.signature(bigquery.Client.query) == before
