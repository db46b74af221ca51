"""Files that a program moves, copies or removes: which of them are data of the run.

Everything uses these functions of Python: caches, logs, installers, Prefect itself. So a call counts
- if the run has read or written the file, or one of the directory, as far as this process knows, or if `tempfile` made
  it for the run;
- if the user's own code moves or copies a file with the extension of data (`.csv`, `.parquet`), or a directory with
  such files. A file of unknown content that was made during the run, by Python's `open` or by another process, is
  `new`: it is no source, unless another process of the run says that it wrote it (`stitching.moved_files`).

The calls are decided in our thread, after the statements before them: DuckDB's files are known by their text only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from os.path import realpath
from uuid import UUID

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.datasets import DEVICES, Dataset, Located, located
from prefect_lineage_events.emission.notes import FileNote, RecordNote
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.temporary_files import has_temporary, is_temporary
from prefect_lineage_events.events import COPY, MOVE, MOVE_OF_NEW, STAR, EventColumnEdge

_DATA = re.compile(
    r"\.(?:csv|tsv|psv|parquet|pq|json|jsonl|ndjson|geojson|avro|orc|feather|arrow|ipc|xlsx|xlsm|xlsb|xls|ods|xml|"
    r"pkl|pickle|npy|npz|h5|hdf|hdf5|nc|zarr|dta|sav|sas7bdat|xpt|dbf|shp|gpkg)(?:\.(?:gz|bz2|xz|zst|lz4|snappy|zip))?"
    # a name for work in progress, a backup, a file that is done: orders.csv.tmp, orders.csv.20261128, orders.csv~
    r"(?:[.~_-][\w.~-]{0,64}|~)?\Z",
    re.IGNORECASE,
)
_MAX_PATHS = 20_000
_MAX_RUNS = 100
_MAX_LISTED = 200


@dataclass(slots=True)
class _Known:
    """The paths of a run's files, and the directories above them."""

    paths: set[str] = field(default_factory=set)
    above: set[str] = field(default_factory=set)

    def add(self, path: str) -> None:
        if path in self.paths or len(self.paths) >= _MAX_PATHS:
            return
        self.paths.add(path)
        for directory in _upwards(path):
            if directory in self.above:
                break
            self.above.add(directory)

    def has(self, path: str) -> bool:
        """Return whether it is known, has something in it that is, or is in something that is."""
        return self.holds(path) or any(one in self.paths for one in _upwards(path))

    def holds(self, path: str) -> bool:
        return path in self.paths or path in self.above


# The files of runs; only our thread writes to them.
_known: dict[UUID | None, _Known] = {}


def remember(pending: PendingEvent) -> None:
    """Remember the local files of an event as those of its run."""
    for dataset in pending.event.datasets:
        if dataset.namespace != "file":
            continue
        known = _known.get(pending.run.key)
        if known is None:
            if len(_known) >= _MAX_RUNS:
                del _known[next(iter(_known))]
            known = _known[pending.run.key] = _Known()
        known.add(dataset.name)
        for part in dataset.subset:
            known.add(f"{dataset.name}/{part}")


def is_data(path: str) -> bool:
    """Return whether a path has the extension of a file of data."""
    return _DATA.search(path.rpartition(os.sep)[2]) is not None


def record_of(note: FileNote) -> RecordNote | None:
    """The record of a call on files; None if they are no data of the run."""
    source = _source_of(note.operation, note.source)
    if source.startswith(DEVICES):
        return None
    is_known = _is_known(note.run, note.operation, source)
    if note.operation == "remove":
        dropped = located(Dataset("file", source))
        if not is_known or dropped.part or is_temporary(dropped.dataset):
            return None
        return _record(note, "drop", dropped)
    target = _place(note.target)
    if source == target or target.startswith(DEVICES):
        return None
    before, after = located(Dataset("file", source)), located(Dataset("file", target))
    if not is_known and not (note.by_user and _looks_like_data(note, source, target)):
        return None
    known_as_new = note.operation == MOVE and note.is_new and not is_known
    return _record(note, MOVE_OF_NEW if known_as_new else note.operation, after, before, source, target)


def _record(
    note: FileNote, effect: str, about: Located, source: Located | None = None, *paths: str
) -> RecordNote | None:
    edges: tuple[EventColumnEdge, ...] = ()
    if source is not None and source.dataset != about.dataset:
        edges = (EventColumnEdge(column=STAR, source=source.dataset.uri, source_column=STAR),)
    return RecordNote(
        "drop" if source is None else "write",
        about.dataset,
        (source.dataset,) if source is not None else (),
        note.run,
        note.started,
        description=note.description,
        thread=note.thread,
        edges=edges,
        subset=(about.part,) if about.part else (),
        size=note.size,
        effect=None if source is None else effect,
        moved=tuple(Dataset("file", path) for path in paths),
    )


def _place(path: str) -> str:
    directory, _, name = path.rpartition(os.sep)
    return f"{realpath(directory or os.sep).rstrip(os.sep)}{os.sep}{name}"


def _looks_like_data(note: FileNote, source: str, target: str) -> bool:
    if not note.is_directory:
        return is_data(source) or is_data(target)
    return _has_data(target)


def _has_data(directory: str) -> bool:
    """Return whether one of the first files of a directory has the extension of data."""
    listed = 0
    for _, _, names in os.walk(directory):
        if any(map(is_data, names[:_MAX_LISTED])):
            return True
        listed += 1 + len(names)
        if listed > _MAX_LISTED:
            break
    return False


def _upwards(path: str) -> Iterator[str]:
    """The directories above a path, the innermost first."""
    while path := path.rpartition(os.sep)[0]:
        yield path


def is_known(run: Run, operation: str, path: str) -> bool:
    """Return whether a call on a file is one on data of a run, as far as our thread knows by now.

    It knows all that ran before the call once it has taken all earlier notes.
    """
    return (bool(_known) or has_temporary()) and _is_known(run, operation, _source_of(operation, path))


def _source_of(operation: str, path: str) -> str:
    # A moved file is not at its old place any more, where a link to the new one may be.
    return realpath(path) if operation == COPY else _place(path)


def _is_known(run: Run, operation: str, source: str) -> bool:
    own = _known.get(run.key)
    if operation == "remove":
        return own is not None and own.holds(source)
    if any(one.has(source) for one in list(_known.values())):  # a list: other threads ask as well
        return True
    dataset = located(Dataset("file", source)).dataset
    return (own is not None and own.holds(dataset.name)) or is_temporary(dataset)
