"""The accesses that a test's code makes, as notes: within a run that stands in for Prefect's, or within a real flow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect import flow

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import LossNote, NotCapturedNote, RecordNote
from prefect_lineage_events.instrumentation import access
from tests.emission.conftest import make_run


class Touched:
    """Notes so far. `take` removes them and returns each as operation, URI and the URIs of its inputs."""

    def __init__(self) -> None:
        self.notes: list[RecordNote] = []
        self.losses: list[str] = []
        self.not_captured: list[str] = []
        self._lock = threading.Lock()

    def put(self, note: Any) -> bool:
        with self._lock:
            if isinstance(note, RecordNote):
                self.notes.append(note)
            elif isinstance(note, LossNote):
                self.losses.append(note.reason)
            elif isinstance(note, NotCapturedNote):
                self.not_captured.append(note.library)
        return True

    def take(self) -> list[tuple[Any, ...]]:
        with self._lock:
            notes, self.notes = self.notes, []
        assert self.losses == []
        return [_shown(note) for note in notes]

    def flow(self, program: Callable[[], Any]) -> list[tuple[Any, ...]]:
        """Run the program as a flow of a Prefect server; what it touched."""
        self.take()
        flow(name="touching")(program)()
        return self.take()


def _shown(note: RecordNote) -> tuple[Any, ...]:
    if note.operation == "read":
        return ("read", *(dataset.uri for dataset in note.inputs))
    assert note.output is not None
    return (note.operation, note.output.uri, *(dataset.uri for dataset in note.inputs))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Touched]:
    """The notes of real runs: nothing is noted outside a flow."""
    found = Touched()
    monkeypatch.setattr(worker, "put", found.put)
    instrument("files")
    yield found
    uninstrument()


@pytest.fixture
def touched(recorded: Touched, monkeypatch: pytest.MonkeyPatch) -> Touched:
    """The notes of the test's own code, which counts as a flow."""
    run = make_run(task="load")
    monkeypatch.setattr(access, "current_run", lambda: run)
    return recorded
