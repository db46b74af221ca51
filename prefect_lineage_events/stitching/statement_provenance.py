"""Provenance that the text of statements states: their sources and columns, and the content of transient datasets.

A statement that names its sources (INSERT ... SELECT) is taken at its word. A transient dataset is replaced by what it
was filled from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from prefect_lineage_events.events import STAR, EventColumnEdge
from prefect_lineage_events.stitching.columns import Schemas
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.provenance import (
    DIRECT,
    OF_ROWS,
    Origin,
    Origins,
    Provenance,
    less_certain,
    through,
)
from prefect_lineage_events.stitching.write_columns import WriteColumns


class _Content:
    """The provenance of the rows that a transient dataset holds: of its parts, each of which is written again alone."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, ...], Provenance] = {}
        self._whole: Provenance | None = None

    @property
    def filled(self) -> bool:
        """Return whether a captured statement has written to it."""
        return bool(self._parts)

    def replace(self, part: tuple[str, ...], provenance: Provenance) -> None:
        if not part:
            self._parts.clear()
        self._parts[part] = provenance
        self._whole = None

    def add(self, provenance: Provenance) -> None:
        self._parts.setdefault((), Provenance()).merge(provenance)
        self._whole = None

    def whole(self) -> Provenance:
        if self._whole is None:
            self._whole = next(iter(self._parts.values())) if len(self._parts) == 1 else Provenance()
            for part in self._parts.values() if len(self._parts) > 1 else ():
                self._whole.merge(part)
        return self._whole


class StatementProvenance:
    """The provenance of statements by their own text, and of the content that transient datasets have by now."""

    def __init__(self, schemas: Schemas, write_columns: WriteColumns) -> None:
        self._schemas = schemas
        self._write_columns = write_columns
        self._contents: dict[Lifetime, _Content] = defaultdict(_Content)

    def fill(self, target: Lifetime, resolved: ResolvedStep, provenance: Provenance) -> None:
        """Replace the content of a transient dataset or of a part of it, or add to it, as the step did."""
        if resolved.replaces_content:
            self._contents[target].replace(resolved.step.output.subset if resolved.step.output else (), provenance)
        elif resolved.step.operation == "write":
            self._contents[target].add(provenance)

    def of_statement(self, resolved: ResolvedStep) -> Provenance:
        """The statement's sources and column edges, with transient datasets replaced by their sources."""
        result = Provenance()
        for lifetime in resolved.sources:
            for source, evidence in self._lasting_sources(lifetime):
                result.add_source(source, less_certain(evidence, resolved.step.evidence))
            if lifetime.transient:
                result.row_filters.update(self._contents[lifetime].whole().row_filters)
                result.merge_doubts(self._contents[lifetime].whole())
                # What filled it is not captured: a file that is downloaded by hand, or that another program writes.
                result.incomplete = result.incomplete or (
                    lifetime.kind == "file" and not self._contents[lifetime].filled
                )
        stars = []
        for edge in resolved.step.columns:
            source_lifetime = resolved.by_uri.get(edge.source)
            if source_lifetime is None:
                continue
            if edge.source_column == STAR:
                # `count(*)` and the like have a column on one side only: no column's values went there
                if edge.column == STAR and edge.transformation in DIRECT:
                    stars.append((edge, source_lifetime))
                continue
            origins = through(self._origins(source_lifetime, edge.source_column), edge.transformation, edge.path)
            if edge.column != STAR:
                result.add_column(edge.column, [one for one in origins if one.transformation not in OF_ROWS])
                origins = {one: None for one in origins if one.transformation in OF_ROWS}
            if edge.transformation not in DIRECT:
                result.row_filters.update(origins)
        self._add_stars(result, resolved, stars)
        for column in resolved.step.result_columns if resolved.step.reads else ():
            if column.name != STAR:
                result.add_column(column.name, ())
        return result

    def of_result(self, resolved: ResolvedStep) -> Provenance:
        """The provenance of the rows that a statement returns to Python: rows that it read, or rows of its table."""
        if not resolved.target:
            return self.of_statement(resolved)
        result = Provenance()
        for source, evidence in self._lasting_sources(resolved.target):
            result.add_source(source, evidence)
        known = {name.casefold() for name in self._names_of(resolved.target)}
        for name in (column.name for column in resolved.step.result_columns):
            if name.casefold() in known or (not known and name != STAR):
                result.add_column(name, self._origins(resolved.target, name))
        return result

    def _lasting_sources(self, lifetime: Lifetime) -> Iterable[tuple[Lifetime, Evidence]]:
        if lifetime.transient:
            return self._contents[lifetime].whole().sources.items()
        return [(lifetime, "sql")]

    def _origins(self, lifetime: Lifetime, column: str) -> Origins:
        if lifetime.transient:
            return self._contents[lifetime].whole().column(column)
        name, path = self._schemas.column_and_path(lifetime, column)
        return {Origin(lifetime, name, path=path): None}

    def _add_stars(
        self, result: Provenance, resolved: ResolvedStep, stars: list[tuple[EventColumnEdge, Lifetime]]
    ) -> None:
        """Add the columns of `SELECT *`: those of the source, or else those of the target."""
        into = self._write_columns.target(resolved)
        alone = len(stars) == 1 and not result.columns
        for edge, lifetime in stars:
            names = self._names_of(lifetime)
            if resolved.step.evidence == "recorded" and (names or into):
                self._add_equal_names(result, edge, lifetime, names or (into if len(stars) == 1 else ()), into)
                continue
            if edge.position:
                known = (
                    self._by_position(lifetime, resolved.target, names, into) if alone and edge.position == 1 else ()
                )
                for name, target in known:
                    result.add_column(target, through(self._origins(lifetime, name), edge.transformation))
                continue
            if names:
                targets = into if alone and _positional(names, into) else names
                for name, target in zip(names, targets, strict=True):
                    result.add_column(target, through(self._origins(lifetime, name), edge.transformation))
            elif len(stars) == 1 and into:
                for name in [n for n in into if n.casefold() not in result.columns]:
                    result.add_column(name, through(self._origins(lifetime, name), edge.transformation))
            else:
                result.stars.update(self._contents[lifetime].whole().stars if lifetime.transient else {lifetime: None})

    def _add_equal_names(
        self, result: Provenance, edge: EventColumnEdge, source: Lifetime, names: Sequence[str], into: Sequence[str]
    ) -> None:
        """Add the columns that source and target both have, of a write that was recorded as "by name"."""
        theirs = {name.casefold(): name for name in names}
        for name in into or names:
            if own := theirs.get(name.casefold()):
                result.add_column(name, through(self._origins(source, own), edge.transformation))

    def _by_position(
        self, source: Lifetime, target: Lifetime | None, names: Sequence[str], into: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        """Pairs of a source's column and the target's column that it fills; none if that is not known."""
        if target is not None and not source.transient:
            ours, theirs = self._schemas.listed(source), self._schemas.listed(target)
            if ours and theirs:
                return zip(ours, theirs, strict=False) if len(ours) <= len(theirs) else ()
        if len(names) != len(into):
            return ()
        return zip(names, into if _positional(names, into) else names, strict=True)

    def _names_of(self, lifetime: Lifetime) -> list[str]:
        if lifetime.transient and (content := self._contents[lifetime].whole()).columns:
            return content.names()
        return self._schemas.names(lifetime)


def _positional(names: Sequence[str], into: Sequence[str]) -> bool:
    """Return whether columns of INSERT ... SELECT * must be matched by position: as many names, but different ones."""
    same = {n.casefold() for n in names} == {n.casefold() for n in into}
    return len(names) == len(into) and not same
