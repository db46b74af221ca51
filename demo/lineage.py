"""Lineage of the OpenLineage file, as a tree of tables and columns."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

END_TYPES = ("COMPLETE", "FAIL", "ABORT")


@dataclass
class Lineage:
    """The lineage in the terminal events of a file: for each job, the sources of each table and column."""

    jobs: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    columns: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    runs: dict[str, str] = field(default_factory=dict)

    @property
    def edges(self) -> set[tuple[str, str]]:
        return {edge for edges in self.jobs.values() for edge in edges}

    @property
    def column_edges(self) -> set[tuple[str, str]]:
        return {
            (source, f"{table}.{column}") for (table, column), sources in self.columns.items() for source in sources
        }


def read(path: Path) -> Lineage:
    lineage = Lineage()
    for event in terminal_events(path):
        lineage.runs[event["run"]["runId"]] = event["eventType"]
        edges = lineage.jobs[event["job"]["name"]]
        edges |= set(_explicit_edges(event))
        for output in event.get("outputs", []):
            target = _label(output)
            for column, made_of in output.get("facets", {}).get("columnLineage", {}).get("fields", {}).items():
                for source in made_of["inputFields"]:
                    edges.add((_label(source), target))
                    lineage.columns[target, column].add(f"{_label(source)}.{source['field']}")
    return lineage


def terminal_events(path: Path) -> Iterator[dict]:
    if path.exists():
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event.get("eventType") in END_TYPES:
                yield event


def _explicit_edges(event: dict) -> Iterator[tuple[str, str]]:
    for entry in event["job"].get("facets", {}).get("lineage", {}).get("entries", []):
        for source in entry.get("inputs", []):
            yield _label(source), _label(entry)


def _label(dataset: dict) -> str:
    """The file name of a file, or the last part of a table's name."""
    separator = "/" if dataset["namespace"].startswith("file") else "."
    return dataset["name"].rsplit(separator, 1)[-1]


def tree(lineage: Lineage) -> str:
    """Jobs, below them the tables that they write, and below these their sources: tables, then columns."""
    lines: list[str] = []
    for job in sorted(lineage.jobs):
        lines.append(job)
        targets = sorted({target for _, target in lineage.jobs[job]})
        for target in targets:
            last = target == targets[-1]
            lines.append(f"{'└─' if last else '├─'} {target}")
            lines += [f"{'  ' if last else '│ '} {line}" for line in _feeds(lineage, job, target)]
    return "\n".join(lines)


def _feeds(lineage: Lineage, job: str, target: str) -> Iterable[str]:
    yield "  ← " + ", ".join(sorted(source for source, into in lineage.jobs[job] if into == target))
    for (table, column), sources in sorted(lineage.columns.items()):
        if table == target:
            yield f"    {column} ← {', '.join(sorted(sources))}"
