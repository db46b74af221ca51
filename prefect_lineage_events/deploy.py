"""Deployments and automation of the assembler. Deploying again updates them.

The automation is a shortcut that fires at most once (Prefect loses what was pending when its server stops); the sweep's
schedule is the guarantee.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from prefect_lineage_events.blocks import BLOCK_TYPES
from prefect_lineage_events.delivery import configuration
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.events import EMITTER_PREFIX, END_EVENTS, OWN_FLOW_PREFIX
from prefect_lineage_events.serving import run_until_stopped

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

DEPLOYMENT = "lineage"
AUTOMATION = "prefect-lineage-assemble"
ASSEMBLER = f"{OWN_FLOW_PREFIX}assemble/{DEPLOYMENT}"
SWEEPER = f"{OWN_FLOW_PREFIX}sweep/{DEPLOYMENT}"
TAGS = ["lineage"]
SWEEP_MINUTES = 5.0
# Seconds from the end of the first run to the run of the assembler: by then its events are mostly stored. The assembler
# lasts for twice that time, and assembles the runs that end meanwhile: each of its runs costs ten events.
SETTLE_SECONDS = 20.0
_GATHERED = 2
# The variable in which the client looks for its transport first; our own settings are stored with it.
TARGET_VARIABLE = "OPENLINEAGE__TRANSPORT"
_OWN_PREFIX = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_"


Progress = Callable[[str], None]


class NotDeployedError(RuntimeError):
    """The assembler has no deployment yet."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The blocks, deployments and automation on the Prefect API after a deploy."""

    deployments: Mapping[str, UUID]
    automation: UUID
    enabled: bool
    blocks: tuple[str, ...]
    work_pool: str | None = None
    targets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"deployment  {name}  {id_}" for name, id_ in self.deployments.items()]
        state = "" if self.enabled else "  (disabled: switch it on in the UI, or by `prefect automation resume`)"
        lines.append(f"automation  {AUTOMATION}  {self.automation}{state}")
        lines += [f"block       {name}" for name in self.blocks]
        lines += [f"target      {target}" for target in self.targets]
        lines += [f"WARNING     {warning}" for warning in self.warnings]
        where = f"a worker of work pool {self.work_pool!r}" if self.work_pool else "`prefect-lineage serve`"
        return "\n".join([*lines, f"Runs are executed by {where}."])


def deploy(
    *,
    work_pool: str | None = None,
    image: str | None = None,
    sweep_minutes: float | None = None,
    settle: float | None = None,
    progress: Progress = lambda step: None,
) -> Deployed:
    """Create or update the blocks, the three deployments and the automation.

    Without a work pool the deployments wait for `serve`. With one, the target of this process is stored with them, so
    that it is the same on every worker. `image` is the image with this package, for a pool that runs images. `settle`:
    seconds after which runs that ended are assembled. What is None stays as it is deployed. Each step is reported
    to `progress` as it begins.
    """
    check_image(image, work_pool)
    if work_pool:
        _require_work_pool(work_pool)

    def apply(deployment: RunnerDeployment) -> UUID:
        return cast(UUID, deployment.apply(work_pool_name=work_pool, image=image))

    return _deploy(apply, work_pool, sweep_minutes, settle, progress)


def _deploy(
    apply: Callable[[RunnerDeployment], UUID],
    work_pool: str | None,
    sweep_minutes: float | None,
    settle: float | None,
    progress: Progress,
) -> Deployed:
    # A configuration that cannot be read is found before anything is changed.
    to, warnings = tuple(map(str, targets())), tuple(_warnings(work_pool))
    progress("registering the lineage blocks")
    blocks = register_blocks()
    ids = {}
    with get_client(sync_client=True) as client:
        kept = _deployed_schedules(client) if sweep_minutes is None else None
    environment = _stored_target() if work_pool else {}
    for deployment in deployments(sweep_minutes, schedules=kept):
        progress(f"deploying {deployment.full_name}")
        deployment.job_variables = {"env": environment} if work_pool and environment else {}
        ids[deployment.full_name] = apply(deployment)
    progress(f"setting the automation {AUTOMATION}")
    with get_client(sync_client=True) as client:
        automation_id, enabled = apply_automation(client, ids[ASSEMBLER], settle)
    return Deployed(ids, automation_id, enabled, blocks, work_pool, to, warnings)


