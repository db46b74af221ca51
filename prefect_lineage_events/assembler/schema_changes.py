"""`lineage.schema-changed`: columns of a dataset were added, dropped or retyped since they were last observed.

Each run observes the columns of the tables that it touches. They are compared with those that the event before
observed, of whichever run, and with each other. Only columns that were looked up in the store are compared: a statement
may name a part of them, and spells types as its author did.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid5

from prefect_lineage_events.assembler.announced import DatasetEvent
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import SCHEMA_CHANGED_EVENT, Column, EventDataset, SchemaEvent
from prefect_lineage_events.guard import described
from prefect_lineage_events.history.model import FlowRun, RunHistory
from prefect_lineage_events.history.schemas import earlier_schemas
from prefect_lineage_events.sentences import listed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

_IDS = UUID("7d0f4c1b-9b51-4a0d-8a53-2f3f3b0f8f11")
_MAX_CHANGES = 200
_NAMED = 5

Kind = Literal["added", "dropped", "retyped"]


@dataclass(frozen=True, slots=True)
class Affected:
    """Readers of a changed dataset: `flows` by name, and `columns` made from the changed ones, as JSON values."""

    flows: tuple[str, ...] = ()
    columns: tuple[Mapping[str, Any], ...] = ()


# Finds what a change of columns of a dataset affects.
Finder = Callable[["SyncPrefectClient", Dataset, Sequence[str]], Affected]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A change of one column, with its types before and after it."""

    kind: Kind
    column: str
    before: str | None = None
    after: str | None = None

    def as_json(self) -> dict[str, Any]:
        types = {"before": self.before, "after": self.after}
        return {"change": self.kind, "column": self.column, **{k: v for k, v in types.items() if v is not None}}

    def __str__(self) -> str:
        return f"{self.column} {self.kind}" + (f" from {self.before} to {self.after}" if self.kind == "retyped" else "")


@dataclass(frozen=True, slots=True)
class _Observed:
    event_id: UUID
    dataset: EventDataset


def changed(client: SyncPrefectClient, history: RunHistory, finder: Finder | None = None) -> Iterator[DatasetEvent]:
    """The events of the schemas that the run found changed. One request for up to 50 datasets."""
    observed = _observations(history)
    times = [event.observed for event in history.schemas if event.observed]
    if not observed or not times:
        return
    own = {one.event_id for states in observed.values() for one in states}
    earlier = earlier_schemas(client, observed, min(times), own)
    for uri, states in sorted(observed.items()):
        if begin := earlier.get(uri):
            dataset = states[0].dataset.model_copy(update={"columns": begin.columns})
            states.insert(0, _Observed(begin.event_id, dataset))
        for old, new in pairwise(states):
            if changes := differences(old.dataset.columns, new.dataset.columns):
                yield _event(history.run, old, new, changes, _affected(client, new.dataset.dataset, changes, finder))


def _observations(history: RunHistory) -> dict[str, list[_Observed]]:
    """The columns of each dataset as the run looked them up, in order of time."""
    found: dict[str, list[_Observed]] = {}
    for event in sorted(history.schemas, key=_time):
        for dataset in event.datasets:
            if dataset.columns and not dataset.temporary:
                found.setdefault(dataset.uri, []).append(_Observed(event.emitter.event_id(), dataset))
    return found


def _time(event: SchemaEvent) -> tuple[dt.datetime, str, int]:
    observed = event.observed or dt.datetime.min.replace(tzinfo=dt.timezone.utc)
    return observed, str(event.emitter.id), event.emitter.sequence


def differences(before: Iterable[Column], after: Iterable[Column]) -> tuple[ColumnChange, ...]:
    """The changes from one schema to the next. Names are compared without case, types without case and spaces."""
    old, new = ({c.name.casefold(): c for c in columns if c.name} for columns in (before, after))
    found = [ColumnChange("added", c.name, after=c.type) for key, c in new.items() if key not in old]
    found += [ColumnChange("dropped", c.name, before=c.type) for key, c in old.items() if key not in new]
    found += [
        ColumnChange("retyped", c.name, old[key].type, c.type)
        for key, c in new.items()
        if key in old and c.type and old[key].type and _plain(c.type) != _plain(old[key].type)
    ]
    return tuple(found)


def _plain(type_: str | None) -> str:
    return "".join((type_ or "").casefold().split())


def _affected(
    client: SyncPrefectClient, dataset: Dataset, changes: Sequence[ColumnChange], finder: Finder | None
) -> Affected:
    """The readers of what changed; none where they cannot be found: the change is reported nevertheless."""
    # What was dropped or retyped can break a reader; what was added cannot.
    columns = [change.column for change in changes if change.kind != "added"]
    if finder is None or not columns:
        return Affected()
    try:
        return finder(client, dataset, columns)
    except Exception as error:  # noqa: BLE001 - the report goes on without its readers
        logger.warning("The readers of %s could not be found: %s", dataset, described(error))
        return Affected()


def _event(
    run: FlowRun, old: _Observed, new: _Observed, changes: Sequence[ColumnChange], affected: Affected
) -> DatasetEvent:
    dataset = new.dataset.dataset
    return DatasetEvent(
        SCHEMA_CHANGED_EVENT,
        # Two runs that find the same change at the same time report it once.
        uuid5(_IDS, f"{dataset.uri} {old.event_id} {_digest(new.dataset.columns)}"),
        dataset,
        new.dataset.kind,
        {
            "summary": _summary(dataset, changes, affected),
            "dataset": dataset.uri,
            "name": dataset.name,
            "changes": [change.as_json() for change in changes[:_MAX_CHANGES]],
            "readers": list(affected.flows[:_MAX_CHANGES]),
            "affected": list(affected.columns),
            "found_by": {"flow": run.flow_name, "flow_run_id": str(run.id)},
        },
    )


def _summary(dataset: Dataset, changes: Sequence[ColumnChange], affected: Affected) -> str:
    reading = f"; read by {listed(affected.flows, _NAMED)}" if affected.flows else ""
    return line(f"Columns of {dataset.name} changed: {listed(map(str, changes), _NAMED)}{reading}", 1_000)


def _digest(columns: Iterable[Column]) -> str:
    text = "\n".join(f"{c.name.casefold()} {_plain(c.type)}" for c in columns)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
