"""Words for values of answers: times, runs, datasets, columns."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from prefect_lineage_events.cli.output import table
from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.rendering.graph import short_names

if TYPE_CHECKING:
    from prefect_lineage_events.graph.graph import Graph
    from prefect_lineage_events.graph.values import ColumnEdgeSeen, Gap, RunRef, StatementRef

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
    return f"{run.flow} / {run.name} ({', '.join(filter(None, (run.state.lower(), time(run.ended or run.started))))})"


def as_said(producer: str) -> str:
    """The origin of all that is known of a run of another producer."""
    return f"as {producer} said; what it did not say is not known"


def run_of(flow: str, producer: str) -> str:
    """The flow of a run, or the job of a run of another producer."""
    return f"run of job {flow}, {as_said(producer)}" if producer else f"run of flow {flow}"


def statement_text(one: StatementRef) -> str:
    """A statement on one line: its text, or the call that it was."""
    return " ".join((one.sql or f"({one.reason or 'a call'})").split())


class Names:
    """Names of the datasets of one answer: a table's name, the end of a file's path, the URI where two would be equal.

    Each is a name that the next question takes, unless other datasets have it too.
    """

    def __init__(self, graph: Graph, uris: Iterable[str]) -> None:
        known = graph.by_uri()
        datasets = {uri: known.get(uri) or _dataset(uri) for uri in uris}
        short = short_names(one for one in datasets.values() if one is not None and not one.is_table)
        names = {uri: uri if one is None else short.get(one, one.name) or uri for uri, one in datasets.items()}
        shared = {name for name, number in Counter(names.values()).items() if number > 1}
        self._names = {uri: uri if name in shared else name for uri, name in names.items()}

    def __call__(self, uri: str) -> str:
        return self._names.get(uri, uri)

    def within(self, text: str) -> str:
        """The text with these names in place of the URIs in it. URIs and names may have spaces."""
        return "".join(map(self, self._uris.split(text))) if self._names else text

    @cached_property
    def _uris(self) -> re.Pattern[str]:
        uris = sorted(self._names, key=len, reverse=True)
        return re.compile(f"({'|'.join(map(re.escape, uris))})(?= |$)")


def _dataset(uri: str) -> Dataset | None:
    try:
        return parse_uri(uri)
    except ValueError:
        return None


def transformation(name: str, inferred: bool) -> str:
    """OpenLineage's name of a transformation in words: `aggregation`, `identity, by equal names`."""
    return name.lower().replace("_", " ") + (", by equal names" if inferred else "")


def origin(edge: ColumnEdgeSeen, names: Names) -> str:
    """A source of a column in one phrase: `orders.amount (aggregation)`."""
    return f"{names(edge.source)}.{edge.source_part}{_how(edge.transformation, edge.inferred)}"


def column_pair(source: str, target: str, name: str, inferred: bool) -> str:
    """An edge of columns in one phrase: `amount -> total (aggregation)`; a decision over rows has no target column."""
    return f"{source} -> {'rows' if target == '*' else target}{_how(name, inferred)}"


def _how(name: str, inferred: bool) -> str:
    words = [*([] if name == "IDENTITY" else [transformation(name, False)]), *(["by equal names"] if inferred else [])]
    return f" ({', '.join(words)})" if words else ""


def datasets_of(gaps: Iterable[Gap]) -> Iterator[str]:
    """The URIs of the datasets of which something is not known."""
    return (gap.dataset for gap in gaps if gap.dataset)


def gaps_table(gaps: Sequence[Gap], shown: Names) -> None:
    """Print what is not known, and why. What several runs or statements lack is one row."""
    table(
        "NOT KNOWN",
        ("kind", "dataset", "reason"),
        dict.fromkeys((gap.kind, gap.dataset and shown(gap.dataset), gap.text) for gap in gaps),
        limit=1_000,
    )
