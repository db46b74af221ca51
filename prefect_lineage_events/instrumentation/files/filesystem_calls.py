"""Accesses by calls of fsspec's filesystems: what an operation on paths reads and writes.

A call on many files (`get` of a directory) is a set of operations on single files, which are collected while it runs,
and noted together once it has succeeded: each file of a few, or the directory of many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect_lineage_events.datasets import MAX_SINGLE_FILES
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.events import MOVE
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.access import Access, Call, call_and_report
from prefect_lineage_events.instrumentation.files.locations import Location, locate

_MAX_DROPPED = 50


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on one file that has succeeded: a read or a write, or a copy of `source` to `path`, or a move.

    `filesystem` and `source_filesystem` are None for files of this machine.
    """

    kind: Literal["read", "write", "copy", "move", "drop"]
    filesystem: Any
    path: Any
    source_filesystem: Any = None
    source: Any = None
    size: int | None = None


Operations = list[Operation]
# The operations of the call on many files that is in progress; None outside any, and within an operation.
_collected: ContextVar[Operations | None] = ContextVar("lineage_collected_operations", default=None)


def _cat_file(call: Call) -> Iterator[Operation]:
    size = len(call.result) if isinstance(call.result, bytes) else None
    yield Operation("read", call.instance, call.argument(0, "path"), size=size)


def _pipe_file(call: Call) -> Iterator[Operation]:
    value = call.argument(1, "value")
    size = len(value) if isinstance(value, bytes | bytearray) else None
    yield Operation("write", call.instance, call.argument(0, "path"), size=size)


def _get_file(call: Call) -> Iterator[Operation]:
    source, target = call.argument(0, "rpath"), call.argument(1, "lpath")
    if not isinstance(target, str | os.PathLike):
        yield Operation("read", call.instance, source)
    elif not Path(target).is_dir():
        yield Operation("copy", None, target, call.instance, source)


def _put_file(call: Call) -> Iterator[Operation]:
    source, target = call.argument(0, "lpath"), call.argument(1, "rpath")
    if not Path(source).is_dir():
        yield Operation("copy", call.instance, target, None, source)


def _copy_file(call: Call) -> Iterator[Operation]:
    source, target = call.argument(0, "path1"), call.argument(1, "path2")
    if not (_is_at_hand(call.instance) and call.instance.isdir(target)):
        yield Operation("copy", call.instance, target, call.instance, source)


def _is_at_hand(filesystem: Any) -> bool:
    """Return whether a filesystem answers without a request."""
    protocols = filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,)
    return not {"file", "local", "memory"}.isdisjoint(protocols)


def _move(call: Call) -> Iterator[Operation]:
    source, target = call.argument(0, "path1"), call.argument(1, "path2")
    if isinstance(source, str) and isinstance(target, str):
        if call.instance is not None and _is_at_hand(call.instance) and target.endswith("/"):
            target = target + source.rstrip("/").rpartition("/")[2]
        yield Operation("move", call.instance, target, call.instance, source)


def _remove(call: Call) -> Iterator[Operation]:
    paths = call.argument(0, "path")
    paths = [paths] if isinstance(paths, str) else paths
    if isinstance(paths, list | tuple) and len(paths) <= _MAX_DROPPED:
        for path in paths:
            yield Operation("drop", call.instance, path)


def _pipe(call: Call) -> Iterator[Operation]:
    given = call.argument(0, "path")
    for path in given if isinstance(given, Mapping) else (given,):
        yield Operation("write", call.instance, path)


def _cat(call: Call) -> Iterator[Operation]:
    given = call.argument(0, "path", "paths")
    for path in call.result if isinstance(call.result, dict) else [given] if isinstance(given, str) else given:
        yield Operation("read", call.instance, path)


Describe = Callable[[Call], Iterator[Operation]]
SINGLE: dict[str, Describe] = {
    "cat_file": _cat_file,
    "pipe_file": _pipe_file,
    "get_file": _get_file,
    "put_file": _put_file,
    "cp_file": _copy_file,
    "mv_file": _move,
    "rm": _remove,
    "rm_file": _remove,
}
# Calls on many files; the description is that of a filesystem which does not do them file by file.
MANY: dict[str, Describe] = {
    "cat": _cat,
    "cat_ranges": _cat,
    "pipe": _pipe,
    "get": _get_file,
    "put": _put_file,
    "copy": _copy_file,
    "mv": _move,
}


