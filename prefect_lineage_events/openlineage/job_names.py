"""Names of jobs: a subflow's stands behind those of the flows above it, a task's behind its flow's.

Targets with a job hierarchy store names so anyway, and parents are found by the same names.
"""

from __future__ import annotations

import re

from prefect_lineage_events.history.model import FlowRun

BY_FLOW = "{flow}"
_PLACEHOLDER = re.compile(r"\{(flow|deployment)\}")


def names_deployment(template: str) -> bool:
    return "{deployment}" in template


def job_name(run: FlowRun, template: str = BY_FLOW) -> str:
    """The name of a run's job. A run without a deployment is named by its flow alone, whatever the template."""
    return ".".join([*above(run, template), _own(run.flow_name, run.deployment_name, template)])


def above(run: FlowRun, template: str = BY_FLOW) -> list[str]:
    """The names of the flows above a subflow's run, the root's first, each with its own deployment or none."""
    return [_own(parent.flow_name, parent.deployment_name, template) for parent in reversed(run.parents)]


def _own(flow: str, deployment: str | None, template: str) -> str:
    if deployment is None:
        return flow
    values = {"flow": flow, "deployment": deployment}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
