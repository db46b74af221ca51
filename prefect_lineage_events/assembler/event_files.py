"""Files of OpenLineage events, as the official client's file transport writes them: JSON lines, or one file an event.

They are below an address of the user's, local or of fsspec, and may be compressed by gzip. Others write to them at the
same time: only what is new is read again, and a line that is half written counts once it is whole.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from pydantic_core import from_json

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler.file_store import FileStore, described, errors_of

Event = dict[str, Any]

MAX_LINE = 64 * 1024 * 1024
_LINES = re.compile(r"(?P<name>.*\.(?:jsonl|ndjson)(?:\.gz)?)(?:\.(?P<number>\d{1,9}))?(?:\.gz)?\Z", re.IGNORECASE)
_JSON = re.compile(r".*\.json(?:\.gz)?\Z", re.IGNORECASE)
# The beginning of a file that shows whether it holds events; the files of a folder that are looked at.
_HEAD = 1024 * 1024
_LOOKED_AT = 5
_BUFFER = 1024 * 1024
# Files of one event that are read at once, and the size of such a file.
_FILES_AT_ONCE = 100
_SMALL = 1024 * 1024
# The names that stores have for the time of a file's last change, and for a digest of its content.
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")
_DIGESTS = ("ETag", "etag", "md5Hash", "generation")
# The store's clock may be behind that of the producers.
_CLOCKS = dt.timedelta(days=1)
# Errors of a compressed file that is cut, damaged, or something else.
_OF_GZIP = (EOFError, OSError, zlib.error)
# The end of the last line that was read: a file that was replaced has another one there.
_TAIL = 64 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of the source that cannot be read. `place`: the file, and the line in it.

    `unfinished` is the path of a file whose last line is half written: the rest may still come.
    """

    place: str
    reason: str
    unfinished: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Place:
    """The line of an event: its file, and where in its text it begins."""

    path: str
    offset: int
    line: int = 1

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"


@dataclass(frozen=True, slots=True)
class _Position:
    """The place in a file up to which it was read, and its size and stamp then."""

    size: int
    stamp: str
    offset: int = 0
    line: int = 0
    tail: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    stamp: str
    modified: dt.datetime | None = None

    @property
    def packed(self) -> bool:
        return _is_packed(self.path)


