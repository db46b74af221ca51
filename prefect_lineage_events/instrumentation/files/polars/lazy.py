"""polars' lazy frames: what is read when a query is run, and what it writes.

A sink that is made with `lazy=True` writes when its frame is collected.
"""

from __future__ import annotations

import sys
from asyncio import Future
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, ref

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import (
    Access,
    Call,
    Describe,
    Make,
    call_and_report,
    is_inside,
    report_call,
    reporting_run,
    reports,
)
from prefect_lineage_events.instrumentation.files.lakes import LakeTable, delta_target, iceberg_target
from prefect_lineage_events.instrumentation.files.locations import Location, locate
from prefect_lineage_events.instrumentation.files.polars.derived import pass_on_origins
from prefect_lineage_events.instrumentation.files.polars.plan import Plan
from prefect_lineage_events.instrumentation.files.polars.queries import Query, plan_of, query, read
from prefect_lineage_events.instrumentation.files.polars.scans import columns_of_schema, take_fresh
from prefect_lineage_events.instrumentation.files.polars.tables import Running
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, code_in, in_file_of

_SINKS = ("sink_parquet", "sink_csv", "sink_ipc", "sink_ndjson")
_COLLECT = "polars.LazyFrame.collect"


@dataclass(frozen=True, slots=True)
class _Sink:
    """A sink that writes later: the frame that it writes, and where to."""

    frame: Any
    locations: tuple[Location, ...]
    call: str


# Sinks by the lazy frame that stands for them. Lazy frames cannot be compared, so the key is the identity.
_sinks: dict[int, tuple[Any, tuple[_Sink, ...]]] = {}
# The frames of queries that run in the background or in batches, until the first result.
_pending: WeakKeyDictionary[Any, tuple[Any, Running]] = WeakKeyDictionary()


def targets(target: Any, options: Any = None) -> tuple[Location, ...]:
    """The datasets that a target of a write names: a path, an open file, or the directory of `PartitionBy`."""
    inner = getattr(target, "_pl_partition_by", None) or getattr(target, "_pl_sink_directory", None)
    if inner is not None:
        target = inner.base_path
    if target is None:
        return ()
    return locate(target, options=options)


def _remember_sinks(frame: Any, sinks: Iterable[_Sink]) -> None:
    key = id(frame)
    _sinks[key] = (ref(frame, lambda _: _sinks.pop(key, None)), tuple(sinks))


def _sinks_of(frame: Any) -> tuple[_Sink, ...]:
    return _sinks.get(id(frame), (None, ()))[1]


def _written(sink: _Sink, running: Running) -> Iterator[Access]:
    """The writes of a sink: with the sources of its plan, and the columns of each that went in."""
    if not sink.locations:
        yield from _only_read(sink.frame, sink.call, running)
        return
    plan = plan_of(sink.frame)
    schema = sink.frame._ldf.collect_schema() if plan is not None else {}
    found = query(plan, schema, running, writes=True) if plan is not None else Query()
    for location in sink.locations:
        yield Access(
            "write",
            location.dataset,
            sink.call,
            () if found.inputs else columns_of_schema(schema),
            size=location.size(),
            subset=location.subset,
            inputs=found.inputs,
            later=found.later,
        )


def _only_read(frame: Any, call: str, running: Running) -> Iterator[Access]:
    """The read of a query whose rows went to the program, and whose result is not at hand."""
    plan = plan_of(frame)
    if plan is not None:
        yield from read(plan, frame._ldf.collect_schema(), running, call)


def _collected(frame: Any, result: Any, call: str, running: Running) -> Iterator[Access]:
    """The accesses of a query that was run: its sinks' writes, or its read."""
    if sinks := _sinks_of(frame):
        for sink in sinks:
            yield from _written(sink, running)
        return
    plan = plan_of(frame)
    if plan is None:
        return
    if plan.has_sink:
        yield from _unknown_sink(plan, running)
    elif hasattr(result, "height"):
        yield from read(plan, result.schema, running, call, rows=result.height, data=result)


