"""The rows of Marquez's database, as far as its responses depend on them. Times are microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

DONE = ("COMPLETED", "ABORTED", "FAILED")


@dataclass(slots=True, eq=False)
class Namespace:
    name: str
    created_at: int
    updated_at: int
    description: str | None = None
    hidden: bool = False


@dataclass(slots=True, eq=False)
class Source:
    name: str
    connection_url: str
    created_at: int
    updated_at: int


@dataclass(slots=True, eq=False)
class Job:
    namespace: str
    name: str
    simple_name: str
    type: str
    created_at: int
    updated_at: int
    description: str | None
    location: str | None
    inputs: list[dict[str, str]]
    parent: Job | None
    current_run: UUID | None
    uuid: UUID = field(default_factory=uuid4)
    current_version: JobVersion | None = None
    hidden: bool = False


@dataclass(slots=True, eq=False)
class JobVersion:
    job: Job
    version: UUID
    location: str | None
    created_at: int
    latest_run: Run | None = None


@dataclass(slots=True, eq=False)
class Run:
    uuid: UUID
    job: Job
    created_at: int
    updated_at: int
    args: dict[str, str]
    location: str | None
    state: str | None = None
    transitioned_at: int | None = None
    nominal_start: int | None = None
    nominal_end: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    version: JobVersion | None = None
    inputs: list[DatasetVersion] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Dataset:
    uuid: UUID
    namespace: str
    name: str
    physical_name: str
    source: str
    created_at: int
    updated_at: int
    description: str | None
    deleted: bool
    hidden: bool = False
    current_version: DatasetVersion | None = None


@dataclass(slots=True, eq=False)
class Symlink:
    """One of the names of a dataset; the primary one is that of the first event that named it."""

    dataset_uuid: UUID
    namespace: str
    name: str
    primary: bool


@dataclass(slots=True, eq=False)
class Field:
    dataset: Dataset
    name: str
    type: str | None
    description: str | None


@dataclass(slots=True, eq=False)
class DatasetVersion:
    dataset: Dataset
    version: UUID
    schema_version: UUID
    namespace: str
    name: str
    lifecycle: str
    fields: list[dict[str, Any]] | None
    created_at: int
    run: UUID | None
    uuid: UUID = field(default_factory=uuid4)
    field_rows: list[Field] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ColumnEdge:
    output_version: DatasetVersion
    output_field: Field
    input_version: DatasetVersion
    input_field: Field
    description: str | None
    type: str | None
    created_at: int
    updated_at: int


@dataclass(slots=True, eq=False)
class Facet:
    name: str
    value: Any
    event_time: int
    type: str = "UNKNOWN"
    run: UUID | None = None
    job: Job | None = None
    version: Any = None
    """Of a job's facet the `JobVersion` it was linked to, of a dataset's the `DatasetVersion`."""


@dataclass(slots=True, eq=False)
class JobIo:
    job: Job
    job_version: JobVersion
    dataset: Dataset
    io: str
    current: bool = True


@dataclass(slots=True, eq=False)
class RawEvent:
    kind: str
    event_time: int
    event: dict[str, Any]
