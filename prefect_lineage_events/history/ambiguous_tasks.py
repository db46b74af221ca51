"""Names of tasks whose jobs would have the name of another job on the same Prefect.

The job of a task is named after its flow's, `flow.task`. That is also the name of the job of a flow `flow.task`, and of
a subflow `task` of this flow, even if only other runs call it. A task `a.b` would be named as the task `b` of a flow
`flow.a`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from prefect_lineage_events.history import api
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import existing_flows
from prefect_lineage_events.history.task_names import called_flows
from prefect_lineage_events.history.tasks import tasks_of
from prefect_lineage_events.job_names import name_of, names_deployment

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# The number of names that are looked for. A flow with more tasks than that is not looked at further.
_MAX_NAMES = 2_000
# The filter takes a part of a name: calls of other subflows are among those that it finds.
_MAX_PAGES = 5


def ambiguous_tasks(client: SyncPrefectClient, run: FlowRun, names: Iterable[str], template: str) -> frozenset[str]:
    """Those of the `names` of tasks of a run: one request per 200 names, and two per flow of such a name."""
    names = sorted(set(names))
    of_flows: dict[str, set[str]] = defaultdict(set)
    of_subflows: dict[str, set[str]] = defaultdict(set)
    above = _above(run, template)
    for name in names:
        for beginning in _beginnings(name):
            of_subflows[beginning].add(name)
            for flow in above:
                of_flows[f"{flow}.{beginning}"].add(name)
    found: set[str] = set()
    for flow in _existing(client, [*of_subflows, *of_flows]):
        found |= of_flows.get(flow, set())
        if not of_subflows.get(flow, set()) <= found and _was_called(client, run, flow):
            found |= of_subflows[flow]
    return frozenset(found | _deployments(client, run, names, template))


def _above(run: FlowRun, template: str) -> list[str]:
    """The names that a flow may have and be taken for this one: all ends of the name of the run's job."""
    chain = [*((p.flow_name, p.deployment_name) for p in reversed(run.parents)), (run.flow_name, run.deployment_name)]
    parts = ".".join(name_of(*one, template) for one in chain).split(".")
    return [".".join(parts[number:]) for number in range(len(parts))]


def _beginnings(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    parts = name.split(".")
    return (".".join(parts[: number + 1]) for number in range(len(parts)))


def _existing(client: SyncPrefectClient, names: Sequence[str]) -> Iterator[str]:
    if len(names) > _MAX_NAMES:
        logger.warning(
            "Only the first %d of %d names of jobs were compared with those of flows", _MAX_NAMES, len(names)
        )
    for start in range(0, min(len(names), _MAX_NAMES), api.PAGE):
        yield from existing_flows(client, names[start : start + api.PAGE])


def _was_called(client: SyncPrefectClient, run: FlowRun, flow: str) -> bool:
    """Return whether a run of the same flow called this flow, or a deployment of it, as a subflow."""
    body = {
        "flows": {"id": {"any_": [str(run.flow_id)]}},
        "task_runs": {"name": {"like_": flow}, "subflow_runs": {"exists_": True}},
        "sort": "END_TIME_DESC",
    }
    pages = islice(api.pages(client, "/task_runs/filter", body), _MAX_PAGES)
    return any(flow in called_flows(tasks_of(rows).values()) for rows in pages)


def _deployments(client: SyncPrefectClient, run: FlowRun, names: Sequence[str], template: str) -> set[str]:
    """The names that deployments of the flow have too, where jobs are named by deployments."""
    if not names_deployment(template):
        return set()
    body = {
        "flows": {"id": {"any_": [str(run.flow_id)]}},
        "deployments": {"name": {"any_": list(names[:_MAX_NAMES])}},
        "limit": api.PAGE,
    }
    return {row["name"] for row in api.post(client, "/deployments/filter", body)}
