"""Many files that a run touches one by one: from some number on, each is noted as a part of its directory.

Otherwise a loop over ten thousand files would be as many events. The files before are found again when the run's
lineage is stitched (`stitching.many_files`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.connection_state import kind_of
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.temporary_files import is_temporary
from prefect_lineage_events.events import STAR
from prefect_lineage_events.filters import current

MANY = 100
_MAX_DIRECTORIES = 1_000
# The names of files by run and directory; only our thread uses it.
_seen: dict[tuple[UUID | None, str, str, str], set[str]] = {}


def as_part_of_many(note: RecordNote) -> RecordNote:
    """The note with the directory in place of the file that it is about, if the run has touched many files there."""
    file = note.output or (note.inputs[0] if len(note.inputs) == 1 else None)
    # A record without a call's name is the user's own, and stays as it was named.
    if file is None or note.operation not in ("read", "write") or not note.description:
        return note
    if note.subset or note.symlinks or any(edge.column != STAR for edge in note.edges):
        return note
    directory, _, name = file.name.rpartition("/")
    if not directory or not name or kind_of(file) != "file" or is_temporary(file):
        return note
    key = (note.run.info.flow_run_id, file.namespace, directory, name.partition(".")[2])
    names = _seen.get(key)
    if names is None:
        if len(_seen) >= _MAX_DIRECTORIES:
            del _seen[next(iter(_seen))]
        names = _seen[key] = set()
    if len(names) <= MANY:
        names.add(name)
    whole = Dataset(file.namespace, directory)
    reports = current().reports
    if len(names) <= MANY or not (reports(file.uri) and reports(whole.uri)):
        return note
    about: dict[str, Any] = {"output": whole} if note.output is not None else {"inputs": (whole,)}
    if note.moved and note.inputs and note.inputs[0].name.rpartition("/")[0] == directory:
        about |= {"inputs": (whole,), "edges": ()}  # it got another name there
    return replace(note, **about, subset=(name,), files=note.files or 1)
