"""The archive: a compressed file for each assembled run, in a folder or bucket of the user's, past Prefect's retention.

A file holds the run's snapshot and its OpenLineage events in the shape of no target. Its path is the day of the run's
end and the run's id, so writing it again replaces it. The setting `archive` names the address; it is off by default. A
store that fails or hangs never keeps a delivery waiting: the reason is kept with the run, and a backfill tries again.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from uuid import UUID, uuid4

from prefect_lineage_events import compression, encoding, snapshot_wire
from prefect_lineage_events.assembler.event_files import EventFiles
from prefect_lineage_events.assembler.file_store import ArchiveError, FileStore, described, errors_of
from prefect_lineage_events.settings import settings
from prefect_lineage_events.snapshot_wire import UnreadableSnapshotError
from prefect_lineage_events.snapshots import Snapshot

logger = logging.getLogger(__name__)

VERSION = 1
SUFFIX = ".json.gz"
# A store that needs longer for one small file is away.
_SECONDS = 30.0
# After a failure, the store is left alone for so long: a sweep of many runs must not wait for each.
_PAUSE = 300.0
_MAX_UNPACKED = 256 * 1024 * 1024
_FILES_AT_ONCE = 100
_LONGEST_FAULT = 200
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Stores that show a file while it is written; others have it whole or not at all.
_RENAMED = frozenset({"sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs", "arrow_hdfs"})

Event = dict[str, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ArchiveMark:
    """A run's file by the ledger: its archive (a digest of the address) and the content that was written last.

    `fault` is the reason why that failed, empty if it did not.
    """

    place: str
    digest: str
    fault: str = ""

    def to_json(self) -> str:
        """The text of this value, for the ledger's metadata."""
        return encoding.json_text({"place": self.place, "digest": self.digest, "fault": self.fault[:_LONGEST_FAULT]})

    @classmethod
    def from_json(cls, text: object) -> ArchiveMark | None:
        """The value in this text; None if it is of another form."""
        try:
            values = json.loads(str(text))
            return cls(str(values["place"]), str(values["digest"]), str(values["fault"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    @property
    def current(self) -> bool:
        """Return whether the run is in the archive of the settings."""
        return not self.fault and self.place == place()


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """A run in the archive. `path` is relative to the archive's address.

    `snapshot` is None if the file cannot be read, for the reason in `fault`.
    """

    run_id: UUID
    path: str
    snapshot: Snapshot | None = None
    events: tuple[Event, ...] = ()
    fault: str = ""


class Archive:
    """The files below an address: a local path, or a URL that fsspec opens. `name` is the address without secrets."""

    def __init__(self, address: str) -> None:
        self._store = FileStore(address)
        self.name = self._store.name
        self._fs, self._root = self._store.fs, self._store.root

    def write(self, snapshot: Snapshot, events: Sequence[Event]) -> str:
        """Write the run's file, in place of an earlier one; returns its path. Raises ArchiveError."""
        path = path_of(snapshot.run.id, snapshot.run.ended)
        data = packed(snapshot, events)
        with errors_of(self.name):
            self._write(f"{self._root}/{path}", data)
        return path

    def _write(self, target: str, data: bytes) -> None:
        if self._store.is_local:
            _write_local(Path(target), data)
        elif self._store.protocols & _RENAMED:
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(written := f"{target}.{uuid4().hex}", data)
            self._fs.mv(written, target)
        else:
            self._fs.pipe_file(target, data)

    def has_days(self) -> bool:
        """Return whether the archive has the folder of a day. Raises ArchiveError."""
        with errors_of(self.name):
            return any(map(_DAY.fullmatch, self._store.names(self._root)))

    def list(self, start: dt.datetime, end: dt.datetime) -> Iterator[tuple[UUID, str]]:
        """The ids and paths of the runs that ended on the days of [start, end], day by day. Raises ArchiveError."""
        first, last = (at.astimezone(dt.timezone.utc).date().isoformat() for at in (start, end))
        with errors_of(self.name):
            for day in sorted(self._store.names(self._root)):
                if first <= day <= last:
                    for name in sorted(self._store.names(f"{self._root}/{day}")):
                        if run_id := _run_id(name):
                            yield run_id, f"{day}/{name}"

    def newest(self, start: dt.datetime, end: dt.datetime, known: Collection[UUID] = ()) -> Collection[str]:
        """The path of each run that ended on these days and is not `known`. Raises ArchiveError.

        A run that ended on several of them has a file for each; the last one counts.
        """
        return {run_id: path for run_id, path in self.list(start, end) if run_id not in known}.values()

    def check(self) -> None:
        """Raise ArchiveError if the store does not answer, or if a local folder cannot be made. Writes nothing."""

        def look() -> None:
            with errors_of(self.name):
                if self._store.is_local:
                    _check_local(Path(self._root))
                list(self._store.names(self._root))

        _within(_SECONDS, look)

    def may_be_written(self) -> bool:
        """Return whether this user may write to the archive: False only where that is known, of a local folder."""
        return not self._store.is_local or os.access(_existing(Path(self._root)), os.W_OK)

    def read(self, paths: Sequence[str], *, events: bool = True) -> Iterator[ArchivedRun]:
        """The runs in these files, in order; a file that is gone is left out. Raises ArchiveError for the store."""
        for start in range(0, len(paths), _FILES_AT_ONCE):
            page = paths[start : start + _FILES_AT_ONCE]
            with errors_of(self.name):
                found = self._fs.cat([f"{self._root}/{path}" for path in page], on_error="return")
            # A run that ended again on another day has two files of one name.
            by_name = {"/".join(str(name).rsplit("/", 2)[1:]): data for name, data in found.items()}
            for path in page:
                data = by_name.get(path)
                run_id = _run_id(path)
                if run_id is None or data is None or isinstance(data, (FileNotFoundError, NotADirectoryError)):
                    continue
                if isinstance(data, BaseException):
                    raise ArchiveError(described(data, self.name)) from None
                yield unpacked(data, run_id, path, events=events)


def archive() -> Archive | None:
    """The archive of the settings; None where it is off. Raises ArchiveError where it cannot be opened."""
    return _opened(address) if (address := _address()) else None


def is_on() -> bool:
    """Return whether the settings name an archive."""
    return bool(_address())


def is_written() -> bool:
    """Return whether the settings name an archive that assemblers write to: not the files of a file target.

    One request to the store, once. A store that is away counts as an archive: writing to it says what is wrong.
    """
    global _away_until
    address = _address()
    if address and address not in _written:
        if time.monotonic() < _away_until:
            return True
        try:
            _written[address] = _within(_SECONDS, lambda: not _holds_events_only(address))
        except Exception as error:  # noqa: BLE001  (stores have errors of their own; the delivery goes on)
            _away_until = time.monotonic() + _PAUSE
            logger.warning("The archive cannot be read: %s", error if isinstance(error, ArchiveError) else type(error))
            return True
    return _written.get(address, False)


def _holds_events_only(address: str) -> bool:
    return EventFiles(address).exist() and not Archive(address).has_days()


def event_files() -> EventFiles | None:
    """The files of events at the archive's address, or None if it has none. Raises ArchiveError."""
    files = EventFiles(address, with_rotated=True) if (address := _address()) else None
    return files if files is not None and files.exist() else None


def _address() -> str:
    configured = settings().archive
    return configured.get_secret_value().strip() if configured else ""


def place() -> str:
    """A digest of the archive's address."""
    return encoding.digest_of(_address())[:16]


@lru_cache(maxsize=8)
def _opened(address: str) -> Archive:
    return Archive(address)


_away_until = 0.0
_written: dict[str, bool] = {}


def store(snapshot: Snapshot, events: Sequence[Event], known: ArchiveMark | None) -> ArchiveMark:
    """Write the run's file, unless it was written with this content. Fails soft, and lasts `_SECONDS` at most."""
    global _away_until
    digest = encoding.digest_of([snapshot_wire.encode(snapshot), list(events)])
    if known is not None and known.current and known.digest == digest:
        return known
    mark = ArchiveMark(place(), digest)
    if time.monotonic() < _away_until:
        return replace(mark, fault="the archive failed a moment ago, and was not tried again")
    try:
        _within(_SECONDS, lambda: _write(snapshot, events))
    except Exception as error:  # noqa: BLE001  (stores have errors of their own; the delivery goes on)
        _away_until = time.monotonic() + _PAUSE
        reason = str(error) if isinstance(error, ArchiveError) else type(error).__name__
        logger.warning("Run %s was not archived: %s", snapshot.run.id, reason)
        return replace(mark, fault=reason)
    return mark


def _write(snapshot: Snapshot, events: Sequence[Event]) -> None:
    opened = archive()
    if opened is not None:
        opened.write(snapshot, events)


def path_of(run_id: UUID, ended: dt.datetime | None) -> str:
    """The path of a run's file below the archive's address."""
    return f"{(ended or encoding.EPOCH).astimezone(dt.timezone.utc).date().isoformat()}/{run_id}{SUFFIX}"


def packed(snapshot: Snapshot, events: Sequence[Event]) -> bytes:
    """The content of a run's file: equal runs give equal bytes."""
    content = {"version": VERSION, "snapshot": snapshot_wire.encode(snapshot), "events": list(events)}
    return compression.gzipped(encoding.json_text(content).encode())


def unpacked(data: bytes, run_id: UUID, path: str, *, events: bool = True) -> ArchivedRun:
    """The run in a file's content. `events`: with its OpenLineage events."""
    try:
        content = json.loads(compression.unpacked(data, _MAX_UNPACKED))
        if not isinstance(content, Mapping):
            raise ValueError("it is no archived run")
        snapshot = snapshot_wire.decode(content.get("snapshot"))
        if snapshot.run.id != run_id:
            raise UnreadableSnapshotError("it is of another run")
        found = content.get("events") if events else ()
        return ArchivedRun(run_id, path, snapshot, tuple(one for one in found or () if isinstance(one, dict)))
    except (ValueError, TypeError, RecursionError) as error:
        return ArchivedRun(run_id, path, fault=f"{path} cannot be read: {error}")


def _run_id(name: str) -> UUID | None:
    name = name.rpartition("/")[2]
    if not name.endswith(SUFFIX):
        return None
    try:
        return UUID(name.removesuffix(SUFFIX))
    except ValueError:
        return None


def _write_local(target: Path, data: bytes) -> None:
    """Write by a file of another name, which is renamed: readers see the whole of it, or the earlier one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Only this user may read it: names of tables may be confidential.
    handle, written = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(data)
        Path(written).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(written).unlink()
        raise


def _check_local(folder: Path) -> None:
    """Raise OSError if the folder neither exists nor can be made."""
    existing = _existing(folder)
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if existing != folder and not os.access(existing, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """Call in a thread, abandoned when its time is over. Raises ArchiveError then, or the error of the call."""
    results: list[Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  (raised again in the waiting thread)
            raised.append(error)

    thread = Thread(target=run, name="lineage-archive", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not results:
        raise ArchiveError(f"no response within {seconds:g} s")
    return results[0]
