"""The outbox: retries continue after the last event, and an event at fault is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from prefect_lineage_events.assembler import outbox
from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.delivery.deliver import Unplaced
from prefect_lineage_events.delivery.responses import TransientDeliveryError
from prefect_lineage_events.delivery.targets import Target

TO = Target("http http://marquez:5000", "marquez")
EVENTS = [{"run": {"runId": "r"}, "eventType": kind} for kind in ("START", "COMPLETE")]
SERVER_ERROR = TransientDeliveryError("HTTP 500: ", ambiguous=True)
AWAY = TransientDeliveryError("HTTP 503: ")


@pytest.fixture
def target(monkeypatch) -> Callable[[Callable[[dict], str | None]], list[str]]:
    """A target that answers each event by a function; returns the events it received."""

    def answers(answer: Callable[[dict], str | None]) -> list[str]:
        got: list[str] = []

        def deliver(events, to) -> Iterator[str | None]:
            for event in events:
                got.append(event["eventType"])
                yield answer(event)

        monkeypatch.setattr(outbox, "deliver", deliver)
        return got

    return answers


def fails(error: TransientDeliveryError, kind: str = "COMPLETE", times: int = 10**6):
    left = [error] * min(times, 1000)

    def answer(event):
        if event["eventType"] == kind and left:
            raise left.pop()

    return answer


def try_to_flush(box: Outbox) -> bool:
    try:
        box.flush()
    except TransientDeliveryError:
        return False
    return True


def test_each_step_is_recorded(target):
    target(lambda event: None)
    recorded: list[DeliveryState] = []
    Outbox(EVENTS, TO, record=recorded.append).flush()
    assert [line.done for line in recorded] == [1, 2]
    assert recorded[-1].finished
    assert dt.datetime.fromisoformat(recorded[-1].taken_at).tzinfo


def test_another_process_continues_after_the_events_taken(target):
    got = target(fails(AWAY, times=1))
    first = Outbox(EVENTS, TO)
    assert not try_to_flush(first)
    Outbox(EVENTS, TO, state=first.state).flush()
    assert got == ["START", "COMPLETE", "COMPLETE"]


def test_another_process_does_not_resend_refused_events(target):
    got = target(lambda event: "422 blank" if event["eventType"] == "START" else fails(AWAY)(event))
    first = Outbox(EVENTS, TO)
    assert not try_to_flush(first)
    target(lambda event: None)
    second = Outbox(EVENTS, TO, state=first.state)
    second.flush()
    assert got == ["START", "COMPLETE"]
    assert (second.state.rejected, second.state.reasons) == (1, ("r START: 422 blank",))
    assert (first.refused, second.refused) == (["r START: 422 blank"], [])


def test_repeated_500_refuses_the_event_if_others_were_taken(target):
    target(fails(SERVER_ERROR))
    box = Outbox(EVENTS, TO, took_since=lambda since: True)
    assert [try_to_flush(box) for _ in range(3)] == [False, False, True]
    assert box.refused == ["r COMPLETE: HTTP 500: "]


def test_faults_are_counted_over_processes(target):
    target(fails(SERVER_ERROR))
    state = None
    for _ in range(3):
        box = Outbox(EVENTS, TO, state=state, took_since=lambda since: True)
        done = try_to_flush(box)
        state = box.state
    assert done
    assert state.rejected == 1


def test_events_taken_since_the_first_fault_count(target):
    target(fails(SERVER_ERROR))
    asked: list[dt.datetime] = []
    box = Outbox(EVENTS, TO, took_since=lambda since: bool(asked.append(since)))
    try_to_flush(box)
    first_fault = box.state.faulty_since
    for _ in range(2):
        try_to_flush(box)
    assert asked == [dt.datetime.fromisoformat(first_fault)]


def test_without_other_runs_every_retry_must_fail_after_an_event_taken(target):
    target(fails(SERVER_ERROR))
    box = Outbox(EVENTS, TO)
    assert [try_to_flush(box) for _ in range(4)] == [False, False, False, True]


def test_a_target_that_takes_nothing_refuses_nothing(target):
    target(fails(SERVER_ERROR, kind="START"))
    box = Outbox(EVENTS, TO)
    assert not any(try_to_flush(box) for _ in range(20))
    assert (box.state.done, box.state.rejected) == (0, 0)


def test_a_target_that_is_away_refuses_nothing(target):
    target(fails(AWAY))
    box = Outbox(EVENTS, TO, took_since=lambda since: True)
    assert not any(try_to_flush(box) for _ in range(20))


def test_an_event_that_is_taken_in_the_end_has_no_faults(target):
    target(fails(SERVER_ERROR, times=2))
    box = Outbox(EVENTS, TO, took_since=lambda since: True)
    assert [try_to_flush(box) for _ in range(3)] == [False, False, True]
    assert (box.state.faults, box.state.faulty_since, box.state.rejected) == (0, "", 0)


def test_the_event_after_one_at_fault_is_sent(target):
    got = target(fails(SERVER_ERROR, kind="START"))
    box = Outbox(EVENTS, TO, took_since=lambda since: True)
    assert [try_to_flush(box) for _ in range(3)] == [False, False, True]
    assert got == ["START"] * 3 + ["COMPLETE"]


def test_an_event_that_the_target_may_use_later_is_counted_apart_and_sending_goes_on(target):
    got = target(lambda event: Unplaced("0 of 1 edges") if event["eventType"] == "START" else None)
    box = Outbox(EVENTS, TO)
    box.flush()
    assert got == ["START", "COMPLETE"]
    assert (box.sent, box.refused, box.kept) == (1, [], ["r START: 0 of 1 edges"])
    assert (box.state.done, box.state.rejected, box.state.kept, box.state.finished) == (2, 1, 1, False)
