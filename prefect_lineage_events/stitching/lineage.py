"""Inputs, outputs and edges of a flow run, or of one task of it, by the names of datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prefect_lineage_events import encoding
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR, EventDataset, StatementInfo
from prefect_lineage_events.stitching.columns import Schemas, with_types
from prefect_lineage_events.stitching.dataflow import WriteSources
from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Evidence,
    Lineage,
    RowsKnown,
    UnknownSource,
)
from prefect_lineage_events.stitching.provenance import Origin, more_certain
from prefect_lineage_events.stitching.steps import Scope, Step

# Beyond this number of edges, the largest products of sources and targets become bundles.
MAX_EDGES = 5_000
# Beyond this number of parts, a dataset counts as used as a whole.
MAX_SUBSET = 1_000

_Source = tuple[Lifetime, Evidence]


@dataclass(slots=True)
class _Usage:
    """The lifetimes behind one name, and the statements that used it."""

    lifetimes: dict[Lifetime, None] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    named: list[EventDataset] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)


def created_in(resolved_steps: Iterable[ResolvedStep]) -> frozenset[Dataset]:
    """The first and last names of the datasets that were created."""
    created = [p.target for p in resolved_steps if p.target and p.target.created]
    return frozenset(name for lifetime in created for name in (lifetime.first_name, lifetime.name))


def only_defined(resolved_steps: Iterable[ResolvedStep]) -> frozenset[Dataset]:
    """The datasets that statements only defined: none of them brought, changed or removed rows."""
    defined: set[Dataset] = set()
    changed: set[Dataset] = set()
    for one in resolved_steps:
        changed |= {lifetime.as_target for lifetime in one.renamed_lifetimes}
        if one.target is not None:
            (defined if one.step.only_defines else changed).add(one.target.as_target)
    return frozenset(defined - changed)


def build_lineage(
    resolved_steps: Sequence[ResolvedStep],
    writes: Sequence[WriteSources],
    schemas: Schemas,
    created: Collection[Dataset],
) -> Lineage:
    """The lineage of a run or of a part of it, without statements; `created` are the datasets that the run created.

    Inputs, outputs and edges are sorted. Every source of an edge is among the inputs.
    """
    inputs: dict[Dataset, _Usage] = defaultdict(_Usage)
    outputs: dict[Dataset, _Usage] = defaultdict(_Usage)
    for one in resolved_steps:
        for lifetime in one.sources:
            if not lifetime.transient and not one.step.from_related_run:
                own = [d for d in one.step.inputs if one.by_uri.get(d.uri) is lifetime]
                # a file that was read by its directory has no counts of its own
                step = one.step if own else replace(one.step, info=_uncounted(one.step.info))
                _touch(inputs[lifetime.as_source], lifetime, step, own if _uses_rows(one.step) else ())
        if one.target and one.step.output and not one.target.transient and not _never_existed(one.target, created):
            _touch(outputs[one.target.as_target], one.target, one.step, _stated(one.step.output, one.step))
        for lifetime in one.renamed_lifetimes:
            if not lifetime.transient:
                _touch(outputs[lifetime.as_target], lifetime)
    single, bundles = _bundled(writes)
    for source in (source for write in writes for source in write.provenance.sources):
        inputs[source.as_source].lifetimes[source] = None
    # No edge leads to a dataset that is no output: a dropped one, which may never have existed.
    edges = tuple(edge for edge in _edges(resolved_steps, single, inputs) if edge.target in outputs)
    columns = tuple(edge for edge in _columns(resolved_steps, writes, schemas) if edge.target in outputs)
    for edge in columns:
        inputs[edge.source].columns[edge.source_column] = None
        if edge.target_column != STAR:
            outputs[edge.target].columns[edge.target_column] = None
    read = [_use(dataset, inputs[dataset], schemas, written=False) for dataset in sorted(inputs)]
    written = [_use(dataset, outputs[dataset], schemas, written=True) for dataset in sorted(outputs)]
    fresh = {p.target.as_target for p in resolved_steps if p.target and p.step.operation == "create" and p.step.inputs}
    return Lineage(
        inputs=with_types(read, [*read, *written], columns, fresh),
        outputs=with_types(written, [*read, *written], columns, fresh),
        edges=edges,
        columns=columns,
        bundles=bundles,
        unknown=tuple(_unknown(writes, schemas)),
    )


def with_symlinks(lineage: Lineage, resolved_steps: Iterable[ResolvedStep]) -> Lineage:
    """The lineage with the other names of its datasets that the statements of the whole run state."""
    named: dict[Dataset, set[Dataset]] = defaultdict(set)
    for dataset in (d for one in resolved_steps for d in one.step.datasets if d.symlinks):
        named[dataset.dataset] |= {Dataset(*other) for other in dataset.symlinks}
    if not named:
        return lineage
    return replace(lineage, inputs=_symlinked(lineage.inputs, named), outputs=_symlinked(lineage.outputs, named))


def _symlinked(uses: Iterable[DatasetUse], named: Mapping[Dataset, set[Dataset]]) -> tuple[DatasetUse, ...]:
    return tuple(replace(use, symlinks=tuple(sorted(named.get(use.dataset, ())))) for use in uses)


def _touch(usage: _Usage, lifetime: Lifetime, step: Step | None = None, named: Collection[EventDataset] = ()) -> None:
    usage.lifetimes[lifetime] = None
    if step:
        usage.steps.append(step)
        usage.named.extend(named)


def _uncounted(info: StatementInfo) -> StatementInfo:
    return info.model_copy(update={"rows": None, "size": None, "files": None})


def _stated(output: EventDataset, step: Step) -> list[EventDataset]:
    """The output as its statement named it. An asset names no parts."""
    return [] if step.evidence == "asset" else [output]


def _never_existed(lifetime: Lifetime, created: Collection[Dataset]) -> bool:
    """Return whether it was only dropped, by DROP ... IF EXISTS or before a CREATE: it may not have existed."""
    if lifetime.created or lifetime.read:
        return False
    return lifetime.effects == {"drop if exists"} or (lifetime.effects == {"drop"} and lifetime.first_name in created)


def _bundled(writes: Sequence[WriteSources]) -> tuple[list[WriteSources], tuple[Bundle, ...]]:
    """The writes with an edge for each source, and the bundles of the others: the largest products first."""
    single = list(writes)
    count = sum(len(write.provenance.sources) for write in writes)
    if count <= MAX_EDGES:
        return single, ()
    by_sources: dict[tuple[frozenset[Scope], frozenset[_Source]], list[WriteSources]] = defaultdict(list)
    for write in writes:
        by_sources[write.scopes, frozenset(write.provenance.sources.items())].append(write)
    bundles = []
    for (scopes, sources), group in sorted(by_sources.items(), key=lambda item: -len(item[0][1]) * len(item[1])):
        if count <= MAX_EDGES or len(group) < 2:
            break
        count -= len(sources) * len(group)
        bundles.append(_bundle(scopes, sources, group))
        bundled = {id(write) for write in group}
        single = [write for write in single if id(write) not in bundled]
    return single, tuple(bundles)


def _bundle(scopes: Iterable[Scope], sources: Iterable[_Source], group: Iterable[WriteSources]) -> Bundle:
    named: dict[Dataset, Evidence] = {}
    for lifetime, evidence in sources:
        named[lifetime.as_source] = more_certain(named.get(lifetime.as_source), evidence)
    tasks = sorted(scope for scope in scopes if scope)
    return Bundle(
        task_run_id=tasks[0] if tasks else None,
        sources=tuple(sorted(named.items())),
        targets=tuple(sorted({write.target.as_target for write in group})),
    )


def _edges(
    resolved_steps: Iterable[ResolvedStep], writes: Iterable[WriteSources], inputs: dict[Dataset, _Usage]
) -> tuple[Edge, ...]:
    edges: dict[tuple[Dataset, Dataset], Evidence] = {}
    for source, target, evidence in _table_edges(resolved_steps, writes):
        edges[source.as_source, target.as_target] = more_certain(
            edges.get((source.as_source, target.as_target)), evidence
        )
        inputs[source.as_source].lifetimes[source] = None
    return tuple(Edge(source, target, evidence) for (source, target), evidence in sorted(edges.items()))


def _columns(
    resolved_steps: Iterable[ResolvedStep], writes: Iterable[WriteSources], schemas: Schemas
) -> tuple[ColumnEdge, ...]:
    columns: dict[tuple[Dataset, str, Dataset, str, str, str], bool] = {}
    for origin, target, name in _column_edges(resolved_steps, writes, schemas):
        ends = (origin.lifetime.as_source, origin.column, target.as_target, name)
        key = (*ends, origin.transformation, origin.path)
        columns[key] = origin.inferred and columns.get(key, True)
    return tuple(
        ColumnEdge(source, column, target, name, how, inferred, path)
        for (source, column, target, name, how, path), inferred in sorted(columns.items())
    )


def _table_edges(
    resolved_steps: Iterable[ResolvedStep], writes: Iterable[WriteSources]
) -> Iterator[tuple[Lifetime, Lifetime, Evidence]]:
    for write in writes:
        for source, evidence in write.provenance.sources.items():
            yield source, write.target, evidence
    for lifetime in _renamed(resolved_steps):
        yield lifetime, lifetime, "sql"


def _column_edges(
    resolved_steps: Iterable[ResolvedStep], writes: Iterable[WriteSources], schemas: Schemas
) -> Iterator[tuple[Origin, Lifetime, str]]:
    """Column edges from sources of the target: no column edge without its table's."""
    for write in writes:
        for name, origins in write.provenance.columns.values():
            for origin in origins:
                if origin.lifetime in write.provenance.sources:
                    yield origin, write.target, schemas.spelled(write.target, name)
        for origin in write.provenance.row_filters:
            if origin.lifetime in write.provenance.sources:
                yield origin, write.target, STAR
    for lifetime in _renamed(resolved_steps):
        for name in schemas.names(lifetime):
            yield Origin(lifetime, name), lifetime, name


