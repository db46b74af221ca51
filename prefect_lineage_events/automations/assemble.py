"""`assemble`: the assembler runs when runs with lineage have ended, and takes those that end meanwhile.

An emitter's closing event stands for an ordinary end, so that flows without lineage cost no assembler run. A run that
was cancelled or crashed may not have closed its emitter: for it, Prefect's own event counts.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.definition import (
    JSON,
    NOT_OURS,
    Definition,
    Ids,
    Options,
    delay_of,
    reactive,
    run_deployment,
)
from prefect_lineage_events.events import EMITTER_PREFIX, END_EVENTS

# Seconds from the end of the first run to the run of the assembler: by then its events are mostly stored. The assembler
# lasts for twice that time, and assembles the runs that end meanwhile: each of its runs costs ten events.
SETTLE_SECONDS = 20.0
GATHERED = 2


def ended_with_lineage(within: float) -> JSON:
    """The trigger: a run with lineage ended, and not again for `within` seconds."""
    return reactive(
        END_EVENTS,
        {"prefect.resource.id": [f"{EMITTER_PREFIX}*", "prefect.flow-run.*"]},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": NOT_OURS},
        within=within,
    )


def _settle(options: Options) -> float:
    return options.settle or SETTLE_SECONDS


def _trigger(options: Options) -> JSON:
    return ended_with_lineage((1 + GATHERED) * _settle(options))


def _actions(options: Options, ids: Ids) -> list[JSON]:
    settle = _settle(options)
    return [run_deployment(ids.assembler, {"gather_seconds": GATHERED * settle}, settle)]


def _options_of(found: AutomationCore) -> Options:
    delay, within = delay_of(found), getattr(found.trigger, "within", None)
    if delay is None or not isinstance(within, dt.timedelta):
        return Options()
    # Earlier versions gathered for the delay alone.
    return Options(settle=delay) if within.total_seconds() in (delay, (1 + GATHERED) * delay) else Options()


_EARLIER = {
    "many": "Assemble the lineage of flow runs when they have ended (prefect-lineage-events).",
    "one": "Assemble the lineage of a flow run when it has ended (prefect-lineage-events).",
}


def _earlier(found: AutomationCore, description: str, trigger: JSON, parameters: JSON) -> JSON:
    """An automation as an earlier version made it, with the deployment that it runs and its delay."""
    deployment_id = getattr(found.actions[0], "deployment_id", None) if found.actions else None
    return {
        "name": found.name,
        "description": description,
        "enabled": True,
        "trigger": {"type": "event", **trigger},
        "actions": [run_deployment(deployment_id or UUID(int=0), parameters, delay_of(found) or 0)],
    }


def _first(found: AutomationCore, ids: Ids) -> JSON:
    trigger = {**ended_with_lineage(0), "for_each": ["prefect.resource.id"]}
    return _earlier(found, _EARLIER["one"], trigger, {"flow_run_id": "{{ flow_run.id | string }}"})


def _second(found: AutomationCore, ids: Ids) -> JSON:
    return _earlier(found, _EARLIER["many"], ended_with_lineage(delay_of(found) or 0), {})


def _third(found: AutomationCore, ids: Ids) -> JSON:
    delay = delay_of(found) or 0
    trigger = ended_with_lineage((1 + GATHERED) * delay)
    return _earlier(found, _EARLIER["many"], trigger, {"gather_seconds": GATHERED * delay})


ASSEMBLE = Definition(
    name="assemble",
    group="assembler",
    description="Run the assembler when flow runs that touched data have ended, to deliver their lineage.",
    cost="One process and about ten events of Prefect in a minute in which runs with lineage end; none otherwise.",
    trigger=_trigger,
    actions=_actions,
    options_of=_options_of,
    optional=("settle",),
    earlier=(_first, _second, _third),
)
