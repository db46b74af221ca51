"""Run facets of the user's own functions: added to each event, checked, and never in the way of assembling."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from prefect_lineage_events import RunLineage
from prefect_lineage_events.assembler import user_facets
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.run_lineage import stitched
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching import model
from tests.stitching.histories import Story

HISTORY = Story().write("sales", "orders", columns="orders.a>b").history()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Make functions of a module of the user's the setting's."""
    module = ModuleType("own_facets")
    monkeypatch.setitem(sys.modules, "own_facets", module)

    def use(*names: str, **functions: Any) -> None:
        vars(module).update(functions)
        chosen = names or [f"own_facets:{name}" for name in functions]
        monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_RUN_FACETS", ",".join(chosen))
        settings.cache_clear()
        user_facets._functions.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()
    user_facets._functions.cache_clear()


def events(lineage: model.RunLineage) -> list[dict[str, Any]]:
    return run_events(lineage, namespace="prefect", granularity="flow", prefect_url=None, job_template="{flow}")


def test_facets_are_on_each_event_of_the_run(use: Callable[..., None]) -> None:
    def cost(lineage: RunLineage) -> dict[str, Any]:
        return {"acme_cost": {"centre": lineage.flow_name, "outputs": [use.uri for use in lineage.outputs]}}

    use(cost=cost)
    for event in events(stitched(HISTORY)):
        facet = event["run"]["facets"]["acme_cost"]
        assert facet["centre"] == "nightly"
        assert facet["outputs"] == ["postgres://db:5432/sales"]
        assert facet["_producer"].startswith("https://")
        assert facet["_schemaURL"].endswith("#/$defs/RunFacet")


def test_a_schema_of_ones_own_stays(use: Callable[..., None]) -> None:
    use(own=lambda _: {"acme_cost": {"_schemaURL": "https://acme.example/cost.json"}})
    assert events(stitched(HISTORY))[0]["run"]["facets"]["acme_cost"]["_schemaURL"] == "https://acme.example/cost.json"


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ({"prefect": {}}, "has no key of the form prefix_name"),
        ({"errorMessage": {}}, "has no key of the form prefix_name"),
        ({7: {}}, "has no key of the form prefix_name"),
        ({"acme_cost": 7}, "is no mapping, but int"),
        ({"acme_cost": {"text": "x" * 70_000}}, "has more than 64,000 bytes"),
        ({f"acme_{n}": {} for n in range(21)}, "is one too many"),
        (7, "failed \\(TypeError\\)"),
    ],
)
def test_a_mistake_is_shown_on_the_page(use: Callable[..., None], found: Any, fault: str) -> None:
    use(own=lambda _: found)
    lineage = stitched(HISTORY)
    assert len(lineage.facet_faults) == 1
    assert events(lineage)
    with pytest.raises(AssertionError, match=fault):
        raise AssertionError(lineage.facet_faults[0])
    assert "Facets of your own were left out" in run_page.markdown(lineage)


def test_an_error_stops_nothing_and_its_text_is_not_shown(use: Callable[..., None]) -> None:
    def broken(_: RunLineage) -> dict[str, Any]:
        raise ValueError("password=hunter2")

    use(broken=broken, good=lambda _: {"acme_cost": {}})
    lineage = stitched(HISTORY)
    assert list(lineage.facets) == ["acme_cost"]
    assert lineage.facet_faults == ("own_facets:broken failed (ValueError)",)


@pytest.mark.parametrize("name", ["own_facets", "own_facets:nothing", "no_module_here:x", "own_facets:__name__"])
def test_a_name_that_is_no_function_is_shown(use: Callable[..., None], name: str) -> None:
    use(name)
    (fault,) = stitched(HISTORY).facet_faults
    assert fault.startswith(name)


def test_two_functions_cannot_add_the_same_facet(use: Callable[..., None]) -> None:
    use(one=lambda _: {"acme_cost": {"n": 1}}, two=lambda _: {"acme_cost": {"n": 2}})
    lineage = stitched(HISTORY)
    assert lineage.facets == {"acme_cost": {"n": 1}}
    assert lineage.facet_faults == ("own_facets:two: the facet 'acme_cost' is added by two functions",)


def test_a_package_adds_facets_by_its_entry_point(use: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    use(own=lambda _: {"acme_cost": {}})
    monkeypatch.delenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_RUN_FACETS")
    settings.cache_clear()
    point = EntryPoint("acme", "own_facets:own", user_facets.GROUP)
    monkeypatch.setattr(user_facets, "entry_points", lambda group: [point] if group == point.group else [])
    assert list(stitched(HISTORY).facets) == ["acme_cost"]


def test_facets_of_ours_cannot_be_replaced() -> None:
    lineage = replace(stitched(HISTORY), facets={"prefect_run": {"own": True}})
    assert "own" not in events(lineage)[0]["run"]["facets"]["prefect_run"]
