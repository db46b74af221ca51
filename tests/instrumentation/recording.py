"""Notes of accesses, recorded where they leave the user's thread: as `read URI`, `write URI`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.instrumentation import access
from tests.emission.conftest import make_run


class RecordedNotes(list[RecordNote]):
    """The notes of a test's run; `run` is None outside of runs."""

    run: Run | None

    @property
    def accesses(self) -> list[str]:
        """The accesses, in order."""
        return [f"{note.operation} {(note.output or note.inputs[0]).uri}" for note in self]

    def put(self, note: Any) -> bool:
        if isinstance(note, RecordNote):
            self.append(note)
        return True


@contextmanager
def recorded_notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    """Record what is noted in a run, instead of handing it to our thread."""
    notes = RecordedNotes()
    notes.run = make_run(task="load")
    monkeypatch.setattr(worker, "put", notes.put)
    monkeypatch.setattr(access, "current_run", lambda: notes.run)
    yield notes
