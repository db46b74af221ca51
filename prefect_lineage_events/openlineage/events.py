"""Run lineage as OpenLineage events (specification 2-0-2). Pure: the same history gives the same bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.job_names import BY_FLOW
from prefect_lineage_events.openlineage import dependencies
from prefect_lineage_events.openlineage.dataset_facets import inputs, outputs
from prefect_lineage_events.openlineage.facets import PRODUCER, RUN_EVENT, RUN_KEY, Event, Facet, facet, put
from prefect_lineage_events.openlineage.job_facets import above, chain, job_facets, job_name
from prefect_lineage_events.openlineage.run_facets import TAG_SOURCE, end_facets, iso, run_facets, task_facet
from prefect_lineage_events.stitching.model import Lineage, RunLineage, TaskLineage

# Prefect's state types. A run without one of these ends is RUNNING.
_ENDS = {"COMPLETED": "COMPLETE", "FAILED": "FAIL", "CRASHED": "FAIL", "CANCELLED": "ABORT"}
_WORST_FIRST = ("FAIL", "ABORT", "COMPLETE")


def run_events(
    run: RunLineage,
    *,
    namespace: str,
    granularity: Literal["flow", "task"] = "flow",
    prefect_url: str | None = None,
    job_template: str = BY_FLOW,
    tag_source: str = TAG_SOURCE,
) -> list[Event]:
    """The events of a run in sending order, ready for JSON: START, then its end, or RUNNING when it has not ended.

    With granularity `task` the parent's START comes first, its end last, each task's pair between them. Then the flow's
    own events hold only the work outside of tasks: otherwise its job would join what tasks kept apart. START has the
    same inputs and outputs as the end: a target that shows the last event received loses nothing.
    """
    about = _Naming(run, namespace, prefect_url, job_template, tag_source)
    if granularity == "flow" or run.run.kind == "task-run" or not run.tasks:
        return _flow_events(about, run.lineage)
    start, end = _flow_events(about, run.body)
    return [start, *(event for task in run.tasks for event in _task_events(about, task)), end]


@dataclass(frozen=True, slots=True)
class _Naming:
    """A flow run, with the namespace and job names of its events."""

    run: RunLineage
    namespace: str
    prefect_url: str | None
    template: str
    tag_source: str

    @property
    def job(self) -> str:
        return job_name(self.run.run, self.template)

    def facets(self, lineage: Lineage) -> dict[str, Facet]:
        return run_facets(self.run, lineage, self.prefect_url, self.tag_source)

    def job_facets(
        self, lineage: Lineage, kind: Literal["FLOW", "TASK"], definition: Definition | None
    ) -> dict[str, Facet]:
        return job_facets(self.run.run, lineage, kind, self.tag_source, definition)

    def parent(self) -> Facet:
        """The parent facet of a subflow's run, with the job name that the parent's own events have."""
        run = self.run.run
        name = ".".join(above(run, self.template))
        return _parent_facet(self.namespace, (str(run.parents[0].flow_run_id), name), self._root())

    def started_by(self) -> Facet | None:
        """The run that called this one, and the run whose event made an automation start it."""
        run = self.run.run
        found = []
        if run.parents:
            name = ".".join(above(run, self.template))
            found.append(dependencies.caller(self.namespace, name, run.parents[0].flow_run_id))
        if run.trigger:
            name = ".".join(chain(run.trigger.runs, self.template))
            found.append(dependencies.automation(self.namespace, name, run.trigger))
        return dependencies.dependencies(found)

    def tasks_before(self, task: TaskLineage) -> Facet | None:
        jobs = {one.run_id: f"{self.job}.{one.job}" for one in self.run.tasks}
        return dependencies.dependencies(
            dependencies.task_before(self.namespace, jobs[run_id], run_id) for run_id in task.upstream if run_id in jobs
        )

    def task_parent(self) -> Facet:
        return _parent_facet(self.namespace, (str(self.run.run.id), self.job), self._root())

    def _root(self) -> tuple[str, str]:
        run = self.run.run
        if not run.parents:
            return str(run.id), self.job
        return str(run.parents[-1].flow_run_id), above(run, self.template)[0]


@dataclass(frozen=True, slots=True)
class _RunAndJob:
    """The run of a pair of events, and its job."""

    run_id: UUID
    job: dict[str, Any]
    lineage: Lineage
    facets: dict[str, Facet]
    times: tuple[dt.datetime, dt.datetime]

    def start(self) -> Event:
        return self._event("START", self.times[0], {})

    def end(self, kind: str, error: str | None) -> Event:
        return self._event(kind, self.times[1], end_facets(self.lineage, error if kind == "FAIL" else None))

    def running(self, time: dt.datetime) -> Event:
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


def _flow_events(about: _Naming, lineage: Lineage) -> list[Event]:
    of = about.run.run
    facets = about.facets(lineage)
    if of.parents:
        facets["parent"] = about.parent()
    put(facets, "jobDependencies", about.started_by())
    kind: Literal["FLOW", "TASK"] = "TASK" if of.kind == "task-run" else "FLOW"
    subject = _RunAndJob(
        run_id=of.id,
        job={
            "namespace": about.namespace,
            "name": about.job,
            "facets": about.job_facets(lineage, kind, about.run.definition),
        },
        lineage=lineage,
        facets=facets,
        times=_times(of.started or of.expected_start, of.ended),
    )
    end = _ENDS.get(of.state)
    return [subject.start(), subject.end(end, of.message) if end else subject.running(about.run.last or EPOCH)]


def _task_events(about: _Naming, task: TaskLineage) -> list[Event]:
    """The events of all runs of a task in a flow run, as one run: from the first one's start to the last one's end.

    A run without a recorded end ended with its flow. As long as the flow goes on, more runs of the task may come.
    """
    of = about.run.run
    started = [run.started for run in task.runs if run.started]
    ended = [run.ended for run in task.runs if run.ended]
    all_ended = len(ended) == len(task.runs)
    facets = about.facets(task.lineage)
    facets[RUN_KEY] = {**facets[RUN_KEY], "task": task_facet(task)}
    put(facets, "jobDependencies", about.tasks_before(task))
    subject = _RunAndJob(
        run_id=task.run_id,
        job={
            "namespace": about.namespace,
            "name": f"{about.job}.{task.job}",
            "facets": about.job_facets(task.lineage, "TASK", task.definition),
        },
        lineage=task.lineage,
        facets={**facets, "parent": about.task_parent()},
        times=_times(min(started, default=of.started), max(ended) if ended and all_ended else of.ended),
    )
    if of.state not in _ENDS:
        return [subject.start(), subject.running(about.run.last or EPOCH)]
    return [subject.start(), subject.end(*_end_of(task.runs, _ENDS[of.state]))]


def _end_of(runs: Sequence[TaskRun], flow_end: str) -> tuple[str, str | None]:
    """The worst end of a task's runs, and the message of the last run that ended so.

    A task of which one run failed has failed, even if the flow completed. If the flow was tried again, only the
    runs of its last try count.
    """
    last = max((run.flow_run_count for run in runs), default=0)
    ends = [(_ENDS.get(run.state or "", flow_end), run.message) for run in runs if run.flow_run_count == last]
    worst = min((end for end, _ in ends), key=_WORST_FIRST.index, default=flow_end)
    return worst, next((message for end, message in reversed(ends) if end == worst and message), None)


def _times(started: dt.datetime | None, ended: dt.datetime | None) -> tuple[dt.datetime, dt.datetime]:
    """START's and the end's time. A run that crashed before it began has only an end; one may have neither."""
    start = started or ended or EPOCH
    return start, max(start, ended or start)


def _parent_facet(namespace: str, parent: tuple[str, str], root: tuple[str, str]) -> Facet:
    def ref(run_and_job: tuple[str, str]) -> dict[str, Any]:
        run_id, name = run_and_job
        return {"run": {"runId": run_id}, "job": {"namespace": namespace, "name": name}}

    return facet("1-2-0/ParentRunFacet", **ref(parent), root=ref(root))
