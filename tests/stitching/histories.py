"""Short notation for histories: `story.write("b", "a")` is INSERT INTO b SELECT ... FROM a."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from prefect_lineage_events.datasets import Dataset, parse_uri
from prefect_lineage_events.events import (
    Column,
    EmitterInfo,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    RunInfo,
    SchemaEvent,
    StatementInfo,
)
from prefect_lineage_events.history.model import AssetEvent, FlowRun, RunHistory, TaskRun

NAMESPACE = "postgres://db:5432"
ROOT = UUID("5ba7b810-9dad-41d1-80b4-00c04fd430c8")
_KINDS = {"https": "api", "s3": "file"}
START = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.timezone.utc)


def ident(name: str) -> UUID:
    return uuid5(ROOT, name)


def dataset(name: str) -> Dataset:
    return parse_uri(name) if "://" in name else Dataset(NAMESPACE, name)


def uri(name: str) -> str:
    return dataset(name.lstrip("#")).uri


def event_dataset(name: str, columns: str = "") -> EventDataset:
    """The dataset of a name; `#name` is a temporary table. Columns are written as `a:int b`."""
    named = dataset(name.lstrip("#"))
    return EventDataset(
        namespace=named.namespace,
        name=named.name,
        kind="stage" if named.name.startswith("@") else _KINDS.get(named.namespace.partition(":")[0], "table"),
        temporary=name.startswith("#"),
        columns=_columns(columns),
    )


def _columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(name=n, type=t or None) for n, _, t in (part.partition(":") for part in text.split()))


def _edges(text: str) -> tuple[EventColumnEdge, ...]:
    """Column edges of `a.x>y b.z>y:AGGREGATION`: source table and column, target column, transformation; `y@2`: by position.

    `a.x|p.q>y` is the part `p.q` of `a.x`.
    """
    edges = []
    for part in text.split():
        head, _, transformation = part.rpartition(":")
        way, transformation = (head, transformation) if transformation.replace("_", "").isupper() else (part, "")
        source, _, target = way.partition(">")
        source, _, path = source.partition("|")
        table, _, column = source.rpartition(".")
        target, _, position = target.partition("@")
        edges.append(
            EventColumnEdge(
                column=target,
                source=uri(table),
                source_column=column,
                transformation=transformation or "IDENTITY",
                position=int(position or 0),
                path=path,
            )
        )
    return tuple(edges)


@dataclass
class Story:
    """A run built statement by statement, one second apart. `rows` are those of each write."""

    flow_name: str = "nightly"
    state: str = "COMPLETED"
    events: list[LineageEvent] = field(default_factory=list)
    schemas: list[SchemaEvent] = field(default_factory=list)
    tasks: dict[UUID, TaskRun] = field(default_factory=dict)
    assets: list[AssetEvent] = field(default_factory=list)
    emitter: UUID = field(default_factory=lambda: ident("emitter"))
    rows: int | None = None

    def task(
        self, name: str, *given: str, after: Iterable[str] = (), span: tuple[float, float] | None = None, **more: object
    ) -> Story:
        """A task run that received the results of other ones, each in a parameter of its own.

        `span`: when it began and ended, in the run's seconds.
        """
        began, ended = [START + dt.timedelta(seconds=s) for s in span] if span else (None, None)
        self.tasks[ident(name)] = TaskRun(
            id=ident(name),
            name=name,
            task_key=name,
            state="COMPLETED",
            upstream=frozenset(map(ident, given)),
            upstream_by_parameter=tuple(frozenset([ident(task)]) for task in given),
            waits_for=frozenset(map(ident, after)),
            started=began,
            ended=ended,
            **more,  # type: ignore[arg-type]
        )
        return self

    def read(
        self, *inputs: str, task: str = "", columns: str = "", result: str = "", thread: str = "", **info: object
    ) -> Story:
        more = {"result_columns": _columns(result), "threads": (thread,) if thread else ()}
        return self._event("read", None, inputs, task, columns, info, **more)

    def copied(self, source: str, target: str, names: str = "id x", rows: int = 10, **more: str) -> Story:
        """`to_sql(read_sql(source), target)`."""
        self.read(source, result=names, columns=" ".join(f"{source}.{n}>{n}" for n in names.split()), rows=rows, **more)
        return self.write(target, binds=names, rows=rows, **more)

    def write(
        self,
        output: str,
        *inputs: str,
        task: str = "",
        columns: str = "",
        into: str = "",
        effect: str | None = "append",
        returning: str = "",
        binds: str | None = None,
        constant: str = "",
        thread: str = "",
        values_of: str = "",
        program: str = "",
        **info: object,
    ) -> Story:
        """`binds` are the columns that take values of the program, `constant` those that take constants.

        `values_of`: the numbers of the reads whose single rows had a value that it binds. `program`: `total=amount` for
        a column that takes another one of the program's rows.
        """
        info = {"effect": effect, "rows": self.rows, **info}
        into_table = event_dataset(output, into)
        more = {
            "result_columns": _columns(returning),
            "bound_columns": None if binds is None else tuple(binds.split()),
            "constant_columns": tuple(constant.split()),
            "threads": (thread,) if thread else (),
            "program_columns": tuple(tuple(pair.split("=")) for pair in program.split()),
            "value_origins": tuple(ident(f"statement {number}") for number in values_of.split()),
        }
        return self._event("write", into_table, inputs, task, columns, info, **more)

    def create(
        self,
        output: str,
        *inputs: str,
        task: str = "",
        columns: str = "",
        into: str = "",
        binds: str | None = None,
        constant: str = "",
        **info: object,
    ) -> Story:
        """`binds` and `constant`: as those of `write`."""
        info = {"effect": "create", **info}
        more = {"bound_columns": binds.split() if binds else None, "constant_columns": tuple(constant.split())}
        return self._event("create", event_dataset(output, into), inputs, task, columns, info, **more)

    def drop(self, output: str, task: str = "", **info: object) -> Story:
        return self._event("drop", event_dataset(output), (), task, "", {"effect": "drop", **info})

    def alter(self, output: str, task: str = "", **info: object) -> Story:
        return self._event("alter", event_dataset(output), (), task, "", {"effect": "alter", **info})

    def rename(self, old: str, new: str, effect: str = "rename", task: str = "") -> Story:
        renames = ((uri(old), uri(new)),)
        return self._event("alter", event_dataset(new), (old,), task, "", {"effect": effect, "renames": renames})

    def looked_up(self, name: str, columns: str) -> Story:
        self.schemas.append(
            SchemaEvent(
                datasets=(event_dataset(name, columns),),
                observed=self._now(),
                emitter=EmitterInfo(id=self.emitter, sequence=self._next()),
            )
        )
        return self

    def asset(self, name: str, *upstream: str, task: str = "", **more: object) -> Story:
        self.assets.append(
            AssetEvent(dataset(name), tuple(map(dataset, upstream)), ident(task) if task else None, **more)  # type: ignore[arg-type]
        )
        return self

    def history(self) -> RunHistory:
        run = FlowRun(
            id=ident(f"run of {self.flow_name}"),
            name="merry-otter",
            flow_id=ident("flow"),
            flow_name=self.flow_name,
            state=self.state,
            started=START,
            ended=START + dt.timedelta(minutes=5),
            expected_start=START - dt.timedelta(seconds=3),
        )
        return RunHistory(run, tuple(self.events), tuple(self.schemas), self.tasks, tuple(self.assets))

    def _event(
        self,
        operation: str,
        output: EventDataset | None,
        inputs: Iterable[str],
        task: str,
        columns: str,
        info: dict[str, object],
        **more: Any,
    ) -> Story:
        number = self._next()
        tasks = [ident(name) for name in task.split()]
        statement = {"id": ident(f"statement {number}"), "dialect": "postgres", "started": self._now(), **info}
        self.events.append(
            LineageEvent(
                operation=operation,  # type: ignore[arg-type]
                output=output,
                inputs=tuple(event_dataset(*name.partition(" ")[::2]) for name in inputs),
                columns=_edges(columns),
                statement=StatementInfo(**statement),  # type: ignore[arg-type]
                run=RunInfo(task_run_id=tasks[0] if tasks else None),
                task_runs=tuple(tasks[1:]),
                emitter=EmitterInfo(id=self.emitter, sequence=number),
                **more,
            )
        )
        return self

    def _next(self) -> int:
        return len(self.events) + len(self.schemas)

    def _now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self._next())
