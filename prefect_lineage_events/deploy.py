"""Deployments and automations of the assembler. Deploying again updates them.

The automation that runs the assembler is a shortcut that fires at most once (Prefect loses what was pending when its
server stops); the sweep's schedule is the guarantee.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.types.entrypoint import EntrypointType

from prefect_lineage_events.automations import choice, plan
from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.definition import NO_ID, Definition, Ids, Options
from prefect_lineage_events.automations.listed import ASSEMBLERS
from prefect_lineage_events.automations.plan import Change
from prefect_lineage_events.blocks import usable_blocks
from prefect_lineage_events.delivery import configuration
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history.assembler_events import ASSEMBLER, DEPLOYMENT, SWEEPER
from prefect_lineage_events.nearness import did_you_mean, nearest
from prefect_lineage_events.serving import AssemblerRunner, Served, run_until_stopped

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

AUTOMATION = ASSEMBLE.base_name
DEPLOYMENTS = (ASSEMBLER, SWEEPER, f"{OWN_FLOW_PREFIX}backfill/{DEPLOYMENT}")
TAGS = ["lineage"]
SWEEP_MINUTES = 5.0
# The variable in which the client looks for its transport first; our own settings are stored with it.
TARGET_VARIABLE = "OPENLINEAGE__TRANSPORT"
_OWN_PREFIX = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_"


Progress = Callable[[str], None]


# A choice of automations, with their options.
Chosen = Sequence[tuple[Definition, Options]]
# Asked before automations that a person edited are replaced: the changes, and whether to make them.
Confirm = Callable[[Sequence[Change]], bool]


class NotDeployedError(RuntimeError):
    """The assembler has no deployment yet."""


def _keep_edited(changes: Sequence[Change]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class DeployedAutomation:
    """An automation after a deploy, with the change that was made; `left`: a person had edited it, and it stayed."""

    change: Change
    id: UUID | None
    left: bool = False

    @property
    def done(self) -> str:
        if self.left:
            return "left as a person edited it"
        return {"create": "created", "update": "updated", "delete": "deleted", "keep": "unchanged"}[self.change.kind]

    def as_json(self) -> dict[str, Any]:
        id_ = {"id": str(self.id)} if self.id else {}
        return {**self.change.as_json(), **id_, "done": self.done, "enabled": self.change.enabled}

    def __str__(self) -> str:
        off = "" if self.change.enabled else f"; disabled: switch it on in the UI, or by {_RESUME}"
        why = f", {self.change.why}" if self.change.why else ""
        return f"automation  {line(self.change.name)}  {self.id or '-'}  ({self.done}{why}{off})"


_RESUME = "`prefect automation resume`"


@dataclass(frozen=True, slots=True)
class Deployed:
    """The blocks, deployments and automations on the Prefect API after a deploy."""

    deployments: Mapping[str, UUID]
    automations: tuple[DeployedAutomation, ...]
    blocks: tuple[str, ...]
    work_pool: str | None = None
    targets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def automation(self) -> UUID:
        """The id of the automation that runs the assembler."""
        return next(one.id for one in self._assembling if one.id)

    @property
    def enabled(self) -> bool:
        """Return whether the automation that runs the assembler is enabled."""
        return any(one.change.enabled for one in self._assembling if one.id)

    @property
    def left(self) -> tuple[Change, ...]:
        """Changes that were not made, since a person had edited the automation."""
        return tuple(one.change for one in self.automations if one.left)

    @property
    def _assembling(self) -> Sequence[DeployedAutomation]:
        names = {definition.base_name for definition in ASSEMBLERS}
        return [one for one in self.automations if one.change.name in names]

    def as_json(self) -> dict[str, Any]:
        return {
            "deployments": {name: str(id_) for name, id_ in self.deployments.items()},
            "automations": [one.as_json() for one in self.automations],
            "blocks": list(self.blocks),
            "work_pool": self.work_pool,
            "targets": list(self.targets),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        lines = [f"deployment  {name}  {id_}" for name, id_ in self.deployments.items()]
        lines += map(str, self.automations)
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
    automations: Chosen = (),
    confirm: Confirm = _keep_edited,
    progress: Progress = lambda step: None,
) -> Deployed:
    """Create or update the blocks, the three deployments and the automations.

    Without a work pool the deployments wait for `serve`. With one, the target of this process is stored with them, so
    that it is the same on every worker. `image` is the image with this package, for a pool that runs images. `settle`:
    seconds after which runs that ended are assembled. What is None stays as it is deployed. `automations` are made
    beside those that are deployed; `confirm` decides over those that a person edited. Each step is reported to
    `progress` as it begins.
    """
    check_image(image, work_pool)
    if work_pool:
        _require_work_pool(work_pool)

    def apply(deployment: RunnerDeployment) -> UUID:
        return cast(UUID, deployment.apply(work_pool_name=work_pool, image=image))

    return _deploy(apply, work_pool, sweep_minutes, settle, progress, automations, confirm)


def _deploy(  # noqa: PLR0917
    apply: Callable[[RunnerDeployment], UUID],
    work_pool: str | None,
    sweep_minutes: float | None,
    settle: float | None,
    progress: Progress,
    automations: Chosen = (),
    confirm: Confirm = _keep_edited,
) -> Deployed:
    # A configuration that cannot be read is found before anything is changed.
    to, warnings = tuple(map(str, targets())), tuple(_warnings(work_pool))
    with get_client(sync_client=True) as client:
        edited = [change for change in planned(client, automations, settle) if change.edited]
        replaced = bool(edited) and confirm(edited)
        kept = _deployed_schedules(client) if sweep_minutes is None else None
    progress("registering the lineage blocks")
    blocks = register_blocks()
    ids = {}
    environment = _stored_target() if work_pool else {}
    for deployment in deployments(sweep_minutes, schedules=kept):
        progress(f"deploying {deployment.full_name}")
        deployment.job_variables = {"env": environment} if work_pool and environment else {}
        ids[deployment.full_name] = apply(deployment)
    done = []
    with get_client(sync_client=True) as client:
        for change in _plan(client, automations, settle, Ids(ids[ASSEMBLER], ids[SWEEPER])):
            progress(f"setting the automation {line(change.name)}")
            left = change.edited and not replaced
            id_ = change.found.id if left and change.found else plan.apply(client, change)
            done.append(DeployedAutomation(change, id_, left))
    return Deployed(ids, tuple(done), blocks, work_pool, to, warnings)


def planned(client: SyncPrefectClient, chosen: Chosen = (), settle: float | None = None) -> list[Change]:
    """The changes of the automations that a deploy would make now."""

    def id_of(name: str) -> UUID:
        try:
            return client.read_deployment_by_name(name).id
        except ObjectNotFound:
            return NO_ID

    return _plan(client, chosen, settle, Ids(id_of(ASSEMBLER), id_of(SWEEPER)))


def planned_deployments(client: SyncPrefectClient) -> dict[str, Literal["create", "update"]]:
    """The deployments that a deploy would make now, with the change of each."""
    planned: dict[str, Literal["create", "update"]] = {}
    for name in DEPLOYMENTS:
        try:
            client.read_deployment_by_name(name)
            planned[name] = "update"
        except ObjectNotFound:
            planned[name] = "create"
    return planned


def _plan(client: SyncPrefectClient, chosen: Chosen, settle: float | None, ids: Ids) -> list[Change]:
    def kept(definition: Definition, found: Automation) -> Options | None:
        return choice.options_of(client, definition, found)

    return plan.plan(plan.deployed(client), chosen, ids, settle, kept)


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
            "of each machine; set OPENLINEAGE_URL, and run this command again"
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

    def start() -> Served:
        runner = AssemblerRunner(
            name=f"{OWN_FLOW_PREFIX}assembler",
            query_seconds=poll_seconds,
            limit=limit,
            # Prefect's own pausing tries for minutes when the API is away.
            pause_on_shutdown=False,
        )
        deployed = _deploy(lambda one: cast(UUID, runner.add_deployment(one)), None, sweep_minutes, settle, logger.info)
        logger.info("Serving the assembler; stop it with Ctrl-C.\n%s", deployed)
        return Served(runner, deployed.deployments.values(), deployed.deployments[SWEEPER])

    run_until_stopped(start)


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
        # The API accepts `null` for a parameter only where the schema has no default.
        for field in deployment._parameter_openapi_schema.properties.values():
            if field.get("default", ...) is None:
                del field["default"]
    return ready


def undeploy(progress: Progress = lambda step: None) -> list[str]:
    """Delete the automations and the three deployments. Returns a description of each that was deleted.

    Assembled lineage, the blocks and their documents stay, and so do automations that a person made or renamed. So does
    the sweep's state: after another deploy, the sweep continues from it.
    """
    deleted = []
    with get_client(sync_client=True) as client:
        for _, found in plan.deployed(client):
            progress(f"deleting the automation {line(found.name)}")
            client.delete_automation(found.id)
            deleted.append(f"automation {line(found.name)}")
        for name in DEPLOYMENTS:
            try:
                client.delete_deployment(client.read_deployment_by_name(name).id)
            except ObjectNotFound:
                continue
            deleted.append(f"deployment {name}")
    return deleted


def automations_yaml(chosen: Chosen = (), settle: float | None = None) -> str:
    """The chosen automations, or the default, as a file for `prefect automation create --from-file`."""
    ids = registered()
    found = [(definition, options.over(Options(settle=settle))) for definition, options in chosen]
    contents = [definition.build(options, ids) for definition, options in found or [(ASSEMBLE, Options(settle=settle))]]
    return plan.as_yaml(contents[0] if len(contents) == 1 else {"automations": contents})


def registered() -> Ids:
    """The ids of the assembler's deployments. Raises NotDeployedError, saying what to do."""
    with get_client(sync_client=True) as client:
        try:
            return Ids(client.read_deployment_by_name(ASSEMBLER).id, client.read_deployment_by_name(SWEEPER).id)
        except ObjectNotFound:
            message = f"{ASSEMBLER} is not on this Prefect API: run `prefect-lineage deploy`"
            raise NotDeployedError(message) from None


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
                f"{did_you_mean(nearest(name, [pool.name for pool in client.read_work_pools()]))}"
            ) from None


def register_blocks() -> tuple[str, ...]:
    """Register the lineage blocks whose connectors are installed, so that the UI offers them. Returns their names."""
    for block in (blocks := usable_blocks()):
        block.register_type_and_schema()
    return tuple(str(block.get_block_type_slug()) for block in blocks)
