"""BigQuery's client and DB-API: the library's own code, over a stand-in of its REST interface."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery")
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.bigquery import dbapi

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.bigquery import PROJECT, BigQueryStandIn, bigquery_server

__all__ = ["bigquery_server"]
Tracers = list[RecordingTracer]
_T = "shop-project.mart.orders"


@pytest.fixture
def client(bigquery_server: BigQueryStandIn, tracers: Tracers) -> Iterator[Any]:
    with bigquery_server.client() as own:
        yield instrument_connection(own)


def test_a_query_is_reported_when_its_result_was_waited_for(client: Any, tracers: Tracers) -> None:
    job = client.query("SELECT a FROM mart.orders")
    assert not any(tracer.reported for tracer in tracers)
    assert [row["a"] for row in job.result()] == [1, 2]

    [reported] = tracers[0].reported
    assert (reported.sql, reported.rows, reported.query_id) == ("SELECT a FROM mart.orders", 2, job.job_id)


@pytest.mark.parametrize("wait", ["result", "to_arrow", "__iter__", "done", "reload", "exception"])
def test_every_way_to_wait_reports_once(wait: str, client: Any, tracers: Tracers) -> None:
    job = client.query("SELECT a FROM mart.orders", job_config=bigquery.QueryJobConfig(use_legacy_sql=False))
    for _ in range(2):
        getattr(job, wait)() if wait != "__iter__" else list(job)

    assert tracers[0].statements == ["SELECT a FROM mart.orders"]


def test_query_and_wait_reports_rows_id_and_columns(client: Any, tracers: Tracers) -> None:
    assert len(list(client.query_and_wait("SELECT a, b FROM mart.orders"))) == 2

    [reported] = tracers[0].reported
    assert (reported.rows, reported.columns) == (2, {"a": "INTEGER", "b": "STRING"})
    assert reported.query_id and reported.query_id.startswith("job-")


def test_rows_of_a_write_are_those_it_changed(client: Any, tracers: Tracers) -> None:
    client.query_and_wait("UPDATE mart.orders SET a = 1 WHERE true")
    client.query("DELETE FROM mart.orders WHERE true").result()
    client.query_and_wait("CREATE TABLE mart.t AS SELECT 1 AS a")

    assert [reported.rows for reported in tracers[0].reported] == [3, 3, None]


def test_a_failed_query_is_not_reported(client: Any, tracers: Tracers) -> None:
    with pytest.raises(NotFound):
        client.query_and_wait("SELECT * FROM missing")
    with pytest.raises(NotFound):
        client.query("INSERT INTO missing VALUES (1)").result()

    assert not any(tracer.reported for tracer in tracers)


def test_dry_run_is_not_reported(client: Any, tracers: Tracers) -> None:
    client.query("SELECT a FROM mart.orders", job_config=bigquery.QueryJobConfig(dry_run=True)).done()

    assert not any(tracer.reported for tracer in tracers)


@pytest.mark.parametrize(
    ("disposition", "text"),
    [
        ("WRITE_APPEND", "INSERT INTO `shop-project.mart.out` SELECT a FROM mart.orders"),
        ("WRITE_TRUNCATE", "CREATE OR REPLACE TABLE `shop-project.mart.out` AS SELECT a FROM mart.orders"),
        (None, "CREATE TABLE `shop-project.mart.out` AS SELECT a FROM mart.orders"),
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_a_query_with_a_destination_writes_it(
    disposition: str | None, text: str, default: bool, bigquery_server: BigQueryStandIn, tracers: Tracers
) -> None:
    config = bigquery.QueryJobConfig(destination=f"{PROJECT}.mart.out")
    if disposition:
        config.write_disposition = disposition
    own = bigquery_server.client(default_query_job_config=config if default else None)
    with instrument_connection(own) as client:
        client.query("SELECT a FROM mart.orders", **({} if default else {"job_config": config})).result()

    assert tracers[0].statements == [text]


def test_project_and_default_dataset_complete_names(client: Any, tracers: Tracers) -> None:
    client.query_and_wait("SELECT 1")
    client.query_and_wait("SELECT 1", project="other")
    client.query_and_wait("SELECT 1", job_config=bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.mart"))

    assert [(t.store.namespace, t.store.database, t.store.schema) for t in tracers] == [
        ("bigquery", PROJECT, None),
        ("bigquery", "other", None),
        ("bigquery", PROJECT, "mart"),
    ]


_TRUNCATE = bigquery.LoadJobConfig(write_disposition="WRITE_TRUNCATE", source_format="CSV", autodetect=True)
_FIELD = bigquery.SchemaField


@pytest.mark.parametrize(
    ("call", "text", "rows"),
    [
        (
            lambda c: c.load_table_from_uri(["gs://b/1.csv", "gs://b/2.csv"], _T).result(),
            f"LOAD DATA INTO `{_T}` FROM FILES (uris = ['gs://b/1.csv', 'gs://b/2.csv'])",
            4,
        ),
        (
            lambda c: c.load_table_from_uri("gs://b/it's.csv", _T, job_config=_TRUNCATE).result(),
            f"LOAD DATA OVERWRITE `{_T}` FROM FILES (uris = ['gs://b/it\\'s.csv'])",
            4,
        ),
        (
            lambda c: c.load_table_from_file(io.BytesIO(b"1,x"), _T, size=3, job_config=_TRUNCATE).result(),
            f"LOAD DATA OVERWRITE `{_T}` FROM FILES (uris = [])",
            4,
        ),
        (
            lambda c: c.load_table_from_json([{"a": 1}], _T).result(),
            f"LOAD DATA INTO `{_T}` FROM FILES (uris = [])",
            4,
        ),
        (
            lambda c: c.copy_table(_T, "shop-project.mart.copied").result(),
            f"CREATE TABLE `shop-project.mart.copied` AS SELECT * FROM `{_T}`",
            None,
        ),
        (
            lambda c: c.copy_table([_T, "shop-project.mart.b"], "shop-project.mart.copied").result(),
            f"CREATE TABLE `shop-project.mart.copied` AS SELECT * FROM `{_T}` UNION ALL SELECT * FROM `shop-project.mart.b`",
            None,
        ),
        (
            lambda c: c.extract_table(_T, "gs://b/out-*.csv").result(),
            f"EXPORT DATA OPTIONS (uri = 'gs://b/out-*.csv') AS SELECT * FROM `{_T}`",
            None,
        ),
        (
            lambda c: c.insert_rows_json(_T, [{"a": 1}, {"a": 2}]),
            f"INSERT INTO `{_T}` VALUES (?)",
            2,
        ),
        (
            lambda c: c.insert_rows(_T, ((n,) for n in range(2)), selected_fields=[_FIELD("a", "INTEGER")]),
            f"INSERT INTO `{_T}` VALUES (?)",
            None,
        ),
        (lambda c: list(c.list_rows(_T)), f"SELECT * FROM `{_T}`", None),
        (
            lambda c: list(c.list_rows(_T, selected_fields=[_FIELD("a", "INTEGER")])),
            f"SELECT `a` FROM `{_T}`",
            None,
        ),
        (
            lambda c: c.create_table(
                bigquery.Table(
                    _T,
                    [
                        _FIELD("a", "INTEGER"),
                        _FIELD("r", "RECORD", "REPEATED", fields=[_FIELD("x", "STRING")]),
                    ],
                )
            ),
            f"CREATE TABLE IF NOT EXISTS `{_T}` (`a` INTEGER, `r` ARRAY<STRUCT<`x` STRING>>)",
            None,
        ),
        (lambda c: c.create_table(_view()), f"CREATE VIEW `{_T}` AS SELECT 1 AS a", None),
        (lambda c: c.delete_table(f"{_T}$20260101"), f"DROP TABLE IF EXISTS `{_T}`", None),
    ],
)
def test_calls_are_reported_as_statements(
    call: Callable[[Any], Any], text: str, rows: int | None, client: Any, tracers: Tracers
) -> None:
    call(client)

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [(text, rows)]


def _view() -> bigquery.Table:
    view = bigquery.Table(_T)
    view.view_query = "SELECT 1 AS a"
    return view


def test_an_uploaded_file_is_where_the_data_came_from(client: Any, tracers: Tracers, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("1,x")
    with file.open("rb") as stream:
        client.load_table_from_file(stream, _T, size=3, job_config=_TRUNCATE).result()

    assert f"uris = ['{file.as_uri()}']" in tracers[0].statements[0]


def test_a_frame_is_loaded_from_no_file(client: Any, tracers: Tracers) -> None:
    pandas = pytest.importorskip("pandas")
    client.load_table_from_dataframe(pandas.DataFrame({"a": [1]}), _T, location="EU").result()

    assert tracers[0].statements == [f"LOAD DATA INTO `{_T}` FROM FILES (uris = [])"]


def test_streamed_rows_with_errors_are_not_reported(client: Any, tracers: Tracers) -> None:
    assert client.insert_rows_json(_T, [{"wrong": 1}])[0]["index"] == 0

    assert not any(tracer.reported for tracer in tracers)


def test_types_of_client_and_job_are_unchanged(client: Any) -> None:
    assert isinstance(client, bigquery.Client)
    assert instrument_connection(client) is client
    with client as entered:
        assert entered is client
    job = client.query("SELECT a FROM mart.orders")
    assert isinstance(job, bigquery.QueryJob)
    assert repr(job) == repr(job.__wrapped__)
    load = client.load_table_from_json([{"a": 1}], _T)
    assert load.result() is load


def test_a_mocked_client_works_unchanged(bigquery_server: BigQueryStandIn, tracers: Tracers) -> None:
    mock = pytest.importorskip("unittest.mock")
    fake = mock.create_autospec(bigquery.Client, instance=True)
    client = instrument_connection(fake)
    client.query("SELECT 1").result()
    client.insert_rows_json("t", [])
    client.query_and_wait("SELECT 1")

    assert fake.query.call_args.args == ("SELECT 1",)


def test_dbapi_connection_is_captured(bigquery_server: BigQueryStandIn, tracers: Tracers) -> None:
    own = dbapi.Connection(bigquery_server.client(), prefer_bqstorage_client=False)
    connection = instrument_connection(own)
    assert isinstance(connection, dbapi.Connection)
    cursor = connection.cursor()
    cursor.execute("SELECT a, b FROM mart.orders WHERE a > %(a)s", {"a": 0})
    assert len(cursor.fetchall()) == 2
    cursor.executemany("INSERT INTO mart.orders (a) VALUES (%s)", [(1,), (2,)])
    cursor.execute("CREATE TABLE mart.t (a INT64)")
    with pytest.raises(dbapi.DatabaseError):
        cursor.execute("SELECT * FROM missing")

    assert [(reported.sql.split()[0], reported.rows, bool(reported.query_id)) for reported in tracers[0].reported] == [
        ("SELECT", 2, True),
        ("INSERT", 3, True),
        ("CREATE", None, True),
    ]
    assert len(tracers[0].kept) == 3


def test_columns_are_looked_up_over_another_client(client: Any, tracers: Tracers) -> None:
    client.query_and_wait("SELECT 1")
    found = tracers[0].lookup([(PROJECT, "mart", "orders"), (PROJECT, "mart", "missing")])

    assert found == {(PROJECT, "mart", "orders"): {"a": "INTEGER", "b": "STRING"}}
    assert len(tracers[0].reported) == 1
