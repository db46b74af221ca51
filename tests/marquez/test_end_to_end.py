"""End-to-end tests from statements in flows to the pages of Marquez: against the stand-in always, and a real one if
given.

`make test-marquez MARQUEZ_URL=http://host:port` runs the same checks on a real server. It gets job namespaces and
dataset names that no other run had, and needs no clearing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.conftest import own_openlineage_environment
from tests.marquez.checks import CHECKS, lists_that_answer
from tests.marquez.shop import Shop, open_shop
from tests.marquez.standin import StandIn
from tests.openlineage.on_marquez import REAL, needs_real_marquez

TARGETS = [
    "stand-in",
    pytest.param("real", marks=[pytest.mark.marquez, needs_real_marquez]),
]


@dataclass(frozen=True)
class Delivered:
    url: str
    shop: Shop


@pytest.fixture(scope="module", params=TARGETS)
def delivered(
    request: pytest.FixtureRequest, prefect_server_process: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Delivered]:
    """The shop's flows have run once, and their lineage has been sent to the target."""
    with StandIn() as standin:
        url = str(REAL) if request.param == "real" else standin.url
        database = tmp_path_factory.mktemp("shop") / f"shop_{uuid4().hex[:8]}.db"
        lists_before = lists_that_answer(url)
        with _environment(prefect_server_process.api_url, url) as namespace:  # type: ignore[attr-defined]
            yield Delivered(url, open_shop(database, namespace, lists_before))


@contextmanager
def _environment(api_url: str, marquez_url: str) -> Iterator[str]:
    """Prefect and the official client configured as a user would, with a job namespace of this run's own."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from prefect_lineage_events.settings import settings

    namespace = f"prefect://end-to-end-{uuid4().hex[:8]}"
    with (
        own_openlineage_environment(),
        pytest.MonkeyPatch.context() as patch,
        temporary_settings({PREFECT_API_URL: api_url}),
    ):
        patch.setenv("PREFECT_API_URL", api_url)
        patch.setenv("OPENLINEAGE_URL", marquez_url)
        patch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_JOB_NAMESPACE", namespace)
        settings.cache_clear()
        yield namespace
    settings.cache_clear()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_marquez_shows_delivered_lineage(delivered: Delivered, check: Callable[[str, Shop], None]) -> None:
    check(delivered.url, delivered.shop)
