"""Completeness is judged by numbers and counts."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.history.model import RejectedEvent
from tests.by_hand import NOON, closing, write

A, B = uuid4(), uuid4()
LATER = NOON + dt.timedelta(seconds=30)


def numbered(emitter, *sequences):
    return [write("t", emitter=emitter, sequence=s) for s in sequences]


def test_all_numbers_and_a_closing_count_are_complete():
    assert judge(numbered(A, 0, 1, 2), [closing(A, 3)]).complete


def test_order_and_repetition_do_not_matter():
    assert judge(numbered(A, 2, 0, 1, 1), [closing(A, 3)]).complete


def test_missing_numbers_are_named_per_emitter():
    found = judge([*numbered(A, 0, 2), *numbered(B, 0)], [closing(A, 4), closing(B, 1)])
    assert found.missing == {A: (1, 3)}
    assert not found.complete


def test_a_gap_is_missing_even_without_a_count():
    assert judge(numbered(A, 0, 2), []).missing == {A: (1,)}


def test_emitter_without_a_final_count_is_unclosed():
    found = judge(numbered(A, 0), [])
    assert found.unclosed == (A,)
    assert not found.complete


def test_a_closing_count_whose_events_are_all_missing_is_incomplete():
    assert judge([], [closing(A, 2)]).missing == {A: (0, 1)}


def test_an_emitter_that_closed_with_nothing_is_complete():
    assert judge([], [closing(A, 0)]).complete


def test_the_highest_count_counts():
    counts = [closing(A, 3), closing(A, 1, closed=False), closing(A, 2, closed=False)]
    assert judge(numbered(A, 0, 1), counts).missing == {A: (2,)}


def test_close_before_later_events_is_not_final():
    # A run that is retried in its process closes twice; between the two more is sent.
    assert judge(numbered(A, 0, 1, 2), [closing(A, 2)]).unclosed == (A,)
    assert judge(numbered(A, 0, 1, 2), [closing(A, 2), closing(A, 3)]).complete


def test_checkpoint_during_a_run_is_not_final():
    assert judge(numbered(A, 0), [closing(A, 1, closed=False)], run_ended=LATER).unclosed == (A,)


def test_checkpoint_after_the_end_of_the_run_is_final():
    assert judge(numbered(A, 0), [closing(A, 1, closed=False, at=LATER)], run_ended=NOON).complete


def test_checkpoint_of_an_exiting_process_is_final():
    # A pool's processes end before their flow does.
    farewell = closing(A, 1, closed=False).model_copy(update={"final": True})
    assert judge(numbered(A, 0), [farewell], run_ended=LATER).complete
    assert judge(numbered(A, 0, 1), [farewell], run_ended=LATER).unclosed == (A,)


def test_long_after_the_end_a_covering_checkpoint_is_final():
    assert judge(numbered(A, 0), [closing(A, 1, closed=False)], run_ended=LATER, silent=True).complete


def test_long_after_the_end_numbers_beyond_the_checkpoint_are_still_unclosed():
    assert judge(numbered(A, 0, 1), [closing(A, 1, closed=False)], run_ended=LATER, silent=True).unclosed == (A,)


def test_one_unclosed_emitter_among_many_is_named():
    found = judge([*numbered(A, 0), *numbered(B, 0)], [closing(A, 1)])
    assert found.unclosed == (B,)


@pytest.mark.parametrize("counts", [[closing(A, 1, dropped=7)], [closing(A, 1, dropped=3), closing(A, 1, dropped=7)]])
def test_dropped_statements_are_counted_once(counts):
    found = judge(numbered(A, 0), counts)
    assert found.dropped == 7
    assert (found.complete, found.awaited) == (False, False), "they will never come"
    assert found.lacks()[0].startswith("7 statements that the flow's process dropped")


def test_missing_events_are_listed_by_emitter_and_number():
    found = judge([*numbered(A, 0, 4), *numbered(B, 0)], [closing(A, 8)])
    assert sorted(found.lacks()) == sorted(
        [f"emitter {A}: events 1-3, 5-7", f"emitter {B}: its closing count (was its process killed?)"]
    )


def test_huge_forged_count_is_judged_quickly():
    found = judge(numbered(A, 0, 5), [closing(A, 2**63 - 1)])
    assert found.missing[A][:5] == (1, 2, 3, 4, 6)
    assert found.missing_events == 2**63 - 1 - 2
    assert not found.complete
    assert len(found.lacks()[0]) < 200


def test_an_event_that_cannot_be_read_is_not_waited_for():
    rejected = RejectedEvent("e", "lineage.write", "wrong", A, 1)
    found = judge(numbered(A, 0), [closing(A, 2)], rejected=[rejected])
    assert (found.missing, found.awaited, found.complete) == ({}, False, False)
    assert found.lacks() == ("event e (lineage.write): wrong",)


def test_running_run_is_not_reported_as_killed():
    (lack,) = judge(numbered(A, 0), [], running=True).lacks()
    assert "has not ended" in lack
    assert "killed" not in lack


def test_counts_are_limited_to_the_integers_of_targets():
    counts = [closing(emitter, 2**63 - 1, dropped=2**63 - 1) for emitter in (A, B)]
    found = judge([], counts)
    assert found.missing_events == found.dropped == 2**63 - 1


def test_libraries_that_are_not_captured_leave_a_run_complete():
    counts = [closing(A, 0).model_copy(update={"not_captured": ("pymongo", "numpy")})]
    found = judge([], [*counts, closing(B, 0).model_copy(update={"not_captured": ("numpy",)})])
    assert found.not_captured == ("numpy", "pymongo")
    assert found.complete


def test_count_of_a_run_with_child_processes_says_so():
    assert judge([], [closing(A, 0).model_copy(update={"children": True}), closing(B, 0)]).children
    assert not judge([], [closing(A, 0)]).children
