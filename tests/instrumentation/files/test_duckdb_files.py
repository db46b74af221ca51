"""Files in DuckDB's SQL: each has the name and the parts that pandas and polars give it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.emission.analysis import analyse
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import Connection, StatementNote
from prefect_lineage_events.emission.transactions import Transaction
from prefect_lineage_events.events import EventDataset, UnnumberedEvent
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.session import Session
from tests.emission.conftest import make_run

SOURCES = (
    "x.csv",
    "./x.csv",
    "link.csv",
    "sub/../x.csv",
    "x.csv.gz",
    "a b/ü.parquet",
    "lake/*/*.parquet",
    "lake/**/*.parquet",
    "lake/dt=2026-11-28/x.parquet",
    "lake/dt=2026-11-28/*.parquet",
    "s3://lake/raw/x.parquet",
    "s3://lake/raw/*.parquet",
    "s3://lake/raw/dt=2026-11-28/*.parquet",
    "gcs://lake/x.parquet",
    "abfss://c@a.dfs.core.windows.net/x.parquet",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to("x.csv")
    return tmp_path.resolve()


def _events(sql: str) -> list[UnnumberedEvent]:
    store = stores.duckdb(":memory:", "1")
    state = ConnectionState(store, 1, Session("duckdb"), Transaction("duckdb"))
    now = dt.datetime.now(dt.timezone.utc)
    note = StatementNote(Connection(store), sql, make_run(), now, 0.0, autocommit=True)
    return [pending.event for one in analyse(note, state, LineageSettings()) for pending in one.pending_events]


def _input(sql: str) -> EventDataset:
    ((one,),) = [event.inputs for event in _events(sql)]
    return one


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "text", ["SELECT * FROM '{}'", "SELECT * FROM read_parquet('{}')", "CREATE TABLE t AS FROM '{}'"]
)
def test_source_has_one_name_on_every_road(here: Path, source: str, text: str) -> None:
    (expected,) = locate(source, patterns=True)
    found = _input(text.format(source))
    assert (found.uri, found.subset) == (expected.dataset.uri, expected.subset)


@pytest.mark.parametrize("target", ["x.csv", "./x.csv", "out", "s3://lake/mart/x.parquet"])
def test_target_has_one_name_on_every_road(here: Path, target: str) -> None:
    (expected,) = locate(target)
    (event,) = _events(f"COPY (SELECT 1 AS a, 2 AS dt) TO '{target}' (FORMAT parquet, PARTITION_BY (dt))")
    assert event.output is not None
    assert event.output.uri == expected.dataset.uri


def test_parts_of_one_dataset_are_named_together(here: Path) -> None:
    found = _input("SELECT * FROM read_parquet(['lake/dt=1/x.parquet', 'lake/dt=2/x.parquet'])")
    assert (found.uri, found.subset) == ((here / "lake").as_uri(), ("dt=1", "dt=2"))
    whole = _input("SELECT * FROM read_parquet(['lake', 'lake/dt=2/x.parquet'])")
    assert whole.subset == ()


def test_many_files_are_their_directory(here: Path) -> None:
    files = ", ".join(f"'s3://lake/raw/{number}.parquet'" for number in range(1_000))
    (event,) = _events(f"SELECT id FROM read_parquet([{files}])")
    assert [one.uri for one in event.inputs] == ["s3://lake/raw"]
    assert event.statement.files == 1_000
    assert {edge.source for edge in event.columns} <= {"s3://lake/raw"}
    few = _events("SELECT * FROM read_parquet(['a/1.parquet', 'a/2.parquet'])")
    assert [len(one.inputs) for one in few] == [2]


def test_device_is_no_dataset(here: Path) -> None:
    events = _events("COPY (SELECT * FROM 'x.csv') TO '/dev/stdout'")
    assert [one.output for one in events] == [None]
