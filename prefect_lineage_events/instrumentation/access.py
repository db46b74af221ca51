"""Reads and writes by calls of libraries that are no databases: files, objects, HTTP, messages.

`reports` makes the patch of a function or method (`patches.add`): the call is made, and what it accessed is noted once
it has succeeded. A library that uses another one for the same access (pandas uses pyarrow, which uses fsspec) is noted
once, by the outermost call.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from types import CoroutineType, FrameType
from typing import Any, Literal

from prefect_lineage_events import filters
from prefect_lineage_events.context import propagation
from prefect_lineage_events.context.run import Run, current_run, in_call, is_in_call
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss, count_without_run
from prefect_lineage_events.emission.notes import RecordColumns, RecordNote
from prefect_lineage_events.events import STAR, Column, EventColumnEdge
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import frames, open_files
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, code_in, in_file_of
from prefect_lineage_events.instrumentation.read_frames import remember

MAX_COLUMNS = 2_000

# The calls in progress that are noted as a whole, in all threads.
_in_progress: set[object] = set()


@dataclass(frozen=True, slots=True)
class Access:
    """A dataset that a call has read, written or removed (`drop`).

    `call` names it (`pandas.read_csv`). `columns` and `rows` are those of the frame, `size` is in bytes, `files` the
    number of files; `subset` are the parts of the dataset that were touched, relative to it. `inputs` of a write are
    sources that the call itself names, those of a read further datasets of the same rows. `symlinks` are other names of
    the dataset, which the library knows (the location of a catalog's table). `appends`: a write keeps what was there.
    `effect` is "move" for a write after which its input is gone. `input_columns` are those of each dataset that is
    read, in order; with them, `edges` are all that there are. `later` computes columns and edges in our thread, where
    that takes a while. `data` is the frame or the table, or a list of them, whose rows are compared with those of other
    accesses. `opens` is the file that was opened by it, `file` the open file that a library has read or written. None
    and () mean "not known".
    """

    operation: Literal["read", "write", "drop"]
    dataset: Dataset
    call: str = ""
    columns: tuple[Column, ...] = ()
    edges: tuple[EventColumnEdge, ...] = ()
    rows: int | None = None
    size: int | None = None
    files: int | None = None
    subset: tuple[str, ...] = ()
    inputs: tuple[Dataset, ...] = ()
    symlinks: tuple[Dataset, ...] = ()
    appends: bool = False
    input_columns: tuple[tuple[Column, ...], ...] | None = None
    later: Callable[[], RecordColumns] | None = None
    effect: str | None = None
    data: Any = None
    opens: Any = None
    file: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a library that has succeeded."""

    function: Callable[..., Any]
    instance: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any = None

    def argument(self, position: int, *names: str, default: Any = None) -> Any:
        """An argument by its position, or by the first of its names that is given."""
        if len(self.args) > position:
            return self.args[position]
        return next((self.kwargs[name] for name in names if name in self.kwargs), default)


Describe = Callable[[Call], Iterable[Access]]
Make = Callable[[Any, Callable[[], bool]], Any]


def reporting_run() -> Run | None:
    """The run for which the calling code reports; None outside of runs, and where a filter or the user excludes it."""
    if not filters.current().enabled or filters.disabled() or worker.is_worker_thread():
        return None
    run = current_run()
    if run is None:
        count_without_run()
        return None
    return run if run.captured else None


def _is_part_of_call() -> bool:
    """Return whether the calling thread works for a call that is noted in another thread.

    A pool's work item has the mark of its start. A thread of a library in C++ or Rust has none.
    """
    return is_in_call() or (bool(_in_progress) and propagation.is_foreign())


def report(access: Access) -> None:
    """Note an access that has succeeded. Never raises, never waits; outside of runs it does nothing."""
    with guarded("noting an access", count_loss):
        run = reporting_run()
        if run is not None:
            note = _note(access, run)
            if access.data is not None:
                _sample(note, access.data)
            if access.opens is not None:
                open_files.opened_to_be_read(access.opens, note)
            if access.file is None or not open_files.waits(access.file, note):
                worker.put(note)


def _note(access: Access, run: Run) -> RecordNote:
    reads = access.operation == "read"
    return RecordNote(
        access.operation,
        None if reads else access.dataset,
        (access.dataset, *access.inputs) if reads else access.inputs,
        run,
        dt.datetime.now(dt.timezone.utc),
        access.rows,
        access.call,
        run.thread,
        access.columns[:MAX_COLUMNS],
        access.edges or _edges_of_copy(access),
        access.subset,
        access.size,
        access.files,
        access.symlinks,
        access.appends,
        access.input_columns,
        access.later,
        access.effect,
    )


def _edges_of_copy(access: Access) -> tuple[EventColumnEdge, ...]:
    """The edges of a file that is written from others as they are: a call that sees no columns uploads or copies."""
    if access.operation != "write" or access.columns or access.later is not None or access.input_columns is not None:
        return ()
    return tuple(
        EventColumnEdge(column=STAR, source=source.uri, source_column=STAR)
        for source in access.inputs
        if source != access.dataset
    )


def _sample(note: RecordNote, data: Any) -> None:
    with guarded("taking a sample of rows"):
        if note.operation == "read":
            note.sample = frames.sample_read(data)
            frames.keep_read(data, note)
        else:
            note.sample, note.origins = frames.sample_written(data), frames.origins_of(data)
            note.renamed = note.origins.renamed if note.origins else ()


def is_inside() -> bool:
    """Return whether the calling code is a part of a library's call that is noted as a whole, or of `suppressed`."""
    return in_call.get() or _is_part_of_call()


@contextmanager
def suppressed() -> Iterator[None]:
    """A block in which no library's call is noted: it is noted as a whole, or it is work of Prefect's or our own."""
    token = in_call.set(True)
    try:
        yield
    finally:
        in_call.reset(token)


def reports(describe: Describe) -> Make:
    """The maker of a patch (`patches.add`) of a function or method, sync or `async`, whose accesses are noted.

    `describe` gets the call after it has returned, and yields its accesses. Its errors do not reach the caller.
    """

    def wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if in_call.get():
            return function(*args, **kwargs)
        if iscoroutinefunction(function):
            return call_and_report(describe, Call(function, instance, args, kwargs))
        with _in_one_call():
            frame = sys._getframe(1)
            result = eval(code_in(frame), frame.f_globals, {"_lineage_call": (function, args, kwargs)})
        return _reported(describe, Call(function, instance, args, kwargs, result))

    def make(original: Any, is_on: Callable[[], bool]) -> Any:
        return PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)

    return make


