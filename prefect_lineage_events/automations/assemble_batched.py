"""`assemble-batched`: at most one sweep in each minute, however many runs end in it.

The sweep reads the runs that ended since the last one page by page. Two sweeps never work at once: the limit of their
deployment cancels the later one, and the next finds its runs.
"""

from __future__ import annotations

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.assemble import ended_with_lineage
from prefect_lineage_events.automations.definition import JSON, Definition, Ids, Options, delay_of, run_deployment

# The shortest time between two sweeps.
WINDOW_SECONDS = 60.0


def _window(options: Options) -> float:
    return max(options.settle or WINDOW_SECONDS, WINDOW_SECONDS)


def _trigger(options: Options) -> JSON:
    return ended_with_lineage(_window(options))


def _actions(options: Options, ids: Ids) -> list[JSON]:
    # At the end of the window: otherwise the runs of its rest would wait for the next event.
    return [run_deployment(ids.sweeper, {}, _window(options))]


def _options_of(found: AutomationCore) -> Options:
    return Options(settle=delay_of(found))


ASSEMBLE_BATCHED = Definition(
    name="assemble-batched",
    group="assembler",
    description="Sweep up the runs that ended, at most once a minute, to deliver their lineage.",
    cost="One process and about ten events of Prefect a minute, however many runs end; lineage is a minute later.",
    trigger=_trigger,
    actions=_actions,
    options_of=_options_of,
    optional=("settle",),
)