class EventFiles:
    """The files of events at an address: a file, or those in a folder. `name` is the address without secrets.

    `with_rotated`: the files that were rotated away from this one belong to it, as `events.jsonl.1` to `events.jsonl`.
    """

    def __init__(self, address: str, *, with_rotated: bool = False) -> None:
        self._store = FileStore(address)
        self._with_rotated = with_rotated
        self.name, self.root = self._store.name, self._store.root
        self._read: dict[str, _Position] = {}

    def exist(self) -> bool:
        """Return whether the address is that of such a file, or of a folder that has some. Raises ArchiveError."""
        if _is_lines(self.root):
            return True
        with errors_of(self.name):
            if self._store.fs.isfile(self.root):
                return True
            self._store.fs.invalidate_cache()
            names = self._details()
        return bool(self._of_events(names))

    def check(self) -> None:
        """Raise ArchiveError if the files cannot be found."""
        self._files()

    def new_events(self, since: dt.datetime = encoding.EPOCH) -> Iterator[tuple[Place, Event] | Fault]:
        """The events that were added since the last call, all at the first one; files are in the order of their names.

        Files that were written last before `since` are left out: they hold no later event. Memory: one line, or 100
        files of one event. Raises ArchiveError if the store or the file cannot be read.
        """
        small: list[_File] = []
        for file in self._files():
            if file.modified is not None and file.modified < since - _CLOCKS:
                continue
            if (known := self._read.get(file.path)) and (known.size, known.stamp) == (file.size, file.stamp):
                continue
            is_small = file.size <= _SMALL and not file.packed and not _is_lines(file.path)
            if is_small:
                small.append(file)
            if not is_small or len(small) == _FILES_AT_ONCE:
                yield from self._small(small)
                small = []
            if not is_small:
                yield from self._lines(file)
        yield from self._small(small)

    def at(self, places: Sequence[Place]) -> Iterator[Event]:
        """The events at these places; one that is gone is left out. Raises ArchiveError if a file cannot be read."""
        for path in dict.fromkeys(place.path for place in places):
            with errors_of(self._shown(path)), suppress(FileNotFoundError), self._open(path) as source:
                for offset in sorted(place.offset for place in places if place.path == path):
                    source.seek(offset)
                    event = _parsed(source.readline(MAX_LINE))
                    if event is None and offset == 0 and _JSON.match(path):
                        source.seek(0)
                        event = _parsed(source.read(MAX_LINE))
                    if event is not None:
                        yield event

    def _shown(self, path: str) -> str:
        if path == self.root:
            return self.name
        of_file = path.startswith(f"{self.root}.")
        return (
            f"{self.name}{path[len(self.root) :]}" if of_file else f"{self.name.rstrip('/')}/{path.rpartition('/')[2]}"
        )

    def _files(self) -> list[_File]:
        """The files, those that were rotated away first."""
        with errors_of(self.name):
            self._store.fs.invalidate_cache()
            if _is_lines(self.root) or self._store.fs.isfile(self.root):
                return self._file_and_rotated()
            found = {path: _file(info) for path, info in self._details().items()}
        return [found[path] for path in self._of_events(found)]

    def _file_and_rotated(self) -> list[_File]:
        folder, _, name = self.root.rpartition("/")
        rotated = re.compile(rf"{re.escape(name)}\.\d{{1,9}}(?:\.gz)?")
        found = []
        # Who may read the file may perhaps not list its folder.
        with suppress(OSError):
            listed = self._store.fs.ls(folder or "/", detail=True) if self._with_rotated else ()
            files = (_file(info) for info in listed if info.get("type") == "file")
            found = sorted(
                (file for file in files if rotated.fullmatch(file.path.rpartition("/")[2])),
                key=lambda file: _age(file.path),
            )
        try:
            return [*found, _file(self._store.fs.info(self.root))]
        except FileNotFoundError:
            # Between the rotation and the next event there is no such file.
            if found:
                return found
            raise

    def _details(self) -> dict[str, dict[str, Any]]:
        with suppress(FileNotFoundError, NotADirectoryError):
            listed = self._store.fs.ls(self.root, detail=True)
            return {str(info["name"]): info for info in listed if info.get("type") == "file"}
        return {}

    def _of_events(self, paths: Collection[str]) -> list[str]:
        """Those of a folder's files that hold events; other JSON files count if they begin as events."""
        lines = sorted(filter(_is_lines, sorted(paths)), key=_age)
        single = sorted(path for path in paths if not _is_lines(path) and _JSON.match(path))
        if not any(map(self._begins_as_event, islice(single, _LOOKED_AT))):
            return lines
        return [*lines, *single]

    def _begins_as_event(self, path: str) -> bool:
        with suppress(*_OF_GZIP), self._open(path) as source:
            head = source.read(_HEAD)
            return b'"runId"' in head and b'"eventTime"' in head
        return False

    def _open(self, path: str) -> io.BufferedReader:
        compression = "gzip" if _is_packed(path) else None
        return io.BufferedReader(self._store.fs.open(path, "rb", compression=compression), _BUFFER)

    def _small(self, files: Sequence[_File]) -> Iterator[tuple[Place, Event] | Fault]:
        if not files:
            return
        with errors_of(self.name):
            found = self._store.fs.cat([file.path for file in files], on_error="return")
        for file in files:
            data = found.get(file.path)
            shown = self._shown(file.path)
            if data is None or isinstance(data, FileNotFoundError):
                continue
            if isinstance(data, BaseException):
                yield Fault(shown, described(data, shown))
                continue
            self._read[file.path] = _Position(file.size, file.stamp)
            event = _parsed(data)
            if event is not None:
                yield Place(file.path, 0), event
            else:
                yield from self._each_line(io.BytesIO(data), file, _Position(0, ""))

    def _lines(self, file: _File) -> Iterator[tuple[Place, Event] | Fault]:
        with errors_of(self._shown(file.path)), self._open(file.path) as source:
            known = self._read.get(file.path)
            if known is None or file.packed or not self._goes_on(source, known):
                known = _Position(0, "")
            source.seek(known.offset)
            try:
                yield from self._each_line(source, file, known)
            except _OF_GZIP as error:
                if not file.packed:
                    raise
                self._read[file.path] = _Position(file.size, file.stamp)
                yield Fault(self._shown(file.path), f"it is cut, damaged, or no file of gzip ({type(error).__name__})")

    @staticmethod
    def _goes_on(source: io.BufferedReader, known: _Position) -> bool:
        """Return whether the file still begins with what was read of it."""
        size, digest = known.tail
        source.seek(known.offset - size)
        return not size or sha256(source.read(size)).hexdigest() == digest

    def _each_line(
        self, source: io.BufferedIOBase, file: _File, begun: _Position
    ) -> Iterator[tuple[Place, Event] | Fault]:
        """The events in the lines from here on; notes how far whole lines go."""
        offset, number, last = begun.offset, begun.line, b""
        shown = self._shown(file.path)
        while line := source.readline(MAX_LINE):
            size, is_whole = len(line), line.endswith(b"\n")
            too_long = not is_whole and size == MAX_LINE
            while too_long and (rest := source.readline(MAX_LINE)):
                size, line = size + len(rest), rest
                if rest.endswith(b"\n"):
                    break
            place = f"{shown}, line {number + 1}"
            event = None if too_long else _parsed(line)
            if not is_whole and not too_long and event is None:
                if offset == 0 and _JSON.match(file.path):
                    yield Fault(shown, "it is no JSON")
                else:
                    yield Fault(place, "it is half written, or the file was cut here", file.path)
                break
            at, offset, number, last = offset, offset + size, number + 1, line
            if event is not None:
                yield Place(file.path, at, number), event
            elif too_long:
                yield Fault(place, f"it is longer than {MAX_LINE // 1024 // 1024} MB")
            elif line.strip():
                yield Fault(place, "it is no JSON" if _json(line) is None else "it is no JSON object")
        tail = (len(last[-_TAIL:]), sha256(last[-_TAIL:]).hexdigest()) if last else begun.tail
        self._read[file.path] = _Position(file.size, file.stamp, offset, number, tail)


