"""Snapshots of runs, made of OpenLineage events: of this project's own, and of other producers' as far as they allow.

An event of our own has all that is known of its run (or of one task of it), so the last one counts. Events of other
producers add up. The docs name what events do not hold (`docs/archive.md`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import TypeAdapter
from pydantic_core import to_json

from prefect_lineage_events import encoding
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.dialects import DIALECTS
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.openlineage import reading
from prefect_lineage_events.openlineage.facets import EARLIER_KEY, OWN_PRODUCER, RUN_KEY
from prefect_lineage_events.openlineage.json_values import Json, facets_of, items, mapping, text, texts
from prefect_lineage_events.openlineage.reading import Counts, EventLineage, Side
from prefect_lineage_events.openlineage.reading_statements import query_id_in
from prefect_lineage_events.snapshots import (
    MAX_COLUMN_EDGES,
    MAX_SQL,
    MAX_STATEMENTS,
    Shape,
    Snapshot,
    SnapshotRun,
    StatementNumbers,
    if_any,
)
from prefect_lineage_events.stitching.model import DatasetUse, StatementSummary

NO_END = "the events of the run's end: the file does not have them"
_STATES = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "CANCELLED"}
_RANKS = {"START": 1, "RUNNING": 2, **dict.fromkeys(_STATES, 3)}
# Shapes and lineages that are kept in case that the next event has an equal one.
_MAX_KEPT = 4_096
_MAX_PRODUCER = 60
_MAX_SQL = 16_000
_VERSION = re.compile(r"v?\d[\w.+-]*\Z")
_NO_COUNTS = Counts()
_TIMES = TypeAdapter(dt.datetime)
_DATE = re.compile(r"\d{4}-")

_Value = TypeVar("_Value")
_Counts = dict[tuple[Side, Dataset], Counts]


@dataclass(slots=True)
class _Part:
    """The latest state of a run, or of one task of it. `key` stands for `found`: equal events have equal keys."""

    rank: int
    key: str
    found: EventLineage
    counts: _Counts
    query_id: str | None


@dataclass(slots=True)
class _Run:
    """All that the events of one run said so far. `parts` are its tasks, and under None the run itself.

    `reached`, of another producer's run: the outputs that events after its START named; None once it was seen to go on.
    """

    producer: str
    run: SnapshotRun
    rank: int = 0
    last: dt.datetime = EPOCH
    parts: dict[UUID | None, _Part] = field(default_factory=dict)
    complete: bool = True
    missing: tuple[str, ...] = ()
    not_captured: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    reached: frozenset[Dataset] | None = frozenset()

    def planned(self, parts: Sequence[_Part]) -> frozenset[Dataset]:
        """The outputs of another producer's failed run that only its START announced: the run did not come to them."""
        if not self.producer or self.reached is None or self.run.state not in ("FAILED", "CANCELLED"):
            return frozenset()
        return frozenset(use.dataset for part in parts for use in part.found.lineage.outputs) - self.reached


