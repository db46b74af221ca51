"""`/lineage`, `/column-lineage` and `/runlineage/upstream`: the graphs of jobs and datasets, of columns, and of runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tests.marquez import answers, values
from tests.marquez.node_ids import NodeId
from tests.marquez.rows import ColumnEdge, Dataset, DatasetVersion, Field, Job
from tests.marquez.store import Store
from tests.marquez.values import Failed, NotFound, namespace_name, not_blank

Json = dict[str, Any]


# jobs and datasets


def lineage(store: Store, node: NodeId, depth: int) -> Json:
    """Jobs that share datasets with the start, up to `depth` jobs away in any direction, and all their current
    datasets.

    The start is the job asked for, or the last job that used the dataset asked for.
    """
    _check_exists(store, node)
    if node.kind == "dataset":
        job = _job_of_dataset(store, node)
        if job is None:
            return _orphan(store, node)
    else:
        job = store.find_job(node.namespace, node.name)
        if job is None:
            return _orphan(store, node)
    jobs = _neighbours(store, job, depth)
    datasets = {dataset for io in jobs.values() for side in io for dataset in side}
    if not jobs:
        return _orphan(store, node)
    for found in jobs:
        namespace_name(found.namespace), not_blank(found.name)
    if node.kind == "dataset":
        found_dataset = store.find_dataset(node.namespace, node.name)
        if found_dataset is None or found_dataset[1] not in datasets:
            return _orphan(store, node)
    return _graph(store, jobs, datasets)


def _check_exists(store: Store, node: NodeId) -> None:
    if "#" in node.name:  # Marquez reads it as a version, and then finds nothing
        return
    if node.kind == "job" and not store.find_job(node.namespace, node.name):
        raise NotFound(f"Job '{node.name}' not found.")
    if node.kind in ("dataset", "datasetField") and not store.find_dataset(node.namespace, node.name):
        raise NotFound(f"Dataset '{node.name}' not found.")
    if node.kind not in ("job", "dataset"):
        raise Failed(f"Node '{node}' must be of type dataset or job!")


def _job_of_dataset(store: Store, node: NodeId) -> Job | None:
    """The job for a dataset: a writer before a reader, the newest version of a job first, even if it no longer uses the
    dataset.
    """
    found = store.find_dataset(node.namespace, node.name)
    rows = [row for row in store.job_io.values() if found and row.dataset is found[1]]
    rows.sort(key=lambda row: (row.io, row.job_version.created_at), reverse=True)
    return rows[0].job if rows else None


Sides = tuple[set[Dataset], set[Dataset]]


def _neighbours(store: Store, start: Job, depth: int) -> dict[Job, Sides]:
    current: dict[Job, Sides] = {}
    users: defaultdict[Dataset, set[Job]] = defaultdict(set)
    for row in store.job_io.values():
        if row.current:
            current.setdefault(row.job, (set(), set()))[row.io == "OUTPUT"].add(row.dataset)
            users[row.dataset].add(row.job)
    reached = {start: current.get(start, (set(), set()))}
    front = {start}
    for _ in range(depth):
        front = {
            job for reached_job in front for io in reached[reached_job] for dataset in io for job in users[dataset]
        }
        front -= set(reached)
        reached |= {job: current[job] for job in front}
    return {job: io for job, io in reached.items() if not job.hidden}


def _orphan(store: Store, node: NodeId) -> Json:
    found = store.find_dataset(node.namespace, node.name)
    if found is None:
        raise Failed("NullPointerException")
    symlink, dataset = _primary(store, found[1])
    return {"graph": [_dataset_node(symlink.namespace, symlink.name, dataset, (), ())]}


def _primary(store: Store, dataset: Dataset) -> Any:
    for symlink in store.names_of(dataset):
        if symlink.primary:
            return symlink, dataset
    raise Failed("NullPointerException")


def _graph(store: Store, jobs: dict[Job, Sides], datasets: set[Dataset]) -> Json:
    names = {dataset: symlink for dataset in datasets for symlink in store.names_of(dataset) if symlink.primary}
    ids = {
        dataset: str(NodeId("dataset", namespace_name(n.namespace), not_blank(n.name))) for dataset, n in names.items()
    }
    job_ids = {job: str(NodeId("job", job.namespace, job.name)) for job in jobs}
    nodes = []
    for job, (inputs, outputs) in jobs.items():
        data = answers.job_node(
            store, job, [names[io] for io in inputs if io in names], [names[io] for io in outputs if io in names]
        )
        into = [(ids[io], job_ids[job]) for io in inputs if io in ids]
        out_of = [(job_ids[job], ids[io]) for io in outputs if io in ids]
        nodes.append(_node(job_ids[job], "JOB", data, into, out_of))
    for dataset, symlink in names.items():
        into = [(job_ids[job], ids[dataset]) for job, io in jobs.items() if dataset in io[1]]
        out_of = [(ids[dataset], job_ids[job]) for job, io in jobs.items() if dataset in io[0]]
        nodes.append(_dataset_node(symlink.namespace, symlink.name, dataset, into, out_of))
    return {"graph": sorted(nodes, key=lambda node: node["id"])}


Edges = Iterable[tuple[str, str]]


def _dataset_node(namespace: str, name: str, dataset: Dataset, into: Edges, out_of: Edges) -> Json:
    data = answers.dataset_node(namespace_name(namespace), not_blank(name), dataset)
    return _node(str(NodeId("dataset", namespace, name)), "DATASET", data, into, out_of)


def _node(node_id: str, kind: str, data: Json, into: Edges, out_of: Edges) -> Json:
    into, out_of = (
        [{"origin": origin, "destination": destination} for origin, destination in sorted(edges)]
        for edges in (into, out_of)
    )
    return {"id": node_id, "type": kind, "data": data, "inEdges": into, "outEdges": out_of}


# columns


def column_lineage(store: Store, node: NodeId, depth: int, downstream: bool) -> Json:
    """The columns from which the columns of the node come; with `downstream` also those that come from them.

    The start is always an *output* column with an edge: a pure source gives an empty graph.
    """
    until, start = _start_columns(store, node)
    if not start:
        raise NotFound("Could not find node")
    latest: dict[tuple[Field, Field], ColumnEdge] = {}
    for edge in store.column_edges.values():
        if edge.created_at <= until:
            key = (edge.output_field, edge.input_field)
            if key not in latest or edge.updated_at >= latest[key].updated_at:
                latest[key] = edge
    return _column_graph(store, _reachable(latest.values(), set(start), depth, downstream), node.version is not None)


def _start_columns(store: Store, node: NodeId) -> tuple[int, list[Field]]:
    if node.version and node.kind in ("dataset", "datasetField"):
        version = next((v for v in store.versions.values() if v.uuid == node.version), None)
        rows = [row for row in (version.field_rows if version else ()) if node.field in (None, row.name)]
        return (version.created_at if version and rows else values.now()), rows
    if node.kind == "job":
        job = store.find_job(node.namespace, node.name)
        runs = sorted(store.runs_of(job) if job else [], key=lambda run: run.created_at)
        written = {version.dataset for version in store.outputs_of(runs[-1].uuid)} if runs else set()
        return values.now(), [row for row in store.fields.values() if row.dataset in written]
    found = store.find_dataset(node.namespace, node.name)
    rows = [row for row in store.fields.values() if found and row.dataset is found[1]]
    if node.kind == "datasetField":
        rows = [row for row in rows if row.name == node.field]
        if len(rows) > 1:
            raise Failed("IllegalStateException: Multiple values for optional")
    return values.now(), rows


def _reachable(edges: Iterable[ColumnEdge], start: set[Field], depth: int, downstream: bool) -> list[ColumnEdge]:
    """Edges reached within `depth` steps. The edge that leads straight back along the first one is treated as a cycle."""
    by_output: defaultdict[Field, list[ColumnEdge]] = defaultdict(list)
    by_input: defaultdict[Field, list[ColumnEdge]] = defaultdict(list)
    for edge in edges:
        by_output[edge.output_field].append(edge)
        by_input[edge.input_field].append(edge)
    found: dict[ColumnEdge, None] = {}
    for first in [edge for field in start for edge in by_output[field]]:
        seen = {first}
        front = [first]
        for _ in range(depth - 1):
            beside = [near for edge in front for near in by_output[edge.input_field]]
            if downstream:
                beside += [near for edge in front for near in by_input[edge.output_field]]
            front = [
                near
                for near in dict.fromkeys(beside)
                if near not in seen and (near.input_field, near.output_field) != (first.output_field, first.input_field)
            ]
            seen.update(front)
        found |= dict.fromkeys(seen)
    return list(found)


def _column_graph(store: Store, edges: list[ColumnEdge], with_version: bool) -> Json:
    nodes: dict[str, Json] = {}
    into: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    out_of: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    groups: defaultdict[tuple[Any, ...], list[Json]] = defaultdict(list)
    for edge in edges:
        outputs = [n for n in store.names_of(edge.output_field.dataset) if n.primary]
        inputs = [n for n in store.names_of(edge.input_field.dataset) if n.primary]
        for output in outputs:
            key = (
                output.namespace,
                output.name,
                edge.output_field.name,
                edge.output_field.type,
                edge.output_version.uuid,
            )
            groups[key] += [answers.input_column(n.namespace, n.name, edge) for n in inputs]
    for (namespace, dataset, name, kind, version), sources in sorted(groups.items(), key=_group_order):
        if not sources:
            continue
        node_id = _column_id(namespace, dataset, name, version if with_version else None)
        unique = [source for index, source in enumerate(sources) if source not in sources[:index]]
        nodes[node_id] = answers.column_node(namespace, dataset, version, name, kind, unique)
        for source in unique:
            source_version = UUID(source["datasetVersion"]) if with_version else None
            source_id = _column_id(source["namespace"], source["dataset"], source["field"], source_version)
            nodes.setdefault(source_id, answers.source_column_node(source))
            # in this graph, an edge starts at the node that contains it, in both directions
            into[node_id].add((node_id, source_id))
            out_of[source_id].add((source_id, node_id))
    graph = [
        _node(node_id, "DATASET_FIELD", data, into[node_id], out_of[node_id]) for node_id, data in sorted(nodes.items())
    ]
    return {"graph": graph}


def _group_order(group: tuple[tuple[Any, ...], list[Json]]) -> tuple[Any, ...]:
    """The order of groups in the database. Of several rows of one column (other types, other versions), the last is
    shown.
    """
    namespace, dataset, name, kind, version = group[0]
    return namespace, dataset, name, kind is None, kind, str(version)


def _column_id(namespace: str, dataset: str, name: str, version: UUID | None) -> str:
    return str(NodeId("datasetField", namespace_name(namespace), not_blank(dataset), not_blank(name), version))


# runs


def upstream_runs(store: Store, run_id: UUID, depth: int) -> Json:
    """The run, the runs that wrote the dataset versions it read, and so on.

    Fails if a version has no such run, as one that was only ever read.
    """
    found: dict[UUID, list[DatasetVersion]] = {}
    front = [run_id]
    for _ in range(depth + 1):
        following: list[UUID] = []
        for uuid in front:
            run = store.runs.get(uuid)
            if run is None or uuid in found:
                continue
            if run.state is None or any(version.run is None for version in run.inputs):
                raise Failed("NullPointerException")
            found[uuid] = run.inputs
            following += [version.run for version in run.inputs if version.run is not None]
        front = following
    return {"runs": [answers.upstream_run(store.runs[uuid], inputs) for uuid, inputs in found.items()]}
