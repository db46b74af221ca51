"""Lineage in an OpenLineage event: the inverse of `dataset_facets`, and as much as the events of other producers say.

An event may hold anything: values of another type than the specification's are left out. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast, get_args
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.credentials import LOOKED_AT, without_credentials
from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.events import STAR
from prefect_lineage_events.openlineage.dataset_facets import INFERRED, KNOWN_FROM, READS, TYPES
from prefect_lineage_events.openlineage.facets import DATASET_KEY, EARLIER_KEY
from prefect_lineage_events.openlineage.json_values import Json, facets_of, items, mapping, text, texts
from prefect_lineage_events.openlineage.reading_statements import Sanitise, statements_in
from prefect_lineage_events.openlineage.symlinks import by_rule
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Evidence,
    Lifecycle,
    Lineage,
    RowsKnown,
    UnknownSource,
)
from prefect_lineage_events.stitching.provenance import DIRECT, OF_ROWS

# Above so many pairs of inputs and outputs, they are one bundle.
MAX_PAIRS = 1_000
# Of an edge whose event does not say how it is known: its producer stated it.
_STATED: Evidence = "recorded"
_EVIDENCE = frozenset(get_args(Evidence))
_LIFECYCLES = frozenset(get_args(Lifecycle))
_ROWS_KNOWN = frozenset(get_args(RowsKnown))
_KINDS = {type_: kind for kind, type_ in TYPES.items()}
_OF_VALUES = frozenset({"CONDITIONAL", "WINDOW"})
# What follows a host in a URL of JDBC, or in one with a query.
_PROPERTIES = re.compile(r"[;?].*", re.DOTALL)
# Namespaces of these schemes have a container before their host, and no user.
_WITH_CONTAINER = frozenset({"abfs", "abfss", "wasb", "wasbs"})
# The task run of a bundle differs from run to run, and no reader of snapshots needs it.
_ANY_TASK = UUID(int=0)


@dataclass(frozen=True, slots=True)
class EventLineage:
    """The lineage in an event, or in several of one run. `explicit`: it states which input is a source of which output;
    otherwise each input is a source of each output, as the specification says.
    """

    lineage: Lineage
    explicit: bool = False


Side = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a use; `size` in bytes."""

    rows: int | None = None
    size: int | None = None
    files: int | None = None


def counts_in(event: Json, *, own: bool) -> dict[tuple[Side, Dataset], Counts]:
    """The counts of each use in the event that has any."""
    found: dict[tuple[Side, Dataset], Counts] = {}
    sides: tuple[Side, ...] = ("input", "output")
    for side in sides:
        for described in items(event.get(f"{side}s")):
            its = mapping(mapping(described.get(f"{side}Facets")).get(f"{side}Statistics"))
            dataset = dataset_in(described, own=own) if its else None
            if dataset is not None:
                values = (encoding.count(its.get(name)) for name in ("rowCount", "size", "fileCount"))
                found[side, dataset] = Counts(*values)
    return found


def lineage_in(event: Json, sanitised_sql: Sanitise, *, own: bool) -> EventLineage:
    """The lineage in the event, without counts. `own`: this project built it, so datasets have their names."""
    inputs = tuple(_uses(event, "input", own=own))
    outputs = tuple(_uses(event, "output", own=own))
    columns = tuple(edge for one in items(event.get("outputs")) for edge in _column_edges(one, own=own))
    entries = items(mapping(facets_of(event, "job").get("lineage")).get("entries"))
    unknown = tuple(_unknown(event, inputs, outputs))
    statements = tuple(statements_in(event, inputs, outputs, sanitised_sql))
    found = Lineage(inputs, outputs, columns=columns, statements=statements, unknown=unknown)
    if not entries:
        return joined(EventLineage(found))
    edges, bundles = _entries(entries, own=own)
    return EventLineage(replace(found, edges=edges, bundles=bundles), explicit=True)


