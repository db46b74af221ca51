"""Questions about time: a dataset's columns over time, the differences of two runs, the graph as of a time. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.evidence import run_ref
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window
from prefect_lineage_events.graph.values import ColumnState, RowsChange, RunDiff, SchemaVersion
from prefect_lineage_events.snapshots import Snapshot
from prefect_lineage_events.stitching.model import Column, DatasetUse, Lineage

_WHOLE = ("CREATE", "OVERWRITE", "ALTER")


def as_of(time: dt.datetime, since: dt.datetime | None = None) -> Window:
    """The window of the runs that had ended at this time: any question answers for it as it would have then."""
    return Window(since, time)


def schema_history(graph: Graph, dataset: Dataset, window: Window = ALWAYS) -> tuple[SchemaVersion, ...]:
    """The versions of the dataset's columns, oldest first, each with its difference from the one before.

    A write shows all columns of what it wrote; a read may show only those that it used, so it adds columns and types,
    and drops none. A type that one run knows and another does not is no change.
    """
    versions: list[SchemaVersion] = []
    known: dict[str, str | None] = {}
    for snapshot, columns, whole in _seen(graph, dataset, window):
        seen = {column.name: column.type for column in columns}
        added = [name for name in seen if name not in known]
        dropped = [name for name in known if name not in seen] if whole else []
        retyped = [name for name, type_ in seen.items() if type_ and known.get(name) not in (None, type_)]
        merged = {name: type_ for name, type_ in known.items() if name not in dropped}
        merged |= {name: type_ or known.get(name) for name, type_ in seen.items()}
        if added or dropped or retyped:
            versions.append(
                SchemaVersion(
                    since=snapshot.run.began,
                    run=run_ref(snapshot),
                    columns=tuple(ColumnState(name=name, type=type_) for name, type_ in merged.items()),
                    added=tuple(added) if versions else (),
                    dropped=tuple(dropped),
                    retyped=tuple(f"{name}: {known[name]} -> {seen[name]}" for name in retyped),
                )
            )
        known = merged
    return tuple(versions)


def columns_now(graph: Graph, dataset: Dataset, window: Window = ALWAYS) -> tuple[ColumnState, ...]:
    """The newest known columns of the dataset."""
    versions = schema_history(graph, dataset, window)
    return versions[-1].columns if versions else ()


def _seen(graph: Graph, dataset: Dataset, window: Window) -> list[tuple[Snapshot, tuple[Column, ...], bool]]:
    """The uses of the dataset with known columns, oldest first; `True` for a write that shows all of its columns."""
    found = [
        # A run that made the dataset, or changed its columns, shows all of them.
        (
            link.runs.snapshots[run_id],
            link.use.columns,
            link.writes and (link.use.whole or link.use.lifecycle in _WHOLE),
        )
        for link in graph.uses(dataset, window)
        if link.use.columns
        for _, run_id in link.runs.within(window)
    ]
    found.sort(key=lambda one: (one[0].run.began, str(one[0].run.id)))
    return found


def diff(before: Snapshot, after: Snapshot) -> RunDiff:
    """The differences between the lineage of two runs, of one flow or of two."""
    first, second = before.lineage, after.lineage
    named = {
        "inputs": (_uris(first.inputs), _uris(second.inputs)),
        "outputs": (_uris(first.outputs), _uris(second.outputs)),
        "edges": (_edge_texts(first), _edge_texts(second)),
        "columns": (_column_texts(first), _column_texts(second)),
    }
    changes = {
        f"{name}_{direction}": tuple(sorted(found))
        for name, (old, new) in named.items()
        for direction, found in (("added", new - old), ("removed", old - new))
    }
    return RunDiff(
        before=run_ref(before),
        after=run_ref(after),
        rows=(
            *_rows_changes(first.inputs, second.inputs, "read"),
            *_rows_changes(first.outputs, second.outputs, "written"),
        ),
        **changes,
    )


def _uris(uses: Iterable[DatasetUse]) -> set[str]:
    return {use.dataset.uri for use in uses}


def _edge_texts(lineage: Lineage) -> set[str]:
    return {f"{source.uri} -> {target.uri}" for source, target in lineage.pairs()}


def _column_texts(lineage: Lineage) -> set[str]:
    """The columns of datasets, and the edges between columns."""
    columns = {f"{use.dataset.uri} {c.name}" for use in (*lineage.inputs, *lineage.outputs) for c in use.columns}
    return columns | {
        f"{edge.source.uri} {edge.source_part} -> {edge.target.uri} {edge.target_column} ({edge.transformation})"
        for edge in lineage.columns
    }


def _rows_changes(before: Iterable[DatasetUse], after: Iterable[DatasetUse], direction: str) -> Iterable[RowsChange]:
    old, new = ({use.dataset.uri: use.rows for use in uses} for uses in (before, after))
    for uri in sorted(old.keys() | new.keys()):
        if old.get(uri) != new.get(uri):
            yield RowsChange(
                dataset=uri,
                direction="read" if direction == "read" else "written",
                before=old.get(uri),
                after=new.get(uri),
            )
