"""Provenance of rows: the lasting datasets and columns that they came from, and the transformations on the way.

A temporary table, a query's result in Python and the sources of a statement all have one: composing them turns
`a -> tmp -> b` into `a -> b`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prefect_lineage_events.naming import joined_paths
from prefect_lineage_events.stitching.lifetimes import Lifetime
from prefect_lineage_events.stitching.model import Evidence

DIRECT = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
# These decide over rows. CONDITIONAL and WINDOW decide over the values of one column.
OF_ROWS = frozenset({"JOIN", "FILTER", "GROUP_BY", "SORT"})
# From the most to the least certain evidence that one dataset is a source of another.
_BY_CERTAINTY: tuple[Evidence, ...] = ("sql", "warehouse", "recorded", "asset", "same task", "task graph", "same flow")
_CERTAINTY = {evidence: rank for rank, evidence in enumerate(_BY_CERTAINTY)}


class Origin(NamedTuple):
    """A column of a lasting dataset, and the transformation of its values on the way.

    `path` leads to the part of the column's value that was read, "" for all of it.
    """

    lifetime: Lifetime
    column: str
    transformation: str = "IDENTITY"
    inferred: bool = False
    path: str = ""


# Insertion-ordered sets, so that the same history gives the same bytes.
Origins = dict[Origin, None]


@dataclass(slots=True)
class Provenance:
    """The `sources` of rows, and of their `columns`: by casefolded name, the spelled name and the origins.

    `row_filters` are columns (JOIN, FILTER, ...) that selected its rows; columns of `stars` were taken under their own
    names, which are not known. A column without origins came out of Python, and its source is unknown. `candidates`
    may be sources; `incomplete`: not all sources are known, or perhaps not all.
    """

    sources: dict[Lifetime, Evidence] = field(default_factory=dict)
    columns: dict[str, tuple[str, Origins]] = field(default_factory=dict)
    row_filters: Origins = field(default_factory=dict)
    stars: dict[Lifetime, None] = field(default_factory=dict)
    candidates: dict[Lifetime, None] = field(default_factory=dict)
    incomplete: bool = False

    def add_source(self, lifetime: Lifetime, evidence: Evidence) -> None:
        self.sources[lifetime] = more_certain(self.sources.get(lifetime), evidence)

    def column(self, name: str) -> Origins:
        """The origins of a column's values, or of those of a field of its struct (`address.city`)."""
        if found := self.columns.get(name.casefold()):
            return found[1]
        first, _, path = name.partition(".")
        if path and (found := self.columns.get(first.casefold())):
            return through(found[1], "IDENTITY", path)
        return {Origin(lifetime, name): None for lifetime in self.stars}

    def origins(self, name: str) -> Iterator[Origins]:
        """The origins of a column's values, if the column is known by name."""
        if found := self.columns.get(name.casefold()):
            yield found[1]

    def add_column(self, name: str, origins: Iterable[Origin]) -> None:
        _, known = self.columns.setdefault(name.casefold(), (name, {}))
        known.update(dict.fromkeys(origins))

    def merge(self, other: Provenance) -> None:
        """Add the provenance of more rows."""
        for lifetime, evidence in other.sources.items():
            self.add_source(lifetime, evidence)
        for name, origins in other.columns.values():
            self.add_column(name, origins)
        self.row_filters.update(other.row_filters)
        self.stars.update(other.stars)
        self.merge_doubts(other)

    def merge_doubts(self, other: Provenance) -> None:
        """Add candidates and incompleteness of rows that came in."""
        self.candidates.update(other.candidates)
        self.incomplete = self.incomplete or other.incomplete

    def names(self) -> list[str]:
        return [name for name, _ in self.columns.values()]


def more_certain(one: Evidence | None, other: Evidence) -> Evidence:
    return other if one is None or _CERTAINTY[other] < _CERTAINTY[one] else one


def less_certain(one: Evidence, other: Evidence) -> Evidence:
    """The less certain evidence of two: a chain is as certain as its weakest part."""
    return one if _CERTAINTY[one] >= _CERTAINTY[other] else other


def composed(first: str, then: str) -> str:
    """The transformation of a value through both. If one is INDIRECT, the whole is."""
    if then not in DIRECT:
        return then
    if first not in DIRECT:
        return first
    if "AGGREGATION" in (first, then):
        return "AGGREGATION"
    return then if first == "IDENTITY" else first if then == "IDENTITY" else "TRANSFORMATION"


def through(origins: Iterable[Origin], transformation: str, path: str = "") -> Origins:
    """Origins after one more transformation, of the part of their values to which `path` leads.

    A path into a value that is no copy of the column leads to no known part of the column.
    """
    return {
        o._replace(
            transformation=composed(o.transformation, transformation),
            path=joined_paths(o.path, path) if o.transformation == "IDENTITY" else o.path,
        ): None
        for o in origins
    }
