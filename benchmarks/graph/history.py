"""Many assembled runs, written straight into the tables of a Prefect server's SQLite database while it is stopped.

Each has a lineage artifact for people and a snapshot, as the assembler writes them. The runs of a flow have one shape.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from prefect_lineage_events import snapshot_wire, snapshots
from prefect_lineage_events.assembler import snapshot_store
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.snapshots import Shape, Snapshot, StatementNumbers
from prefect_lineage_events.stitching.model import (
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lineage,
    StatementSummary,
)

_INPUTS = 3
_STATEMENTS = 5
# The length of a lineage artifact's text, with the image of its graph.
_TEXT = 12_000
_FLOWS = "INSERT INTO flow (id, name) VALUES (?, ?)"
_RUNS = """INSERT INTO flow_run
    (id, name, state_type, state_name, state_id, state_timestamp, run_count, expected_start_time, start_time, end_time,
     flow_id, total_run_time)
    VALUES (?, ?, 'COMPLETED', 'Completed', ?, ?, 1, ?, ?, ?, ?, '1970-01-01 00:00:05.000000')"""
_STATES = """INSERT INTO flow_run_state (id, type, timestamp, name, flow_run_id)
    VALUES (?, 'COMPLETED', ?, 'Completed', ?)"""
_ARTIFACTS = """INSERT INTO artifact (id, created, updated, type, description, data, metadata_, flow_run_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


@dataclass(frozen=True, slots=True)
class Size:
    """`runs` of `flows` flows, one every `spacing`, up to `ended`. Each flow makes one dataset from three others, with
    `column_edges` edges between columns.
    """

    runs: int
    flows: int
    column_edges: int
    ended: dt.datetime
    spacing: dt.timedelta = dt.timedelta(seconds=40)

    @property
    def began(self) -> dt.datetime:
        return self.ended - self.runs * self.spacing


def shapes(size: Size) -> list[tuple[UUID, str, Shape]]:
    """The flows, each with an id, a name and the shape of its runs."""
    return [(uuid4(), f"nightly {number}", _shape(number, size.column_edges)) for number in range(size.flows)]


def made(size: Size) -> Iterator[Snapshot]:
    """The snapshots of all runs, oldest first."""
    flows = shapes(size)
    for number in range(size.runs):
        flow_id, flow_name, shape = flows[number % size.flows]
        began = size.began + number * size.spacing
        run_id = uuid4()
        run = FlowRun(
            run_id,
            f"run-{run_id.hex[:8]}",
            flow_id,
            flow_name,
            "COMPLETED",
            started=began,
            ended=began + dt.timedelta(seconds=5),
        )
        yield Snapshot(
            snapshots.snapshot_run(run),
            shape,
            rows_read=(number,) * _INPUTS,
            rows_written=(number,),
            statements=tuple(StatementNumbers(number, began, 0.25, 3, f"query-{number}") for _ in range(_STATEMENTS)),
        )


def write(database: Path, size: Size) -> int:
    """Write runs and artifacts; returns the number of runs. The server must not be running."""
    flows: dict[UUID, str] = {}
    count = 0
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for snapshot in made(size):
            run = snapshot.run
            if run.flow_id not in flows:
                flows[run.flow_id] = run.flow_name
                connection.execute(_FLOWS, (str(run.flow_id), run.flow_name))
            state, began, ended = str(uuid4()), _time(run.started), _time(run.ended)
            connection.execute(_STATES, (state, ended, str(run.id)))
            connection.execute(_RUNS, (str(run.id), run.name, state, ended, began, began, ended, str(run.flow_id)))
            data = snapshot_wire.encode(snapshot)
            mark = {snapshot_store.MARK: str(snapshot_wire.VERSION)}
            for kind, value, metadata in (
                ("markdown", "x" * _TEXT, {"lineage.run": "{}"}),
                (snapshot_store.TYPE, data, mark),
            ):
                row = (str(uuid4()), ended, ended, kind, "Lineage", json.dumps(value), json.dumps(metadata))
                connection.execute(_ARTIFACTS, (*row, str(run.id)))
            count += 1
        connection.commit()
        connection.execute("ANALYZE")
        connection.commit()
    return count


def _shape(flow: int, column_edges: int) -> Shape:
    tables = [Dataset("snowflake://org-account", f"DB.SCHEMA.T{flow}_{number}") for number in range(_INPUTS + 1)]
    target, sources = tables[0], tables[1:]
    each = column_edges // _INPUTS + 1
    columns = tuple(Column(f"column_{number}", "NUMBER(38,0)") for number in range(each))
    edges = tuple(
        ColumnEdge(sources[number % _INPUTS], f"column_{number // _INPUTS}", target, f"column_{number // _INPUTS}")
        for number in range(column_edges)
    )
    statements = tuple(
        StatementSummary(
            f"INSERT INTO T{flow}_0 SELECT {number}, " + ", ".join(column.name for column in columns),
            "snowflake",
            "write",
            source="snowflake://org-account",
            inputs=tuple(sources),
            outputs=(target,),
        )
        for number in range(_STATEMENTS)
    )
    lineage = Lineage(
        inputs=tuple(DatasetUse(source, columns=columns) for source in sources),
        outputs=(DatasetUse(target, columns=columns),),
        edges=tuple(Edge(source, target) for source in sources),
        columns=edges,
        statements=statements,
    )
    return Shape(lineage)


def _time(at: dt.datetime | None) -> str | None:
    """The format of SQLite columns of the server: UTC, without a zone."""
    return at and at.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
