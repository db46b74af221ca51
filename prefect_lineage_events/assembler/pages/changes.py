"""The changes of a dataset by a run, in words. Pure."""

from __future__ import annotations

from prefect_lineage_events.escaping import code, word
from prefect_lineage_events.sentences import changed
from prefect_lineage_events.stitching.model import DatasetUse


def change(lifecycle: str | None) -> str:
    return word(changed(lifecycle)) if lifecycle else ""


def change_of(use: DatasetUse) -> str:
    """`overwritten`; `renamed from` its earlier name."""
    origin = f" from {code(use.renamed_from.name)}" if use.renamed_from else ""
    return f"{change(use.lifecycle)}{origin}".strip()