def _file(info: dict[str, Any]) -> _File:
    times = [info[name] for name in _TIMES if info.get(name) is not None]
    # S3 has whole seconds only: of two files of one second, the digest shows the difference.
    stamp = [*times, *(info[name] for name in _DIGESTS if info.get(name) is not None)]
    return _File(str(info["name"]), int(info.get("size") or 0), str(stamp), _modified(times[0]) if times else None)


def _modified(stamp: object) -> dt.datetime | None:
    """The time of a file's last change, if the store says it as a time."""
    if isinstance(stamp, dt.datetime):
        return encoding.moment(stamp)
    with suppress(OverflowError, ValueError, OSError):
        return dt.datetime.fromtimestamp(stamp, dt.timezone.utc) if isinstance(stamp, float) else None
    return None


def _is_packed(path: str) -> bool:
    return path.lower().endswith(".gz")


def _is_lines(path: str) -> bool:
    return _LINES.match(path.rpartition("/")[2]) is not None


def _age(path: str) -> tuple[str, int]:
    """The order of rotated files: `events.jsonl.2` before `events.jsonl.1`, and this before `events.jsonl`."""
    found = _LINES.match(path)
    return (found["name"], -int(found["number"] or 0)) if found else (path, 0)


def _json(data: bytes) -> Any:
    try:
        return from_json(data)
    except ValueError:
        pass
    try:
        # It reads what the faster parser refuses: NaN, lone surrogates, and many levels.
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _parsed(data: bytes) -> Event | None:
    value = _json(data)
    return value if isinstance(value, dict) else None
