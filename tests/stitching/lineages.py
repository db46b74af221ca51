"""Run lineage in words, so that a test reads as what it expects."""

from __future__ import annotations

from prefect_lineage_events.stitching.model import Lineage, RunLineage
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story


def lineage(story: Story, **options: bool) -> Lineage:
    return stitch(story.history(), **options).lineage


def run(story: Story, **options: bool) -> RunLineage:
    return stitch(story.history(), **options)


def inputs(of: Lineage) -> set[str]:
    return {use.dataset.name for use in of.inputs}


def outputs(of: Lineage) -> set[str]:
    return {use.dataset.name for use in of.outputs}


def lifecycles(of: Lineage) -> dict[str, str | None]:
    return {use.dataset.name: use.lifecycle for use in of.outputs}


def edges(of: Lineage) -> set[str]:
    return {f"{e.source.name}>{e.target.name}" for e in of.edges}


def known(of: Lineage) -> dict[str, str]:
    """How each edge is known."""
    return {f"{e.source.name}>{e.target.name}": e.evidence for e in of.edges}


def columns(of: Lineage) -> set[str]:
    """`a.x>b.y`, with `:HOW` behind what is no identity and `~` before what is inferred."""
    return {
        f"{'~' if e.inferred else ''}{e.source.name}.{e.source_column}>{e.target.name}.{e.target_column}"
        + ("" if e.transformation == "IDENTITY" else f":{e.transformation}")
        for e in of.columns
    }


def schema(of: Lineage, name: str) -> dict[str, str | None]:
    use = next(use for use in (*of.outputs, *of.inputs) if use.dataset.name == name)
    return {c.name: c.type for c in use.columns}


def unknown(of: Lineage) -> dict[str, str]:
    """Of which outputs not all sources are known: `unknown`, or `partly`; else the columns that lack one."""
    return {u.target.name: " ".join(u.columns) if u.rows == "known" else u.rows for u in of.unknown}