def call_and_report(describe: Describe, call: Call, caller: FrameType | None = None) -> Any:
    """Make a call, and note its accesses once it has succeeded; a coroutine that does so, where it is `async`.

    A warning of the library is shown for the frame of the `caller`.
    """
    if in_call.get():
        return call.function(*call.args, **call.kwargs)
    if iscoroutinefunction(call.function):
        coroutine: Any = _awaited(describe, call)
        coroutine.__qualname__ = call.function.__qualname__  # Python's warning about a missing `await` names it
        return coroutine
    with _in_one_call():
        if caller is None:
            result = call.function(*call.args, **call.kwargs)
        else:
            names = {"_lineage_call": (call.function, call.args, call.kwargs)}
            result = eval(code_in(caller), caller.f_globals, names)
    return _reported(describe, replace(call, result=result))


def _reported(describe: Describe, call: Call) -> Any:
    if isinstance(call.result, CoroutineType):  # a function that has both forms, and chooses by its caller
        return _awaited(describe, call, call.result)
    report_call(describe, call)
    return call.result


async def _awaited(describe: Describe, call: Call, coroutine: Awaitable[Any] | None = None) -> Any:
    with _in_one_call():
        result = await (call.function(*call.args, **call.kwargs) if coroutine is None else coroutine)
    report_call(describe, replace(call, result=result))
    return result


class _in_one_call:
    """A block that is one call in progress. A class, because a generator's frame would take thrice the time."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = in_call.set(True)
        _in_progress.add(self)

    def __exit__(self, *_: object) -> None:
        _in_progress.discard(self)
        in_call.reset(self._token)


def _unreported(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call_and_report(lambda _: (), Call(function, instance, args, kwargs))


def unreported(original: Any, is_on: Callable[[], bool]) -> Any:
    """The maker of a patch of a function or method in which nothing is noted: a part of Prefect's own work."""
    return PatchedFunction(original, _unreported, enabled=is_on)


def report_call(describe: Describe, call: Call) -> None:
    """Note the accesses of a call that has succeeded."""
    with guarded("describing a call", count_loss):
        if reporting_run() is not None and not _is_part_of_call():
            reads: list[tuple[Dataset, tuple[Column, ...]]] = []
            for access in describe(call):
                report(access)
                is_plain = access.operation == "read" and not (access.edges or access.subset or access.inputs)
                reads.append((access.dataset, access.columns if is_plain else ()))
            remember(call.result, reads)