def joined(*parts: EventLineage) -> EventLineage:
    """The lineage of several events of one run, or of its tasks. The latest description of a dataset counts."""
    lineages = [part.lineage for part in parts]
    explicit = any(part.explicit for part in parts)
    inputs, outputs = _union([one.inputs for one in lineages]), _union([one.outputs for one in lineages])
    stated = [part.lineage for part in parts if part.explicit]
    edges = tuple(dict.fromkeys(edge for one in stated for edge in one.edges))
    bundles = tuple(dict.fromkeys(bundle for one in stated for bundle in one.bundles))
    if not explicit and len(inputs) * len(outputs) <= MAX_PAIRS:
        edges = tuple(
            Edge(source.dataset, target.dataset, _STATED)
            for target in outputs
            for source in inputs
            if source.dataset != target.dataset
        )
    elif not explicit:
        sources = tuple((use.dataset, _STATED) for use in inputs)
        bundles = (Bundle(None, sources, tuple(use.dataset for use in outputs)),)
    return EventLineage(
        Lineage(
            inputs,
            outputs,
            edges=edges,
            columns=tuple(dict.fromkeys(edge for one in lineages for edge in one.columns)),
            statements=tuple(dict.fromkeys(statement for one in lineages for statement in one.statements)),
            bundles=bundles,
            unknown=tuple({source.target: source for one in lineages for source in one.unknown}.values()),
        ),
        explicit,
    )


def without_outputs(lineage: Lineage, left_out: Collection[Dataset]) -> Lineage:
    """The lineage without these outputs, and without all that goes into them."""
    if not left_out:
        return lineage
    statements = (
        replace(one, outputs=tuple(target for target in one.outputs if target not in left_out))
        for one in lineage.statements
    )
    bundles = (
        replace(one, targets=tuple(target for target in one.targets if target not in left_out))
        for one in lineage.bundles
    )
    return replace(
        lineage,
        outputs=tuple(use for use in lineage.outputs if use.dataset not in left_out),
        edges=tuple(edge for edge in lineage.edges if edge.target not in left_out),
        columns=tuple(edge for edge in lineage.columns if edge.target not in left_out),
        statements=tuple(statements),
        bundles=tuple(one for one in bundles if one.targets),
        unknown=tuple(one for one in lineage.unknown if one.target not in left_out),
    )


def dataset_at(uri: str, uses: tuple[DatasetUse, ...]) -> Dataset | None:
    """The dataset with this URI: one of these, as URIs of names with slashes can be split in several ways."""
    found = next((use.dataset for use in uses if use.dataset.uri == uri), None)
    if found is not None:
        return found
    try:
        return parse_uri(uri)
    except ValueError:
        return None


def dataset_in(described: Json, *, own: bool) -> Dataset | None:
    """The dataset that has this namespace and name; None if it has none."""
    namespace, name = described.get("namespace"), described.get("name")
    return _dataset(namespace, name, own) if isinstance(namespace, str) and isinstance(name, str) else None


@lru_cache(maxsize=65_536)
def _dataset(namespace: str, name: str, own: bool) -> Dataset | None:
    try:
        if own:
            return Dataset(namespace, name)
        return Dataset(*_plain(namespace, name)).canonical()
    except ValueError:
        return None


def _plain(namespace: str, name: str) -> tuple[str, str]:
    """The namespace and name of another producer's dataset without what URLs have beside a host and a path, such as a
    password."""
    scheme, separator, rest = namespace.partition("://")
    kept = f"{scheme}{separator}{_PROPERTIES.sub('', rest)}"
    return (
        kept if scheme.lower() in _WITH_CONTAINER else without_credentials(kept, LOOKED_AT),
        without_credentials(name, LOOKED_AT) if "?" in name else name,
    )


def _uses(event: Json, side: str, *, own: bool) -> Iterator[DatasetUse]:
    seen = set()
    for described in items(event.get(f"{side}s")):
        dataset = dataset_in(described, own=own)
        if dataset is not None and dataset not in seen:
            seen.add(dataset)
            yield _use(described, dataset, side, own=own)


