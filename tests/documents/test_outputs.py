"""Comparison of shown outputs with real ones."""

from __future__ import annotations

import pytest

from tests.documents.outputs import fixed

SHOWN = "run  hallowed-koala  2026-11-30 08:22, took 233 ms, 39 s ago  205319dc-37ea-4074-aed3-4ec522da1807\nrows  4"


def test_ids_times_and_names_of_runs_may_differ() -> None:
    other = "run able-ox 2027-01-02 10:00, took 1 s, 2 min ago  00000000-37ea-4074-aed3-4ec522da1807\nrows      4\n"
    assert fixed(other) == fixed(SHOWN)


@pytest.mark.parametrize(("word", "other"), [("4", "5"), ("rows", "row"), ("took", "takes")])
def test_all_else_is_compared(word: str, other: str) -> None:
    assert fixed(SHOWN.replace(f" {word}", f" {other}", 1).replace(f"\n{word}", f"\n{other}")) != fixed(SHOWN)
