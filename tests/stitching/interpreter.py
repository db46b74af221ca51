"""Simulation of random programs: the events and task runs that would be stored, and the true lineage.

Every value has the columns from which it was made. Statements are noted as drivers note them, and pass through the
emission's own processor with the SQL analyser; task runs have the references that Prefect finds by the identity of
objects. The stored events are read by `read_history`. So only drivers and Prefect's engine are simulated.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from prefect_lineage_events import stores
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.lookups import DescribedColumns
from prefect_lineage_events.emission.notes import Connection, RunEndedNote, SampleNote, StatementNote
from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.row_samples import MAX_ROWS_READ, RowSample, of_parameters, positions_read
from prefect_lineage_events.events import Column, HistoryEvent, RunInfo, parse
from prefect_lineage_events.history.reader import Clock, Patience, read_history
from prefect_lineage_events.history.runs import read_run
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.stitching.model import Lineage
from prefect_lineage_events.stitching.stitch import stitch
from tests.history.fake_api import FakeApi, raw_run
from tests.stitching.programs import (
    WORLD,
    Call,
    Derive,
    Flag,
    Function,
    Gather,
    Note,
    Read,
    Row,
    Scalar,
    Write,
)

START = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.timezone.utc)
STORE = stores.server("postgres", "db", 5432, "shop", "public")
SETTINGS = LineageSettings()

# A table and one of its columns.
Cell = tuple[str, str]


@dataclass(eq=False)
class Frame:
    """Rows: the origins of each column, the tables that filtered the rows, their number and values by column."""

    columns: Mapping[str, frozenset[Cell]]
    tables: frozenset[str]
    rows: int
    values: Mapping[str, list[Any]]


@dataclass
class Truth:
    """The true sources of each target that a flow run wrote, and of each of its columns."""

    tables: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    columns: dict[Cell, set[Cell]] = field(default_factory=lambda: defaultdict(set))
    # edges that may be drawn or not: rows of a frame decided which rows of a target were changed
    decided: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class _FlowRun:
    id: UUID
    name: str
    parent_call: UUID | None
    parent: _FlowRun | None
    truth: Truth = field(default_factory=Truth)
    # by the identity of an object: the kind and id of the run whose result it was last
    results: dict[int, dict[str, str]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Scope:
    """A task run or a flow's body, in one of its threads of control."""

    flow: _FlowRun
    run: Run
    values: dict[str, Frame]
    thread: str = ""