def _unknown(writes: Iterable[WriteSources], schemas: Schemas) -> Iterator[UnknownSource]:
    """The outputs of which not all sources are known, by name."""
    by_target: dict[Dataset, list[WriteSources]] = defaultdict(list)
    for write in writes:
        by_target[write.target.as_target].append(write)
    for target, group in sorted(by_target.items()):
        incomplete = any(write.provenance.incomplete for write in group)
        sources = {source.as_source for write in group for source in write.provenance.sources}
        candidates = {
            lifetime.as_source for write in group for lifetime in write.provenance.candidates if not lifetime.transient
        } - sources
        columns = _columns_without_source(group, schemas) if sources else ()
        if incomplete or columns:
            rows: RowsKnown = "partly" if incomplete else "known"
            yield UnknownSource(target, rows if sources else "unknown", tuple(sorted(candidates)), columns)


def _columns_without_source(group: Iterable[WriteSources], schemas: Schemas) -> tuple[str, ...]:
    known: dict[str, bool] = {}
    for write in group:
        for name, origins in write.provenance.columns.values():
            spelled = schemas.spelled(write.target, name)
            known[spelled] = known.get(spelled, False) or bool(origins)
    return tuple(name for name, is_known in known.items() if not is_known)


def _renamed(resolved_steps: Iterable[ResolvedStep]) -> dict[Lifetime, None]:
    return {
        lifetime: None
        for one in resolved_steps
        for lifetime in one.renamed_lifetimes
        if lifetime.renamed and not lifetime.transient
    }