class EventRuns:
    """The runs of OpenLineage events, which are added one after the other."""

    def __init__(self) -> None:
        self._runs: dict[UUID, _Run] = {}
        self._lineages: dict[str, EventLineage] = {}
        self._shapes: dict[tuple[object, ...], Shape] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def add(self, event: Json) -> UUID:
        """Take over an event; returns the run that it is about. Raises ValueError if it is of no run."""
        event_run_id = uuid_of(mapping(event.get("run")).get("runId"))
        if event_run_id is None or not text(mapping(event.get("job")).get("name")):
            raise ValueError("it is no event of a run")
        at = _time(event.get("eventTime"))
        if at is None:
            raise ValueError("it has no time, or one of another form")
        own = _own_facet(event)
        run_id = run_of(event) or event_run_id
        kind = text(event.get("eventType")).upper()
        run = self._runs.get(run_id)
        if run is None:
            run = _Run("", _own_run(run_id, own, event)) if own else _Run(producer_of(event), _other_run(run_id, event))
            self._runs[run_id] = run
        rank = _RANKS.get(kind, 0)
        run.last = max(run.last, at)
        if run_id == event_run_id:
            if own and rank >= run.rank:
                started, ended = run.run.started, run.run.ended
                run.run = replace(_own_run(run_id, own, event), started=started, ended=ended)
                _take_completeness(run, own)
            _take_times(run, kind, at)
            run.rank = max(run.rank, rank)
        self._take_part(run, None if run_id == event_run_id else event_run_id, event, rank)
        return run_id

    def forget(self, run_id: UUID) -> None:
        """Drop all that is known of a run."""
        self._runs.pop(run_id, None)

    def run(self, run_id: UUID) -> SnapshotRun:
        """The run, as far as its events describe it."""
        return self._runs[run_id].run

    def last_event(self, run_id: UUID) -> dt.datetime:
        """The time of the run's latest event."""
        return self._runs[run_id].last

    def oldest(self, number: int) -> list[UUID]:
        """So many runs, of which the latest events are the oldest."""
        return sorted(self._runs, key=lambda run_id: self._runs[run_id].last)[:number]

    def snapshot(self, run_id: UUID) -> Snapshot:
        """The snapshot of a run, within the bounds of a snapshot."""
        run = self._runs[run_id]
        parts = list(run.parts.values())
        shape = self._shape(run, parts)
        lineage = shape.lineage
        counts = _counts(parts)
        read = [counts.get(("input", use.dataset), _NO_COUNTS) for use in lineage.inputs]
        written = [counts.get(("output", use.dataset), _NO_COUNTS) for use in lineage.outputs]
        query_id = parts[0].query_id if len(parts) == 1 else None
        numbers = (StatementNumbers(query_id=query_id if at == 0 else None) for at in range(len(lineage.statements)))
        has_end = run.rank == _RANKS["COMPLETE"] or run.run.in_flight
        return Snapshot(
            run.run,
            shape,
            rows_read=tuple(one.rows for one in read),
            rows_written=tuple(one.rows for one in written),
            statements=tuple(numbers),
            complete=run.complete and has_end,
            missing=run.missing if has_end else (*run.missing, NO_END),
            not_captured=run.not_captured,
            sizes_read=if_any(one.size for one in read),
            sizes_written=if_any(one.size for one in written),
            files_read=if_any(one.files for one in read),
            files_written=if_any(one.files for one in written),
        )

    def _take_part(self, run: _Run, part_id: UUID | None, event: Json, rank: int) -> None:
        """Take over the event's lineage: in place of an earlier one, or beside those of another producer."""
        own = not run.producer
        known = run.parts.get(part_id)
        if own and known is not None and known.rank > rank:
            return
        key = _key(event)
        found = _kept(
            self._lineages, key, lambda: reading.lineage_in(event, _unchanged if own else _sanitised, own=own)
        )
        counts, query_id = reading.counts_in(event, own=own), query_id_in(event)
        if rank == _RANKS["RUNNING"]:
            run.reached = None
        elif run.reached is not None and rank != _RANKS["START"]:
            run.reached |= {use.dataset for use in found.lineage.outputs}
        if known is not None and not own:
            before = known
            counts, query_id = {**before.counts, **counts}, query_id or before.query_id
            key = key if before.key == key else encoding.digest_of([before.key, key])
            latest = found
            found = _kept(self._lineages, key, lambda: reading.joined(before.found, latest))
        run.parts[part_id] = _Part(rank, key, found, counts, query_id)

    def _shape(self, run: _Run, parts: Sequence[_Part]) -> Shape:
        """The shape of a run. Runs with equal events share it."""
        planned = run.planned(parts)
        key = (run.producer, *(part.key for part in parts), run.left_out, run.changes, planned)
        return _kept(self._shapes, key, lambda: _shape_of(run, parts, planned))


def run_of(event: Json) -> UUID | None:
    """The run that an event is about: the flow run, in an event of a task of it. None if it has no id."""
    flow_run = uuid_of(mapping(own.get("flowRun")).get("id")) if (own := _own_facet(event)).get("task") else None
    return flow_run or uuid_of(mapping(event.get("run")).get("runId"))


