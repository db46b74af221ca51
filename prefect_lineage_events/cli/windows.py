"""The window of time of a question: `--since 7d`, `--since 2026-11-01`, `--as-of yesterday`."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

_AGO = re.compile(r"(\d{1,6}) ?(m|min|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORMS = "as in 7d, 12h, 30m, 2w, today, yesterday, 2026-11-01, or 2026-11-01T06:00+01:00"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Asked:
    """The options that all questions have."""

    since: Annotated[
        str, Parameter(help="Only runs that ended since: 7d, 12h, today, yesterday, 2026-11-01, or all.")
    ] = "7d"
    as_of: Annotated[
        str | None, Parameter(help="The answer as it was at this time: only runs that had ended by then.")
    ] = None
    json: Annotated[bool, Parameter(help="Print JSON instead of text.")] = False


def bounds(asked: Asked, now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first and the last time of the window, None for open. `--since 7d` counts back from `--as-of`.

    Raises ValueError for a text that is no time, and for a window that ends before it begins.
    """
    end = moment(asked.as_of, now) if asked.as_of else None
    start = None if asked.since.strip().casefold() == "all" else moment(asked.since, end or now)
    if start and start > (end or now):
        raise ValueError(f"--since {asked.since} is after {'--as-of ' + str(asked.as_of) if end else 'now'}")
    return start, end


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """The time that a text names, in UTC. A time without a zone is one of this machine."""
    wanted = text.strip()
    days = {"today": 0, "yesterday": 1}.get(wanted.casefold())
    try:
        if days is not None:
            midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
            return (midnight - dt.timedelta(days=days)).astimezone(dt.timezone.utc)
        if ago := _AGO.fullmatch(wanted):
            return now - dt.timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
        found = dt.datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", wanted))
        # `astimezone` takes a time without a zone for one of this machine.
        return found.astimezone(dt.timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no time: give one {_FORMS}") from None
