"""Writers, readers, freshness, unused datasets, conflicting writers."""

from __future__ import annotations

import datetime as dt

from prefect_lineage_events.graph.graph import Window
from prefect_lineage_events.graph.uses import conflicts, freshness, readers, unused, writers
from prefect_lineage_events.graph.walks import upstream
from tests.graph.worlds import World, at, table


def test_writers_are_grouped_by_flow_newest_first():
    world = World()
    world.run("load", "raw.orders > mart.sales", rows=3)
    world.run("repair", "raw.fixes > mart.sales", rows=1)
    world.run("load", "raw.orders > mart.sales", rows=5, state="FAILED", sql="INSERT INTO mart.sales SELECT ?")
    first, second = writers(world.graph, table("mart.sales"))
    assert (first.flow, first.runs, first.rows, first.last.state) == ("load", 2, 5, "FAILED")
    assert first.last_success is not None
    assert first.last_success.name == "run-0"
    assert [one.sql for one in first.statements] == ["INSERT INTO mart.sales SELECT ?"]
    assert (second.flow, second.runs) == ("repair", 1)
    assert [use.flow for use in readers(world.graph, table("raw.orders"))] == ["load"]
    assert readers(world.graph, table("mart.sales")) == ()


def test_a_window_limits_the_runs():
    world = World()
    for _ in range(4):
        world.run("load", "raw.orders > mart.sales")
    (use,) = writers(world.graph, table("mart.sales"), Window(at(1), at(2.5)))
    assert (use.runs, use.first, use.last.name) == (2, at(1), "run-2")
    assert writers(world.graph, table("mart.sales"), Window(at(9))) == ()


def test_a_run_is_in_the_window_in_which_it_ended():
    world = World()
    world.run("load", "raw.orders > mart.sales")
    world.run("audit", "mart.sales > audit", state="RUNNING")
    graph = world.graph
    for window, names in (
        (Window(), ["run-0", "run-1"]),
        (Window(at(0.01)), ["run-0", "run-1"]),
        (Window(at(0.1)), ["run-1"]),
        (Window(at(5)), ["run-1"]),
        (Window(None, at(0.01)), []),
        (Window(at(0.01), at(5)), ["run-0"]),
    ):
        assert sorted(one.run.name for one in graph.snapshots(window)) == names, window
        assert sorted(one.run.name for one in graph.snapshots() if window.holds(one.run.ended)) == names, window


def test_a_run_that_never_ends_is_not_newer_than_later_ones():
    world = World()
    world.run("load", "raw.orders > mart.sales", state="RUNNING")
    world.run("load", "raw.orders > mart.sales")
    (edge,) = upstream(world.graph, table("mart.sales")).edges
    assert (edge.last.name, edge.first, edge.runs) == ("run-1", at(0), 2)


def test_an_output_of_unknown_source_is_marked():
    world = World()
    world.run("load", writes="mart.sales", unknown="mart.sales")
    (use,) = writers(world.graph, table("mart.sales"))
    assert use.unknown_source


def test_freshness_counts_completed_writes_and_says_when_the_next_is_late():
    world = World()
    for hours in (0, 24, 48, 72):
        world.run("load", "raw.orders > mart.sales", hours=hours)
    world.run("load", "raw.orders > mart.sales", hours=96, state="FAILED")
    fresh = freshness(world.graph, table("mart.sales"), at(80))
    assert fresh.by is not None
    assert (fresh.by.name, fresh.usual_seconds, fresh.late) == ("run-3", 24 * 3600, False)
    assert freshness(world.graph, table("mart.sales"), at(72 + 49)).late
    never = freshness(world.graph, table("raw.orders"), at(80))
    assert (never.written, never.by, never.age_seconds, never.late) == (None, None, None, False)


def test_two_writes_have_no_usual_time():
    world = World()
    world.run("load", "raw.orders > mart.sales")
    world.run("load", "raw.orders > mart.sales")
    fresh = freshness(world.graph, table("mart.sales"), at(5000))
    assert (fresh.usual_seconds, fresh.late) == (None, False)
    assert fresh.age_seconds == dt.timedelta(hours=5000 - 1, minutes=-5).total_seconds()


def test_unused_datasets_were_written_and_not_read():
    world = World()
    world.run("load", "raw.orders > mart.sales, raw.orders > mart.lost")
    world.run("report", "mart.sales > mart.report")
    assert [one.name for one in unused(world.graph)] == ["shop.mart.lost", "shop.mart.report"]


def test_flows_that_write_one_dataset_are_conflicts_and_runs_of_one_flow_are_not():
    world = World()
    world.run("load", "raw.orders > mart.sales")
    world.run("load", "raw.orders > mart.sales")
    assert conflicts(world.graph) == ()
    world.run("repair", "raw.fixes > mart.sales")
    (conflict,) = conflicts(world.graph)
    assert conflict.dataset.name == "shop.mart.sales"
    assert {use.flow for use in conflict.writers} == {"load", "repair"}


def test_other_names_of_a_dataset_lead_to_it():
    world = World()
    world.run("load", "raw.orders > mart.sales", same_as="databricks://host/shop/mart/sales")
    world.run("dbt", reads="databricks://host/shop/mart/sales")
    alias = table("databricks://host/shop/mart/sales")
    assert [use.flow for use in writers(world.graph, alias)] == ["load"]
    assert [use.flow for use in readers(world.graph, table("mart.sales"))] == ["dbt"]


def test_writes_within_a_minute_count_as_one():
    world = World()
    for hours in (0, 0.001, 0.002, 0.003):
        world.run("load", "raw.orders > mart.sales", hours=hours)
    fresh = freshness(world.graph, table("mart.sales"), at(2))
    assert (fresh.usual_seconds, fresh.late) == (None, False)
