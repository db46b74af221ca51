"""Twice the text costs twice the work for any content, and no reader fails on it.

`make test-hostile` does the same with longer texts in more dialects.
"""

from __future__ import annotations

import gc
import os
import time

import pytest

from prefect_lineage_events.openlineage.errors import sanitised
from prefect_lineage_events.sql import analyze, explain
from prefect_lineage_events.sql.parameterised import parameterised_text
from tests.sql.hostile_texts import HOSTILE, Hostile
from tests.sql.redaction.sanitised import sanitise

SIZES = [int(size) for size in os.environ.get("HOSTILE_SIZES", "20000").split()]
ALL_DIALECTS = bool(os.environ.get("HOSTILE_SIZES"))
MOST = 2.5  # times the work for twice the text
SLACK = 0.02  # seconds that the clock and the machine may add
ATTEMPTS = 4

CASES = [
    pytest.param(hostile, dialect, size, id=f"{hostile.name} {dialect} {size}")
    for number, hostile in enumerate(HOSTILE)
    for dialect in (hostile.dialects if ALL_DIALECTS else [hostile.dialects[number % len(hostile.dialects)]])
    for size in SIZES
]


def seconds(text: str, dialect: str) -> float:
    """Processor time of this thread for all steps of a text, without garbage collection of other objects."""
    gc.disable()
    try:
        before = time.thread_time()
        parameterised_text(text, dialect)
        analyze(text, dialect=dialect, database="d", schema="s")
        sanitised(text)
        return time.thread_time() - before
    finally:
        gc.enable()


@pytest.mark.parametrize(("hostile", "dialect", "size"), CASES)
def test_twice_the_text_is_twice_the_work(hostile: Hostile, dialect: str, size: int) -> None:
    once = twice = ratio = float("inf")
    for attempt in range(ATTEMPTS):
        blanks = " " * attempt  # no answer of an earlier attempt is one for this text
        # A text of another length may be read on another way: an odd number of quotes has no end.
        once = min(once, max(seconds(hostile.text(length) + blanks, dialect) for length in (size // 2, size)))
        twice = min(twice, seconds(hostile.text(2 * size) + blanks, dialect))
        ratio = (twice - SLACK) / max(once, 0.001)
        if ratio <= MOST:
            return
    pytest.fail(f"{ratio:.1f} times the work: {once:.3f} s, {twice:.3f} s")


@pytest.mark.parametrize("hostile", HOSTILE[::6], ids=lambda hostile: hostile.name)
def test_no_reader_fails_on_hostile_texts(hostile: Hostile) -> None:
    text = hostile.text(20_000)
    assert len(sanitise(text, hostile.dialects[0])) <= 4_000
    assert explain(text, hostile.dialects[0])
