"""A loop over many files: from some number on they are noted as parts of their directory, in few events."""

from __future__ import annotations

import datetime as dt

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import many_files
from prefect_lineage_events.emission.coalescer import Coalescer
from prefect_lineage_events.emission.many_files import MANY
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.events import Column, EventDataset
from tests.emission.conftest import make_run

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.timezone.utc)
RUN = make_run(task="load")


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_files, "_seen", {})


def _read(name: str) -> RecordNote:
    columns = (Column(name="a"),)
    return RecordNote("read", None, (Dataset("s3://b", name),), RUN, NOW, 2, "pandas.read_csv", columns=columns)


def _write(name: str) -> RecordNote:
    return RecordNote("write", Dataset("s3://b", name), (), RUN, NOW, 2, "pandas.to_csv")


def _about(note: RecordNote) -> EventDataset:
    (pending,) = from_record(note)
    return pending.event.output or pending.event.inputs[0]


def test_file_is_a_part_of_its_directory_after_many_others() -> None:
    for i in range(MANY):
        assert _about(_read(f"in/{i}.csv")).name == f"in/{i}.csv"
    part = _about(_read("in/x.csv"))
    assert (part.name, part.subset, [c.name for c in part.columns]) == ("in", ("x.csv",), ["a"])
    assert _about(_write("in/y.csv")).name == "in"
    assert _about(_read("in/readme.txt")).name == "in/readme.txt"
    assert _about(_read("other/x.csv")).name == "other/x.csv"


def test_file_that_is_read_again_and_again_is_one() -> None:
    assert {_about(_read("in/x.csv")).name for _ in range(2 * MANY)} == {"in/x.csv"}


def test_thousands_of_files_are_few_events() -> None:
    coalescer = Coalescer()
    for i in range(1_000):
        for pending in from_record(_read(f"in/{i}.csv")):
            coalescer.add(pending)
    assert len(coalescer) == MANY + 1


def test_table_and_topic_are_no_files() -> None:
    for i in range(2 * MANY):
        table = RecordNote("read", None, (Dataset("postgres://h:5432", f"d.s.{i}/x"),), RUN, NOW)
        assert _about(table).subset == ()
