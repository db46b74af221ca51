"""Words for values of answers: times, runs, datasets, columns."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prefect_lineage_events.datasets import parse_uri

if TYPE_CHECKING:
    from prefect_lineage_events.graph.values import ColumnEdgeSeen, RunRef

_UNITS = ((86_400 * 2, 86_400, "d"), (7_200, 3_600, "h"), (120, 60, "min"), (0, 1, "s"))


def time(value: dt.datetime | None) -> str:
    """The time on this machine's clock, to the minute."""
    return f"{value.astimezone():%Y-%m-%d %H:%M}" if value else ""


def span(seconds: float | None) -> str:
    """A duration in its largest unit: `3 h`, `12 d`."""
    if seconds is None:
        return ""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    unit = next(one for one in _UNITS if seconds >= one[0])
    return f"{seconds / unit[1]:.0f} {unit[2]}"


def ago(value: dt.datetime | None, now: dt.datetime) -> str:
    """The time since a moment: `3 h ago`."""
    return f"{span(max(0.0, (now - value).total_seconds()))} ago" if value else "never"


def run_text(run: RunRef) -> str:
    """A run in one phrase."""
    return f"{run.flow} / {run.name} ({run.state.lower()}, {time(run.ended or run.started)})"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Names:
    """Names of the datasets of one answer: the short name, or the URI where two of them have the same name."""

    def __init__(self, uris: Iterable[str]) -> None:
        datasets = {uri: _name(uri) for uri in uris}
        shared = {name for name, number in Counter(datasets.values()).items() if number > 1}
        self._names = {uri: uri if name in shared else name for uri, name in datasets.items()}

    def __call__(self, uri: str) -> str:
        return self._names.get(uri) or _name(uri)


def _name(uri: str) -> str:
    try:
        dataset = parse_uri(uri)
    except ValueError:
        return uri
    # The namespace of a file is a bucket or a folder: without it, its name is not one that people know.
    return uri if "/" in dataset.name or not dataset.name else dataset.name


def origin(edge: ColumnEdgeSeen, names: Names) -> str:
    """A source of a column in one phrase: `orders.amount (aggregation)`."""
    how = "" if edge.transformation == "IDENTITY" else f" ({edge.transformation.lower().replace('_', ' ')})"
    return f"{names(edge.source)}.{edge.source_column}{how}{' (by equal names)' if edge.inferred else ''}"
