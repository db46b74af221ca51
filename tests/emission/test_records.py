"""Records of libraries' calls as events: what a note says of a dataset is said of this dataset alone."""

from __future__ import annotations

from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.pending import MAX_SUBSET
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.events import EmitterInfo, EventDataset, LineageEvent, parse
from tests.emission.conftest import STARTED, Bench, bench, make_run, values

__all__ = ["bench", "values"]

TABLE = Dataset("s3://lake", "sales/orders")
CATALOG = Dataset("arn:aws:glue:eu-west-1:123456789012", "table/sales/orders")
EMITTER = EmitterInfo(id=make_run().info.flow_run_id, sequence=0)


def event_of(operation: Any = "write", **known: Any) -> LineageEvent:
    datasets = ((), TABLE) if operation == "write" else ((TABLE,), None)
    note = RecordNote(operation, datasets[1], datasets[0], make_run(), STARTED, **known)
    (pending,) = from_record(note)
    sent = pending.to_event(EMITTER).to_prefect()
    found = parse(sent["event"], sent["payload"])
    assert isinstance(found, LineageEvent)
    return found


def about(event: LineageEvent) -> EventDataset:
    return event.output or event.inputs[0]


def test_other_names_of_a_dataset_are_sent_with_it() -> None:
    for operation in ("read", "write"):
        assert about(event_of(operation, symlinks=(CATALOG,))).symlinks == ((CATALOG.namespace, CATALOG.name),)


def test_own_name_is_no_other_name() -> None:
    assert about(event_of(symlinks=(TABLE,))).symlinks == ()


def test_other_names_have_no_credentials() -> None:
    found = about(event_of(symlinks=(Dataset("postgres://user:s3cret@catalog:5432", "db.public.orders"),)))
    assert found.symlinks == (("postgres://catalog:5432", "db.public.orders"),)


def test_more_parts_than_an_event_names_are_the_whole_dataset() -> None:
    parts = tuple(f"dt={number}" for number in range(MAX_SUBSET + 1))
    assert about(event_of(subset=parts[:-1], files=9)).subset == parts[:-1]
    assert about(event_of(subset=parts, files=9)).subset == ()
    assert event_of(subset=parts, files=9).statement.files == 9


def _read(description: str, **more: Any) -> RecordNote:
    return RecordNote("read", None, (TABLE,), make_run(), STARTED, description=description, **more)


def test_read_by_a_library_replaces_the_opening_of_the_file(bench: Bench) -> None:
    first, second = _read("fsspec.open"), _read("fsspec.open")
    for note in (first, second, _read("pandas.read_csv", opening=first, rows=2)):
        bench.processor.process(note)
    bench.advance()
    assert [(e.statement.executions, e.statement.rows) for e in bench.statements()] == [(1, None), (1, 2)]


def test_file_that_a_library_reads_twice_is_opened_once(bench: Bench) -> None:
    opening = _read("fsspec.open")
    for note in (opening, *(_read("pandas.read_csv", opening=opening, rows=2) for _ in range(2))):
        bench.processor.process(note)
    bench.advance()
    assert [(e.statement.executions, e.statement.rows) for e in bench.statements()] == [(2, 4)]


def test_opening_that_was_sent_stays(bench: Bench) -> None:
    opening = _read("fsspec.open")
    bench.processor.process(opening)
    bench.advance()
    bench.processor.process(_read("pandas.read_csv", opening=opening))
    bench.advance()
    assert len(bench.statements()) == 2
