"""Export to Prefect: without raising, to the run's own API, without another run's context, up to a deadline."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.context import FlowRunContext, SettingsContext
from prefect.events import Event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_SERVER_EVENTS_MAXIMUM_RELATED_RESOURCES,
    PREFECT_SERVER_EVENTS_MAXIMUM_SIZE_BYTES,
    temporary_settings,
)

from prefect_lineage_events.emission import exporter
from prefect_lineage_events.emission.exporter import Exporter
from prefect_lineage_events.events import EmitterInfo, EventDataset, LineageEvent, StatementInfo
from tests.emission.conftest import STARTED, make_run

EVENT: dict[str, Any] = {"event": "lineage.read", "resource": {"prefect.resource.id": "s3://b/k"}, "payload": {}}
API = "http://127.0.0.1:1/api"


class Line:
    """A stand-in for a channel that keeps the events that it was given."""

    made: list[Line]

    def __init__(self, context: Context) -> None:
        self.context = context
        self.events: list[Event] = []
        self.full = False
        self.closed = False
        type(self).made.append(self)

    def put(self, event: Event, size: int) -> bool:
        self.events.append(event)
        return not self.full

    def close(self) -> None:
        self.closed = True

    def ended(self, deadline: float) -> bool:
        return not self.events

    @property
    def waiting(self) -> int:
        return len(self.events)


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    Line.made = []
    monkeypatch.setattr(exporter, "Channel", Line)
    with temporary_settings({PREFECT_API_URL: API}):
        yield Line.made


def in_settings(**values: Any) -> Any:
    with temporary_settings({PREFECT_API_URL: API, **values}):
        return make_run(settings=SettingsContext.get())


def test_an_event_is_sent_without_a_run_that_prefect_could_attach(lines: list[Line]) -> None:
    token = FlowRunContext.__var__.set("another run")  # type: ignore[arg-type]
    try:
        assert Exporter().send(EVENT, in_settings())
    finally:
        FlowRunContext.__var__.reset(token)
    assert [e.event for e in lines[0].events] == ["lineage.read"]
    assert lines[0].context[FlowRunContext.__var__] is None


def test_each_api_has_a_channel_of_its_own(lines: list[Line]) -> None:
    sender = Exporter()
    with temporary_settings({PREFECT_API_URL: "http://elsewhere/api", PREFECT_API_KEY: "k"}):
        elsewhere = make_run(settings=SettingsContext.get())
    for run in (in_settings(), elsewhere, in_settings()):
        assert sender.send(EVENT, run)
    assert [len(line.events) for line in lines] == [2, 1]
    assert str(lines[1].context[SettingsContext.__var__].settings.api.url) == "http://elsewhere/api"


def test_sending_an_event_beyond_prefects_size_returns_false(lines: list[Line]) -> None:
    with temporary_settings({PREFECT_API_URL: API, PREFECT_SERVER_EVENTS_MAXIMUM_SIZE_BYTES: 10}):
        run = make_run(settings=SettingsContext.get())
    assert Exporter().send(EVENT, run) is False
    assert lines == []


def test_two_threads_can_send_at_the_end_of_the_process(lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    sender, run, last = Exporter(), in_settings(), []

    def put(line: Line, event: Event, size: int) -> bool:
        patched.undo()
        with ThreadPoolExecutor(1) as other:
            last.append(other.submit(sender.send, EVENT, run).result())
        return True

    with monkeypatch.context() as patched:
        patched.setattr(Line, "put", put)
        assert sender.send(EVENT, run)
    assert last == [True]


def test_an_error_returns_false_and_raises_nothing() -> None:
    assert Exporter().send({"event": "lineage.read", "resource": "not a resource"}, in_settings()) is False


def test_an_event_that_the_channel_refuses_returns_false(lines: list[Line]) -> None:
    sender, run = Exporter(), in_settings()
    assert sender.send(EVENT, run)
    lines[0].full = True
    assert sender.send(EVENT, run) is False


def test_nothing_is_sent_where_prefect_emits_no_events(lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "should_emit_events", lambda: False)
    assert Exporter().send(EVENT, in_settings()) is False
    assert lines == []


def test_events_follow_redirected_events_of_prefect(lines: list[Line]) -> None:
    EventsWorker.set_client_override(AssertingEventsClient)
    try:
        sender = Exporter()
        assert sender.send(EVENT, in_settings())
        sender.finish(time.monotonic() + 30)
        assert [e.event for e in AssertingEventsClient.last.events] == ["lineage.read"]  # type: ignore[union-attr]
    finally:
        EventsWorker.instance().drain()
        EventsWorker.set_client_override(None)
    assert lines == []


def test_wait_returns_the_number_of_events_not_taken_and_a_later_event_opens_a_channel(lines: list[Line]) -> None:
    sender, run = Exporter(), in_settings()
    sender.send(EVENT, run)
    assert sender.wait(time.monotonic()) == 1
    assert lines[0].closed
    sender.send(EVENT, run)
    assert len(lines) == 2


def test_events_that_were_waited_for_in_vain_are_waited_for_again_at_the_end(lines: list[Line]) -> None:
    sender = Exporter()
    sender.send(EVENT, in_settings())
    sender.wait(time.monotonic())
    assert not sender.finish(time.monotonic())
    sender = Exporter()
    sender.send(EVENT, in_settings())
    sender.wait(time.monotonic())
    lines[-1].events.clear()
    assert sender.finish(time.monotonic())


def test_events_lost_at_the_end_are_logged_once(lines: list[Line], caplog: pytest.LogCaptureFixture) -> None:
    sender, run = Exporter(), in_settings()
    for _ in range(3):
        sender.send(EVENT, run)
    with caplog.at_level("WARNING", logger="prefect_lineage_events"):
        sender.finish(time.monotonic())
        sender.finish(time.monotonic())
    assert [r.getMessage() for r in caplog.records] == [
        "lineage: the Prefect API did not confirm 3 events in time; they may be lost"
    ]


def test_nothing_is_sent_after_the_end(lines: list[Line]) -> None:
    sender = Exporter()
    sender.finish(time.monotonic())
    assert sender.send(EVENT, in_settings()) is False
    assert lines == []


def test_waiting_for_prefects_worker_ends_at_the_deadline() -> None:
    stuck: queue.Queue[Any] = queue.Queue()
    stuck.put(object())
    sender = Exporter()
    sender._workers.append(SimpleNamespace(_queue=stuck))  # type: ignore[arg-type]
    sender.finish(deadline=time.monotonic())
    assert stuck.unfinished_tasks == 1


def statement_event(inputs: int) -> dict[str, Any]:
    datasets = [EventDataset(namespace="s3://b", name=f"k{i}") for i in range(inputs)]
    info = StatementInfo(id=uuid4(), sql="SELECT ?", started=STARTED)
    emitter = EmitterInfo(id=uuid4(), sequence=0)
    return LineageEvent(operation="read", inputs=tuple(datasets), statement=info, emitter=emitter).to_prefect()


@pytest.mark.parametrize("inputs", [1, 3, 40])
def test_an_event_equals_the_one_that_prefect_would_make(lines: list[Line], inputs: int) -> None:
    event = statement_event(inputs)
    assert Exporter().send(event, in_settings())
    (made,) = lines[0].events
    assert made == Event(**event)
    assert made.model_dump_json() == Event(**event).model_dump_json()


def test_more_related_resources_than_the_settings_allow_are_not_sent(lines: list[Line]) -> None:
    with temporary_settings({PREFECT_API_URL: API, PREFECT_SERVER_EVENTS_MAXIMUM_RELATED_RESOURCES: 30}):
        run = make_run(settings=SettingsContext.get())
    assert Exporter().send(statement_event(40), run) is False
    assert not lines
