"""A change of a column, and all that it reaches downstream."""

from __future__ import annotations

from prefect_lineage_events.graph.affected import reached
from tests.graph.worlds import World, table


def test_change_of_a_column_reaches_its_readers_and_what_is_made_from_it() -> None:
    world = World()
    world.run("load", "raw.orders > mart.sales", columns="id>id amount>total:AGGREGATION")
    world.run("report", "mart.sales > mart.report", columns="total>total")
    world.run("other", "raw.customers > mart.customers", columns="id>id")
    found = reached(world.graph, table("raw.orders"), ["amount"])
    assert found.flows == ("load",)
    assert {(one["from"], one["dataset"], one["column"]) for one in found.columns} == {
        ("amount", table("mart.sales").uri, "total"),
        ("amount", table("mart.report").uri, "total"),
    }


def test_change_of_a_column_that_nothing_uses_reaches_the_readers_alone() -> None:
    world = World()
    world.run("load", "raw.orders > mart.sales", columns="id>id")
    found = reached(world.graph, table("raw.orders"), ["note"])
    assert (found.flows, found.columns) == (("load",), ())
