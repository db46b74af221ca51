"""Open files of filesystems that a library of frames reads or writes: both together are one access.

A file that is open to be written is written when it is closed, with what libraries wrote to it until then. The opening
of a file to be read is a read, which our thread leaves out for that of the library (`RecordNote.opening`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.instrumentation.kept import Kept

_read: Kept[RecordNote] = Kept()
_written: Kept[list[RecordNote]] = Kept()


def opened_to_be_read(file: Any, note: RecordNote) -> None:
    """Keep the note of the opening of a file, for a library that reads it."""
    with suppress(TypeError):  # it cannot be referenced weakly
        _read.put(file, note)


def opened_to_be_written(file: Any) -> list[RecordNote]:
    """The notes of libraries that write to a file, which wait for its end from now on."""
    waiting: list[RecordNote] = []
    with suppress(TypeError):
        _written.put(file, waiting)
    return waiting


def waits(file: Any, note: RecordNote) -> bool:
    """Return whether the note of a library that has used an open file waits for the end of it."""
    if note.operation == "read":
        note.opening = _read.get(file)
        return False
    waiting = _written.get(file)
    if waiting is None:
        return False
    note.size = None  # the file is not whole
    waiting.append(note)
    return True


def abandoned(notes: list[RecordNote]) -> None:
    """Count what libraries have written to a file that was never closed."""
    for note in notes:
        count_loss("a file that was written and never closed", note.run)


for _kept in (_read, _written):
    patches.when_off(_kept.clear)
