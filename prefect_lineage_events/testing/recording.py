"""Records the events of a test in its process, and stitches them: notes, events and run lineage as in production."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import prefect.task_engine
import prefect.utilities.engine
from prefect.client.orchestration import get_client

from prefect_lineage_events import events
from prefect_lineage_events.assembler.run_lineage import stitched
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.notes import Note, RunEndedNote, subject
from prefect_lineage_events.emission.worker import Worker
from prefect_lineage_events.events import CountEvent, HistoryEvent, LineageEvent, RunInfo, SchemaEvent
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.history.model import FlowRun, RunHistory
from prefect_lineage_events.history.tasks import tasks_of
from prefect_lineage_events.lineage_values import RunLineage, value_of
from prefect_lineage_events.settings import settings
from prefect_lineage_events.testing.memory_api import MemoryApi

JSON = dict[str, Any]

# Seconds to wait for the analysis of what a test has done.
_TIMEOUT = 60.0
_EMIT = "emit_task_run_state_change_event"


@dataclass(slots=True)
class _RecordedRun:
    """A run of a test, and its events. `live` is the object on which Prefect's engine updates its state."""

    run: Run
    live: Any = None
    found: list[HistoryEvent] = field(default_factory=list)

    @property
    def ended(self) -> dt.datetime | None:
        """The time of its final state; that of its last statement, where Prefect's engine has replaced the object."""
        state = getattr(self.live, "state", None)
        if state is not None and state.is_final():
            ended: dt.datetime = state.timestamp
            return ended
        statements = [event.statement for event in self.found if isinstance(event, LineageEvent)]
        return max((time for s in statements if (time := s.last or s.started)), default=None)


