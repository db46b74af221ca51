"""Lazy frames that a program made from files: the sources that it named, and the columns that polars has found there.

The text of a plan shows the first file of a source. What the program named (a pattern, a directory, a list, with the
options of a store) is remembered when it makes the frame; and the frame itself, until its columns are known. polars
finds them when a query on the frame is run; then they are taken from it, without another look at the file.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS, Call
from prefect_lineage_events.instrumentation.files.locations import Location, locate
from prefect_lineage_events.instrumentation.files.polars.plan import Source
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of

Columns = tuple[tuple[str, Any], ...]
"""Names and polars' types."""

_MAX_SCANS = 1_000
_PATTERN = ("*", "?", "[")


@dataclass(slots=True)
class _Scan:
    """A source as a program named it, and the columns there. `frame` is polars' plan, until the columns are known.

    `added` are columns of the frame that are not in the files: the number of the row, the path of the file.
    """

    target: Any
    options: Mapping[str, Any] | None
    patterns: bool
    frame: Any
    added: frozenset[str] = frozenset()
    columns: Columns | None = None

    def has_width(self, width: int | None) -> bool:
        """Return whether the columns are known, and as many as the plan shows."""
        if self.columns is None:
            return False
        return width is None or 0 <= width - len(self.columns) <= len(self.added)


_scans: OrderedDict[str, list[_Scan]] = OrderedDict()
_lock = threading.Lock()
_fresh = threading.local()


def take_fresh() -> bool:
    """Return whether the thread has made a lazy frame on files since the last time that this was asked."""
    is_fresh: bool = _fresh.__dict__.pop("frame", False)
    return is_fresh


def _forget_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock)


def remembers(original: Any, is_on: Callable[[], bool]) -> Any:
    """The maker of a patch of a function that returns a lazy frame on files."""
    return PatchedFunction(original, in_file_of(original, _remembered), enabled=is_on)


def _remembered(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    with guarded("remembering a scan", count_loss):
        _fresh.frame = True
        call = Call(function, instance, args, kwargs, result)
        target = call.argument(0, "source")
        target = list(target) if isinstance(target, list) else target  # the program may change its own
        added = (kwargs.get(name) for name in ("row_index_name", "include_file_paths"))
        _remember(
            _Scan(
                target,
                kwargs.get("storage_options"),
                kwargs.get("glob", True),
                result._ldf,
                frozenset(name for name in added if name),
            )
        )
    return result


def _remember(scan: _Scan) -> None:
    text = _first_text(scan.target)
    if text is None:
        return
    text = _absolute(text)
    with _lock:
        scans = _scans.pop(text, [])
        scans = [one for one in scans if one.columns is not None][-1:] + [one for one in scans if one.columns is None]
        _scans[text] = [*scans[-3:], scan]
        if len(_scans) > _MAX_SCANS:
            _scans.popitem(last=False)


def _first_text(target: Any) -> str | None:
    """The path or URL that a source is, or the first of several."""
    if isinstance(target, list | tuple) and target:
        target = target[0]
    if isinstance(target, str | os.PathLike):
        text = os.fsdecode(target)
        return str(Path(text).expanduser()) if text.startswith("~") else text
    return None


def _absolute(text: str) -> str:
    return text if "://" in text else str(Path(text).absolute())


@dataclass(frozen=True, slots=True)
class Scanned:
    """A source of a plan: its datasets, its columns if they are known, and columns of the frame that it has not.

    `is_table`: Python code reads it, and the plan does not name it.
    """

    locations: tuple[Location, ...]
    columns: Columns | None = None
    added: frozenset[str] = frozenset()
    is_table: bool = False


def scanned(source: Source, times: int) -> Scanned:
    """The datasets of a source of a query that has been run. `times`: how many sources of it are like this one."""
    found = _found(source)
    if found is None:
        return Scanned(_unremembered(source))
    one = found[-1]
    locations = locate(one.target, options=one.options, patterns=one.patterns)
    if len(locations) == 1 and locations[0].files is None and source.files > 1:
        locations = (Location(locations[0].dataset, locations[0].subset, source.files),)
    return Scanned(locations, _columns(found, source, times), one.added)


def _found(source: Source) -> list[_Scan] | None:
    first = _absolute(source.first)
    with _lock:
        for text in (first, *_wider(first)):
            if text in _scans:
                return _scans[text]
    return None


def _wider(first: str) -> Iterator[str]:
    """The directories and patterns of known scans that contain a file, the newest first."""
    for text in reversed(_scans):
        if first.startswith(text.rstrip("/") + "/") or (
            any(sign in text for sign in _PATTERN) and fnmatchcase(first, text)
        ):
            yield text


def _columns(scans: list[_Scan], source: Source, times: int) -> Columns | None:
    known = next((one for one in reversed(scans) if one.has_width(source.width)), None)
    if known is not None:
        return known.columns
    unknown = [one for one in scans if one.columns is None]
    # Of more scans of one file, the query has run some. Another one would now have polars read the file.
    if not 1 <= len(unknown) <= times:
        return None
    one = unknown[-1]
    schema = one.frame.collect_schema()
    one.columns = tuple((name, kind) for name, kind in schema.items() if name not in one.added)
    one.frame = None
    return one.columns if one.has_width(source.width) else None


def _unremembered(source: Source) -> tuple[Location, ...]:
    """The datasets of a source whose scan was not seen: pickled by another process, or imported early."""
    if source.files == 1:
        return locate(source.first)
    one = locate(source.first)
    if one and one[0].subset:
        return (Location(one[0].dataset, (), source.files),)
    count_loss("files of a lazy frame whose scan was not seen")
    return locate(source.first.rpartition("/")[0] or ".")


def columns_of_schema(schema: Any) -> tuple[Column, ...]:
    """The columns of a schema of polars, or of a frame's."""
    return tuple(Column(name=name, type=str(kind)) for name, kind in islice(schema.items(), MAX_COLUMNS))
