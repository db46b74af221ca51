"""Handing over to Prefect: softly, without another run's context, and taken back when there is no time."""

from __future__ import annotations

import queue
import time
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import prefect.events
import pytest
from prefect.context import FlowRunContext
from prefect.events import Event
from prefect.events.worker import EventsWorker
from prefect.exceptions import EventTooLarge

from prefect_lineage_events.capture.sending import Sender, _take_back
from prefect_lineage_events.events import EmitterInfo, EventDataset, LineageEvent, StatementInfo

from .conftest import STARTED, make_run

EVENT: dict[str, Any] = {"event": "lineage.read", "resource": {"prefect.resource.id": "s3://b/k"}, "payload": {}}


class FakeWorker:
    """Prefect's worker, as far as it is looked into: a queue, and what it does with an event that is removed."""

    _stopped = False

    def __init__(self, *names: str) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.sent: list[Any] = []
        self.removed: list[str] = []
        for name in names:
            payload = {"schema_version": 1} if name.startswith("lineage.") else {}
            self._queue.put(SimpleNamespace(event=name, payload=payload))
        self._queue.put(None)

    def _on_item_dropped(self, event: Any) -> None:
        self.removed.append(event.event)

    def send(self, event: Any) -> None:
        self.sent.append(event)


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of `emit_event`, with the run that Prefect would have attached."""
    calls: list[dict[str, Any]] = []
    workers = [FakeWorker()]
    monkeypatch.setattr(EventsWorker, "instance", classmethod(lambda cls: workers[-1]))
    monkeypatch.setattr(
        prefect.events, "emit_event", lambda **event: calls.append(event | {"run": FlowRunContext.get()}) or 1
    )
    return calls


def test_an_event_is_handed_over_with_no_run_for_prefect_to_attach(emitted: list[dict[str, Any]]) -> None:
    token = FlowRunContext.__var__.set("another run")  # type: ignore[arg-type]
    try:
        assert Sender().send(EVENT, make_run())
    finally:
        FlowRunContext.__var__.reset(token)
    assert [e["run"] for e in emitted] == [None]


def test_the_runs_own_settings_apply(emitted: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.context import SettingsContext
    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    seen: list[object] = []
    monkeypatch.setattr(
        prefect.events, "emit_event", lambda **event: seen.append(str(get_current_settings().api.url)) or 1
    )
    with temporary_settings({PREFECT_API_URL: "http://elsewhere/api"}):
        run = make_run(settings=SettingsContext.get())
    assert Sender().send(EVENT, run)
    assert seen == ["http://elsewhere/api"]


@pytest.mark.parametrize("error", [EventTooLarge(2, 1), RuntimeError("closed")])
def test_an_error_is_a_false_not_an_exception(
    emitted: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raises(**event: Any) -> None:
        raise error

    monkeypatch.setattr(prefect.events, "emit_event", raises)
    assert Sender().send(EVENT, make_run()) is False


def test_an_event_prefect_does_not_take_is_a_false(
    emitted: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect.events, "emit_event", lambda **event: None)
    assert Sender().send(EVENT, make_run()) is False


def statement_event(inputs: int = 1, **more: Any) -> dict[str, Any]:
    datasets = [EventDataset(namespace="s3://b", name=f"k{i}") for i in range(inputs)]
    info = StatementInfo(id=uuid4(), sql="SELECT ?", started=STARTED, **more)
    emitter = EmitterInfo(id=uuid4(), sequence=0)
    return LineageEvent(operation="read", inputs=tuple(datasets), statement=info, emitter=emitter).to_prefect()


def test_ordinary_events_are_what_prefect_would_have_made_of_them(emitted: list[dict[str, Any]]) -> None:
    sender, event = Sender(), statement_event(3)
    sender.send(statement_event(), make_run())
    assert sender.send(event, make_run())
    (sent,) = EventsWorker.instance().sent  # type: ignore[attr-defined]
    assert sent == Event(**event)
    assert sent.model_dump_json() == Event(**event).model_dump_json()
    assert len(emitted) == 1


def test_what_prefect_may_refuse_goes_through_its_validation(emitted: list[dict[str, Any]]) -> None:
    sender = Sender()
    for event in (statement_event(), statement_event(80), statement_event() | {"occurred": None}, EVENT):
        sender.send({"occurred": STARTED, "related": []} | event, make_run())
    assert len(emitted) == 4


def test_a_stopped_worker_is_given_nothing(emitted: list[dict[str, Any]]) -> None:
    sender = Sender()
    sender.send(statement_event(), make_run())
    worker = EventsWorker.instance()
    worker._stopped = True
    assert sender.send(statement_event(), make_run())
    assert (len(emitted), worker.sent) == (2, [])  # type: ignore[attr-defined]


def test_only_our_own_waiting_events_are_taken_back() -> None:
    worker = FakeWorker("prefect.task-run.Completed", "lineage.read", "lineage.closed")
    assert _take_back(worker) == 2  # type: ignore[arg-type]
    assert worker.removed == ["lineage.read", "lineage.closed"]
    left = [worker._queue.get_nowait() for _ in range(worker._queue.qsize())]
    assert [e and e.event for e in left] == ["prefect.task-run.Completed", None]


def test_a_users_own_event_of_a_like_name_is_not_taken_back() -> None:
    worker = FakeWorker()
    worker._queue.put(SimpleNamespace(event="lineage.mine", payload={}))
    assert _take_back(worker) == 0  # type: ignore[arg-type]


def test_the_end_waits_for_prefect_no_longer_than_the_deadline(emitted: list[dict[str, Any]]) -> None:
    sender = Sender()
    stuck = FakeWorker("lineage.read")
    sender._workers.append(stuck)  # type: ignore[arg-type]
    sender.finish(deadline=time.monotonic())
    assert stuck.removed == ["lineage.read"]
