"""Times that people type, and the forms that wrong ones are near to."""

from __future__ import annotations

import datetime as dt

import pytest

from prefect_lineage_events.moments import moment, nearest_forms, relative_moment

NOW = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", NOW - dt.timedelta(days=7)),
        ("12 H", NOW - dt.timedelta(hours=12)),
        ("30min", NOW - dt.timedelta(minutes=30)),
        ("2w", NOW - dt.timedelta(weeks=2)),
        ("Now", NOW),
        ("2026-11-01T06:00+01:00", dt.datetime(2026, 11, 1, 5, tzinfo=dt.timezone.utc)),
        ("2026-11-01T06:00z", dt.datetime(2026, 11, 1, 6, tzinfo=dt.timezone.utc)),
    ],
)
def test_time_of_each_form(text: str, expected: dt.datetime) -> None:
    assert moment(text, NOW) == expected


def test_only_times_that_are_counted_from_now_are_relative() -> None:
    assert relative_moment("2026-11-01", NOW) is None
    assert relative_moment("yesterday", NOW) is not None


def test_time_before_the_first_year_is_none() -> None:
    assert relative_moment("999999w", NOW) is None
    with pytest.raises(ValueError, match="'999999w' is no time"):
        moment("999999w", NOW)


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("2026-13-01", ["2026-01-13"]),
        ("2026-11-31", ["2026-11-30"]),
        ("2027-02-29T06:00Z", ["2027-02-28T06:00Z"]),
        ("2026-11-1", ["2026-11-01"]),
        ("2026/11/01", ["2026-11-01"]),
        ("2026-11-01T25:00", ["2026-11-01"]),
        ("01.11.2026", ["2026-11-01"]),
        ("11/01/2026", ["2026-01-11", "2026-11-01"]),
        ("11/30/2026", ["2026-11-30"]),
        ("yesturday", ["yesterday"]),
        ("Todya", ["today"]),
        ("7days", ["7d"]),
        ("7 d ago", ["7d"]),
        ("3 weks", ["3w"]),
        ("2months", ["60d"]),
        ("last week", ["1w"]),
        ("1hour", ["1h"]),
        ("-7d", ["7d"]),
        ("2026-45-45", []),
        ("0000-01-01", []),
        ("monday", []),
        ("Tuesday", []),
        ("", []),
        ("x" * 5_000, []),
    ],
)
def test_nearest_forms_of_a_wrong_time(text: str, forms: list[str]) -> None:
    assert nearest_forms(text) == forms
    for form in forms:
        moment(form, NOW)
    with pytest.raises(ValueError, match="is no time: give one as in 7d") as refused:
        moment(text, NOW)
    assert ("did you mean" in str(refused.value)) == bool(forms)


def test_wrong_time_is_shown_as_one_line() -> None:
    with pytest.raises(ValueError, match="no time") as refused:
        moment("7days\x1b[2J\n", NOW)
    assert str(refused.value).isprintable()