def _unknown_sink(plan: Plan, running: Running) -> Iterator[Access]:
    count_loss("a sink of a lazy frame that was made elsewhere")
    yield from read(plan, {}, running, _COLLECT)


def _watches(watch: Callable[..., Any]) -> Make:
    return lambda original, is_on: PatchedFunction(original, in_file_of(original, watch), enabled=is_on)


def _ran(describe: Describe, call: Call, caller: FrameType) -> Any:
    """Run a query, and note it. Functions of the program that it calls (`map_batches`) note their own accesses."""
    result = eval(code_in(caller), caller.f_globals, {"_lineage_call": (call.function, call.args, call.kwargs)})
    report_call(describe, replace(call, result=result))
    pass_on_origins(call.instance, result)
    return result


def _runs(
    describe: Callable[[Call, Running], Iterable[Access]],
    run: Callable[[Describe, Call, FrameType], Any] = _ran,
) -> Make:
    """The maker of a patch of a method or function that runs queries."""

    def wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_inside():
            return function(*args, **kwargs)
        with Running() as running:
            call = Call(function, instance, args, kwargs)
            return run(lambda done: describe(done, running), call, sys._getframe(1))

    return _watches(wrapper)


def _collect(call: Call, running: Running) -> Iterator[Access]:
    if hasattr(call.result, "fetch_blocking"):
        _pending[call.result] = (call.instance, running)
        return
    yield from _collected(call.instance, call.result, _COLLECT, running)


