"""Rows on their way: which lasting datasets and columns they came from, and by what transformations.

A temporary table, a query's result in Python's hands and the sources of a statement are all relations: composing them
is how `a -> tmp -> b` becomes `a -> b`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prefect_lineage_events.stitching.lifetimes import Lifetime
from prefect_lineage_events.stitching.model import Evidence

DIRECT = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
# From the surest to the least sure way of knowing that one dataset fed another.
_SURENESS: dict[Evidence, int] = {"sql": 0, "recorded": 1, "asset": 2, "same task": 3, "task graph": 4, "same flow": 5}


class Origin(NamedTuple):
    """A column of a lasting dataset, and what became of its values on the way."""

    life: Lifetime
    column: str
    transformation: str = "IDENTITY"
    inferred: bool = False


# Insertion-ordered sets, so that the same history gives the same bytes.
Origins = dict[Origin, None]


@dataclass(slots=True)
class Provenance:
    """`sources` fed it; `columns` by casefolded name are (name as spelled, where its values come from).

    `row_filters` are columns (JOIN, FILTER, ...) that decided over its rows; columns of `stars` went in under their own
    names, which are not known. A column without origins came out of Python, and is of an unknown source. `perhaps`
    are lives that may have fed it; `unsure`: its sources are not known, or perhaps not all.
    """

    sources: dict[Lifetime, Evidence] = field(default_factory=dict)
    columns: dict[str, tuple[str, Origins]] = field(default_factory=dict)
    row_filters: Origins = field(default_factory=dict)
    stars: dict[Lifetime, None] = field(default_factory=dict)
    perhaps: dict[Lifetime, None] = field(default_factory=dict)
    unsure: bool = False

    def fed_by(self, life: Lifetime, evidence: Evidence) -> None:
        self.sources[life] = surer(self.sources.get(life), evidence)

    def column(self, name: str) -> Origins:
        """Where the values of a column come from."""
        if found := self.columns.get(name.casefold()):
            return found[1]
        return {Origin(life, name): None for life in self.stars}

    def origins(self, name: str) -> Iterator[Origins]:
        """Where a column's values come from, when it is one of those that are known by name."""
        if found := self.columns.get(name.casefold()):
            yield found[1]

    def put(self, name: str, origins: Iterable[Origin]) -> None:
        _, known = self.columns.setdefault(name.casefold(), (name, {}))
        known.update(dict.fromkeys(origins))

    def take(self, other: Provenance) -> None:
        """Rows of another relation come in beside those that are there."""
        for life, evidence in other.sources.items():
            self.fed_by(life, evidence)
        for name, origins in other.columns.values():
            self.put(name, origins)
        self.row_filters.update(other.row_filters)
        self.stars.update(other.stars)
        self.doubt_as(other)

    def doubt_as(self, other: Provenance) -> None:
        """Copy what is not known of rows that came in: it is not known of these either."""
        self.perhaps.update(other.perhaps)
        self.unsure = self.unsure or other.unsure

    def size(self) -> int:
        """Relations only grow: of the same size, it is the same."""
        return len(self.sources) + len(self.row_filters) + sum(len(origins) for _, origins in self.columns.values())

    def names(self) -> list[str]:
        return [name for name, _ in self.columns.values()]


def together(relations: Iterable[Provenance]) -> Provenance:
    """All their rows, beside each other."""
    whole = Provenance()
    for relation in relations:
        whole.take(relation)
    return whole


def surer(one: Evidence | None, other: Evidence) -> Evidence:
    return other if one is None or _SURENESS[other] < _SURENESS[one] else one


def less_sure(one: Evidence, other: Evidence) -> Evidence:
    """A way is known as well as its least sure part."""
    return one if _SURENESS[one] >= _SURENESS[other] else other


def composed(first: str, then: str) -> str:
    """The transformation of a value that went through both. What decided anywhere on the way only decides."""
    if then not in DIRECT:
        return then
    if first not in DIRECT:
        return first
    if "AGGREGATION" in (first, then):
        return "AGGREGATION"
    return then if first == "IDENTITY" else first if then == "IDENTITY" else "TRANSFORMATION"


def through(origins: Iterable[Origin], transformation: str) -> Origins:
    """Origins after one more transformation."""
    return {o._replace(transformation=composed(o.transformation, transformation)): None for o in origins}
