"""Handing over to Prefect: softly, without another run's context, and taken back when there is no time."""

from __future__ import annotations

import queue
import time
from types import SimpleNamespace
from typing import Any

import prefect.events
import pytest
from prefect.context import FlowRunContext
from prefect.events.worker import EventsWorker
from prefect.exceptions import EventTooLarge

from prefect_lineage_events.capture.sending import Sender, _take_back

from .conftest import make_run

EVENT: dict[str, Any] = {"event": "lineage.read", "resource": {"prefect.resource.id": "s3://b/k"}, "payload": {}}


class FakeWorker:
    """Prefect's worker, as far as it is looked into: a queue, and what it does with an event that is removed."""

    def __init__(self, *names: str) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.removed: list[str] = []
        for name in names:
            payload = {"schema_version": 1} if name.startswith("lineage.") else {}
            self._queue.put(SimpleNamespace(event=name, payload=payload))
        self._queue.put(None)

    def _on_item_dropped(self, event: Any) -> None:
        self.removed.append(event.event)


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of `emit_event`, with the run that Prefect would have attached."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(EventsWorker, "instance", classmethod(lambda cls: FakeWorker()))
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
