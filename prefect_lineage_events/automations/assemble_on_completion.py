"""`assemble-on-completion`: one run of the assembler for each run that ended."""

from __future__ import annotations

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

# Seconds from the end of a run: its events are mostly stored by then. The assembler waits for the others.
SETTLE_SECONDS = 10.0
# Not `flow_run.id`, for which Prefect would read the run from its API, and which is no JSON value.
_RUN_ID = "{{ event.resource['prefect.resource.id'] | replace('prefect.flow-run.', '') }}"


def _trigger(options: Options) -> JSON:
    return reactive(
        [f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled")],
        {"prefect.resource.id": "prefect.flow-run.*"},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": NOT_OURS},
        for_each=["prefect.resource.id"],
    )


def _actions(options: Options, ids: Ids) -> list[JSON]:
    return [run_deployment(ids.assembler, {"flow_run_id": _RUN_ID}, options.settle or SETTLE_SECONDS)]


def _options_of(found: AutomationCore) -> Options:
    return Options(settle=delay_of(found))


ASSEMBLE_ON_COMPLETION = Definition(
    name="assemble-on-completion",
    group="assembler",
    description="Run the assembler once for each flow run that ended, to deliver its lineage.",
    cost="A process and about ten events of Prefect for each ended run, also for runs without lineage.",
    trigger=_trigger,
    actions=_actions,
    options_of=_options_of,
    optional=("settle",),
)