def is_operation(name: str) -> bool:
    return name in SINGLE or name in MANY


def make_call(name: str, call: Call) -> Any:
    """Make a call of a filesystem's method (without the underscore of its coroutine), and note what it accessed."""
    if name in MANY:
        return _many(name, call) if _collected.get() is None else call.function(*call.args, **call.kwargs)
    operations = _collected.get()
    if operations is None:
        return call_and_report(lambda done: accesses(list(SINGLE[name](done)), _shown(name)), call)
    token = _collected.set(None)
    try:
        result = call.function(*call.args, **call.kwargs)
    finally:
        _collected.reset(token)
    _collect(operations, name, call, result)
    return result


def _many(name: str, call: Call) -> Any:
    operations: Operations = []

    def describe(done: Call) -> Iterator[Access]:
        return accesses(operations or list(MANY[name](done)), _shown(name))

    token = _collected.set(operations)
    try:
        return call_and_report(describe, call)
    finally:
        _collected.reset(token)


async def await_call(name: str, call: Call) -> Any:
    """Make a call of a filesystem's coroutine method, as `make_call` does."""
    operations = _collected.get()
    if name in MANY and operations is None:
        operations = []
        found = operations
        token = _collected.set(operations)
        try:
            return await call_and_report(lambda done: accesses(found or list(MANY[name](done)), _shown(name)), call)
        finally:
            _collected.reset(token)
    if name in MANY:
        return await call.function(*call.args, **call.kwargs)
    if operations is None:
        return await call_and_report(lambda done: accesses(list(SINGLE[name](done)), _shown(name)), call)
    token = _collected.set(None)
    try:
        result = await call.function(*call.args, **call.kwargs)
    finally:
        _collected.reset(token)
    _collect(operations, name, call, result)
    return result


def _collect(operations: Operations, name: str, call: Call, result: Any) -> None:
    with guarded("describing a call", count_loss):
        operations.extend(SINGLE[name](Call(call.function, call.instance, call.args, call.kwargs, result)))


def _shown(name: str) -> str:
    return f"fsspec.{name}"


def accesses(operations: Sequence[Operation], call: str) -> Iterator[Access]:
    """The accesses of the operations of one call: of each file of a few, of the directories of many."""
    if len(operations) == 1 or all(one.kind == "drop" for one in operations):
        for one in operations:
            yield from _single(one, call)
        return
    for kind in ("read", "write", "copy", "move", "drop"):
        same = [one for one in operations if one.kind == kind]
        if len(same) <= MAX_SINGLE_FILES and kind in ("copy", "move", "drop"):
            for one in same:
                yield from _single(one, call)
        elif same and kind != "drop":
            yield from _grouped(kind, same, call)


def _grouped(kind: str, operations: Sequence[Operation], call: str) -> Iterator[Access]:
    first = operations[0]
    inputs: tuple[Location, ...] = ()
    if kind in ("copy", "move"):
        inputs = locate([one.source for one in operations], filesystem=first.source_filesystem)
    for found in locate([one.path for one in operations], filesystem=first.filesystem):
        yield Access(
            "read" if kind == "read" else "write",
            found.dataset,
            call,
            subset=found.subset,
            files=found.files,
            inputs=tuple(location.dataset for location in inputs),
        )


def _single(operation: Operation, call: str) -> Iterator[Access]:
    kind: Literal["read", "write", "drop"] = operation.kind if operation.kind in ("read", "write", "drop") else "write"
    inputs: tuple[Location, ...] = ()
    if operation.kind in ("copy", "move"):
        inputs = locate(operation.source, filesystem=operation.source_filesystem)
    for found in locate(operation.path, filesystem=operation.filesystem):
        if kind == "drop" and found.subset:
            continue  # the dataset stays, without this part
        yield Access(
            kind,
            found.dataset,
            call,
            size=operation.size,
            subset=found.subset,
            inputs=tuple(location.dataset for location in inputs),
            # a dataset of which a part was moved stays
            effect=MOVE if operation.kind == "move" and not any(one.subset for one in inputs) else None,
        )
