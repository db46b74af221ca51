"""`instrument()` and the blocks that people have saved under the plain types: BigQuery's over its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest

pytest.importorskip("prefect_gcp.bigquery")
pytest.importorskip("google.cloud.bigquery")
from google.cloud import bigquery
from google.cloud.bigquery import dbapi
from prefect.logging import disable_run_logger
from prefect_gcp import BigQueryWarehouse, GcpCredentials
from prefect_gcp.bigquery import bigquery_insert_stream, bigquery_load_cloud_storage, bigquery_query

from prefect_lineage_events import instrument, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer, tracers
from tests.services.bigquery import PROJECT, BigQueryStandIn, bigquery_server

__all__ = ["bigquery_server", "tracers"]
Tracers = list[RecordingTracer]


@pytest.fixture
def credentials(bigquery_server: BigQueryStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpCredentials]:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_server.url)
    instrument()
    yield GcpCredentials(service_account_info=bigquery_server.service_account(), project=PROJECT)
    uninstrument()


@pytest.fixture
def no_run() -> Iterator[None]:
    with disable_run_logger():
        yield


def statements(tracers: Tracers) -> list[str]:
    return [sql for tracer in tracers for sql in tracer.statements]


def test_all_methods_of_the_warehouse_are_reported(credentials: GcpCredentials, tracers: Tracers) -> None:
    with BigQueryWarehouse(gcp_credentials=credentials) as warehouse:
        warehouse.execute("CREATE TABLE mart.t (a INT64)")
        warehouse.execute_many("INSERT INTO mart.t (a) VALUES (%(a)s)", [{"a": 1}, {"a": 2}])
        assert warehouse.fetch_one("SELECT a FROM mart.one")["a"] == 1
        assert len(warehouse.fetch_many("SELECT a FROM mart.many", size=2)) == 2
        assert len(warehouse.fetch_all("SELECT a FROM mart.everything")) == 2

    assert statements(tracers) == [
        "CREATE TABLE mart.t (a INT64)",
        "INSERT INTO mart.t (a) VALUES (@`a`)",
        "INSERT INTO mart.t (a) VALUES (@`a`)",
        "SELECT a FROM mart.one",
        "SELECT a FROM mart.many",
        "SELECT a FROM mart.everything",
    ]


async def test_all_its_asynchronous_methods_are_reported(credentials: GcpCredentials, tracers: Tracers) -> None:
    warehouse = BigQueryWarehouse(gcp_credentials=credentials)
    await warehouse.aexecute("CREATE TABLE mart.t (a INT64)")
    assert len(await warehouse.afetch_all("SELECT a FROM mart.orders")) == 2
    warehouse.close()

    assert statements(tracers) == ["CREATE TABLE mart.t (a INT64)", "SELECT a FROM mart.orders"]


def test_a_failed_statement_of_the_warehouse_is_the_librarys_error(
    credentials: GcpCredentials, tracers: Tracers
) -> None:
    with BigQueryWarehouse(gcp_credentials=credentials) as warehouse, pytest.raises(dbapi.DatabaseError):
        warehouse.execute("SELECT * FROM missing")

    assert statements(tracers) == []


def test_prefect_gcps_tasks_are_reported(credentials: GcpCredentials, tracers: Tracers, no_run: None) -> None:
    bigquery_query.fn("SELECT a FROM mart.orders", credentials, dataset="mart", table="copied")
    bigquery_load_cloud_storage.fn("mart", "loaded", "gs://b/1.csv", credentials)
    bigquery_insert_stream.fn("mart", "streamed", [{"a": 1}], credentials)

    assert statements(tracers) == [
        f"CREATE TABLE `{PROJECT}.mart.copied` AS SELECT a FROM mart.orders",
        f"LOAD DATA INTO `{PROJECT}.mart.loaded` FROM FILES (uris = ['gs://b/1.csv'])",
        f"INSERT INTO `{PROJECT}.mart.streamed` VALUES (?)",
    ]


def test_block_is_what_it_was(credentials: GcpCredentials) -> None:
    with BigQueryWarehouse(gcp_credentials=credentials) as warehouse:
        assert isinstance(credentials.get_bigquery_client(), bigquery.Client)
        assert isinstance(warehouse.get_connection(), dbapi.Connection)
        dumped = warehouse.model_dump()
        uninstrument()
        with BigQueryWarehouse(gcp_credentials=credentials) as plain:
            assert plain.model_dump() == dumped
            assert type(credentials.get_bigquery_client()) is bigquery.Client


def test_a_finished_job_is_pickled_as_prefect_gcp_returns_it(credentials: GcpCredentials, no_run: None) -> None:
    job: Any = bigquery_load_cloud_storage.fn("mart", "loaded", "gs://b/1.csv", credentials)
    back = cloudpickle.loads(cloudpickle.dumps(job))

    assert type(back) is bigquery.LoadJob
    assert back.job_id == job.job_id


def test_another_patch_over_ours_stays_and_ours_only_passes_calls_on(
    credentials: GcpCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = GcpCredentials.get_bigquery_client
    asked: list[object] = []

    def theirs(self: GcpCredentials, *args: Any, **kwargs: Any) -> Any:
        asked.append(self)
        return ours(self, *args, **kwargs)

    monkeypatch.setattr(GcpCredentials, "get_bigquery_client", theirs)
    uninstrument()

    assert vars(GcpCredentials)["get_bigquery_client"] is theirs
    assert type(credentials.get_bigquery_client()) is bigquery.Client
    assert asked == [credentials]


def test_another_patch_under_ours_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(self: GcpCredentials) -> None:
        raise NotImplementedError

    monkeypatch.setattr(GcpCredentials, "get_bigquery_client", theirs)
    instrument()
    assert vars(GcpCredentials)["get_bigquery_client"] is not theirs
    uninstrument()

    assert vars(GcpCredentials)["get_bigquery_client"] is theirs
