"""Columns of each dataset, from all events of the run."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

from prefect_lineage_events import events
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR, SchemaEvent
from prefect_lineage_events.stitching.lifetimes import Lifetime, Lifetimes, ResolvedStep
from prefect_lineage_events.stitching.model import Column, ColumnEdge, DatasetUse

_TEXT_FORMAT = re.compile(r"\.(?:csv|tsv|txt)(?:\.(?:gz|zst|bz2))?\Z", re.IGNORECASE)
_TEXT = "VARCHAR"

_Field = tuple[Dataset, str]


def with_types(
    uses: Iterable[DatasetUse], all_uses: Iterable[DatasetUse], edges: Iterable[ColumnEdge], made: Collection[Dataset]
) -> tuple[DatasetUse, ...]:
    """The uses, with the types of files' columns. `made` are the datasets that the run created from others."""
    known = {(use.dataset, c.name.casefold()): c.type for use in all_uses for c in use.columns if c.type}
    types: dict[_Field, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.transformation != "IDENTITY" or edge.inferred or edge.path:
            continue
        source = (edge.source, edge.source_column.casefold())
        target = (edge.target, edge.target_column.casefold())
        if type_ := known.get(source):
            types[target].add(type_)
        if edge.target in made and (type_ := known.get(target)):
            types[source].add(type_)
    return tuple(_typed(use, types) if use.kind == "file" else use for use in uses)


def _typed(use: DatasetUse, known: dict[_Field, set[str]]) -> DatasetUse:
    is_text = _TEXT_FORMAT.search(use.dataset.name) is not None
    columns = []
    for column in use.columns:
        types = {_TEXT} if is_text else known.get((use.dataset, column.name.casefold()), set())
        unknown = column.type is None and len(types) == 1
        columns.append(replace(column, type=next(iter(types))) if unknown else column)
    return replace(use, columns=tuple(columns))


_FIRST = dt.datetime.min.replace(tzinfo=dt.timezone.utc)


@dataclass(frozen=True, slots=True)
class _Observation:
    """All columns of a dataset at one time. Types are comparable only if both were looked up, or neither was."""

    columns: tuple[Column, ...]
    looked_up: bool


class Schemas:
    """The columns and the kind of each lifetime. Columns that were looked up go before those in statements.

    `inherited` are columns known from the runs above, for datasets of which this run has none.
    """

    def __init__(
        self,
        resolved_steps: Sequence[ResolvedStep],
        lifetimes: Lifetimes,
        looked_up: Iterable[SchemaEvent],
        inherited: Mapping[Dataset, tuple[Column, ...]] = MappingProxyType({}),
    ) -> None:
        self._columns: dict[Lifetime, dict[str, Column]] = defaultdict(dict)
        self._whole: dict[Dataset, list[_Observation]] = defaultdict(list)
        self._kinds: dict[Lifetime, str] = {}
        self._listed: dict[Lifetime, tuple[Column, ...]] = {}
        self._unordered: set[Lifetime] = set()
        for one in resolved_steps:
            self._learn_from(one)
        for one in resolved_steps:
            self._learn_from_result(one)
        found: dict[Lifetime, tuple[Column, ...]] = {}
        for event in sorted(looked_up, key=_observed):
            for dataset in event.datasets:
                if dataset.columns and (lifetime := lifetimes.named(dataset.dataset)):
                    found[lifetime] = _looked_up(dataset.columns)
                    self._kinds[lifetime] = dataset.kind
                    self._whole[lifetime.as_target].append(_Observation(found[lifetime], looked_up=True))
        for lifetime in lifetimes.all if inherited else ():
            if (
                not lifetime.created
                and not self._columns.get(lifetime)
                and (known := inherited.get(lifetime.first_name))
            ):
                found.setdefault(lifetime, known)
                self._unordered.add(lifetime)
        self._listed.update(found)
        for lifetime, columns in found.items():
            self._columns[lifetime] = {c.name.casefold(): c for c in columns}

    def columns(self, lifetime: Lifetime) -> tuple[Column, ...]:
        return tuple(self._columns[lifetime].values()) if lifetime in self._columns else ()

    def listed(self, lifetime: Lifetime) -> tuple[str, ...]:
        """Its columns in the table's own order; none unless all are known."""
        return tuple(c.name for c in self._listed.get(lifetime, ()))

    def in_order(self, lifetime: Lifetime) -> bool:
        """Return whether `columns` are all columns of the table in its own order.

        Not of a table that the run altered, or whose columns are those that another run used.
        """
        known = [name.casefold() for name in self.listed(lifetime)]
        return bool(known) and known == list(self._columns[lifetime]) and lifetime not in self._unordered

    def kind(self, lifetime: Lifetime) -> str:
        """Its kind by its statements; if these do not show it, its kind in the store."""
        return lifetime.kind if lifetime.kind != "table" else self._kinds.get(lifetime, lifetime.kind)

    def names(self, lifetime: Lifetime) -> list[str]:
        return [c.name for c in self.columns(lifetime)]

    def spelled(self, lifetime: Lifetime, name: str) -> str:
        """A column's name in the spelling of its dataset: Marquez and others compare names with case."""
        return self.column_and_path(lifetime, name)[0]

    def column_and_path(self, lifetime: Lifetime, name: str) -> tuple[str, str]:
        """A column in the spelling of its dataset, and the path to the part of its value that the name means.

        A field of a struct (`address.city`) is a part of its column.
        """
        known = self._columns.get(lifetime, {})
        first, _, path = name.partition(".")
        if column := known.get(name.casefold()):
            return column.name, ""
        column = known.get(first.casefold())
        return (column.name, path) if column else (name, "")

    def learn(self, lifetime: Lifetime, columns: Iterable[events.Column]) -> None:
        """Add all columns of a table, by the second analysis of the statement that created it."""
        self._listed.setdefault(lifetime, _plain(columns))
        self._add(lifetime, _plain(columns))

    def changes(self) -> dict[Dataset, str]:
        """Descriptions of the changes of columns during the run, by dataset. Sorted."""
        types = ((dataset, _differences(whole)) for dataset, whole in self._whole.items())
        return {dataset: text for dataset, text in sorted(types) if text}

    def _learn_from(self, resolved: ResolvedStep) -> None:
        step = resolved.step
        if step.output and resolved.target and step.output.columns:
            columns = _plain(step.output.columns)
            if step.operation == "create" and not any(e.column == STAR for e in step.columns):
                self._columns[resolved.target] = {}
                self._listed[resolved.target] = columns
                self._whole[resolved.target.as_target].append(_Observation(columns, looked_up=False))
            self._add(resolved.target, columns)
        if step.operation == "alter" and resolved.target:
            self._unordered.add(resolved.target)
            self._listed.pop(resolved.target, None)
        for dataset in step.inputs:
            if dataset.columns and (lifetime := resolved.by_uri.get(dataset.uri)):
                self._add(lifetime, _plain(dataset.columns))

    def _learn_from_result(self, resolved: ResolvedStep) -> None:
        """Add the columns of t that `SELECT * FROM t` returned, if none are known."""
        step = resolved.step
        if step.reads and len(resolved.sources) == 1 and not self._columns.get(resolved.sources[0]):
            direct = [e for e in step.columns if e.transformation == "IDENTITY"]
            if direct and all(e.column == STAR == e.source_column for e in direct):
                self._add(resolved.sources[0], _plain(step.result_columns))

    def _add(self, lifetime: Lifetime, columns: Iterable[Column]) -> None:
        known = self._columns[lifetime]
        for column in columns:
            before = known.get(column.name.casefold())
            if before is None or (before.type is None and column.type):
                known[column.name.casefold()] = Column(before.name if before else column.name, column.type)


def _plain(columns: Iterable[events.Column]) -> tuple[Column, ...]:
    return tuple(Column(c.name, c.type or None) for c in columns if c.name and c.name != STAR)


def _looked_up(columns: Iterable[events.Column]) -> tuple[Column, ...]:
    """Columns as the store has them. An empty type is a type there (SQLite's columns of expressions have it)."""
    return tuple(Column(c.name, c.type) for c in columns if c.name)


def _observed(event: SchemaEvent) -> tuple[dt.datetime, str, int]:
    observed = event.observed or _FIRST
    observed = observed if observed.tzinfo else observed.replace(tzinfo=dt.timezone.utc)
    return observed, str(event.emitter.id), event.emitter.sequence


def _differences(whole: Sequence[_Observation]) -> str:
    parts = [_difference(before, after) for before, after in pairwise(whole)]
    return "; ".join(dict.fromkeys(p for p in parts if p))


def _difference(before: _Observation, after: _Observation) -> str:
    old = {c.name.casefold(): c for c in before.columns}
    new = {c.name.casefold(): c for c in after.columns}
    parts = [f"added {c.name}" for key, c in new.items() if key not in old]
    parts += [f"removed {c.name}" for key, c in old.items() if key not in new]
    if before.looked_up == after.looked_up:
        parts += [
            f"{c.name} from {old[key].type} to {c.type}"
            for key, c in new.items()
            if key in old and c.type and old[key].type and _type(c.type) != _type(old[key].type)
        ]
    return ", ".join(parts)


def _type(text: str | None) -> str:
    return "".join((text or "").casefold().split())
