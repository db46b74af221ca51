"""The content of a dataset's page as data: the flows that wrote and read it, each by its newest run. Pure.

The record travels in the text of the page itself, as a definition of a link that no page shows: the text and the data
change together, and metadata of an artifact are cut at 500 characters. All users of the API can edit it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from prefect_lineage_events.compression import packed_text, unpacked_text
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import RunKind
from prefect_lineage_events.rendering.graph import STATED
from prefect_lineage_events.snapshots import Snapshot
from prefect_lineage_events.stitching.model import Column, ColumnEdge, DatasetUse, Evidence, RowsKnown

VERSION = 1
# What a record holds at most; the oldest flows, and columns beyond these, are left out.
MAX_FLOWS = 20
MAX_DATASETS = 50
MAX_COLUMNS = 500
MAX_ORIGINS = 1_000
# A record that unpacks to more was not written by us.
_MAX_UNPACKED = 16 * 1024 * 1024
_DATA = re.compile(r"^\[lineage-data\]: data:([\w+/=]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Origin:
    """A source of a column of the dataset, of the kind that `ColumnEdge` has."""

    column: str
    source: Dataset
    source_column: str
    transformation: str = "IDENTITY"
    inferred: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class DatasetUser:
    """A flow that writes or reads the dataset, as of its newest run.

    `datasets`: the sources of what it wrote, or the datasets that it wrote from what it read. `origins`: of the columns
    that it wrote. `inferred`: those of `datasets` that no statement and no record joins with this one. `sources`: as
    `UnknownSource.rows`. `left_out`: datasets and origins beyond the bounds of a record.
    """

    flow_id: UUID
    flow_name: str
    run_id: UUID
    run_name: str
    began: AwareDatetime
    state: str
    kind: RunKind = "flow-run"
    complete: bool = True
    rows: int | None = None
    lifecycle: str | None = None
    renamed_from: Dataset | None = None
    sources: RowsKnown = "known"
    datasets: tuple[Dataset, ...] = ()
    inferred: tuple[Dataset, ...] = ()
    columns: tuple[tuple[str, str | None], ...] = ()
    origins: tuple[Origin, ...] = ()
    left_out: int = 0

    @property
    def order(self) -> tuple[dt.datetime, str]:
        """Runs are in the order of their starts."""
        return self.began, str(self.run_id)


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A dataset, its writers and its readers: one for each flow, the newest first."""

    dataset: Dataset
    kind: str = "table"
    writers: tuple[DatasetUser, ...] = ()
    readers: tuple[DatasetUser, ...] = ()
    version: int = VERSION

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns by the newest run that wrote it and knows them; without one, those that its readers know."""
        for user in self.writers:
            if user.columns:
                return tuple(Column(name, type_) for name, type_ in user.columns)
        known: dict[str, Column] = {}
        for user in self.readers:
            for name, type_ in user.columns:
                known.setdefault(name.casefold(), Column(name, type_))
        return tuple(known.values())


_RECORD: TypeAdapter[DatasetRecord] = TypeAdapter(DatasetRecord)


class LaterVersionError(ValueError):
    """A later version of this package wrote the record."""


def records_of(snapshot: Snapshot) -> dict[Dataset, DatasetRecord]:
    """A record of each dataset of a run, with the run alone. Outputs come first."""
    lineage = snapshot.lineage
    sources: dict[Dataset, dict[Dataset, Evidence]] = defaultdict(dict)
    targets: dict[Dataset, dict[Dataset, Evidence]] = defaultdict(dict)
    for (source, target), evidence in lineage.pairs().items():
        sources[target][source] = evidence
        targets[source][target] = evidence
    origins: dict[Dataset, list[ColumnEdge]] = defaultdict(list)
    for column in lineage.columns:
        origins[column.target].append(column)
    unknown: dict[Dataset, RowsKnown] = {one.target: one.rows for one in lineage.unknown}
    records: dict[Dataset, DatasetRecord] = {}
    for use in lineage.outputs:
        user = _user(snapshot, use, sources[use.dataset], origins[use.dataset])
        user = replace(user, sources=unknown.get(use.dataset, "known"))
        records[use.dataset] = DatasetRecord(use.dataset, use.kind, writers=(user,))
    for use in lineage.inputs:
        found = records.get(use.dataset, DatasetRecord(use.dataset, use.kind))
        records[use.dataset] = replace(found, readers=(_user(snapshot, use, targets[use.dataset], ()),))
    return records


def merged(old: DatasetRecord | None, new: DatasetRecord) -> DatasetRecord:
    """The record with the runs of another. Of two runs of a flow, the one that began later is kept."""
    if old is None:
        return _bounded(new)
    newest = max((*old.writers, *old.readers, *new.writers, *new.readers), key=lambda user: user.order, default=None)
    is_newer = newest is None or newest in (*new.writers, *new.readers)
    return _bounded(
        replace(
            new,
            kind=new.kind if is_newer else old.kind,
            writers=_newest(old.writers, new.writers),
            readers=_newest(old.readers, new.readers),
        )
    )


def encode(record: DatasetRecord) -> str:
    """The record as the last line of a page."""
    return f"[lineage-data]: data:{packed_text(_RECORD.dump_json(record, exclude_defaults=True), 9)}"


def decode(text: str) -> DatasetRecord | None:
    """The record in the text of a page; None if there is none that can be read. Raises LaterVersionError."""
    found = _DATA.findall(text)
    if not found:
        return None
    try:
        record = _RECORD.validate_json(unpacked_text(found[-1], _MAX_UNPACKED))
    except (ValidationError, ValueError, TypeError, RecursionError):
        return None
    if record.version > VERSION:
        raise LaterVersionError(f"a later version wrote the page of {record.dataset.uri} (record {record.version})")
    return _bounded(record)


def _user(
    snapshot: Snapshot, use: DatasetUse, others: Mapping[Dataset, Evidence], origins: Iterable[ColumnEdge]
) -> DatasetUser:
    run, named, edges = snapshot.run, [one for one in others if one != use.dataset], list(origins)
    return DatasetUser(
        flow_id=run.flow_id,
        flow_name=run.flow_name,
        run_id=run.id,
        run_name=run.name,
        began=run.began,
        state=run.state,
        kind=run.kind,
        complete=snapshot.complete,
        rows=use.rows,
        lifecycle=use.lifecycle,
        renamed_from=use.renamed_from,
        datasets=tuple(named[:MAX_DATASETS]),
        inferred=tuple(one for one in named[:MAX_DATASETS] if others[one] not in STATED),
        columns=tuple((column.name, column.type) for column in use.columns[:MAX_COLUMNS]),
        origins=tuple(
            Origin(edge.target_column, edge.source, edge.source_column, edge.transformation, edge.inferred, edge.path)
            for edge in edges[:MAX_ORIGINS]
        ),
        left_out=max(len(named) - MAX_DATASETS, 0) + max(len(edges) - MAX_ORIGINS, 0),
    )


def _newest(old: Iterable[DatasetUser], new: Iterable[DatasetUser]) -> tuple[DatasetUser, ...]:
    """One user for each flow. A run that is assembled again replaces what it said before."""
    by_flow: dict[UUID, DatasetUser] = {}
    for user in (*old, *new):
        known = by_flow.get(user.flow_id)
        if known is None or user.order >= known.order:
            by_flow[user.flow_id] = user
    return tuple(sorted(by_flow.values(), key=lambda user: user.order, reverse=True))


def _bounded(record: DatasetRecord) -> DatasetRecord:
    return replace(record, writers=record.writers[:MAX_FLOWS], readers=record.readers[:MAX_FLOWS])