def _use(described: Json, dataset: Dataset, side: str, *, own: bool) -> DatasetUse:
    facets, its = mapping(described.get("facets")), mapping(described.get(f"{side}Facets"))
    fields = [one for one in items(mapping(facets.get("schema")).get("fields")) if text(one.get("name"))]
    numbered = (at for at, one in enumerate(fields) if one.get("ordinal_position") != at + 1)
    change = mapping(facets.get("lifecycleStateChange"))
    lifecycle, previous = text(change.get("lifecycleStateChange")), mapping(change.get("previousIdentifier"))
    description = text(mapping(facets.get("documentation")).get("description"))
    type_ = text(mapping(facets.get("datasetType")).get("datasetType"))
    return DatasetUse(
        dataset,
        _KINDS.get(type_, type_.lower()) or ("table" if dataset.is_table else "file"),
        columns=tuple(Column(text(one["name"]), text(one.get("type")) or None) for one in fields),
        ordered=next(numbered, len(fields)),
        subset=_subset(mapping(mapping(its.get("subset")).get(f"{side}Condition")), dataset),
        symlinks=tuple(_symlinks(described, facets, dataset, own=own)),
        lifecycle=cast("Lifecycle", lifecycle) if lifecycle in _LIFECYCLES else None,
        renamed_from=dataset_in(previous, own=own),
        description=(description if own else without_credentials(description, LOOKED_AT)) or None,
        owners=tuple(text(one.get("name")) for one in items(mapping(facets.get("ownership")).get("owners"))),
    )


def _symlinks(described: Json, facets: Json, dataset: Dataset, *, own: bool) -> Iterator[Dataset]:
    """Other names of the dataset: those that events stated, without those that follow from its name by a rule."""
    names = items(mapping(facets.get("symlinks")).get("identifiers"))
    stated = [dataset_in(one, own=True) for one in (names if own else (*names, described))]
    known = {dataset, *by_rule(dataset)}
    for other in dict.fromkeys(one for one in stated if one is not None):
        is_plain = own or (other.namespace, other.name) == _plain(other.namespace, other.name)
        if is_plain and other not in known:
            yield other


def _subset(condition: Json, dataset: Dataset) -> tuple[str, ...]:
    if condition.get("type") == "partition":
        return tuple(text(one.get("identifier")) for one in items(condition.get("partitions")))
    root = f"{dataset.name.rstrip('/')}/"
    return tuple(one.removeprefix(root) for one in texts(condition.get("locations")))


def _column_edges(output: Json, *, own: bool) -> Iterator[ColumnEdge]:
    target = dataset_in(output, own=own)
    facet = mapping(mapping(output.get("facets")).get("columnLineage"))
    if target is None:
        return
    for name, content in mapping(facet.get("fields")).items():
        for described in items(mapping(content).get("inputFields")):
            yield from _edges_of_field(described, target, name, mapping(content), own=own)
    for described in items(facet.get("dataset")):
        yield from _edges_of_field(described, target, STAR, {}, own=own)


def _edges_of_field(described: Json, target: Dataset, name: str, content: Json, *, own: bool) -> Iterator[ColumnEdge]:
    source, column = dataset_in(described, own=own), text(described.get("field"))
    if source is None or not column:
        return
    # Before version 1-1-0 of the facet, a column had one transformation, beside its sources.
    stated = items(described.get("transformations")) or [{"subtype": content.get("transformationType")}]
    for one in stated:
        how = _transformation(one, of_rows=name == STAR)
        inferred, path = _notes(text(one.get("description")), column) if own else (False, "")
        into = STAR if how in OF_ROWS else encoding.text(name)
        yield ColumnEdge(source, column, target, into, how, inferred, path)


def _transformation(stated: Json, *, of_rows: bool) -> str:
    """The transformation in the specification's words, where the event has one of these."""
    how = text(stated.get("subtype")).upper()
    if how in DIRECT | OF_ROWS | _OF_VALUES:
        return how
    if of_rows:
        return "FILTER"
    return "CONDITIONAL" if stated.get("type") == "INDIRECT" else "TRANSFORMATION"


