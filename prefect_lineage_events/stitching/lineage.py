"""From lives and flows to names: the inputs, outputs and edges of a flow run, or of one task of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prefect_lineage_events import encoding
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR
from prefect_lineage_events.stitching.columns import Schemas, with_types
from prefect_lineage_events.stitching.dataflow import Fed
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import Bundle, Column, ColumnEdge, DatasetUse, Edge, Evidence, UnknownSource
from prefect_lineage_events.stitching.provenance import Origin, surer
from prefect_lineage_events.stitching.steps import Scope, Step

# Beyond that many edges the largest products of sources and targets are told as such.
MAX_EDGES = 5_000

_Feeding = tuple[Lifetime, Evidence]


@dataclass(slots=True)
class _Side:
    """The lives behind one name, and the statements that touched it."""

    lives: dict[Lifetime, None] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """Inputs, outputs and what joins them, each sorted. Every source of an edge is among the inputs."""

    inputs: tuple[DatasetUse, ...]
    outputs: tuple[DatasetUse, ...]
    edges: tuple[Edge, ...]
    columns: tuple[ColumnEdge, ...]
    bundles: tuple[Bundle, ...]
    unknown: tuple[UnknownSource, ...]


def created_in(placed: Iterable[ResolvedStep]) -> frozenset[Dataset]:
    """The names of what was created, then and now."""
    made = [p.target for p in placed if p.target and p.target.created]
    return frozenset(name for life in made for name in (life.birth, life.name))


def build_lineage(
    placed: Sequence[ResolvedStep], fed: Sequence[Fed], schemas: Schemas, created: Collection[Dataset]
) -> Picture:
    """The picture of a run or of a part of it; `created` is what the whole run created."""
    inputs: dict[Dataset, _Side] = defaultdict(_Side)
    outputs: dict[Dataset, _Side] = defaultdict(_Side)
    for one in placed:
        for life in one.sources:
            if not life.gone and not one.step.handed:
                _touch(inputs[life.as_source], life, one.step)
        if one.target and not one.target.gone and not _never_there(one.target, created):
            _touch(outputs[one.target.as_target], one.target, one.step)
        for life in one.moved:
            if not life.gone:
                _touch(outputs[life.as_target], life)
    single, bundles = _bundled(fed)
    for source in (source for write in fed for source in write.by.sources):
        inputs[source.as_source].lives[source] = None
    # Into what is no output (nobody knows that it was there to be dropped) nothing leads.
    edges = tuple(edge for edge in _edges(placed, single, inputs) if edge.target in outputs)
    columns = tuple(edge for edge in _columns(placed, fed, schemas) if edge.target in outputs)
    for edge in columns:
        inputs[edge.source].columns[edge.source_column] = None
        if edge.target_column != STAR:
            outputs[edge.target].columns[edge.target_column] = None
    read = [_use(dataset, inputs[dataset], schemas, written=False) for dataset in sorted(inputs)]
    written = [_use(dataset, outputs[dataset], schemas, written=True) for dataset in sorted(outputs)]
    fresh = {p.target.as_target for p in placed if p.target and p.step.operation == "create" and p.step.inputs}
    return Picture(
        with_types(read, [*read, *written], columns, fresh),
        with_types(written, [*read, *written], columns, fresh),
        edges,
        columns,
        bundles,
        tuple(_unknown(fed, schemas)),
    )


def _touch(side: _Side, life: Lifetime, step: Step | None = None) -> None:
    side.lives[life] = None
    if step:
        side.steps.append(step)


def _never_there(life: Lifetime, created: Collection[Dataset]) -> bool:
    """DROP TABLE IF EXISTS, or any DROP in front of a CREATE: nobody knows that there was something to drop."""
    if life.created or life.read:
        return False
    return life.effects == {"drop if exists"} or (life.effects == {"drop"} and life.birth in created)


def _bundled(fed: Sequence[Fed]) -> tuple[list[Fed], tuple[Bundle, ...]]:
    """The writes whose edges are told one by one, and those that are told together: the largest products first."""
    single = list(fed)
    count = sum(len(write.by.sources) for write in fed)
    if count <= MAX_EDGES:
        return single, ()
    alike: dict[tuple[frozenset[Scope], frozenset[_Feeding]], list[Fed]] = defaultdict(list)
    for write in fed:
        alike[write.scopes, frozenset(write.by.sources.items())].append(write)
    bundles = []
    for (scopes, sources), writes in sorted(alike.items(), key=lambda item: -len(item[0][1]) * len(item[1])):
        if count <= MAX_EDGES or len(writes) < 2:
            break
        count -= len(sources) * len(writes)
        bundles.append(_bundle(scopes, sources, writes))
        together = {id(write) for write in writes}
        single = [write for write in single if id(write) not in together]
    return single, tuple(bundles)


def _bundle(scopes: Iterable[Scope], sources: Iterable[_Feeding], writes: Iterable[Fed]) -> Bundle:
    named: dict[Dataset, Evidence] = {}
    for life, evidence in sources:
        named[life.as_source] = surer(named.get(life.as_source), evidence)
    tasks = sorted(scope for scope in scopes if scope)
    return Bundle(
        task_run_id=tasks[0] if tasks else None,
        sources=tuple(sorted(named.items())),
        targets=tuple(sorted({write.target.as_target for write in writes})),
    )


def _edges(placed: Iterable[ResolvedStep], fed: Iterable[Fed], inputs: dict[Dataset, _Side]) -> tuple[Edge, ...]:
    edges: dict[tuple[Dataset, Dataset], Evidence] = {}
    for source, target, evidence in _table_edges(placed, fed):
        edges[source.as_source, target.as_target] = surer(edges.get((source.as_source, target.as_target)), evidence)
        inputs[source.as_source].lives[source] = None
    return tuple(Edge(source, target, evidence) for (source, target), evidence in sorted(edges.items()))


def _columns(placed: Iterable[ResolvedStep], fed: Iterable[Fed], schemas: Schemas) -> tuple[ColumnEdge, ...]:
    columns: dict[tuple[Dataset, str, Dataset, str, str], bool] = {}
    for origin, target, name in _column_edges(placed, fed, schemas):
        key = (origin.life.as_source, origin.column, target.as_target, name, origin.transformation)
        columns[key] = origin.inferred and columns.get(key, True)
    return tuple(ColumnEdge(*key, inferred=inferred) for key, inferred in sorted(columns.items()))


def _table_edges(placed: Iterable[ResolvedStep], fed: Iterable[Fed]) -> Iterator[tuple[Lifetime, Lifetime, Evidence]]:
    for write in fed:
        for source, evidence in write.by.sources.items():
            yield source, write.target, evidence
    for life in _renamed(placed):
        yield life, life, "sql"


def _column_edges(
    placed: Iterable[ResolvedStep], fed: Iterable[Fed], schemas: Schemas
) -> Iterator[tuple[Origin, Lifetime, str]]:
    """Columns of datasets that fed the target: no column edge without its table's."""
    for write in fed:
        for name, origins in write.by.columns.values():
            for origin in origins:
                if origin.life in write.by.sources:
                    yield origin, write.target, schemas.spelled(write.target, name)
        for origin in write.by.row_filters:
            if origin.life in write.by.sources:
                yield origin, write.target, STAR
    for life in _renamed(placed):
        for name in schemas.names(life):
            yield Origin(life, name), life, name


