"""Numbers in words, and tables."""

from __future__ import annotations

import pytest

from prefect_lineage_events.assembler.pages.markup import MAX_NAME, duration, shortened, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "under 1 ms"),
        (0.0121, "12 ms"),
        (0.9996, "1.0 s"),
        (3.44, "3.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3725, "1 h 2 min"),
        (1e7, "2,777 h 46 min"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_empty_columns_are_left_out() -> None:
    assert table(("a", "b"), [("1", ""), ("2", "")]) == "| a |\n| --- |\n| 1 |\n| 2 |"


def test_long_name_keeps_its_two_ends() -> None:
    short = shortened(f"begin{'x' * 200}end")
    assert len(short) == MAX_NAME
    assert short.startswith("begin")
    assert short.endswith("end")
    assert shortened("orders") == "orders"
