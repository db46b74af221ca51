"""The window of time of a question: `--since 7d`, `--since 2026-11-01`, `--as-of yesterday`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli.parameters import AsJson
from prefect_lineage_events.moments import moment


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
    json: AsJson = False


def bounds(asked: Asked, now: dt.datetime) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first and the last time of the window, None for open. `--since 7d` counts back from `--as-of`.

    Raises ValueError for a text that is no time, and for a window that ends before it begins.
    """
    end = moment(asked.as_of, now) if asked.as_of else None
    start = None if asked.since.strip().casefold() == "all" else moment(asked.since, end or now)
    if start and start > (end or now):
        raise ValueError(f"--since {asked.since} is after {'--as-of ' + str(asked.as_of) if end else 'now'}")
    return start, end
