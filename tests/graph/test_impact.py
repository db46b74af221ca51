"""The impact of a change: values, decisions, and what is not known."""

from __future__ import annotations

from prefect_lineage_events.graph.impact import impact
from tests.graph.worlds import World, table


def reached(found):
    return [(one.dataset.rpartition("/shop/")[2], one.column) for one in found]


def test_values_and_decisions_are_distinguished_and_followed():
    world = World()
    world.run("load", "raw.orders > stage.orders", columns="id>id state>state")
    world.run("mart", "stage.orders > mart.sales", columns="id>id state>*:FILTER")
    world.run("report", "mart.sales > report.daily", columns="id>id")
    of_state = impact(world.graph, table("raw.orders"), "state")
    assert reached(of_state.values) == [("stage/orders", "state")]
    assert reached(of_state.decisions) == [("mart/sales", "*"), ("report/daily", "*")]
    assert of_state.unknown == ()
    of_id = impact(world.graph, table("raw.orders"), "id")
    assert reached(of_id.values) == [("stage/orders", "id"), ("mart/sales", "id"), ("report/daily", "id")]
    assert of_id.decisions == ()
    assert [use.flow for use in of_id.flows] == ["load"]


def test_a_column_that_another_edge_does_not_take_is_not_reached():
    world = World()
    world.run("load", "raw.orders > stage.orders", columns="id>id")
    assert impact(world.graph, table("raw.orders"), "secret").values == ()
    assert impact(world.graph, table("raw.orders"), "secret").unknown == ()


def test_an_edge_without_columns_may_take_any_and_so_may_all_beyond_it():
    world = World()
    world.run("export", "raw.orders > s3://lake/orders.csv")
    world.run("import", "s3://lake/orders.csv > mart.orders", columns="id>id")
    found = impact(world.graph, table("raw.orders"), "id")
    assert [one.dataset.name for one in found.unknown] == ["orders.csv", "shop.mart.orders"]
    assert found.values == ()


def test_a_whole_dataset_reaches_all_of_its_columns():
    world = World()
    world.run("load", "raw.orders > stage.orders", columns="id>id state>state kind>*:JOIN")
    found = impact(world.graph, table("raw.orders"))
    assert reached(found.values) == [("stage/orders", "id"), ("stage/orders", "state")]
    assert reached(found.decisions) == [("stage/orders", "*")]


def test_columns_that_are_not_known_one_by_one_pass_through():
    world = World()
    world.run("copy", "raw.orders > stage.orders", columns="*>*")
    world.run("mart", "stage.orders > mart.sales", columns="amount>total")
    assert reached(impact(world.graph, table("raw.orders"), "amount").values) == [
        ("stage/orders", "amount"),
        ("mart/sales", "total"),
    ]


def test_circles_end():
    world = World()
    world.run("a", "x.a > x.b", columns="c>c")
    world.run("b", "x.b > x.a", columns="c>c c>*:SORT")
    found = impact(world.graph, table("x.a"), "c")
    assert reached(found.values) == [("x/b", "c")]
    assert reached(found.decisions) == [("x/a", "*"), ("x/b", "*")]


def test_a_column_that_is_decided_is_reached_with_all_that_is_made_from_it():
    world = World()
    world.run("load", "raw.orders > stage.orders", columns="state>label:CONDITIONAL id>id state>rank:WINDOW")
    world.run("mart", "stage.orders > mart.sales", columns="label>label id>id")
    found = impact(world.graph, table("raw.orders"), "state")
    assert found.values == ()
    assert reached(found.decisions) == [("stage/orders", "label"), ("stage/orders", "rank"), ("mart/sales", "label")]


def test_columns_of_unknown_source_may_come_from_any_and_so_may_all_beyond_them():
    world = World()
    world.run("frame", "s3://lake/o.csv > mart.orders", columns="id>id~", unknown="mart.orders")
    world.run("sum", "mart.orders > mart.sums", columns="total>total")
    found = impact(world.graph, table("s3://lake/o.csv"), "id")
    assert reached(found.values) == [("mart/orders", "id")]
    assert [one.dataset.name for one in found.unknown] == ["shop.mart.orders", "shop.mart.sums"]
