"""The served assembler over outages of Prefect's API, with a runner that fails as Prefect's own does."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from prefect_lineage_events import deploy, serving
from prefect_lineage_events.serving import Served


class _Runner:
    """A runner that ends with this error."""

    in_hand = ()

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
