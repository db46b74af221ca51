"""Our own failures are suppressed; the user's exceptions pass through."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from prefect_lineage_events import guard
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.execution import answer_or_default, when_done
from prefect_lineage_events.instrumentation.record import record_read


class LateError(Exception):
    """The exception of a user's own time limit."""


def plain(number: int, frame: FrameType | None) -> None:
    raise LateError


class Limit:
    def exceeded(self, number: int, frame: FrameType | None) -> None:
        raise LateError


def anything(*_: Any) -> None:
    raise LateError


@pytest.fixture(params=[plain, Limit().exceeded, anything])
def alarm(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """A function that triggers the user's signal handler at the point where it is called."""
    before = signal.signal(signal.SIGUSR1, request.param)
    yield lambda: signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def fails() -> None:
    raise LateError


def test_own_error_is_suppressed_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "_logged", set())
    with caplog.at_level(logging.WARNING, logger="prefect_lineage_events"):
        for _ in range(3):
            with guarded("this test"):
                fails()
    assert [r.getMessage() for r in caplog.records] == [
        "lineage: this test failed (LateError); the flow is not affected"
    ]


def test_error_of_one_line_is_logged_once_for_all_callers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "_logged", set())
    with caplog.at_level(logging.WARNING, logger="prefect_lineage_events"):
        for what, call in (("first", fails), ("second", fails), ("third", lambda: plain(0, None))):
            with guarded(what):
                call()
    assert [r.getMessage().split()[1] for r in caplog.records] == ["first", "third"]


def test_exception_of_a_users_signal_handler_propagates(alarm: Callable[[], None]) -> None:
    with pytest.raises(LateError), guarded("this test"):
        alarm()


def test_exception_of_a_signal_handler_propagates_from_driver_functions(alarm: Callable[[], None]) -> None:
    assert answer_or_default(fails, default=7) is not None
    with pytest.raises(LateError):
        answer_or_default(alarm, default=None)


def test_exception_of_a_signal_handler_propagates_from_record_functions(
    alarm: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect_lineage_events.instrumentation.record.reporting_run", lambda *_, **__: alarm())
    with pytest.raises(LateError):
        record_read("s3://bucket/key")


def test_statement_succeeds_when_recording_it_exceeds_the_stack() -> None:
    def record(result: str) -> str:
        raise RecursionError

    assert when_done("the driver's result", record) == "the driver's result"


def test_text_of_an_error_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def leaks() -> None:
        try:
            raise KeyError("hunter" + "2")
        except KeyError as error:
            raise ValueError("password=hunter" + "2") from error

    with caplog.at_level(logging.DEBUG, logger="prefect_lineage_events"):
        answer_or_default(leaks, default=None)
        with guarded("this test"):
            leaks()
    assert "hunter" + "2" not in caplog.text
    assert caplog.text.count("ValueError") >= 2
    assert "in leaks" in caplog.text