def _stored_target() -> dict[str, str]:
    """The variables that give each worker of a pool the target of this process; none where none is configured."""
    if not configuration.is_configured():
        return {}
    own = {name: value for name, value in os.environ.items() if name.startswith(_OWN_PREFIX)}
    kept = {name: value for name, value in own.items() if not configuration.is_secret(name.removesuffix("_BLOCK"))}
    return {**kept, TARGET_VARIABLE: configuration.portable()[0]}


def _warnings(work_pool: str | None) -> Iterator[str]:
    """Warnings about the target that was deployed."""
    if not configuration.is_configured():
        yield (
            f"no target is configured here: lineage goes to the file {configuration.configuration()['log_file_path']} "
            "of each machine; set OPENLINEAGE_URL and deploy again"
        )
    elif work_pool and configuration.portable()[1]:
        yield (
            "the target's key is not stored with the deployments: give it as a Secret block, "
            "'{{ prefect.blocks.secret.NAME }}' or PREFECT_INTEGRATIONS_LINEAGE_EVENTS_API_KEY_BLOCK"
        )


def _deployed_schedules(client: SyncPrefectClient) -> list[DeploymentScheduleCreate] | None:
    """The sweep's schedules as they are deployed; None when there are none."""
    try:
        found = client.read_deployment_by_name(SWEEPER).schedules
    except ObjectNotFound:
        return None
    # Active: without a schedule the sweep guarantees nothing, and `serve` pauses the schedule when it stops.
    return [DeploymentScheduleCreate(schedule=one.schedule, active=True) for one in found] or None


def serve(
    *,
    sweep_minutes: float | None = None,
    settle: float | None = None,
    limit: int = 4,
    poll_seconds: float = 2.0,
) -> None:
    """Deploy, then run the assembler in child processes of this one until it is stopped.

    `limit`: runs at a time; `poll_seconds`: between two polls for scheduled runs. Stopping pauses the sweep's schedule,
    so that no late sweeps accumulate; starting again resumes it.
    """
    logger = get_logger("lineage")
    runner = Runner(
        name=f"{OWN_FLOW_PREFIX}assembler",
        query_seconds=poll_seconds,
        limit=limit,
        # Prefect's own pausing tries for minutes when the API is away.
        pause_on_shutdown=False,
    )

    def add(deployment: RunnerDeployment) -> UUID:
        return cast(UUID, runner.add_deployment(deployment))

    deployed = _deploy(add, None, sweep_minutes, settle, logger.info)
    logger.info("Serving the assembler; stop it with Ctrl-C.\n%s", deployed)
    run_until_stopped(runner, deployed.deployments[SWEEPER])


def deployments(
    sweep_minutes: float | None = None, *, schedules: list[DeploymentScheduleCreate] | None = None
) -> list[RunnerDeployment]:
    """The three deployments. Of two sweeps at once the later one is cancelled, since they would assemble the same runs.

    The sweep runs every `sweep_minutes`, or by these `schedules`.
    """
    from prefect_lineage_events.flows import assemble, backfill, sweep

    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    common: dict[str, Any] = {"name": DEPLOYMENT, "tags": TAGS, "entrypoint_type": EntrypointType.MODULE_PATH}
    every: dict[str, Any] = {"schedules": schedules}
    if schedules is None or sweep_minutes is not None:
        every = {"interval": dt.timedelta(minutes=sweep_minutes or SWEEP_MINUTES)}
    untyped = [
        assemble.to_deployment(**common),
        sweep.to_deployment(**common, **every, concurrency_limit=alone),
        backfill.to_deployment(**common),
    ]
    # Prefect types its sync methods as "or a coroutine", which they return in an event loop only.
    ready = cast("list[RunnerDeployment]", untyped)
    for deployment in ready:
        # Set to None, not left out: an update then takes them out of their earlier work pool.
        deployment.work_pool_name = deployment.work_queue_name = None
    return ready


def automation(deployment_id: UUID | str, settle: float = SETTLE_SECONDS) -> dict[str, Any]:
    """The automation that runs the assembler when runs with lineage have ended.

    An emitter's closing event stands for an ordinary end, so that flows without lineage cost no assembler run. A run
    that was cancelled or crashed may not have closed its emitter: for it, Prefect's own event counts. Our own flows are
    left out by one negated pattern, since Prefect reads a list of negations as "or".

    The automation fires on the first of such events, and then not again for three times `settle` seconds. The run of
    the assembler begins after the first third, and lasts until the end: it assembles the runs that end meanwhile too.
    """
    gather = _GATHERED * settle
    return {
        "name": AUTOMATION,
        "description": "Assemble the lineage of flow runs when they have ended (prefect-lineage-events).",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": list(END_EVENTS),
            "match": {"prefect.resource.id": [f"{EMITTER_PREFIX}*", "prefect.flow-run.*"]},
            "match_related": {"prefect.resource.role": "flow", "prefect.resource.name": f"!{OWN_FLOW_PREFIX}*"},
            "for_each": [],
            "threshold": 1,
            "within": settle + gather,
        },
        "actions": [
            {
                "type": "run-deployment",
                "source": "selected",
                "deployment_id": str(deployment_id),
                "schedule_after": settle,
                "parameters": {"gather_seconds": gather},
            }
        ],
    }


