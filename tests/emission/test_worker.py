"""Our thread: it processes notes, goes on after errors, and never delays the end of the process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events import filters
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import LossNote, Note, RecordNote, RunEndedNote
from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.worker import Worker
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import STARTED, make_run, noting

RUN = make_run()
_ENOUGH = 300.0


def note(key: str = "k") -> RecordNote:
    return RecordNote("read", None, (Dataset("s3://b", key),), RUN, STARTED)


class Sink:
    """A stand-in for the exporter that keeps events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, event: dict[str, Any], run: object) -> bool:
        self.events.append(event)
        return True

    def finish(self, deadline: float) -> None:
        pass

    def named(self, name: str) -> list[dict[str, Any]]:
        return [e["payload"] for e in self.events if e["event"] == name]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def make(sink: Sink, **values: Any) -> Worker:
    made = Worker(LineageSettings(**values))
    made._exporter = sink  # type: ignore[assignment]
    return made


@pytest.fixture
def ours(sink: Sink) -> Iterator[Worker]:
    made = make(sink)
    yield made
    made.stop()


def test_notes_are_sent(ours: Worker, sink: Sink) -> None:
    assert ours.put(note())
    assert ours.flush(_ENOUGH)
    assert [p["inputs"][0]["name"] for p in sink.named("lineage.read")] == ["k"]


def test_no_thread_is_started_before_the_first_note(ours: Worker) -> None:
    assert not ours._thread.is_alive()
    ours.put(note())
    assert ours._thread.is_alive()
    assert ours._thread.daemon


def test_a_note_that_cannot_be_processed_does_not_stop_the_others(
    ours: Worker, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = NoteProcessor.process

    def fails_on_bad(self: NoteProcessor, noted: Note) -> None:
        if isinstance(noted, RecordNote) and noted.inputs[0].name == "bad":
            raise RuntimeError("bad")
        take(self, noted)

    monkeypatch.setattr(NoteProcessor, "process", fails_on_bad)
    for key in ("bad", "good"):
        ours.put(note(key))
    assert ours.flush(_ENOUGH)
    assert [p["inputs"][0]["name"] for p in sink.named("lineage.read")] == ["good"]


def test_stopping_sends_pending_events_and_the_count_once(sink: Sink) -> None:
    made = make(sink)
    made.put(note())
    made.stop()
    made.stop()
    assert [e["event"] for e in sink.events] == ["lineage.read", "lineage.closed"]


def test_stopping_a_worker_that_never_started_does_nothing(sink: Sink) -> None:
    make(sink).stop()
    assert sink.events == []


def test_hanging_work_does_not_delay_the_end_and_the_rest_is_counted_as_dropped(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, let_go = threading.Event(), threading.Event()

    def hangs(self: NoteProcessor, noted: Note) -> None:
        hanging.set()
        let_go.wait(_ENOUGH)

    monkeypatch.setattr(NoteProcessor, "process", hangs)
    made = make(sink, drain_timeout=0.1)
    for _ in range(3):
        made.put(note())
    assert hanging.wait(_ENOUGH)
    made.stop()
    (count,) = sink.named("lineage.closed")
    assert count["dropped"] == 2
    assert "before everything was analysed" in count["reason"]
    let_go.set()


def test_calls_in_the_worker_thread_are_recognised(ours: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    said, answers = note(), []
    monkeypatch.setattr(worker, "_worker", ours)

    def take(_: NoteProcessor, noted: Note) -> None:
        if noted is said:  # and not of a connection of another test that is collected now
            answers.append(worker.is_worker_thread())

    monkeypatch.setattr(NoteProcessor, "process", take)
    ours.put(said)
    ours.stop()
    assert answers == [True]
    assert not worker.is_worker_thread()


def test_notes_are_counted_as_lost_where_the_analyser_cannot_be_imported(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect_lineage_events.emission.processor", None)
    ours = make(sink)
    for key in ("a", "b"):
        assert ours.put(note(key))
    ours.put(RunEndedNote(RUN))
    assert ours.flush(_ENOUGH)
    (closed,) = sink.named("lineage.closed")
    assert (closed["dropped"], closed["reason"]) == (2, "the analyser could not be imported")
    ours.stop()
    assert len(sink.named("lineage.closed")) == 1


def test_losses_are_counted_at_exit_where_the_analyser_cannot_be_imported(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect_lineage_events.emission.processor", None)
    ours = make(sink)
    ours.put(LossNote("a statement could not be noted", RUN))
    ours.put(note())
    ours.stop()
    (closed,) = sink.named("lineage.closed")
    assert closed["dropped"] == 2
    assert closed["reason"] == "a statement could not be noted; the analyser could not be imported"


def test_end_of_the_process_waits_for_the_import_of_the_analyser(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = make(sink, drain_timeout=30)
    wait = ours._imported.wait

    def import_meanwhile(seconds: float) -> bool:
        worker._import_lock.release()
        return wait(_ENOUGH) and seconds == 30

    monkeypatch.setattr(ours._imported, "wait", import_meanwhile)
    worker._import_lock.acquire()
    ours.put(note())
    ours.stop()
    assert [event["event"] for event in sink.events] == ["lineage.read", "lineage.closed"]
    assert "dropped" not in sink.events[1]["payload"]


def test_losses_are_counted_at_exit_while_the_analyser_is_still_being_imported(sink: Sink) -> None:
    ours = make(sink, drain_timeout=0.2)
    with worker._import_lock:
        ours.put(note("a"))
        ours.put(note("b"))
        ours.put(RunEndedNote(RUN))
        ours.stop()
        (closed,) = sink.named("lineage.closed")
    assert (closed["count"], closed["dropped"]) == (0, 2)
    assert closed["reason"] == "the process ended before everything was analysed"
    ours._thread.join(_ENOUGH)
    assert len(sink.events) == 1


def test_an_error_while_putting_a_note_is_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Worker:
        raise RuntimeError("no worker")

    monkeypatch.setattr(worker, "_worker", None)
    monkeypatch.setattr(worker, "_current", broken)
    assert worker.put(note()) is False


@pytest.mark.parametrize("enabled", [True, False])
def test_the_end_of_a_run_is_not_noted_where_lineage_is_disabled(
    monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    put: list[Note] = []
    monkeypatch.setattr(worker, "put", noting(put))
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED", str(enabled).lower())
    filters.current.cache_clear()
    worker._close(RUN)
    assert bool(put) is enabled
