"""Run lineage as short texts, for readable expectations."""

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
    """The evidence of each edge."""
    return {f"{e.source.name}>{e.target.name}": e.evidence for e in of.edges}


def columns(of: Lineage) -> set[str]:
    """Column edges as `a.x>b.y`, followed by `:KIND` if they are no identity, after `~` if they are inferred."""
    return {
        f"{'~' if e.inferred else ''}{e.source.name}.{e.source_part}>{e.target.name}.{e.target_column}"
        + ("" if e.transformation == "IDENTITY" else f":{e.transformation}")
        for e in of.columns
    }


def schema(of: Lineage, name: str) -> dict[str, str | None]:
    use = next(use for use in (*of.outputs, *of.inputs) if use.dataset.name == name)
    return {c.name: c.type for c in use.columns}


def unknown(of: Lineage) -> dict[str, str]:
    """The outputs with unknown sources: `unknown` or `partly`, or else the columns without a source."""
    return {u.target.name: " ".join(u.columns) if u.rows == "known" else u.rows for u in of.unknown}
