"""The tables of Marquez's database, in memory, with the statements by which its data access writes them.

A method is one statement (or one small group of them) of the original: each either changes the tables or raises. Rows
that were written before a refused statement stay written, so a refused event is stored in part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from tests.marquez import values
from tests.marquez.rows import (
    ColumnEdge,
    Dataset,
    DatasetVersion,
    Facet,
    Field,
    Job,
    JobIo,
    JobVersion,
    Namespace,
    RawEvent,
    Run,
    Source,
    Symlink,
)
from tests.marquez.values import FailedStatement


class Store:
    """All tables. Python's dicts keep the order of insertion, which is that of a table scan while rows are not updated."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self.sources: dict[str, Source] = {}
        self.jobs: dict[tuple[str, str], Job] = {}
        self.job_versions: dict[UUID, JobVersion] = {}
        self.job_io: dict[tuple[JobVersion, Dataset, str], JobIo] = {}
        self.runs: dict[UUID, Run] = {}
        self.symlinks: dict[tuple[str, str], Symlink] = {}
        self.datasets: dict[UUID, Dataset] = {}
        self.fields: dict[tuple[Dataset, str, Any], Field] = {}
        self.versions: dict[UUID, DatasetVersion] = {}
        self.column_edges: dict[tuple[DatasetVersion, Field, DatasetVersion, Field], ColumnEdge] = {}
        self.run_facets: defaultdict[UUID, list[Facet]] = defaultdict(list)
        self.job_facets: list[Facet] = []
        self.dataset_facets: defaultdict[DatasetVersion, list[Facet]] = defaultdict(list)
        self.raw_events: list[RawEvent] = []
        self._outputs: defaultdict[UUID | None, list[DatasetVersion]] = defaultdict(list)
        self._job_facets_of_run: defaultdict[UUID, list[Facet]] = defaultdict(list)
        self._io_of_job: defaultdict[Job, list[JobIo]] = defaultdict(list)
        self._runs_of_job: defaultdict[Job, list[Run]] = defaultdict(list)
        self._dataset_names: set[tuple[str, str]] = set()
        self._names_of_dataset: defaultdict[UUID, list[Symlink]] = defaultdict(list)
        moment = values.now()
        description = "The default global namespace for dataset, job, and run metadata not belonging to a user-specified namespace."
        self.namespaces["default"] = Namespace("default", moment, moment, description)

    # names and sources

    def put_namespace(self, name: str, now: int) -> Namespace:
        values.index_row(name)
        namespace = self.namespaces.setdefault(name, Namespace(name, now, now))
        namespace.hidden = False
        return namespace

    def put_source(self, name: str | None, url: str | None, now: int, *, default: bool) -> Source:
        if name is None or url is None:
            raise FailedStatement('ERROR: null value in relation "sources" violates not-null constraint')
        values.index_row(name)
        values.text(url)
        source = self.sources.setdefault(name, Source(name, url, now, now))
        source.updated_at = now
        if not default:
            source.connection_url = url
        return source

    def put_symlink(self, dataset_uuid: UUID, namespace: str, name: str, *, primary: bool) -> Symlink:
        values.index_row(name, fixed=16)
        key = (namespace, name)
        if key not in self.symlinks:
            self.symlinks[key] = Symlink(dataset_uuid, namespace, name, primary)
            self._names_of_dataset[dataset_uuid].append(self.symlinks[key])
        return self.symlinks[key]

    # jobs and runs

    def put_job(
        self,
        namespace: str,
        name: str,
        *,
        now: int,
        kind: str,
        description: str | None,
        location: str | None,
        inputs: list[dict[str, str]],
        run: UUID | None,
        parent: Job | None = None,
    ) -> Job:
        """A job is one row for its full name, `parent's name.own name`; a later event never removes its parent."""
        full_name = f"{parent.name}.{name}" if parent else name
        values.text(description, location)
        values.index_row(name, namespace, fixed=16)
        values.index_row(full_name, fixed=16)
        job = self.jobs.get((namespace, full_name))
        if job is None:
            job = Job(namespace, full_name, name, kind, now, now, description, location, inputs, parent, run)
            self.jobs[namespace, full_name] = job
            return job
        job.updated_at = values.now()
        job.parent = job.parent or parent
        job.simple_name = name if parent else job.name
        job.type, job.description, job.location, job.inputs = kind, description, location, inputs
        job.current_run, job.hidden = run, False
        return job

    def put_run(
        self,
        uuid: UUID,
        external_id: str,
        job: Job,
        *,
        now: int,
        args: dict[str, str],
        nominal: tuple[int | None, int | None] = (None, None),
        state: str | None = None,
    ) -> Run:
        """A run keeps the job and the arguments of its first event."""
        values.text(external_id, *args.values())
        location = job.location
        run = self.runs.get(uuid)
        if run is None:
            # the widest of its indexes contains the job twice: in the key, and beside it
            values.index_row(job.name, job.namespace, job.name, job.namespace, location, state or "", fixed=64)
            run = self.runs[uuid] = Run(uuid, job, now, now, args, location)
            self._runs_of_job[job].append(run)
        run.updated_at, run.location = now, location
        run.nominal_start = nominal[0] if nominal[0] is not None else run.nominal_start
        run.nominal_end = nominal[1] if nominal[1] is not None else run.nominal_end
        return run

    def put_job_version(self, job: Job, version: UUID, now: int) -> JobVersion:
        values.varchar(job.location, 255)
        values.index_row(job.name, job.namespace)
        return self.job_versions.setdefault(version, JobVersion(job, version, job.location, now))

    def put_job_io(self, version: JobVersion, dataset: Dataset, io: str) -> None:
        """Make the dataset a current input or output of the job, instead of those of its other versions."""
        for row in self._io_of_job[version.job]:
            if row.io == io and row.job_version is not version:
                row.current = False
        key = (version, dataset, io)
        if key not in self.job_io:
            self.job_io[key] = JobIo(version.job, version, dataset, io)
            self._io_of_job[version.job].append(self.job_io[key])
        self.job_io[key].current = True

    def erase_job_io(self, job: Job, io: str) -> None:
        for row in self._io_of_job[job]:
            if row.io == io:
                row.current = False

    def io_of_job(self, job: Job) -> list[JobIo]:
        return self._io_of_job[job]

    # datasets

    def put_dataset(
        self, uuid: UUID, namespace: str, name: str, source: str, description: str | None, *, deleted: bool, now: int
    ) -> Dataset:
        """Names are unique within the namespaces' safe spelling: `T` in `a;b` and in `a=b` cannot both be stored."""
        values.text(description)
        values.index_row(name, namespace)
        dataset = self.datasets.get(uuid)
        if dataset is None:
            if (namespace, name) in self._dataset_names:
                raise FailedStatement('ERROR: duplicate key value violates unique constraint "dataset_name_index"')
            dataset = Dataset(uuid, namespace, name, name, source, now, now, description, deleted)
            self.datasets[uuid] = dataset
            self._dataset_names.add((namespace, name))
        dataset.updated_at, dataset.physical_name, dataset.description = now, name, description
        dataset.deleted, dataset.hidden = deleted, False
        return dataset

    def put_field(self, dataset: Dataset, name: str, kind: str | None, description: str | None) -> Field:
        """One row for each spelling of a type. Without a type, each call adds a row, because null equals nothing."""
        values.varchar(name, 255)
        values.text(description)
        values.index_row(name, kind, fixed=16)
        row = self.fields.setdefault(
            (dataset, name, kind if kind is not None else object()), Field(dataset, name, kind, None)
        )
        row.description = description
        return row

    def put_version(self, new: DatasetVersion) -> DatasetVersion:
        values.varchar(new.lifecycle, 63)
        values.document(new.fields)
        values.index_row(new.name, new.namespace, fixed=8)
        version = self.versions.setdefault(new.version, new)
        if version.run != new.run or version is new:
            if version in self._outputs[version.run]:
                self._outputs[version.run].remove(version)
            version.run = new.run
            self._outputs[new.run].append(version)
        return version

    def outputs_of(self, run: UUID) -> list[DatasetVersion]:
        return self._outputs.get(run, [])

    def put_column_edges(
        self,
        output: tuple[DatasetVersion, Field],
        inputs: list[tuple[DatasetVersion, Field]],
        description: str | None,
        kind: str | None,
        now: int,
    ) -> None:
        values.text(description)
        values.varchar(kind, 255)
        if len(set(inputs)) != len(inputs):
            raise FailedStatement("ERROR: ON CONFLICT DO UPDATE command cannot affect row a second time")
        for source in inputs:
            edge = self.column_edges.setdefault((*output, *source), ColumnEdge(*output, *source, None, None, now, now))
            edge.description, edge.type, edge.updated_at = description, kind, now

    # facets

    def put_run_facet(self, facet: Facet, event_type: str) -> None:
        self._check_facet(facet, event_type)
        self.run_facets[facet.run].append(facet)  # type: ignore[index]

    def put_job_facet(self, facet: Facet, event_type: str | None) -> None:
        self._check_facet(facet, event_type)
        self.job_facets.append(facet)
        if facet.run is not None:
            self._job_facets_of_run[facet.run].append(facet)

    def put_dataset_facet(self, facet: Facet, event_type: str | None) -> None:
        self._check_facet(facet, event_type)
        self.dataset_facets[facet.version].append(facet)

    def job_facets_of_run(self, run: UUID) -> list[Facet]:
        return self._job_facets_of_run[run]

    def _check_facet(self, facet: Facet, event_type: str | None) -> None:
        values.varchar(event_type, 64)
        values.varchar(facet.name, 255)
        values.document(facet.value)

    # views

    def visible_datasets(self) -> Iterator[tuple[Symlink, Dataset]]:
        """Marquez's `datasets_view`: every name of a dataset that was not deleted by the API is a row of its own."""
        for name in self.symlinks.values():
            dataset = self.datasets.get(name.dataset_uuid)
            if dataset and not dataset.hidden:
                yield name, dataset

    def find_dataset(self, namespace: str, name: str) -> tuple[Symlink, Dataset] | None:
        symlink = self.symlinks.get((namespace, name))
        dataset = symlink and self.datasets.get(symlink.dataset_uuid)
        return (symlink, dataset) if symlink and dataset and not dataset.hidden else None

    def names_of(self, dataset: Dataset) -> Iterable[Symlink]:
        return () if dataset.hidden else self._names_of_dataset[dataset.uuid]

    def find_job(self, namespace: str, name: str) -> Job | None:
        job = self.jobs.get((namespace, name))
        return job if job and not job.hidden else None

    def runs_of(self, job: Job) -> list[Run]:
        return self._runs_of_job[job]