def automation_yaml(deployment_id: UUID | str, settle: float = SETTLE_SECONDS) -> str:
    """The automation as a file for `prefect automation create --from-file`."""
    import yaml  # type: ignore[import-untyped]

    text: str = yaml.safe_dump(automation(deployment_id, settle), sort_keys=False, width=110)
    return text


def apply_automation(client: SyncPrefectClient, deployment_id: UUID, settle: float | None) -> tuple[UUID, bool]:
    """Create or update the automation; returns its id and whether it is enabled. Without `settle`, its time stays.

    A disabled automation stays disabled. A second one of the name (Prefect's own command makes one each time) would run
    the assembler twice, and is deleted.
    """
    existing = sorted(client.read_automations_by_name(AUTOMATION), key=lambda a: str(a.id))
    wanted = AutomationCore.model_validate(automation(deployment_id, settle or _settle_of(existing)))
    if not existing:
        return client.create_automation(wanted), True
    kept, *others = existing
    for other in others:
        client.delete_automation(other.id)
    wanted.enabled = any(a.enabled for a in existing)
    # Each update makes an event.
    if _content(kept) != _content(wanted):
        client.update_automation(kept.id, wanted)
    return kept.id, wanted.enabled


def _content(automation: AutomationCore) -> dict[str, Any]:
    """The content of an automation, without the ids that a server gives."""
    # Not as JSON: the expected events are a set there, and its order differs between two equal sets.
    content = automation.model_dump(include=set(AutomationCore.model_fields))
    content["trigger"].pop("id", None)
    return content


def undeploy() -> list[str]:
    """Delete the automation and the three deployments. Returns a description of each that was deleted.

    Assembled lineage, the blocks and their documents stay. So does the sweep's state: after another deploy, the sweep
    continues from it.
    """
    deleted = []
    with get_client(sync_client=True) as client:
        for found in client.read_automations_by_name(AUTOMATION):
            client.delete_automation(found.id)
            deleted.append(f"automation {AUTOMATION}")
        for flow in ("assemble", "sweep", "backfill"):
            name = f"{OWN_FLOW_PREFIX}{flow}/{DEPLOYMENT}"
            try:
                client.delete_deployment(client.read_deployment_by_name(name).id)
            except ObjectNotFound:
                continue
            deleted.append(f"deployment {name}")
    return deleted


def _settle_of(automations: Sequence[AutomationCore]) -> float:
    for found in automations:
        delay = getattr(found.actions[0], "schedule_after", None) if found.actions else None
        within = getattr(found.trigger, "within", None)
        # Earlier versions gathered for the delay alone.
        if isinstance(delay, dt.timedelta) and delay and within in (delay, (1 + _GATHERED) * delay):
            return delay.total_seconds()
    return SETTLE_SECONDS


def registered_assembler() -> UUID:
    """The id of the assembler's deployment. Raises NotDeployedError, saying what to do."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(ASSEMBLER).id
        except ObjectNotFound:
            raise NotDeployedError(f"{ASSEMBLER} is not on this Prefect API: run `prefect-lineage deploy`") from None


def check_image(image: str | None, work_pool: str | None) -> None:
    """Raise ValueError for an image without a pool that runs it."""
    if image and not work_pool:
        raise ValueError("an image needs a work pool to run it: give --work-pool as well")


def _require_work_pool(name: str) -> None:
    """Raise ValueError for an unknown work pool: a server of 3.8 responds with a bare 500 to a deployment with it."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            raise ValueError(
                f"there is no work pool {name!r}: see `prefect work-pool ls`, or make it with "
                f"`prefect work-pool create {name} --type process`"
            ) from None


def register_blocks() -> tuple[str, ...]:
    """Register the lineage blocks whose connectors are installed, so that the UI offers them. Returns their names."""
    registered = []
    for listed in BLOCK_TYPES:
        try:
            block = listed.block_class()
        except ImportError:  # its connector is not installed
            continue
        block.register_type_and_schema()
        registered.append(str(block.get_block_type_slug()))
    return tuple(registered)