class Recording:
    """All runs of a test. Code outside of runs, and tasks outside of flows, belong to a run named after the test."""

    def __init__(self, name: str) -> None:
        self.own = Run(RunInfo(flow_run_id=uuid4(), flow_run_name=name, flow_id=uuid4(), flow_name=name, run_count=1))
        self.own.captured = True
        self.api: MemoryApi | None = None
        self.worker = _RecordingWorker(self)
        self._runs: dict[UUID, _RecordedRun] = {}
        self._task_runs: dict[str, JSON] = {}
        self._lock = threading.RLock()
        self._is_open = True
        self._known: tuple[int, tuple[RunLineage, ...]] = (0, ())

    def note(self, run: Run) -> None:
        """Keep a run that something is noted for, with its live object."""
        with self._lock:
            recorded = self._of(run)
            recorded.live = run.live() or recorded.live

    def _of(self, run: Run) -> _RecordedRun:
        kept = run if run.info.flow_run_id is not None else self.own
        assert kept.info.flow_run_id is not None
        return self._runs.setdefault(kept.info.flow_run_id, _RecordedRun(kept))

    def send(self, event: JSON, run: Run) -> bool:
        """Take an event that would go to Prefect."""
        parsed = events.parse(event["event"], event["payload"])
        if parsed is not None:
            with self._lock:
                self._of(run).found.append(parsed)
        return True

    def wait(self, _: float) -> int:
        """Return the number of events that are still on their way."""
        return 0

    def finish(self, _: float) -> bool:
        """Return whether all events have arrived."""
        return True

    def lineage(self) -> tuple[RunLineage, ...]:
        """The lineage of each run that has any, in order of time."""
        if self._is_open:
            self.settle()
        count = sum(len(recorded.found) for recorded in self._runs.values())
        if count != self._known[0]:
            self._known = (count, self._stitched())
        return self._known[1]

    def close(self) -> None:
        """Take what is still noted; nothing can follow."""
        self.settle()
        self._is_open = False

    def _stitched(self) -> tuple[RunLineage, ...]:
        self._read_calls()
        with self._lock:
            histories = {id_: self._history(recorded) for id_, recorded in self._runs.items() if recorded.found}
            parents = {id_: self._parent(recorded) for id_, recorded in self._runs.items()}
        found = []
        for id_, history in histories.items():
            below = {
                child: histories[child] for child, parent in parents.items() if parent == id_ and child in histories
            }
            above = histories.get(parents[id_]) if parents[id_] is not None else None  # type: ignore[arg-type]
            whole = RunHistory(
                history.run,
                history.events,
                history.schemas,
                history.tasks,
                completeness=history.completeness,
                parent=above,
                subflows=below,
            )
            found.append(value_of(stitched(whole, facets=False)))
        return tuple(found)

    def settle(self) -> None:
        """Have our thread send all that was noted, with the columns that it looks up."""
        with self._lock:
            runs = {recorded.run.key: recorded.run for recorded in self._runs.values()}
        for run in runs.values():
            self.worker.put(RunEndedNote(run))
        if not self.worker.flush(_TIMEOUT):
            raise TimeoutError(f"the lineage of this test was not analysed within {_TIMEOUT:.0f} seconds")

    def _history(self, recorded: _RecordedRun) -> RunHistory:
        info, live = recorded.run.info, recorded.live
        assert info.flow_run_id is not None
        found = [event for event in recorded.found if isinstance(event, LineageEvent | SchemaEvent)]
        counts = [event for event in recorded.found if isinstance(event, CountEvent)]
        started = getattr(live, "start_time", None)
        now = dt.datetime.now(dt.timezone.utc)
        state = getattr(live, "state", None)
        return RunHistory(
            FlowRun(
                id=info.flow_run_id,
                name=info.flow_run_name or "",
                flow_id=info.flow_id or info.flow_run_id,
                flow_name=info.flow_name or "",
                state=str(getattr(getattr(state, "type", None), "value", "COMPLETED")),
                started=started,
                ended=recorded.ended or now,
            ),
            tuple(event for event in found if isinstance(event, LineageEvent)),
            tuple(event for event in found if isinstance(event, SchemaEvent)),
            tasks_of(self._tasks_of(info.flow_run_id)),
            completeness=judge(found, counts, run_ended=now, silent=True),
        )

    def _tasks_of(self, flow_run_id: UUID) -> Iterator[JSON]:
        """The task runs of a flow run, with the subflow that each stands for."""
        children = {str(self._parent_task(one)): one for one in self._runs.values() if self._parent_task(one)}
        own = str(self.own.info.flow_run_id)
        for row in self._all_task_runs():
            if str(row.get("flow_run_id") or own) == str(flow_run_id):
                child = children.get(str(row["id"]))
                yield row if child is None else _standing_for(row, child)

    def _read_calls(self) -> None:
        """Read the task runs that stand for subflows: Prefect's engine creates them at the API."""
        if self.api is not None:
            return
        known = {str(row["id"]) for row in self._all_task_runs()}
        wanted = [task for recorded in self._runs.values() if (task := self._parent_task(recorded)) is not None]
        missing = [task for task in wanted if str(task) not in known]
        if missing:
            with guarded("reading the calls of subflows"), get_client(sync_client=True) as client:
                for task in missing:
                    self._note_task_run(client.read_task_run(task))

    def _all_task_runs(self) -> Iterator[JSON]:
        known = {**(self.api.task_runs if self.api is not None else {}), **self._task_runs}
        yield from known.values()

    def _parent(self, recorded: _RecordedRun) -> UUID | None:
        """The flow run that called a subflow."""
        task = self._parent_task(recorded)
        row = next((row for row in self._all_task_runs() if str(row["id"]) == str(task)), None)
        return UUID(str(row["flow_run_id"])) if row is not None and row.get("flow_run_id") else None

    @staticmethod
    def _parent_task(recorded: _RecordedRun) -> UUID | None:
        return getattr(recorded.live, "parent_task_run_id", None)

    def _note_task_run(self, task_run: Any) -> None:
        row: JSON = task_run.model_dump(mode="json", exclude={"state": {"data"}})
        with self._lock:
            self._task_runs[str(row["id"])] = row

    @contextmanager
    def task_runs(self) -> Iterator[None]:
        """A block in which the states of task runs are noted as Prefect's engine reports them."""
        with ExitStack() as stack:
            for module in (prefect.utilities.engine, prefect.task_engine):
                emit = getattr(module, _EMIT, None)
                if emit is not None:
                    stack.callback(setattr, module, _EMIT, emit)
                    setattr(module, _EMIT, self._noting(emit))
            yield

    def _noting(self, emit: Any) -> Any:
        def emitting(task_run: Any, *args: Any, **kwargs: Any) -> Any:
            with guarded("noting a task run"):
                self._note_task_run(task_run)
            return emit(task_run, *args, **kwargs)

        return emitting


class _RecordingWorker(Worker):
    """A worker whose events go to a recording."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(settings(), recording)
        self._recording = recording

    def put(self, note: Note) -> bool:
        run, _ = subject(note)
        if run is not None:
            self._recording.note(run)
        return super().put(note)


def _standing_for(row: JSON, child: _RecordedRun) -> JSON:
    """The task run of a call of a subflow as the server has it: it ends with the subflow."""
    state = dict(row.get("state") or {})
    details = {**(state.get("state_details") or {}), "child_flow_run_id": str(child.run.info.flow_run_id)}
    ended = child.ended.isoformat() if child.ended else None
    return {**row, "end_time": row.get("end_time") or ended, "state": {**state, "state_details": details}}