def _unknown(fed: Iterable[Fed], schemas: Schemas) -> Iterator[UnknownSource]:
    """The outputs of which not all sources are known, by name."""
    by_target: dict[Dataset, list[Fed]] = defaultdict(list)
    for write in fed:
        by_target[write.target.as_target].append(write)
    for target, writes in sorted(by_target.items()):
        unsure = any(write.by.unsure for write in writes)
        sources = {source.as_source for write in writes for source in write.by.sources}
        candidates = {life.as_source for write in writes for life in write.by.perhaps if not life.gone} - sources
        columns = _columns_without_source(writes, schemas) if sources else ()
        if unsure or columns:
            rows: Literal["unknown", "partly", "known"] = "partly" if unsure else "known"
            yield UnknownSource(target, rows if sources else "unknown", tuple(sorted(candidates)), columns)


def _columns_without_source(writes: Iterable[Fed], schemas: Schemas) -> tuple[str, ...]:
    known: dict[str, bool] = {}
    for write in writes:
        for name, origins in write.by.columns.values():
            spelled = schemas.spelled(write.target, name)
            known[spelled] = known.get(spelled, False) or bool(origins)
    return tuple(name for name, is_known in known.items() if not is_known)


def _renamed(placed: Iterable[ResolvedStep]) -> dict[Lifetime, None]:
    return {life: None for one in placed for life in one.moved if life.renamed and not life.gone}


def _use(dataset: Dataset, side: _Side, schemas: Schemas, *, written: bool) -> DatasetUse:
    lives = sorted(side.lives, key=lambda life: life.dropped)
    best = lives[0]
    columns: dict[str, Column] = {}
    for life in lives:
        if not columns:
            columns = {c.name.casefold(): c for c in schemas.columns(life)}
    for name in side.columns:
        columns.setdefault(name.casefold(), Column(name))
    assets = [s for s in side.steps if written and (s.description or s.owners)]
    return DatasetUse(
        dataset=dataset,
        kind=schemas.kind(best),
        columns=tuple(columns.values()),
        rows=_rows_written(side.steps) if written else _rows_read(side.steps),
        lifecycle=best.lifecycle if written else None,
        renamed_from=best.birth if written and best.renamed else None,
        description=next((s.description for s in assets if s.description), None),
        owners=next((s.owners for s in assets if s.owners), ()),
    )


def _rows_written(steps: Sequence[Step]) -> int | None:
    """All rows that went in; None when one of the writes did not tell, since a part of them would pass for all."""
    filling = [s for s in steps if s.operation == "write" and s.effect not in ("delete", "truncate")]
    filling += [s for s in steps if s.operation == "create" and s.inputs and s.output and s.output.kind == "table"]
    return _sum(s.info.rows for s in filling)


def _rows_read(steps: Sequence[Step]) -> int | None:
    """Rows of a dataset that were read, where they are those that the statement gave: one source, row by row.

    Whichever of its rows they are, in whatever order. That a write or an asset is said to be made of a dataset is no
    further read of it.
    """
    reading = [s for s in steps if s.reads or s.evidence == "sql"]
    if any(len(s.inputs) != 1 or not s.reads or not _gives_rows_of_source(s) for s in reading):
        return None
    return _sum(s.info.rows for s in reading)


def _gives_rows_of_source(step: Step) -> bool:
    known = {e.transformation for e in step.columns}
    return step.evidence == "recorded" or ("IDENTITY" in known and known <= {"IDENTITY", "SORT", "FILTER"})


def _sum(rows: Iterable[int | None]) -> int | None:
    """All of them together; None when one is not known, or for more than a count can be."""
    counts = list(rows)
    return encoding.count(sum(c for c in counts if c is not None)) if counts and None not in counts else None