def _notes(description: str, column: str) -> tuple[bool, str]:
    """The marks `inferred` and `path` of an edge, as `dataset_facets` writes them."""
    rest = description.removeprefix(INFERRED)
    inferred = rest != description
    rest = rest.removeprefix("; ")
    if not rest.startswith(f"{READS}{column}"):
        return inferred, ""
    return inferred, rest.removeprefix(f"{READS}{column}").removeprefix(":")


def _entries(entries: list[Json], *, own: bool) -> tuple[tuple[Edge, ...], tuple[Bundle, ...]]:
    """The edges of a `lineage` facet, and the bundles: what passes through the job, or through one task of it."""
    edges: dict[Edge, None] = {}
    sources: dict[object, tuple[tuple[Dataset, Evidence], ...]] = {}
    targets: dict[object, list[Dataset]] = {}
    for entry in entries:
        target, given = dataset_in(entry, own=own), items(entry.get("inputs"))
        known = [(dataset, _evidence(one)) for one in given if (dataset := dataset_in(one, own=own)) is not None]
        if entry.get("type") == "JOB":
            sources[text(entry.get("runId"))] = tuple(known)
        elif target is not None:
            edges |= {Edge(source, target, evidence): None for source, evidence in known}
            for one in given:
                if one.get("type") == "JOB":
                    targets.setdefault(text(one.get("runId")), []).append(target)
    return tuple(edges), tuple(
        Bundle(_ANY_TASK if job else None, found, tuple(targets.get(job, ()))) for job, found in sources.items()
    )


def _evidence(source: Json) -> Evidence:
    for one in items(source.get("transformations")):
        known = text(one.get("description")).removeprefix(KNOWN_FROM)
        if known in _EVIDENCE:
            return cast("Evidence", known)
    return _STATED


def _unknown(event: Json, inputs: tuple[DatasetUse, ...], outputs: tuple[DatasetUse, ...]) -> Iterator[UnknownSource]:
    """The unknown sources, by the run's facet: it also names those of datasets that are no outputs."""
    facets = facets_of(event, "run")
    own = mapping(facets.get("prefect_run") or facets.get(EARLIER_KEY))
    stated: dict[Dataset, Json] = {}
    for described in items(event.get("outputs")):
        its = mapping(described.get("facets"))
        target = dataset_in(described, own=True)
        if target is not None and (facet := mapping(its.get(DATASET_KEY) or its.get(EARLIER_KEY))):
            stated[target] = facet
    uses = (*outputs, *inputs)
    for uri, facet in mapping(own.get("unknownSources")).items():
        if (target := dataset_at(uri, uses)) is not None:
            stated[target] = mapping(facet)
    for target, facet in stated.items():
        rows = text(facet.get("sources"))
        if rows in _ROWS_KNOWN:
            candidates = (dataset_at(uri, uses) for uri in texts(facet.get("candidates")))
            found = tuple(one for one in candidates if one is not None)
            yield UnknownSource(target, cast("RowsKnown", rows), found, texts(facet.get("columns")))


def _union(sides: Sequence[tuple[DatasetUse, ...]]) -> tuple[DatasetUse, ...]:
    """The uses of several parts. The latest use with columns describes a dataset."""
    if len(sides) == 1:
        return sides[0]
    found: dict[Dataset, DatasetUse] = {}
    for use in (use for side in sides for use in side):
        known = found.get(use.dataset)
        if known is None:
            found[use.dataset] = use
            continue
        described = use if use.columns or not known.columns else known
        found[use.dataset] = replace(
            described,
            lifecycle=use.lifecycle or known.lifecycle,
            renamed_from=use.renamed_from or known.renamed_from,
            description=use.description or known.description,
            owners=use.owners or known.owners,
            subset=tuple(dict.fromkeys((*known.subset, *use.subset))) if known.subset and use.subset else (),
            symlinks=tuple(dict.fromkeys((*known.symlinks, *use.symlinks))),
        )
    return tuple(found.values())
