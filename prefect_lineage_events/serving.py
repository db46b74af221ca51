"""The runner of a served assembler, from its start to an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from uuid import UUID

import httpx
from prefect import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.runner import Runner
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled

_QUICKLY = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 3.0}
# Seconds between two looks for the deployment.
_LOOKED_FOR_EVERY = 30.0


def run_until_stopped(runner: Runner, sweeper: UUID, served: Collection[UUID]) -> None:
    """Run until Ctrl-C or SIGTERM; then pause the deployment of the sweep.

    A warning is logged when one of the `served` deployments is deleted meanwhile: the runner goes on, and would start
    no more runs of it.
    """
    in_hand: set[UUID] = set()
    try:
        asyncio.run(_until_stopped(runner, served, in_hand))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pause(sweeper, in_hand)


async def _until_stopped(runner: Runner, served: Collection[UUID], in_hand: set[UUID]) -> None:
    """Run until Ctrl-C or SIGTERM, which ends it like Ctrl-C: Prefect's own handler leaves a coroutine unawaited.

    `in_hand` then contains the flow runs whose processes end with this one.
    """
    running, loop = asyncio.ensure_future(runner.start()), asyncio.get_running_loop()
    watching = asyncio.ensure_future(_watch(served))
    this = asyncio.current_task()

    def stop(*_: object) -> None:
        if this is not None:
            loop.call_soon_threadsafe(this.cancel)

    runner.handle_sigterm = stop  # type: ignore[method-assign]
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        # The runner does not publish its runs. Without this, they would stay "running" in Prefect.
        in_hand |= getattr(getattr(runner, "_process_manager", None), "flow_run_ids", set)()
        running.cancel()
        await asyncio.wait({running})
        raise
    finally:
        watching.cancel()
    await running


async def _watch(served: Collection[UUID]) -> None:
    """Look for the deployments until one is gone."""
    while await asyncio.to_thread(lambda: all(map(_exists, served))):
        await asyncio.sleep(_LOOKED_FOR_EVERY)
    get_logger("lineage").warning(
        "Deployments of the assembler were deleted (`prefect-lineage undeploy`?): their runs are not started any more, "
        "not even when they are deployed again. Stop this process, or start it again to deploy them."
    )


def _exists(deployment_id: UUID) -> bool:
    """Return whether the deployment exists; true if Prefect cannot say soon. The end of `serve` waits for this."""
    try:
        with temporary_settings(_QUICKLY), get_client(sync_client=True) as client:
            client.read_deployment(deployment_id)
    except ObjectNotFound:
        return False
    except Exception as error:  # noqa: BLE001  (asked again later; the runner logs that the API is away)
        get_logger("lineage").debug("The deployment could not be looked for: %s", error)
    return True


def pause(deployment_id: UUID, in_hand: Collection[UUID] = ()) -> None:
    """Pause the sweep's schedule, unless the API is unreachable: late sweeps then accumulate, and cancel each other
    later.

    Runs that were in hand are cancelled, because their processes have ended; the sweep assembles the rest of their
    work.
    """
    try:
        with temporary_settings(_QUICKLY), get_client(sync_client=True) as client:
            for run_id in in_hand:
                client.set_flow_run_state(run_id, Cancelled(message="The assembler was stopped."), force=True)
            client.pause_deployment(deployment_id)
    except ObjectNotFound:
        get_logger("lineage").info("The deployments were deleted meanwhile.")
    except (httpx.HTTPError, OSError) as error:
        get_logger("lineage").warning("The sweep's schedule could not be paused, the API being away: %s", error)
