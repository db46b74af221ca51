"""Times that people type: `7d`, `yesterday`, `2026-11-01`, `2026-11-01T06:00+01:00`; and the form that a wrong one is
near to.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from contextlib import suppress

from prefect_lineage_events.nearness import did_you_mean, nearest

FORMS = "7d, 12h, 30m, 2w, now, today, yesterday, 2026-11-01, or 2026-11-01T06:00+01:00"
_AGO = re.compile(r"(\d{1,6}) ?(m|min|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS = {"today": 0, "yesterday": 1}
# Units in words, with the number and the short name of what each is.
_LONG_UNITS = {
    "minutes": (1, "m"), "mins": (1, "m"), "hours": (1, "h"), "hrs": (1, "h"), "days": (1, "d"),
    "weeks": (1, "w"), "months": (30, "d"), "years": (365, "d"),
}  # fmt: skip
_SPAN = re.compile(r"(?:(?:last|past|since|-) ?)?(\d{0,6}) ?([a-z]{1,9})(?: ago)?", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(.{0,40})")
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(.{0,40})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_MONTHS = 12
_WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """The time that a text names, in UTC. A time without a zone is one of this machine.

    Raises ValueError, with the accepted forms and the nearest.
    """
    wanted = text.strip()
    try:
        if (relative := relative_moment(wanted, now)) is not None:
            return relative
        # `astimezone` takes a time without a zone for one of this machine.
        return from_iso(wanted).astimezone(dt.timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no time: give one as in {FORMS}{suggestion(text)}") from None


def relative_moment(text: str, now: dt.datetime) -> dt.datetime | None:
    """The time that is counted from now: `7d`, `today`, `now`. None for other texts."""
    wanted = text.strip().casefold()
    if wanted == "now":
        return now
    if wanted in _DAYS:
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - dt.timedelta(days=_DAYS[wanted])).astimezone(dt.timezone.utc)
    if ago := _AGO.fullmatch(wanted):
        with suppress(OverflowError):  # before the year 1
            return now - dt.timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
    return None


def from_iso(text: str) -> dt.datetime:
    """The time of an ISO text, with the zone that it has, if any. Raises ValueError."""
    return dt.datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))


def suggestion(text: str) -> str:
    """The end of a message about a wrong time: `; did you mean 7d?`. Empty where no form is near."""
    return did_you_mean(nearest_forms(text))


def nearest_forms(text: str) -> list[str]:
    """The accepted forms of what a wrong time was meant for: `7d` for `7days`, `2026-01-13` for `2026-13-01`."""
    wanted = text.strip()
    if found := _DATE.fullmatch(wanted) or _COMPACT.fullmatch(wanted):
        year, month, day = (int(found[number]) for number in (1, 2, 3))
        dates = _dates(year, month, day)
        return [_with_time(date, found[4]) for date in dates]
    if found := _DAY_FIRST.fullmatch(wanted):
        day, month, year = (int(found[number]) for number in (1, 2, 3))
        # With slashes, the month is first in some countries.
        return list(dict.fromkeys([*_dates(year, month, day), *(_dates(year, day, month) if "/" in wanted else ())]))
    span = _SPAN.fullmatch(wanted)
    if wanted.casefold() in _WEEKDAYS:
        return []  # near to `today`, and never meant for it
    if not (span and span[1]) and (words := nearest(wanted, [*_DAYS, "now"], 1)):
        return words
    if span and (unit := _unit(span[2])):
        number, short = unit
        return [f"{int(span[1] or 1) * number}{short}"]
    return []


def _unit(word: str) -> tuple[int, str] | None:
    if short := next((one for one in _UNITS if one == word.casefold()), None):
        return 1, short
    near = nearest(word, _LONG_UNITS, 1)
    return _LONG_UNITS[near[0]] if near else None


def _dates(year: int, month: int, day: int) -> list[str]:
    """The date; with day and month in turn where there is no such month; the month's last day where it is shorter."""
    if month > _MONTHS:
        month, day = day, month
    if not (1 <= month <= _MONTHS and year >= dt.MINYEAR and 1 <= day <= 31):
        return []
    return [f"{year:04}-{month:02}-{min(day, calendar.monthrange(year, month)[1]):02}"]


def _with_time(date: str, rest: str) -> str:
    """The date with the time that was given with it, if that is one."""
    try:
        from_iso(date + rest)
    except ValueError:
        return date
    return date + rest