class Interpreter:
    """Simulates one program."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._values_of = Random(0)
        self._now = START
        self._ids = count(1)
        self._flows: list[_FlowRun] = []
        self._made: dict[str, tuple[str, ...]] = {name: columns for name, (_, columns) in WORLD.items()}
        self._made["audit"] = ("step", "rows")
        self._scalars: dict[Scalar, StatementNote] = {}
        self._kept: list[Any] = []  # objects live as long as the program, so that none takes the place of another
        self._sent: list[dict[str, Any]] = []
        self._queue = NoteQueue(10_000)
        self._pipeline = NoteProcessor(SETTINGS, self._send, self._queue, clock=lambda: self._now.timestamp())
        self._connection = Connection(STORE, lookup=self._look_up)

    def run(self, program: Function) -> None:
        for _ in self._flow(program, [], None, None):
            pass
        self._pipeline.finish()

    def lineages(self) -> list[tuple[Lineage, Truth]]:
        """The stitched lineage of each flow run, and the true one."""
        api = self._api()
        clock = Clock(now=lambda: api.now, sleep=api.sleep)
        found = []
        for flow in self._flows:
            run = read_run(api, flow.id)  # type: ignore[arg-type]
            history = read_history(api, run, Patience(), clock)  # type: ignore[arg-type]
            assert history.completeness.complete, history.completeness.lacks()
            found.append((stitch(history).lineage, flow.truth))
        return found

    def events(self) -> list[HistoryEvent]:
        return [event for raw in self._sent if (event := parse(raw["event"], raw["payload"]))]

    def tasks(self) -> list[dict[str, Any]]:
        return [task for flow in self._flows for task in flow.tasks]

    def flow_names(self) -> dict[str, str]:
        return {str(flow.id): flow.name for flow in self._flows}

    # --- what Prefect does

    def _flow(self, function: Function, args: list[Any], parent: _FlowRun | None, call: UUID | None) -> Iterator[None]:
        flow = _FlowRun(self._id(), function.name, call, parent)
        self._flows.append(flow)
        run = Run(
            RunInfo(flow_run_id=flow.id, flow_run_name=function.name, flow_id=self._id(), flow_name=function.name)
        )
        scope = _Scope(flow, run, dict(zip(function.params, args, strict=True)))
        yield from self._code(function.code, scope)
        self._pipeline.process(RunEndedNote(run))
        self._result = scope.values[function.returns] if function.returns else None

    def _called(self, call: Call, scope: _Scope) -> Iterator[None]:
        function, flow = call.function, scope.flow
        args = [scope.values[name] for name in call.args]
        id_, began = self._id(), self._tick()
        inputs = {
            name: [reference] if (reference := flow.results.get(id(value))) else []
            for name, value in zip(function.params, args, strict=True)
        } | {f"constant{number}": [] for number in range(function.constants)}
        details: dict[str, Any] = {}
        if function.kind == "flow":
            yield from self._flow(function, args, flow, id_)
            child = next(f for f in self._flows if f.parent_call == id_)
            details["child_flow_run_id"] = str(child.id)
            reference = {"input_type": "flow_run", "id": str(child.id)}
        else:
            info = scope.run.info.model_copy(update={"task_run_id": id_, "task_run_name": f"{function.name}-0"})
            inner = _Scope(flow, Run(info, task_key=function.name), dict(zip(function.params, args, strict=True)))
            yield from self._code(function.code, inner)
            self._result = inner.values[function.returns] if function.returns else None
            reference = {"input_type": "task_run", "id": str(id_)}
        result = self._result
        if result is None:
            details["untrackable_result"] = True
        else:
            flow.results[id(result)] = reference
            self._kept.append(result)
        if call.var:
            scope.values[call.var] = result
        flow.tasks.append({
            "id": str(id_),
            "name": f"{function.name}-0",
            "task_key": function.name,
            "task_inputs": inputs,
            "state": {"type": "COMPLETED", "name": "Completed", "state_details": details},
            "start_time": began.isoformat(),
            "end_time": self._tick().isoformat(),
            "of": str(flow.id),
        })  # fmt: skip

    # --- what the program does

    def _code(self, code: tuple[Any, ...], scope: _Scope) -> Iterator[None]:
        for step in code:
            self._tick()
            if isinstance(step, Call):
                yield from self._called(step, scope)
            elif isinstance(step, Gather):
                yield from self._side_by_side(step, scope)
            else:
                getattr(self, f"_{type(step).__name__.lower()}")(step, scope)
            yield

    def _side_by_side(self, step: Gather, scope: _Scope) -> Iterator[None]:
        branches = []
        for code in step.branches:
            thread = f"{scope.thread}.{next(self._ids)}".lstrip(".")
            branches.append(self._code(code, _Scope(scope.flow, scope.run, dict(scope.values), thread)))
        while branches:
            branch = self._random.choice(branches)
            if next(branch, self) is self:
                branches.remove(branch)
            yield

    def _read(self, step: Read, scope: _Scope) -> None:
        rows, _ = WORLD[step.table]
        note = self._execute(scope, f"SELECT {step.listed} FROM {step.table}", rows, step.columns)
        cells = {name: frozenset({(step.table, name)}) for name in step.columns}
        values = {name: [_value(step.table, name, number) for number in range(rows)] for name in step.columns}
        kept = [[column[number] for number in positions_read(rows)] for column in values.values()]
        self._pipeline.process(SampleNote(note, RowSample(lambda: kept, rows <= MAX_ROWS_READ)))
        scope.values[step.var] = self._keep(Frame(cells, frozenset({step.table}), rows, values))

    def _scalar(self, step: Scalar, scope: _Scope) -> None:
        self._scalars[step] = self._execute(scope, step.sql, 1, (step.name,))

    def _row(self, step: Row, scope: _Scope) -> None:
        self._made[step.target] = ("step", "value")
        origins = (self._scalars[step.of],) if step.of else ()
        self._execute(scope, f"INSERT INTO {step.target} (step, value) VALUES (%s, %s)", 1, (), origins)
        if step.of:
            scope.flow.truth.tables[step.target].add(step.of.table)
            scope.flow.truth.columns[step.target, "value"].add((step.of.table, step.of.column))

    def _derive(self, step: Derive, scope: _Scope) -> None:
        frames = [scope.values[name] for name in step.of]
        made = frozenset(cell for frame in frames for cells in frame.columns.values() for cell in cells)
        columns: dict[str, frozenset[Cell]] = {}
        old = iter([name for name in frames[0].columns if name not in step.columns])
        for name in step.columns:
            known = [frame.columns[name] for frame in frames if name in frame.columns]
            if step.change == "rename" and not known:
                columns[name] = frames[0].columns[next(old)]
            elif step.change == "merge":
                columns[name] = known[0]
            else:
                columns[name] = frozenset().union(*known) if known else made
        tables = frozenset().union(*(frame.tables for frame in frames))
        if step.change == "concat":
            rows = sum(frame.rows for frame in frames)
        elif step.change in ("filter", "aggregate", "merge"):
            rows = max(1, int(min(frame.rows for frame in frames) * step.share))
        else:
            rows = frames[0].rows
        values = self._values(step, frames, rows)
        scope.values[step.var] = self._keep(Frame(columns, tables, rows, values))

    def _values(self, step: Derive, frames: list[Frame], rows: int) -> dict[str, list[Any]]:
        """The values of each column: those of the frames, in the rows that are left, or new ones."""
        if step.change == "concat":
            return {name: [value for frame in frames for value in frame.values[name]] for name in step.columns}
        number = min(frame.rows for frame in frames)
        chosen = sorted(self._values_of.sample(range(number), rows)) if rows < number else range(rows)
        known = {name: column for frame in reversed(frames) for name, column in frame.values.items()}
        old = iter([name for name in frames[0].columns if name not in step.columns])
        values = {}
        for name in step.columns:
            column = known.get(next(old)) if step.change == "rename" and name not in known else known.get(name)
            values[name] = [self._values_of.random() if column is None else column[row] for row in chosen]
        return values

    def _write(self, step: Write, scope: _Scope) -> None:
        frame = scope.values[step.var]
        names = tuple(frame.columns)
        self._made[step.target] = names
        defined = ", ".join(f'"{name}" TEXT' for name in names)
        self._execute(scope, f"CREATE TABLE {step.target} ({defined})", None, ())
        listed = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("%s" for _ in names)
        insert = f"INSERT INTO {step.target} ({listed}) VALUES ({marks})"
        self._execute(scope, insert, frame.rows, (), sets=list(zip(*frame.values.values(), strict=True)))
        truth = scope.flow.truth
        truth.tables[step.target] |= frame.tables
        for name, cells in frame.columns.items():
            truth.columns[step.target, name] |= cells

    def _note(self, step: Note, scope: _Scope) -> None:
        self._execute(scope, f"INSERT INTO {step.target} (step, rows) VALUES (%s, %s)", 1, ())
        scope.flow.truth.decided |= {(table, step.target) for table in scope.values[step.var].tables}

    def _flag(self, step: Flag, scope: _Scope) -> None:
        frame = scope.values[step.var]
        self._made[step.target] = ("id", "flag")
        self._execute(scope, f"UPDATE {step.target} SET flag = 1 WHERE id = %s", frame.rows, ())
        scope.flow.truth.decided |= {(table, step.target) for table in frame.tables}

    # --- what capture does

    def _execute(
        self,
        scope: _Scope,
        sql: str,
        rows: int | None,
        columns: tuple[str, ...],
        value_origins: tuple[StatementNote, ...] = (),
        sets: list[Any] | None = None,
    ) -> StatementNote:
        named_columns = tuple(Column(name=name) for name in columns)
        note = StatementNote(
            self._connection,
            sql,
            scope.run,
            self._tick(),
            0.001,
            autocommit=True,
            rows=rows,
            result_columns=named_columns,
            thread=scope.thread,
            value_origins=value_origins,
            sample=of_parameters(None, sets) if sets else None,
        )
        self._pipeline.process(note)
        self._pipeline.tick()
        return note

    def _look_up(self, tables: Any) -> dict[tuple[str, ...], DescribedColumns]:
        known = ((parts, self._made.get(parts[-1])) for parts in tables)
        return {
            parts: DescribedColumns(dict.fromkeys(columns, "text"), kind="table") for parts, columns in known if columns
        }

    def _send(self, event: dict[str, Any], run: Run) -> bool:
        self._sent.append(event)
        return True

    # --- what is stored

    def _api(self) -> FakeApi:
        api = FakeApi(self._now + dt.timedelta(minutes=1))
        for flow in self._flows:
            more = {"parent": str(flow.parent.id), "parent_task_run_id": str(flow.parent_call)} if flow.parent else {}
            calls = [task["id"] for task in flow.tasks]
            run = raw_run(self._now, id_=flow.id, task_run_ids=calls, **more)
            run["start_time"] = START.isoformat()
            api.runs.append(run)
            api.tasks += flow.tasks
        for event in self.events():
            api.store(event, of=event.run.flow_run_id)
        return api

    def _keep(self, frame: Frame) -> Frame:
        self._kept.append(frame)
        return frame

    def _id(self) -> UUID:
        return UUID(int=next(self._ids))

    def _tick(self) -> dt.datetime:
        self._now += dt.timedelta(milliseconds=10)
        return self._now


def _value(table: str, column: str, number: int) -> Any:
    """The value of a column in a row: keys of all tables are the same numbers, few texts are in many rows."""
    if column == "id":
        return number
    if column in ("status", "country", "currency", "page"):
        return f"{column} {number % 5}"
    if column.endswith("_id"):
        return number % 40
    own = sum(map(ord, table + column)) / 1000
    return f"{table} {column} {number}" if column in ("name", "title") else round(number * 7.3 + own, 3)