def _collect_eager(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a query of a function of polars that returns a frame. One that has made no lazy frame on files reads none.

    So the functions that read are captured also where a program imported them by their names earlier.
    """
    if is_inside() or not take_fresh():
        return function(*args, **kwargs)
    with Running() as running:
        call = Call(function, instance, args, kwargs)
        return _ran(lambda done: _collect(done, running), call, sys._getframe(1))


def _collect_batches(call: Call, running: Running) -> Iterator[Access]:
    _pending[call.result] = (call.instance, running)
    return iter(())


def _first_result(name: str) -> Describe:
    """The description of a method that returns a result of a query that was started earlier."""

    def describe(call: Call) -> Iterator[Access]:
        if call.result is None:
            return
        pending = _pending.pop(call.instance, None)
        if pending is not None:
            yield from _collected(pending[0], call.result, f"polars.{name}", pending[1])

    return describe


def _first_batch(call: Call) -> Iterator[Access]:
    pending = _pending.pop(call.instance, None)
    if pending is not None:
        yield from _only_read(pending[0], "polars.LazyFrame.collect_batches", pending[1])


def _collect_async(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if is_inside():
        return function(*args, **kwargs)
    result = function(*args, **kwargs)
    with guarded("watching a query", count_loss):
        frames = [instance] if instance is not None else list(args[0] if args else kwargs["lazy_frames"])
        _when_done(result, frames)
    return result


def _when_done(result: Any, frames: list[Any]) -> None:
    """Note the reads of queries once polars has finished them."""
    if reporting_run() is None:
        return
    if not isinstance(getattr(result, "result", None), Future):
        count_loss("a query of polars whose end is not seen")
        return
    running = Running()
    running.__enter__()

    def done(future: Future[Any]) -> None:
        running.__exit__()
        if future.cancelled() or future.exception() is not None:
            return
        results = future.result() if isinstance(future.result(), list) else [future.result()]
        for frame, one in zip(frames, results, strict=False):
            call = Call(done, frame, (), {}, one)
            report_call(lambda c: _collected(c.instance, c.result, "polars.LazyFrame.collect_async", running), call)
            pass_on_origins(frame, one)

    result.result.add_done_callback(done)


def _collect_all(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if is_inside():
        return function(*args, **kwargs)
    frames = args[0] if args else kwargs.get("lazy_frames")
    if not isinstance(frames, list | tuple) and frames is not None:
        frames = list(frames)  # it can be taken once, and polars takes all of it at once as well
        args, kwargs = ((frames, *args[1:]), kwargs) if args else (args, {**kwargs, "lazy_frames": frames})

    def describe(call: Call) -> Iterator[Access]:
        if isinstance(call.result, list):
            for frame, one in zip(frames or (), call.result, strict=False):
                yield from _collected(frame, one, "polars.collect_all", running)
        else:
            _remember_sinks(call.result, (sink for frame in frames or () for sink in _sinks_of(frame)))
        yield from ()

    with Running() as running:
        return _ran(describe, Call(function, None, args, kwargs), sys._getframe(1))


def _sink(name: str) -> Callable[[Call, Running], Iterator[Access]]:
    def describe(call: Call, running: Running) -> Iterator[Access]:
        target = call.argument(0, "path", "target")
        sink = _Sink(call.instance, targets(target, call.kwargs.get("storage_options")), f"polars.LazyFrame.{name}")
        if hasattr(call.result, "_ldf"):
            _remember_sinks(call.result, [sink])
        else:
            yield from _written(sink, running)

    return describe


def _sink_batches(call: Call, running: Running) -> Iterator[Access]:
    sink = _Sink(call.instance, (), "polars.LazyFrame.sink_batches")
    if hasattr(call.result, "_ldf"):
        _remember_sinks(call.result, [sink])
    else:
        yield from _only_read(sink.frame, sink.call, running)


def _execute(call: Call, running: Running) -> Iterator[Access]:
    yield from _only_read(call.instance, "polars.LazyFrame.execute", running)


def _profile(call: Call, running: Running) -> Iterator[Access]:
    yield from _collected(call.instance, call.result[0], "polars.LazyFrame.profile", running)


def _to_table(name: str, table_of: Callable[..., LakeTable | None]) -> Callable[[Call, Running], Iterator[Access]]:
    """The description of a sink to a table."""

    def describe(call: Call, running: Running) -> Iterator[Access]:
        if hasattr(call.result, "execute"):  # a merge, which its own call executes
            return
        table = table_of(call.argument(0, "target"), call.kwargs)
        is_known = call.kwargs.get("mode") != "ignore"
        if not is_known:
            count_loss("a table that is written unless it exists")
        locations = (Location(table.dataset),) if table is not None and is_known else ()
        for access in _written(_Sink(call.instance, locations, f"polars.LazyFrame.{name}"), running):
            is_write = table is not None and access.operation == "write"
            symlinks = table.symlinks if table is not None and is_write else ()
            yield replace(access, symlinks=symlinks, appends=is_write and call.kwargs.get("mode") == "append")

    return describe


def patch_lazy_frame(kind: Any) -> None:
    """Patch the methods of `LazyFrame` that run a query."""
    makers: dict[str, Any] = {
        "collect": _runs(_collect),
        "_collect_eager": _watches(_collect_eager),
        "collect_batches": _runs(_collect_batches),
        "sink_batches": _runs(_sink_batches),
        "profile": _runs(_profile),
        "fetch": _runs(_collect),
        "execute": _runs(_execute),
        "collect_async": _watches(_collect_async),
        "sink_delta": _runs(_to_table("sink_delta", delta_target), call_and_report),
        "sink_iceberg": _runs(_to_table("sink_iceberg", iceberg_target), call_and_report),
    }
    makers |= {name: _runs(_sink(name)) for name in _SINKS}
    for name, make in makers.items():
        if hasattr(kind, name):
            patches.add(kind, name, make)


def functions() -> dict[str, Any]:
    """The makers of patches of functions that run queries."""
    return {"collect_all": _watches(_collect_all), "collect_all_async": _watches(_collect_async)}


def patch_results(kind: Any) -> None:
    """Patch a class whose instances give the results of queries that were started earlier."""
    for name in ("fetch", "fetch_blocking"):
        if hasattr(kind, name):
            patches.add(kind, name, reports(_first_result("LazyFrame.collect")))
    if hasattr(kind, "__next__"):
        patches.add(kind, "__next__", reports(_first_batch))
