"""Open files of fsspec: read once they are open, written once they are closed without an error.

A file of a transaction is written when the transaction commits it, and nothing if it is discarded. The requests by
which a file gets and sends its blocks are a part of it.
"""

from __future__ import annotations

import functools
import io
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.context.run import in_call
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import open_files
from prefect_lineage_events.instrumentation.access import Access, Call, report, reporting_run, suppressed
from prefect_lineage_events.instrumentation.files.filesystem_calls import Operation, accesses
from prefect_lineage_events.instrumentation.files.opened import file_behind

_OPEN = "fsspec.open"
# Methods of a file by which it gets and sends blocks.
_BLOCKS = ("_fetch_range", "_initiate_upload", "_upload_chunk")
_ENDS = ("close", "__exit__", "commit", "discard")


@dataclass(slots=True)
class _Writing:
    """A file that is open to be written. `in_transaction`: it is written when it is committed.

    `waiting` are the notes of libraries that have written to it.
    """

    file: weakref.ref[Any]
    operation: Operation
    in_transaction: bool
    waiting: list[RecordNote]


_writing: dict[int, _Writing] = {}
_known: set[type] = set()
_bases: set[type] = set()


def opened(call: Call) -> Iterator[Access]:
    """The accesses of `_open`, once it has returned a file."""
    mode = str(call.argument(1, "mode", default="rb"))
    path = call.argument(0, "path")
    if "r" in mode or "+" in mode:
        for access in accesses([Operation("read", call.instance, path)], _OPEN):
            yield replace(access, opens=_within(call.result))
    if "r" not in mode or "+" in mode:
        _watch(call.result, Operation("write", call.instance, path), call.kwargs.get("autocommit", True) is False)


def _within(file: Any) -> Any:
    """The file of the filesystem in an open file, which a library finds as well."""
    found = file_behind(file) if isinstance(file, io.TextIOWrapper) else None
    return file if found is None or found.file is None else found.file


def _watch(file: Any, operation: Operation, in_transaction: bool) -> None:
    key = id(file)
    patch_class(type(file))
    if not _is_patched(type(file), "__exit__"):
        patches.add(type(file), "__exit__", functools.partial(_make_end, "__exit__"))  # one in C is inherited
    if not _is_patched(type(file), "close"):
        count_loss("a file of fsspec whose end is not seen")
        return
    waiting = open_files.opened_to_be_written(_within(file))

    def end(_: Any) -> None:
        if _writing.pop(key, None) is not None and waiting:
            open_files.abandoned(waiting)

    _writing[key] = _Writing(weakref.ref(file, end), operation, in_transaction, waiting)


def _is_patched(kind: type, name: str) -> bool:
    return getattr(getattr(kind, name, None), "_lineage_end", False)


def patch_class(kind: type) -> None:
    """Have the ends of files of a class and of its bases seen, and its requests for blocks taken as a part of it."""
    if kind in _known:
        return
    for one in kind.__mro__:
        if one.__module__ in ("builtins", "io", "_io", "abc", "typing") or one in _known:
            continue
        _known.add(one)
        is_web = one.__module__.startswith("fsspec.implementations.http")
        for name in _BLOCKS if not is_web else ():
            if callable(vars(one).get(name)):
                patches.add(one, name, _make_part)
        for name in _ENDS:
            if callable(vars(one).get(name)):
                patches.add(one, name, functools.partial(_make_end, name))


def patch_base(base: type) -> None:
    """Patch the class that files of fsspec extend, and its heirs, also those that are defined later."""
    _bases.add(base)
    patch_classes(base)


def patch_classes(base: type) -> None:
    """Patch a class of files, and all that extend it."""
    patch_class(base)
    heirs: list[type] = base.__subclasses__()
    for kind in heirs:
        patch_classes(kind)


def patch_new_classes() -> None:
    """Patch the classes of files that were defined since the last call."""
    for base in list(_bases):
        patch_classes(base)


def _make_part(original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def part(self: Any, *args: Any, **kwargs: Any) -> Any:
        if in_call.get() or not is_on():
            return original(self, *args, **kwargs)
        with suppressed():
            return original(self, *args, **kwargs)

    return part


def _make_end(name: str, original: Any, is_on: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def end(self: Any, *args: Any, **kwargs: Any) -> Any:
        writing = _writing.get(id(self)) if is_on() else None
        if writing is None:
            return original(self, *args, **kwargs)
        if name == "discard" or (name == "__exit__" and args[:1] != (None,)):
            _writing.pop(id(self), None)
        with suppressed():
            result = original(self, *args, **kwargs)
        if id(self) in _writing and (name == "commit" or not writing.in_transaction):
            del _writing[id(self)]
            _finished(writing)
        return result

    end._lineage_end = True  # type: ignore[attr-defined]
    return end


def _finished(writing: _Writing) -> None:
    with guarded("describing a call", count_loss):
        for note in writing.waiting:
            worker.put(note)
        if not writing.waiting and reporting_run() is not None:
            for access in accesses([writing.operation], _OPEN):
                report(access)


def forget(file: Any) -> None:
    """Note nothing for a file that is open to be written: the block around it has failed."""
    _writing.pop(id(file), None)


def _reset() -> None:
    for known in (_known, _bases, _writing):
        known.clear()


patches.when_off(_reset)
