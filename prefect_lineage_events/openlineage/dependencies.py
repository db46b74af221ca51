"""Run facet `jobDependencies`: the runs by which a run came about, or that had to end before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect_lineage_events.events import TABLE_WRITTEN_EVENT
from prefect_lineage_events.history.model import Trigger
from prefect_lineage_events.openlineage.facets import Facet, facet

Upstream = dict[str, Any]

# What the event that triggered a run says of the end of the run that emitted it.
_AFTER_SUCCESS = frozenset({"prefect.flow-run.Completed", TABLE_WRITTEN_EVENT})
_AFTER_FAILURE = frozenset({"prefect.flow-run.Failed", "prefect.flow-run.Crashed"})
_AFTER_ANY_END = frozenset({"prefect.flow-run.Cancelled"})


def dependencies(upstream: Iterable[Upstream]) -> Facet | None:
    """The facet with these runs; None if there are none."""
    found = list(upstream)
    return facet("1-0-1/JobDependenciesRunFacet", upstream=found) if found else None


def caller(namespace: str, job: str, run_id: UUID) -> Upstream:
    """The run that called a subflow, or started its deployment by `run_deployment`. It may go on meanwhile."""
    return {**_run_of(namespace, job, run_id), "dependency_type": "DIRECT_INVOCATION"}


def automation(namespace: str, job: str, trigger: Trigger) -> Upstream:
    """The run whose event made an automation start this one."""
    found = {**_run_of(namespace, job, trigger.runs[0].flow_run_id), "dependency_type": "IMPLICIT_DEPENDENCY"}
    if trigger.event in _AFTER_SUCCESS | _AFTER_FAILURE | _AFTER_ANY_END:
        found["sequence_trigger_rule"] = "FINISH_TO_START"
    if trigger.event in _AFTER_SUCCESS:
        found["status_trigger_rule"] = "EXECUTE_ON_SUCCESS"
    elif trigger.event in _AFTER_FAILURE:
        found["status_trigger_rule"] = "EXECUTE_ON_FAILURE"
    return found


def task_before(namespace: str, job: str, run_id: UUID) -> Upstream:
    """A task of the same flow run whose result a task took, or for which it waited."""
    return {
        **_run_of(namespace, job, run_id),
        "dependency_type": "IMPLICIT_DEPENDENCY",
        "sequence_trigger_rule": "FINISH_TO_START",
    }


def _run_of(namespace: str, job: str, run_id: UUID) -> Upstream:
    return {"job": {"namespace": namespace, "name": job}, "run": {"runId": str(run_id)}}
