"""The picture of a run for people: a mermaid graph for the run's page, a tree of tables and columns for a terminal."""

from __future__ import annotations

from prefect_lineage_events.assembly.model import RunLineage


def mermaid(run: RunLineage, max_nodes: int = 60) -> str:
    """The table edges of a run as a mermaid flowchart of at most `max_nodes` nodes."""
    raise NotImplementedError


def tree(run: RunLineage) -> str:
    """Each output with what feeds it, tables first and columns under them, as lines of text."""
    raise NotImplementedError