def _use(dataset: Dataset, usage: _Usage, schemas: Schemas, *, written: bool) -> DatasetUse:
    lifetimes = sorted(usage.lifetimes, key=lambda lifetime: lifetime.dropped)
    best = lifetimes[0]
    columns: dict[str, Column] = {}
    ordered = 0
    for lifetime in lifetimes:
        if not columns:
            columns = {c.name.casefold(): c for c in schemas.columns(lifetime)}
            ordered = len(columns) if schemas.in_order(lifetime) else 0
    for name in usage.columns:
        columns.setdefault(name.casefold(), Column(name))
    assets = [s for s in usage.steps if written and (s.description or s.owners)]
    counted = _filling(usage.steps) if written else _reading(usage.steps)
    return DatasetUse(
        dataset=dataset,
        kind=schemas.kind(best),
        columns=tuple(columns.values()),
        ordered=ordered,
        rows=_sum(s.info.rows for s in counted) if written or all(map(_gives_rows_of_source, counted)) else None,
        size=_sum(s.info.size for s in counted),
        files=_sum(s.info.files for s in counted),
        subset=_subset(usage.named),
        lifecycle=best.lifecycle if written else None,
        renamed_from=best.first_name if written and best.renamed else None,
        description=next((s.description for s in assets if s.description), None),
        owners=next((s.owners for s in assets if s.owners), ()),
        whole=written and _is_whole(usage),
    )


def _is_whole(usage: _Usage) -> bool:
    """Return whether the run wrote a file as a whole, with all of its columns: no part, and nothing behind its rows.

    COPY TO of SQL replaces a file, though its effect is that of an INSERT.
    """
    writes = [(step, step.output) for step in usage.steps if step.operation == "write" and step.output is not None]
    return bool(writes) and all(
        output.kind == "file"
        and bool(output.columns)
        and not output.subset
        and (step.effect in (None, "overwrite") or step.is_sql)
        for step, output in writes
    )


def _filling(steps: Iterable[Step]) -> list[Step]:
    """The writes that brought rows. If one of them has no count, there is none: a part would look like all."""
    filling = [s for s in steps if s.operation == "write" and s.effect not in ("delete", "truncate")]
    filled = [s for s in steps if s.operation == "create" and s.inputs and s.output and s.output.kind == "table"]
    return filling + filled


def _reading(steps: Iterable[Step]) -> list[Step]:
    """The reads that returned rows of this dataset alone; none if there are other reads beside them.

    A recorded write or an asset that names a dataset as its source is no further read of it.
    """
    reading = [s for s in steps if _uses_rows(s)]
    return reading if all(s.reads and len(s.inputs) == 1 for s in reading) else []


def _uses_rows(step: Step) -> bool:
    return step.reads or step.is_sql


def _subset(named: Sequence[EventDataset]) -> tuple[str, ...]:
    """The parts of a dataset that were touched; none if a statement used all of it, or if they are too many to name."""
    if not all(dataset.subset for dataset in named):
        return ()
    parts = tuple(sorted({part for dataset in named for part in dataset.subset}))
    return parts if len(parts) <= MAX_SUBSET else ()


def _gives_rows_of_source(step: Step) -> bool:
    known = {e.transformation for e in step.columns}
    return step.evidence == "recorded" or ("IDENTITY" in known and known <= {"IDENTITY", "SORT", "FILTER"})


def _sum(rows: Iterable[int | None]) -> int | None:
    """The sum; None if one is not known, or if the sum is more than a count can be."""
    counts = list(rows)
    return encoding.count(sum(c for c in counts if c is not None)) if counts and None not in counts else None
