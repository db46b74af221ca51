"""Statements that name many files: these are parts of one directory, and parts of one dataset are named together."""

from __future__ import annotations

from collections.abc import Iterable

from prefect_lineage_events.datasets import MAX_SINGLE_FILES, common_directory
from prefect_lineage_events.emission.pending import MAX_SUBSET
from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.sql.model import TableRef


def directories(tables: Iterable[TableRef]) -> dict[TableRef, TableRef]:
    """For each of many files that a statement names (`read_parquet([...])`), the directory that they share."""
    files = [table for table in tables if table.kind == "file" and not table.namespace]
    if len(files) <= MAX_SINGLE_FILES:
        return {}
    shared = common_directory([table.path for table in files])
    return dict.fromkeys(files, TableRef(kind="file", path=shared)) if shared else {}


def distinct(datasets: Iterable[EventDataset]) -> tuple[EventDataset, ...]:
    """Each dataset once, with all parts of it that are named; without parts if it is named as a whole, too."""
    found: dict[str, EventDataset] = {}
    for dataset in datasets:
        known = found.get(dataset.uri)
        if known is not None and known.subset != dataset.subset:
            parts = tuple(dict.fromkeys((*known.subset, *dataset.subset))) if known.subset and dataset.subset else ()
            dataset = known.model_copy(update={"subset": parts if len(parts) <= MAX_SUBSET else ()})  # noqa: PLW2901
        found[dataset.uri] = dataset
    return tuple(found.values())
