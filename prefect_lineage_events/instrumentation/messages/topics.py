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
    tally: Tally

    def serves(self, flow: Any, task: Any) -> bool:
        if self.flow() is not flow or self.task() is not task:
            return False
        if self.control() is not _control(flow, task):
            return False
        return flow is not None or task is not None or self.tally.run.is_running()


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


class Topic:
    """The messages that one client reads from a topic, or writes to it. `call` names the client's call."""

    __slots__ = ("_known", "call", "dataset", "operation")

    def __init__(self, operation: Literal["read", "write"], dataset: Dataset, call: str) -> None:
        self.operation = operation
        self.dataset = dataset
        self.call = call
        self._known: dict[int, _Known] = {}

    def add(self, messages: int = 1) -> None:
        """Count messages that the calling code has read or written. Never raises."""
        tally = self.tally()
        if tally is not None:
            tally.add(messages)

    def tally(self) -> Tally | None:
        """The tally of the calling code; None where nothing is to be reported."""
        with guarded("counting messages", count_loss):
            if filters.disabled() or is_inside():
                return None
            flow, task = FlowRunContext.get(), TaskRunContext.get()
            known = self._known.get(threading.get_ident())
            if known is not None and known.serves(flow, task):
                return known.tally
            return self._new(flow, task)
        return None

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
        self._known[threading.get_ident()] = _Known(_reference(flow), _reference(task), control, tally)
        return tally


class Topics:
    """The topics of one client. `dataset_of(name)` is the dataset of a topic, None if it is not known."""

    __slots__ = ("_dataset_of", "_held", "_topics")

    def __init__(self, dataset_of: Callable[[str], Dataset | None]) -> None:
        self._dataset_of = dataset_of
        self._topics: dict[tuple[str, str], Topic | None] = {}
        self._held: dict[Tally, int] | None = None

    def topic(self, operation: Literal["read", "write"], name: str, call: str) -> Topic | None:
        """A topic by its name, for one direction."""
        key = (operation, name)
        if key not in self._topics:
            if len(self._topics) >= _MAX_TOPICS:
                self._topics.clear()
            dataset = self._dataset_of(name)
            self._topics[key] = Topic(operation, dataset, call) if dataset is not None else None
        return self._topics[key]

    def count(self, operation: Literal["read", "write"], name: str, call: str, messages: int = 1) -> None:
        """Count messages that the calling code has read or written. Never raises."""
        with guarded("counting messages", count_loss):
            topic = self.topic(operation, name, call)
            if topic is None:
                count_loss("messages of a topic whose broker is not known")
            else:
                topic.add(messages)

    def tally(self, name: str, call: str) -> Tally | None:
        """The tally for messages that the calling code writes, which are to be counted when they have arrived."""
        with guarded("counting messages", count_loss):
            topic = self.topic("write", name, call)
            if topic is not None:
                return topic.tally()
            count_loss("messages of a topic whose broker is not known")
        return None

    def arrived(self, tally: Tally, messages: int = 1) -> None:
        """Count messages that have arrived; within a transaction, when it is committed."""
        held = self._held
        if held is None:
            tally.add(messages)
        else:
            held[tally] = held.get(tally, 0) + messages

    def begin(self) -> None:
        """A transaction has begun."""
        self._held = {}

    def commit(self) -> None:
        """The transaction was committed: what it wrote is visible now."""
        held, self._held = self._held, None
        for tally, messages in (held or {}).items():
            tally.add(messages)

    def abort(self) -> None:
        """The transaction was aborted: readers do not see its messages."""
        self._held = None
