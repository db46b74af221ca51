"""The served assembler over outages of Prefect's API, with a runner that fails as Prefect's own does."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest
from prefect import get_client
from prefect.client.schemas.objects import State, StateType

from prefect_lineage_events import deploy, serving
from prefect_lineage_events.flows import sweep
from prefect_lineage_events.serving import Served


class _Runner:
    """A runner that ends with this error."""

    in_hand: tuple[UUID, ...] = ()

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def start(self) -> None:
        raise self.error

    def current_runs(self) -> set[UUID]:
        return set()


def _group(error: Exception) -> Exception:
    """An error as a group of tasks raises it, on each version of Python."""
    group = Exception("unhandled errors in a TaskGroup (1 sub-exception)")
    group.exceptions = (error,)  # type: ignore[attr-defined]
    return group


GAVE_UP = RuntimeError("Service exceeded error threshold.")


@pytest.mark.parametrize("error", [_group(GAVE_UP), _group(_group(httpx.ConnectError("no"))), GAVE_UP])
def test_serving_goes_on_when_the_api_is_back(prefect_server, monkeypatch, caplog, error):
    there = deploy.deploy().deployments
    sweeper = there["prefect-lineage-sweep/lineage"]
    runners = iter([_Runner(error), _Runner(KeyboardInterrupt())])
    started = []

    def start() -> Served:
        started.append(1)
        return Served(next(runners), there.values(), sweeper)

    monkeypatch.setattr(serving, "_ASKED_EVERY", 0.0)
    serving.run_until_stopped(start)
    assert len(started) == 2
    assert "The Prefect API is away" in caplog.text


def test_an_error_of_another_kind_ends_it(prefect_server):
    there = deploy.deploy().deployments
    served = Served(_Runner(_group(ValueError("a fault"))), there.values(), there["prefect-lineage-sweep/lineage"])
    with pytest.raises(Exception, match="TaskGroup"):
        serving.run_until_stopped(lambda: served)


def test_runs_that_ended_or_were_deleted_before_the_runner_are_left_alone(prefect_server):
    sweeper = deploy.deploy().deployments[deploy.SWEEPER]
    with get_client(sync_client=True) as client:
        completed, running = (
            client.create_flow_run(sweep, state=State(type=kind)) for kind in (StateType.COMPLETED, StateType.RUNNING)
        )
        runner = _Runner(GAVE_UP)
        runner.in_hand = (uuid4(), completed.id, running.id)
        again = Served(_Runner(GAVE_UP), [sweeper], sweeper)
        assert serving._started_again(lambda: again, Served(runner, [sweeper], sweeper)) is again
        assert client.read_flow_run(completed.id).state.is_completed()
        assert client.read_flow_run(running.id).state.is_cancelled()
        for run in (completed, running):
            client.delete_flow_run(run.id)
