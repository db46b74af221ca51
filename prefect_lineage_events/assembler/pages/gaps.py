"""The parts of a run's lineage that are missing or unknown, each with the reason. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from prefect_lineage_events.assembler.pages.markup import more, shortened
from prefect_lineage_events.escaping import code, prose, word
from prefect_lineage_events.sentences import counted, listed
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage, UnknownSource

MAX_REASONS = 20
MAX_OUTPUTS = 100
MAX_NAMED = 20
ROWS_KNOWN = {"unknown": "source unknown", "partly": "perhaps more sources than shown", "known": ""}


def incomplete(run: RunLineage) -> list[str]:
    """The events that have not arrived, cannot be read or were dropped."""
    lines, completeness = [], run.completeness
    missing, rejected, dropped = completeness.missing_events, len(completeness.rejected), completeness.dropped
    if completeness.missing:
        have = "has" if missing == 1 else "have"
        lines.append(f"- {counted(missing, 'lineage event')} {have} not arrived; {_looked_for(run)}.")
    if rejected:
        lines.append(f"- {counted(rejected, 'event')} cannot be read, and {'is' if rejected == 1 else 'are'} left out.")
    if completeness.unclosed and completeness.running:
        lines.append("- The run has not ended: this is its lineage so far.")
    elif completeness.unclosed:
        processes = "1 process" if len(completeness.unclosed) == 1 else f"{len(completeness.unclosed):,} processes"
        lines.append(f"- {processes} of the run reported no end (killed?): more may have been done than is shown.")
    if dropped:
        lines.append(
            f"- {counted(dropped, 'statement')} {'was' if dropped == 1 else 'were'} dropped in the flow's process: its "
            "queue was full, the analysis failed, or the events were not accepted."
        )
    if lacks := completeness.lacks():
        lines += ["", "It lacks:", "", *(f"- {prose(lack)}" for lack in lacks[:MAX_REASONS])]
        lines += more(len(lacks), MAX_REASONS, "emitters")
    return ["## Incomplete", "\n".join(lines)] if lines else []


def awaits_warehouse(sentence: str) -> list[str]:
    """The statements that the warehouse's access history may complete, or said nothing of."""
    return [prose(sentence)] if sentence else []


def facet_faults(faults: Sequence[str]) -> list[str]:
    """The facets of the user's own functions that could not be added."""
    listed = "\n".join(f"- {prose(fault)}" for fault in faults)
    return ["Facets of your own were left out:", listed] if faults else []


def not_captured(libraries: Sequence[str]) -> list[str]:
    """The libraries that the run used, or may have used, and whose calls are not seen."""
    if not libraries:
        return []
    named = "\n".join(f"- {word(name)}" for name in libraries)
    return ["## Not captured", "What the run read and wrote by these libraries is not shown:", named]


def unknown_sources(unknown: Sequence[UnknownSource]) -> list[str]:
    """Outputs whose rows came out of Python, and the part of their sources that is unknown, with the reason."""
    if not unknown:
        return []
    shown = [_unknown_source(source) for source in unknown[:MAX_OUTPUTS]]
    return ["## Source unknown", "\n".join([*shown, *more(len(unknown), MAX_OUTPUTS, "outputs")])]


def _unknown_source(source: UnknownSource) -> str:
    """A line of a list: long lists of columns would be cut in a table."""
    known = f"{ROWS_KNOWN[source.rows]}. " if ROWS_KNOWN[source.rows] else ""
    parts = [f"- {code(shortened(source.target.name))}: {known}{_reason(source)}."]
    for title, names in (
        ("Columns without a source", source.columns),
        ("Perhaps from", [dataset.name for dataset in source.candidates]),
    ):
        if names:
            parts.append(f"{title}: {listed([code(shortened(name)) for name in names], MAX_NAMED)}.")
    return " ".join(parts)


def _reason(source: UnknownSource) -> str:
    """The reason, as far as a run's lineage shows it: the inside of Python is not visible."""
    if source.rows == "known":
        return "Python wrote these columns, and no column that was read explains them"
    if source.candidates:
        return "Python wrote the rows; that they came from these datasets is possible, and not certain"
    if source.rows == "partly":
        return "Python wrote some of the rows, and nothing that was read explains them"
    return "Python wrote the rows, and nothing that was read explains them"


def _looked_for(run: RunLineage) -> str:
    """A clause on the time until which the sweep looks for missing events. After that, the run stays incomplete."""
    if run.run.ended is None:
        return "the sweep looks for them"
    until = run.run.ended + dt.timedelta(hours=settings().incomplete_hours)
    return f"the sweep looks for them until {until:%F %R} UTC"