def is_own(event: Json) -> bool:
    """Return whether this project built the event."""
    return bool(_own_facet(event))


def uuid_of(value: object) -> UUID | None:
    """The UUID in a text; None in anything else."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def producer_of(event: Json) -> str:
    """The short name of the program that built an event, such as `dbt` or `spark`."""
    integration = text(mapping(facets_of(event, "job").get("jobType")).get("integration")).lower()
    parts = [part for part in text(event.get("producer")).split("/") if part and not _VERSION.match(part)]
    return (integration or (parts[-1] if parts else "") or "another producer")[:_MAX_PRODUCER]


def _own_facet(event: Json) -> Json:
    """Our facet of the run, in an event of our own; empty in others."""
    facets = facets_of(event, "run")
    facet = mapping(facets.get(RUN_KEY) or facets.get(EARLIER_KEY))
    return facet if text(event.get("producer")).startswith(OWN_PRODUCER) else {}


def _own_run(run_id: UUID, own: Json, event: Json) -> SnapshotRun:
    details, flow, deployment = (mapping(own.get(name)) for name in ("flowRun", "flow", "deployment"))
    facets = facets_of(event, "run")
    job = text(mapping(event.get("job")).get("name"))
    of_task = mapping(own.get("taskRun"))
    # The official client adds tags of its own, with values: those of Prefect are words.
    tags = (
        text(tag.get("key")) for tag in items(mapping(facets.get("tags")).get("tags")) if tag.get("value") == "true"
    )
    # An event of a task names its flow run as its parent.
    parent = None if own.get("task") else uuid_of(mapping(mapping(facets.get("parent")).get("run")).get("runId"))
    return SnapshotRun(
        id=run_id,
        name=text((details or of_task).get("name")) or str(run_id),
        flow_id=uuid_of(flow.get("id")) or uuid5(NAMESPACE_URL, job),
        flow_name=text(flow.get("name")) or job,
        state=text((details or of_task).get("state")) or "RUNNING",
        deployment_id=uuid_of(deployment.get("id")),
        deployment_name=text(deployment.get("name")) or None,
        parent_id=parent,
        kind="task-run" if of_task else "flow-run",
        tags=tuple(tags),
        job=job if of_task else None,
    )


def _other_run(run_id: UUID, event: Json) -> SnapshotRun:
    """The run of another producer, under the name of its job."""
    job = mapping(event.get("job"))
    name = text(job.get("name"))
    return SnapshotRun(
        id=run_id,
        # The first digits of an id may be those of its time, which many runs share.
        name=f"{name}-{run_id.hex[-8:]}",
        flow_id=uuid5(NAMESPACE_URL, f"{text(job.get('namespace'))} {name}"),
        flow_name=name,
        state="RUNNING",
        parent_id=uuid_of(mapping(mapping(facets_of(event, "run").get("parent")).get("run")).get("runId")),
    )


def _take_times(run: _Run, kind: str, at: dt.datetime) -> None:
    """Take the run's times, and of another producer the state as well: an end counts, whatever comes after it."""
    its = run.run
    if kind == "START":
        its = replace(its, started=at)
    if kind in _STATES:
        its = replace(its, ended=at, started=its.started or at, state=its.state if not run.producer else _STATES[kind])
    run.run = its


def _take_completeness(run: _Run, own: Json) -> None:
    completeness = mapping(own.get("completeness"))
    run.complete = completeness.get("complete") is not False
    run.missing = texts(completeness.get("lacks"))
    run.not_captured = texts(own.get("notCaptured"))
    left_out = mapping(own.get("leftOut")).items()
    run.left_out = tuple((name, count) for name, value in left_out if (count := encoding.count(value)))
    changes = mapping(own.get("schemaChanges")).items()
    run.changes = tuple((uri, change) for uri, change in changes if isinstance(change, str))


