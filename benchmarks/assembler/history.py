"""A long history, written straight into the tables of a Prefect server's SQLite database while the server is stopped.

Through the API a server stores 100-200 events a second, so that a million of them would take hours. The rows are those
that a server of 3.8 writes itself: flows, flow runs, their states and state events, and the runs' lineage events as
capture emits them, with one row per related resource.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from prefect_lineage_events.events import RunInfo
from tests import by_hand

Row = tuple[Any, ...]

_STATES = (("PENDING", "Pending"), ("RUNNING", "Running"), ("COMPLETED", "Completed"))
_RUNS_AT_ONCE = 100
_EVENTS = """INSERT INTO events
    (occurred, event, resource_id, resource, related_resource_ids, related, payload, received, recorded, id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_RESOURCES = """INSERT INTO event_resources (occurred, resource_id, resource_role, resource, event_id, id)
    VALUES (?, ?, ?, ?, ?, ?)"""
_RUNS = """INSERT INTO flow_run
    (id, name, state_type, state_name, state_id, state_timestamp, run_count, expected_start_time, start_time, end_time,
     flow_id, total_run_time) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, '1970-01-01 00:00:05.000000')"""
_RUN_STATES = "INSERT INTO flow_run_state (id, type, timestamp, name, flow_run_id) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Shape:
    """`runs` runs of `flows` flows, each of `events` distinct statements over `tables` tables.

    The runs follow each other from `began` on, `spacing` apart. A statement writes one table from two others, with two
    column edges.
    """

    runs: int
    events: int
    began: dt.datetime
    flows: int = 20
    tables: int = 30
    spacing: dt.timedelta = dt.timedelta(seconds=10)

    @property
    def ended(self) -> dt.datetime:
        return self.began + self.runs * self.spacing


def write(database: Path, shape: Shape) -> list[UUID]:
    """Write the history; returns the runs' ids, oldest first. The server must not be running."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        flows = [(str(uuid4()), f"nightly {number} {uuid4().hex[:6]}") for number in range(shape.flows)]
        connection.executemany("INSERT INTO flow (id, name) VALUES (?, ?)", flows)
        templates = [_statements(shape, name) for _, name in flows]
        ids: list[UUID] = []
        batch = _Batch()
        for number in range(shape.runs):
            flow = number % shape.flows
            ids.append(batch.add(_Run(flows[flow], shape.began + number * shape.spacing), templates[flow]))
            if len(ids) % _RUNS_AT_ONCE == 0:
                batch.store(connection)
                batch = _Batch()
        batch.store(connection)
        connection.execute("ANALYZE")
    return ids


class _Run:
    """One flow run of the history."""

    def __init__(self, flow: tuple[str, str], began: dt.datetime) -> None:
        self.id = uuid4()
        self.name = f"run-{self.id.hex[:8]}"
        self.flow_id, self.flow_name = flow
        self.began = began
        self.ended = began + dt.timedelta(seconds=5)
        self.info = RunInfo(
            flow_run_id=self.id,
            flow_run_name=self.name,
            flow_id=UUID(self.flow_id),
            flow_name=self.flow_name,
            run_count=1,
        )


class _Batch:
    """Rows of some runs, stored together."""

    def __init__(self) -> None:
        self.runs: list[Row] = []
        self.states: list[Row] = []
        self.events: list[Row] = []
        self.resources: list[Row] = []

    def add(self, run: _Run, statements: Sequence[dict[str, Any]]) -> UUID:
        times = (run.began, run.began, run.ended)
        state_ids = [str(uuid4()) for _ in _STATES]
        for state_id, (kind, name), time in zip(state_ids, _STATES, times, strict=True):
            # One state a microsecond: a run has no two states at one instant.
            at = time + dt.timedelta(microseconds=len(self.states) % 3)
            self.states.append((state_id, kind, _time(at), name, str(run.id)))
            resource = {"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name}
            # A state and its event have one id.
            self._event(UUID(state_id), f"prefect.flow-run.{name}", at, resource, run.info.related()[1:], {})
        ended, began = _time(run.ended), _time(run.began)
        state = ("COMPLETED", "Completed", state_ids[-1], ended)
        self.runs.append((str(run.id), run.name, *state, began, began, ended, run.flow_id))
        self._lineage(run, statements)
        return run.id

    def _lineage(self, run: _Run, statements: Sequence[dict[str, Any]]) -> None:
        emitter = uuid4()
        related = run.info.related()
        run_payload = run.info.model_dump(mode="json", exclude_defaults=True)
        step = (run.ended - run.began) / (len(statements) + 1)
        for number, template in enumerate(statements):
            at = run.began + number * step
            payload = template["payload"]
            statement = {**payload["statement"], "id": str(uuid4()), "started": at.isoformat()}
            numbered = {"id": str(emitter), "sequence": number}
            payload = {**payload, "statement": statement, "run": run_payload, "emitter": numbered}
            everything = [*related, *template["related"]]
            self._event(uuid5(emitter, str(number)), template["event"], at, template["resource"], everything, payload)
        closing = by_hand.closing(emitter, len(statements), at=run.ended, run=run.info).to_prefect()
        self._event(closing["id"], closing["event"], run.ended, closing["resource"], related, closing["payload"])

    def _event(
        self,
        event_id: UUID,
        name: str,
        at: dt.datetime,
        resource: dict[str, str],
        related: Sequence[dict[str, str]],
        payload: dict[str, Any],
    ) -> None:
        time, own, ids = _time(at), resource["prefect.resource.id"], [r["prefect.resource.id"] for r in related]
        texts = (json.dumps(resource), json.dumps(ids), json.dumps(related), json.dumps(payload))
        self.events.append((time, name, own, *texts, time, time, str(event_id)))
        for one, role in ((resource, ""), *((r, r["prefect.resource.role"]) for r in related)):
            labels = {k: v for k, v in one.items() if k not in ("prefect.resource.id", "prefect.resource.role")}
            row = (time, one["prefect.resource.id"], role, json.dumps(labels), str(event_id), str(uuid4()))
            self.resources.append(row)

    def store(self, connection: sqlite3.Connection) -> None:
        for statement, rows in (
            (_RUN_STATES, self.states),
            (_RUNS, self.runs),
            (_EVENTS, self.events),
            (_RESOURCES, self.resources),
        ):
            connection.executemany(statement, rows)
        connection.commit()


def _statements(shape: Shape, flow_name: str) -> list[dict[str, Any]]:
    """The flow's statements as Prefect events, without a run yet."""
    return list(_described(shape, flow_name.replace(" ", "_")))


def _described(shape: Shape, prefix: str) -> Iterator[dict[str, Any]]:
    for number in range(shape.events):
        output, first, second = (f"{prefix}_t{(number * step) % shape.tables}" for step in (1, 7, 13))
        event = by_hand.write(output, first, second, emitter=uuid4()).to_prefect()
        event["payload"]["statement"]["sql"] += f" FROM {first} JOIN {second} ON {first}.id = {second}.id -- {number}"
        yield event


def _time(at: dt.datetime) -> str:
    """The format of SQLite columns of the server: UTC, without a zone."""
    return at.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
