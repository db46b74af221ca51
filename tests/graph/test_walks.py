"""Upstream, downstream, paths and column walks."""

from __future__ import annotations

from prefect_lineage_events.graph import walks
from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.walks import column_walk, downstream, path, upstream
from tests.graph.worlds import World, at, table


def chain() -> World:
    world = World()
    world.run("load", "raw.orders > stage.orders", columns="id>id amount>amount", sql="INSERT INTO stage.orders ?")
    world.run("mart", "stage.orders > mart.sales", columns="amount>total:AGGREGATION id>*:FILTER")
    world.run("report", "mart.sales > report.daily", columns="total>total~")
    return world


def test_upstream_and_downstream_are_nearest_first():
    graph = chain().graph
    found = upstream(graph, table("report.daily"))
    assert [(one.dataset.name, one.hops) for one in found.datasets] == [
        ("shop.mart.sales", 1),
        ("shop.stage.orders", 2),
        ("shop.raw.orders", 3),
    ]
    assert [edge.flows for edge in found.edges] == [("report",), ("mart",), ("load",)]
    assert [one.dataset.name for one in downstream(graph, table("stage.orders")).datasets] == [
        "shop.mart.sales",
        "shop.report.daily",
    ]
    assert not found.cut


def test_an_edge_shows_its_evidence():
    world = chain()
    world.run(
        "load", "raw.orders > stage.orders", columns="id>id amount>amount", sql="INSERT INTO stage.orders ?", hours=9
    )
    (edge,) = downstream(world.graph, table("raw.orders"), hops=1).edges
    assert (edge.how, edge.runs, edge.first, edge.last.name) == (("sql",), 2, at(0), "run-3")
    assert edge.statement is not None
    assert edge.statement.sql == "INSERT INTO stage.orders ?"


def test_hops_cut_the_walk_and_say_so():
    graph = chain().graph
    found = upstream(graph, table("report.daily"), hops=2)
    assert len(found.datasets) == 2
    assert found.cut
    assert not upstream(graph, table("report.daily"), hops=3).cut
    assert not upstream(graph, table("raw.orders"), hops=0).cut


def test_a_large_graph_cuts_the_walk(monkeypatch):
    monkeypatch.setattr(walks, "MAX_REACHED", 5)
    world = World()
    world.run("fan", ", ".join(f"raw.a > out.t{n}" for n in range(20)))
    found = downstream(world.graph, table("raw.a"))
    assert found.cut
    assert len(found.datasets) <= 6


def test_circles_end():
    world = World()
    world.run("a", "x.a > x.b, x.b > x.a, x.a > x.a")
    assert [one.dataset.name for one in upstream(world.graph, table("x.a")).datasets] == ["shop.x.b"]


def test_bundles_are_edges():
    world = World()
    world.run("big", bundle="raw.a raw.b > out.c out.d")
    graph = world.graph
    assert [one.dataset.name for one in upstream(graph, table("out.c")).datasets] == ["shop.raw.a", "shop.raw.b"]
    assert [one.dataset.name for one in downstream(graph, table("raw.b")).datasets] == ["shop.out.c", "shop.out.d"]
    assert path(graph, table("raw.a"), table("out.d")).edges[0].how == ("same task",)


def test_a_path_is_shortest_and_has_its_columns():
    world = chain()
    world.run("short", "raw.orders > report.daily, raw.other > raw.orders")
    assert [edge.flows for edge in path(world.graph, table("raw.orders"), table("report.daily")).edges] == [("short",)]
    found = path(world.graph, table("raw.orders"), table("mart.sales"))
    assert [(edge.source, edge.target) for edge in found.edges] == [
        (table("raw.orders").uri, table("stage.orders").uri),
        (table("stage.orders").uri, table("mart.sales").uri),
    ]
    assert {(c.source_column, c.target_column) for c in found.columns} == {
        ("id", "id"),
        ("amount", "amount"),
        ("amount", "total"),
        ("id", "*"),
    }
    assert path(world.graph, table("report.daily"), table("raw.orders")).edges == ()


def test_a_column_is_followed_to_its_origin():
    found = column_walk(chain().graph, table("report.daily"), "total", "upstream")
    assert [(one.dataset, one.column, one.hops, one.effect) for one in found.columns] == [
        (table("mart.sales").uri, "total", 1, "value"),
        (table("stage.orders").uri, "amount", 2, "value"),
        (table("stage.orders").uri, "id", 2, "decision"),
        (table("raw.orders").uri, "amount", 3, "value"),
    ]
    assert found.edges[0].inferred
    assert found.open_ends == ()


def test_a_source_without_column_edges_is_an_open_end():
    world = chain()
    world.run("patch", "raw.fixes > mart.sales")
    found = column_walk(world.graph, table("mart.sales"), "total", "upstream")
    assert found.open_ends == (table("raw.fixes").uri,)


def test_an_earlier_time_has_its_own_edges():
    graph = chain().graph
    assert downstream(graph, table("raw.orders"), window=Window(end=at(0.5))).datasets[-1].hops == 1
    assert len(downstream(graph, table("raw.orders")).datasets) == 3


def test_a_column_of_unknown_source_is_an_open_end():
    world = World()
    world.run("frame", "raw.o > mart.orders", columns="id>id~", unknown="mart.orders")
    world.run("sum", "mart.orders > mart.sums", columns="total>total")
    found = column_walk(world.graph, table("mart.sums"), "total", "upstream")
    assert found.open_ends == (table("mart.orders").uri,)
