"""Messages of a client, counted by topic and direction, for the run and the thread of control that handle them."""

from __future__ import annotations

import datetime as dt
import threading
import weakref
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from prefect.context import FlowRunContext, TaskRunContext

from prefect_lineage_events import filters
from prefect_lineage_events.context import propagation, threads
from prefect_lineage_events.context.run import in_call, is_in_call
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.tallies import Tally
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.access import is_inside, reporting_run

_MAX_THREADS = 64
_MAX_TOPICS = 1_000


class _Known(NamedTuple):
    """The tally of a thread, as long as its contexts and its thread of control are the same."""

    flow: Any
    task: Any
    control: Any
    thread: int
    tally: Tally

    def serves(self, flow: Any, task: Any) -> bool:
        if self.flow() is not flow or self.task() is not task or self.thread != threading.get_ident():
            return False
        if flow is None and task is None:
            return self.control() is _control(flow, task) and not is_in_call() and self.tally.run.is_running()
        return self.control() is threads.asyncio_task()


def _none() -> None:
    return None


def _reference(thing: Any) -> Callable[[], Any]:
    return weakref.ref(thing) if thing is not None else _none


def _control(flow: Any, task: Any) -> Any:
    """The asyncio task of the calling code; outside any of Prefect's contexts, what its run depends on."""
    asyncio_task = threads.asyncio_task()
    if asyncio_task is not None or flow is not None or task is not None:
        return asyncio_task
    return propagation.work_item() or threading.current_thread()


# The variables of Prefect's contexts: `get` of the classes does the same, and takes three times as long.
_flow_context: Callable[[Any], Any] = FlowRunContext.__var__.get
_task_context: Callable[[Any], Any] = TaskRunContext.__var__.get


class Topic:
    """The messages that one client reads from a topic, or writes to it. `call` names the client's call.

    A message costs the user's thread about a microsecond, as long as the same thread handles those of the same run.
    """

    __slots__ = ("_known", "_last", "call", "dataset", "operation")

    def __init__(self, operation: Literal["read", "write"], dataset: Dataset, call: str) -> None:
        self.operation = operation
        self.dataset = dataset
        self.call = call
        self._known: dict[int, _Known] = {}
        self._last: _Known | None = None

    def tally(self) -> Tally | None:
        """The tally of the calling code; None where nothing is to be reported."""
        if filters.disabled() or in_call.get():
            return None
        flow, task = _flow_context(None), _task_context(None)
        known = self._last
        if known is not None and known.serves(flow, task):
            return known.tally
        known = self._known.get(threading.get_ident())
        if known is not None and known.serves(flow, task):
            self._last = known
            return known.tally
        return None if is_inside() else self._new(flow, task)

    def _new(self, flow: Any, task: Any) -> Tally | None:
        run = reporting_run()
        if run is None:
            return None
        writes = self.operation == "write"
        tally = Tally(
            RecordNote(
                self.operation,
                self.dataset if writes else None,
                () if writes else (self.dataset,),
                run,
                dt.datetime.now(dt.timezone.utc),
                description=self.call,
                thread=run.thread,
            )
        )
        if len(self._known) >= _MAX_THREADS:
            self._known.clear()
        control = _reference(_control(flow, task))
        thread = threading.get_ident()
        known = self._known[thread] = _Known(_reference(flow), _reference(task), control, thread, tally)
        self._last = known
        return tally


class Topics:
    """The topics of one client. `dataset_of(name)` is the dataset of a topic, None if it is not known.

    `read` and `written` name the client's calls.
    """

    __slots__ = ("_calls", "_dataset_of", "_held", "_reads", "_writes")

    def __init__(self, dataset_of: Callable[[str], Dataset | None], *, read: str, written: str) -> None:
        self._dataset_of = dataset_of
        self._calls = {"read": read, "write": written}
        self._reads: dict[str, Topic | None] = {}
        self._writes: dict[str, Topic | None] = {}
        self._held: dict[Tally, int] | None = None

    def count(self, operation: Literal["read", "write"], name: str, messages: int = 1) -> None:
        """Count messages that the calling code has read or written. Never raises."""
        tally = self.tally(operation, name)
        if tally is not None:
            tally.add(messages)

    def tally(self, operation: Literal["read", "write"], name: str) -> Tally | None:
        """The tally of a topic for the calling code; None where nothing is to be reported. Never raises."""
        with guarded("counting messages", count_loss):
            topics = self._reads if operation == "read" else self._writes
            topic = topics.get(name)
            if topic is None:
                topic = self._new(operation, name, topics)
            if topic is not None:
                return topic.tally()
            count_loss("messages of a topic whose broker is not known")
        return None

    def _new(self, operation: Literal["read", "write"], name: str, topics: dict[str, Topic | None]) -> Topic | None:
        if name not in topics:
            if len(topics) >= _MAX_TOPICS:
                topics.clear()
            dataset = self._dataset_of(name)
            topics[name] = Topic(operation, dataset, self._calls[operation]) if dataset is not None else None
        return topics[name]

    def arrived(self, tally: Tally, messages: int = 1) -> None:
        """Count messages that have arrived; within a transaction, when it is committed."""
        held = self._held
        if held is None:
            tally.add(messages)
        else:
            held[tally] = held.get(tally, 0) + messages

    def begin(self) -> None:
        """Hold what arrives from now on: a transaction has begun."""
        self._held = {}

    def commit(self) -> None:
        """Count what the transaction wrote: it is visible now."""
        held, self._held = self._held, None
        for tally, messages in (held or {}).items():
            tally.add(messages)

    def abort(self) -> None:
        """Drop what the transaction wrote: readers do not see it."""
        self._held = None