def _key(event: Json) -> str:
    """A digest of all that the lineage of an event is made of, without counts."""
    sides = [_without_counts(one, side) for side in ("input", "output") for one in items(event.get(f"{side}s"))]
    job, run = facets_of(event, "job"), facets_of(event, "run")
    own = mapping(run.get(RUN_KEY) or run.get(EARLIER_KEY))
    facets = [job.get("sql"), job.get("lineage"), run.get("extractionError"), own.get("unknownSources")]
    content = [is_own(event), len(items(event.get("inputs"))), sides, facets]
    try:
        return sha256(to_json(content)).hexdigest()
    except ValueError:  # lone surrogates, or many levels
        return encoding.digest_of(content)


def _without_counts(described: Json, side: str) -> Json:
    name = f"{side}Facets"
    its = described.get(name)
    if not isinstance(its, dict):
        return described
    return {**described, name: {key: facet for key, facet in its.items() if key != f"{side}Statistics"}}


def _counts(parts: Sequence[_Part]) -> _Counts:
    """The counts of a run. Several tasks may have counted the same rows, so theirs together are not known."""
    if len(parts) == 1:
        return parts[0].counts
    used: dict[tuple[Side, Dataset], int] = {}
    for part in parts:
        lineage = part.found.lineage
        for key in (*_uses("input", lineage.inputs), *_uses("output", lineage.outputs)):
            used[key] = used.get(key, 0) + 1
    return {key: found for part in parts for key, found in part.counts.items() if used.get(key) == 1}


def _uses(side: Side, uses: Iterable[DatasetUse]) -> list[tuple[Side, Dataset]]:
    return [(side, use.dataset) for use in uses]


def _shape_of(run: _Run, parts: Sequence[_Part], planned: frozenset[Dataset]) -> Shape:
    found = parts[0].found if len(parts) == 1 else reading.joined(*(part.found for part in parts))
    lineage = reading.without_outputs(found.lineage, planned)
    uses = (*lineage.outputs, *lineage.inputs)
    changes = ((reading.dataset_at(uri, uses), change) for uri, change in run.changes)
    left_out = {
        "statements": len(lineage.statements) - MAX_STATEMENTS,
        "column edges": len(lineage.columns) - MAX_COLUMN_EDGES,
    }
    bounded = replace(
        lineage,
        columns=lineage.columns[:MAX_COLUMN_EDGES],
        statements=tuple(map(_bounded, lineage.statements[:MAX_STATEMENTS])),
    )
    return Shape(
        bounded,
        schema_changes=tuple(sorted((dataset, change) for dataset, change in changes if dataset is not None)),
        left_out=(*run.left_out, *((name, count) for name, count in left_out.items() if count > 0)),
        producer=run.producer,
    )


def _unchanged(sql: str, _dialect: str) -> str:
    """The text of an event of our own: statements are sanitised before they leave the flow's process."""
    return sql


def _sanitised(sql: str, dialect: str) -> str:
    """The text without its literals and comments, as all statements are shown; its beginning if it is very long."""
    # The parser takes half a second to import: events of this project do not need it.
    from prefect_lineage_events.sql.analyze import analyze

    known = dialect if dialect in DIALECTS else ""
    return ";\n".join(one.sanitised for one in analyze(sql[:_MAX_SQL], dialect=known, columns=False))


def _bounded(one: StatementSummary) -> StatementSummary:
    return one if one.sql is None or len(one.sql) <= MAX_SQL else replace(one, sql=one.sql[:MAX_SQL] + "…")


def _kept(kept: dict[Any, _Value], key: object, make: Callable[[], _Value]) -> _Value:
    """The value of this key; a new one is kept in place of the oldest."""
    if key not in kept:
        if len(kept) >= _MAX_KEPT:
            del kept[next(iter(kept))]
        kept[key] = make()
    return kept[key]


def _time(value: object) -> dt.datetime | None:
    """The time in a text of RFC 3339: also one with nanoseconds, which Python 3.10 does not read."""
    try:
        return encoding.moment(_TIMES.validate_python(value)) if _DATE.match(text(value)) else None
    except ValueError:
        return None
