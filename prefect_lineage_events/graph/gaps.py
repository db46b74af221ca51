"""Questions about what the graph does not know, and about runs that have not ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prefect_lineage_events.graph.evidence import dataset_ref, run_ref
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window
from prefect_lineage_events.graph.values import Gap, GapKind, RunSummary
from prefect_lineage_events.sentences import listed
from prefect_lineage_events.snapshots import Snapshot
from prefect_lineage_events.stitching.model import UnknownSource

# Columns or candidates that one text names.
_SHOWN_NAMES = 5


def run_summary(graph: Graph, snapshot: Snapshot) -> RunSummary:
    """One run with what it read and wrote."""
    lineage = snapshot.shape.lineage
    return RunSummary(
        run=run_ref(snapshot),
        producer=snapshot.shape.producer,
        inputs=tuple(dataset_ref(graph, use.dataset) for use in lineage.inputs),
        outputs=tuple(dataset_ref(graph, use.dataset) for use in lineage.outputs),
        complete=snapshot.complete,
        in_flight=snapshot.run.in_flight,
    )


def in_flight(graph: Graph, window: Window = ALWAYS) -> tuple[RunSummary, ...]:
    """The runs that have not ended, with what they have touched so far, newest first."""
    found = [snapshot for snapshot in graph.snapshots(window) if snapshot.run.in_flight]
    found.sort(key=lambda snapshot: snapshot.run.began, reverse=True)
    return tuple(run_summary(graph, snapshot) for snapshot in found)


def gaps(graph: Graph, window: Window = ALWAYS) -> tuple[Gap, ...]:
    """All that the snapshots of the window's runs say of what they lack, newest run first."""
    found = sorted(graph.snapshots(window), key=lambda snapshot: snapshot.run.began, reverse=True)
    return tuple(gap for snapshot in found for gap in gaps_of(graph, snapshot))


def gaps_of(graph: Graph, snapshot: Snapshot) -> Iterator[Gap]:
    """All that one snapshot lacks. A run that has not ended lacks its end, which is no gap."""
    for kind, text, dataset in _lacks(graph, snapshot):
        yield Gap(kind=kind, text=text, run=run_ref(snapshot), dataset=dataset)


def _lacks(graph: Graph, snapshot: Snapshot) -> Iterator[tuple[GapKind, str, str | None]]:
    """Yield each lack of a snapshot: its kind, a text, and the URI of the dataset. Most of 10,000 runs lack nothing."""
    if not snapshot.complete and not snapshot.run.in_flight:
        for text in snapshot.missing or ("events are missing",):
            yield "incomplete", text, None
    for one in snapshot.shape.lineage.statements:
        if one.confidence == "partial":
            written = one.outputs[0].uri if one.outputs else None
            yield "partial", one.reason or "the statement was not understood whole", written
    for unknown in snapshot.shape.lineage.unknown:
        yield "unknown source", _unknown_text(unknown), unknown.target.uri
    for name in snapshot.not_captured:
        yield "not captured", name, None
    for name, count in snapshot.shape.left_out:
        yield "left out", f"{count:,} {name} are not in the stored snapshot", None
    for text in graph.refused.get(snapshot.run.id, ()):
        yield "refused", text, None


def _unknown_text(unknown: UnknownSource) -> str:
    text = {
        "unknown": "its rows came out of Python, and no source of them is known",
        "partly": "its rows came out of Python, and may have more sources than the edges show",
    }.get(unknown.rows, "some of its columns have no known source")
    columns = f" (columns {listed(unknown.columns, _SHOWN_NAMES)})" if unknown.columns else ""
    candidates = [one.name for one in unknown.candidates]
    perhaps = f"; perhaps {listed(candidates, _SHOWN_NAMES)}" if candidates else ""
    return f"{text}{columns}{perhaps}"
