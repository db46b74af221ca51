"""The runner of a served assembler, from its start to an orderly end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_logger
from prefect.runner import Runner
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled

from prefect_lineage_events.assembler.dead_sweeps import end_dead_sweeps, end_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_QUICKLY = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 3.0}
# Seconds between two looks for the deployment.
_LOOKED_FOR_EVERY = 30.0
# Seconds between two questions to an API that is away.
_ASKED_EVERY = 5.0


class AssemblerRunner(Runner):
    """Prefect's runner, which notes at its end the flow runs that it had `in_hand`: it kills their processes."""

    in_hand: Collection[UUID] = ()

    def current_runs(self) -> Collection[UUID]:
        """The flow runs that have a process here. Prefect does not publish them: none, if it keeps them elsewhere."""
        return getattr(getattr(self, "_process_manager", None), "flow_run_ids", set)()

    async def __aexit__(self, *exc_info: Any) -> None:
        # Without this, they would stay "running" in Prefect.
        self.in_hand = self.current_runs()
        await super().__aexit__(*exc_info)


@dataclass(frozen=True, slots=True)
class Served:
    """A runner, the deployments that it runs, and which of them is the sweep's."""

    runner: AssemblerRunner
    deployments: Collection[UUID]
    sweeper: UUID


def run_until_stopped(start: Callable[[], Served]) -> None:
    """Run until Ctrl-C or SIGTERM; then pause the deployment of the sweep.

    Prefect's runner gives up when its API has been away for some seconds, as when a server restarts. `start` is called
    again when the API is back. A warning is logged when a deployment is deleted meanwhile: the runner goes on, and
    would start no more runs of it.
    """
    served = start()
    try:
        while True:
            try:
                asyncio.run(_until_stopped(served))
                return
            except Exception as error:
                if not _is_api_away(error):
                    raise
            get_logger("lineage").warning(
                "The Prefect API is away, and no run of the assembler can be started: it is asked again every "
                "%.0f seconds. Nothing is lost meanwhile.",
                _ASKED_EVERY,
            )
            served = _when_back(start, served)
            get_logger("lineage").info("The Prefect API is back.")
    except (KeyboardInterrupt, asyncio.CancelledError):
        pause(served.sweeper, served.runner.in_hand)


def _when_back(start: Callable[[], Served], served: Served) -> Served:
    """Start again when the API is back. Runs whose processes ended with the runner are cancelled.

    Raises KeyboardInterrupt at Ctrl-C and SIGTERM, and NotServedError if the deployments were deleted meanwhile.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            time.sleep(_ASKED_EVERY)
            if again := _started_again(start, served):
                return again
    finally:
        signal.signal(signal.SIGTERM, before)


def _started_again(start: Callable[[], Served], served: Served) -> Served | None:
    """Start again; None if the API is away."""
    try:
        with temporary_settings(_QUICKLY), get_client(sync_client=True) as client:
            client.read_deployment(served.sweeper)
            _cancel(client, served.runner.in_hand)
        return start()
    except ObjectNotFound:
        message = "the deployments were deleted: run `prefect-lineage serve` to make them again"
        raise NotServedError(message) from None
    except Exception as error:
        if not _is_api_away(error):
            raise
        return None


class NotServedError(RuntimeError):
    """The deployments are gone; the message has the remedy."""


def _is_api_away(error: BaseException) -> bool:
    """Return whether the API did not answer. Prefect puts such errors in groups, and gives up with one of its own."""
    if isinstance(parts := getattr(error, "exceptions", None), tuple):
        return all(map(_is_api_away, parts))
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    return isinstance(error, httpx.TransportError) or "exceeded error threshold" in str(error)


async def _until_stopped(served: Served) -> None:
    """Run until Ctrl-C or SIGTERM, which ends it like Ctrl-C: Prefect's own handler leaves a coroutine unawaited."""
    running, loop = asyncio.ensure_future(served.runner.start()), asyncio.get_running_loop()
    watching = asyncio.ensure_future(_watch(served))
    this = asyncio.current_task()

    def stop(*_: object) -> None:
        if this is not None:
            loop.call_soon_threadsafe(this.cancel)

    served.runner.handle_sigterm = stop  # type: ignore[method-assign]
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.wait({running})
        raise
    finally:
        watching.cancel()
    await running


async def _watch(served: Served) -> None:
    """Look for the deployments until one is gone, and for sweeps whose processes are gone."""
    while await asyncio.to_thread(lambda: all(map(_exists, served.deployments))):
        await asyncio.to_thread(_free_places, served.runner.current_runs())
        await asyncio.sleep(_LOOKED_FOR_EVERY)
    get_logger("lineage").warning(
        "Deployments of the assembler were deleted (`prefect-lineage undeploy`?): their runs are not started any more, "
        "not even when they are deployed again. Stop this process, or start it again to deploy them."
    )


def _free_places(alive: Collection[UUID]) -> None:
    """End dead sweeps, but none of these runs, if Prefect answers soon."""
    try:
        with temporary_settings(_QUICKLY), get_client(sync_client=True) as client:
            end_dead_sweeps(client, alive)
    except Exception as error:  # noqa: BLE001  (tried again later)
        get_logger("lineage").debug("Dead sweeps could not be looked for: %s", error)


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
            _cancel(client, in_hand)
            # `deploy --work-pool` took it over: the workers of that pool run it from now on.
            if client.read_deployment(deployment_id).work_pool_name is None:
                client.pause_deployment(deployment_id)
    except ObjectNotFound:
        get_logger("lineage").info("The deployments were deleted meanwhile.")
    except (httpx.HTTPError, OSError) as error:
        get_logger("lineage").warning("The sweep's schedule could not be paused, the API being away: %s", error)


def _cancel(client: SyncPrefectClient, in_hand: Collection[UUID]) -> None:
    """Set the runs cancelled whose processes have ended, but not those that had ended before, or were deleted."""
    for run_id in in_hand:
        end_run(client, run_id, Cancelled(message="The assembler was stopped."))
