"""Notes of accesses, recorded where they leave the user's thread: as `read URI`, `write URI`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote, Tally, TallyNote
from prefect_lineage_events.instrumentation import access
from tests.emission.conftest import make_run


class RecordedNotes(list[RecordNote]):
    """The notes of a test's run, and the tallies of messages; `run` is None outside of runs."""

    run: Run | None

    def __init__(self) -> None:
        self.tallies: list[Tally] = []

    @property
    def accesses(self) -> list[str]:
        """The accesses, in order."""
        return [f"{note.operation} {(note.output or note.inputs[0]).uri}" for note in self]

    def put(self, note: Any) -> bool:
        if isinstance(note, TallyNote):
            self.tallies.append(note.tally)
        if isinstance(note, RecordNote):
            self.append(note)
        return True

    @property
    def messages(self) -> dict[str, int]:
        """The messages that were counted since the last time, by access."""
        counted: Counter[str] = Counter()
        waiting, self.tallies = self.tallies, []
        for tally in waiting:
            if (note := tally.take()) is not None:
                counted[f"{note.operation} {(note.output or note.inputs[0]).uri}"] += note.rows or 0
        return dict(counted)


@contextmanager
def recorded_notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    """Record what is noted in a run, instead of handing it to our thread."""
    notes = RecordedNotes()
    notes.run = make_run(task="load")
    monkeypatch.setattr(worker, "put", notes.put)
    monkeypatch.setattr(access, "current_run", lambda: notes.run)
    yield notes
