"""Run lineage as OpenLineage events (specification 2-0-2). Pure: the same history gives the same bytes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect_lineage_events.assembly.model import Lineage, RunLineage, TaskLineage
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.openlineage.datasets import inputs, outputs
from prefect_lineage_events.openlineage.facets import PRODUCER, RUN_EVENT, Event, Facet, facet
from prefect_lineage_events.openlineage.job_facets import job_facets
from prefect_lineage_events.openlineage.run_facets import end_facets, iso, run_facets

# Prefect's state types. A run that has not ended, as Prefect sees it, has no end here either: it is RUNNING.
_ENDS = {"COMPLETED": "COMPLETE", "FAILED": "FAIL", "CRASHED": "FAIL", "CANCELLED": "ABORT"}
_BEFORE_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def run_events(
    run: RunLineage,
    *,
    namespace: str,
    granularity: Literal["flow", "task"] = "flow",
    prefect_url: str | None = None,
) -> list[Event]:
    """The events of a run in sending order, ready for JSON: START, then its end, or RUNNING when it has not ended.

    With granularity `task` the parent's START comes first, its end last, each task's pair between them; of a run that
    has not ended tasks are not told yet. START carries the same inputs and outputs as the end: a target that takes the
    last event for the truth loses nothing by it.
    """
    events = _flow_events(run, namespace, prefect_url)
    if granularity == "flow" or run.run.kind == "task-run" or not run.run.ended_for_good:
        return events
    tasks = [event for task in run.tasks for event in _task_events(run, task, namespace, prefect_url)]
    return [events[0], *tasks, *events[1:]]


def job_name(run: FlowRun) -> str:
    """`parent.child`: a subflow is named by the flows above it, as targets with a job hierarchy store it anyway."""
    return ".".join([*(parent.flow_name for parent in reversed(run.parents)), run.flow_name])


@dataclass(frozen=True, slots=True)
class _Subject:
    """The run that events tell of, and its job."""

    run_id: UUID
    job: dict[str, Any]
    lineage: Lineage
    facets: dict[str, Facet]
    times: tuple[dt.datetime, dt.datetime]

    def start(self) -> Event:
        return self._event("START", self.times[0], {})

    def end(self, kind: str, error: str | None) -> Event:
        return self._event(kind, self.times[1], end_facets(self.lineage, error if kind == "FAIL" else None))

    def so_far(self, time: dt.datetime) -> Event:
        return self._event("RUNNING", max(time, self.times[0]), {})

    def _event(self, kind: str, time: dt.datetime, more: dict[str, Facet]) -> Event:
        return {
            "eventType": kind,
            "eventTime": iso(time),
            "producer": PRODUCER,
            "schemaURL": RUN_EVENT,
            "run": {"runId": str(self.run_id), "facets": {**self.facets, **more}},
            "job": self.job,
            "inputs": inputs(self.lineage),
            "outputs": outputs(self.lineage),
        }


def _flow_events(run: RunLineage, namespace: str, prefect_url: str | None) -> list[Event]:
    of = run.run
    facets = run_facets(run, run.lineage, prefect_url)
    if of.parents:
        facets["parent"] = _parent(of, namespace)
    kind: Literal["FLOW", "TASK"] = "TASK" if of.kind == "task-run" else "FLOW"
    subject = _Subject(
        run_id=of.id,
        job={"namespace": namespace, "name": job_name(of), "facets": job_facets(of, run.lineage, kind)},
        lineage=run.lineage,
        facets=facets,
        times=_times(of.started or of.expected_start, of.ended),
    )
    end = _ENDS.get(of.state)
    return [subject.start(), subject.end(end, of.message) if end else subject.so_far(run.last or subject.times[0])]


def _task_events(run: RunLineage, task: TaskLineage, namespace: str, prefect_url: str | None) -> list[Event]:
    """A task that never told its end ended with its flow."""
    of = run.run
    name = f"{job_name(of)}.{task.task_name}"
    subject = _Subject(
        run_id=task.task_run_id,
        job={"namespace": namespace, "name": name, "facets": job_facets(of, task.lineage, "TASK")},
        lineage=task.lineage,
        facets={**run_facets(run, task.lineage, prefect_url), "parent": _task_parent(of, namespace)},
        times=_times(task.started or of.started, task.ended or of.ended),
    )
    kind = _ENDS.get(task.state or "") or _ENDS.get(of.state)
    return [subject.start(), subject.end(kind, task.message)] if kind else [subject.start()]


def _times(started: dt.datetime | None, ended: dt.datetime | None) -> tuple[dt.datetime, dt.datetime]:
    """START's and the end's time. A run that crashed before it began has only an end; one may have neither."""
    start = started or ended or _BEFORE_TIME
    return start, max(start, ended or start)


def _parent(run: FlowRun, namespace: str) -> Facet:
    """The flow run above a subflow's, by the name under which that one's own events go out."""
    above = [parent.flow_name for parent in reversed(run.parents)]
    return _parent_facet(namespace, (str(run.parents[0].flow_run_id), ".".join(above)), _root(run))


def _task_parent(run: FlowRun, namespace: str) -> Facet:
    return _parent_facet(namespace, (str(run.id), job_name(run)), _root(run))


def _root(run: FlowRun) -> tuple[str, str]:
    return (
        (str(run.parents[-1].flow_run_id), run.parents[-1].flow_name) if run.parents else (str(run.id), run.flow_name)
    )


def _parent_facet(namespace: str, parent: tuple[str, str], root: tuple[str, str]) -> Facet:
    def ref(run_and_job: tuple[str, str]) -> dict[str, Any]:
        run_id, name = run_and_job
        return {"run": {"runId": run_id}, "job": {"namespace": namespace, "name": name}}

    return facet("parent", **ref(parent), root=ref(root))
