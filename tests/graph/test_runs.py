"""Questions about runs: how each edge is known, what was not understood, which runs used a dataset."""

from __future__ import annotations

from typing import get_args

import pytest

from prefect_lineage_events.graph import runs
from prefect_lineage_events.graph.runs import explained, recent_runs, run_details
from prefect_lineage_events.snapshot_wire import decode, encode
from prefect_lineage_events.snapshots import snapshot_of
from prefect_lineage_events.stitching.model import Evidence, RunLineage
from tests.graph.worlds import World, table
from tests.stitching.histories import Story
from tests.stitching.lineages import run as stitched


def test_each_way_in_which_an_edge_is_known_has_its_reason():
    assert {*get_args(Evidence), "rename"} == runs._WHY.keys()


def run_of(story: Story):
    """The snapshot of a history, as it is stored."""
    found: RunLineage = stitched(story)
    return decode(encode(snapshot_of(found)))


def explanation(story: Story):
    snapshot = run_of(story)
    world = World()
    world.snapshots.append(snapshot)
    return explained(world.graph, snapshot)


def test_edge_of_a_statement_names_the_statement_and_its_columns():
    story = Story().write("c", "x").write("b", "a", columns="a.x>y a.z>*:JOIN", sql="INSERT INTO b SELECT x y FROM a")
    edge = next(one for one in explanation(story).edges if one.target.endswith("/b"))
    assert (edge.how, edge.statements) == ("sql", (2,))
    assert [(one.source, one.target, one.transformation) for one in edge.columns] == [
        ("x", "y", "IDENTITY"),
        ("z", "*", "JOIN"),
    ]


def test_edge_through_a_temporary_table_says_so():
    found = explanation(Story().write("#t", "a", columns="a.x>x").write("b", "#t", columns="#t.x>x"))
    (edge,) = found.edges
    assert "through tables that were gone" in edge.why
    assert edge.statements == (1, 2)


def test_edge_through_python_names_the_read_and_the_write():
    (edge,) = explanation(Story().copied("a", "b")).edges
    assert (edge.how, edge.statements) == ("same task", (1, 2))
    assert "passed in Python" in edge.why


def test_statement_that_was_not_understood_has_its_reason():
    story = Story().write("b", confidence="partial", reason="unknown syntax", sql="CALL x()")
    found = explanation(story)
    assert [(one.number, one.confidence, one.reason) for one in found.statements] == [(1, "partial", "unknown syntax")]
    assert [gap.kind for gap in found.gaps] == ["partial", "unknown source"]


def test_rows_of_unknown_source_name_the_candidates():
    world = World()
    snapshot = world.run("load", writes="mart.sales", unknown="mart.sales")
    (gap,) = explained(world.graph, snapshot).gaps
    assert (gap.kind, gap.dataset) == ("unknown source", table("mart.sales").uri)


def test_refused_events_are_a_gap_of_the_run():
    world = World()
    snapshot = world.run("load", "raw.orders > mart.sales")
    graph = world.graph
    graph.refused = {snapshot.run.id: ("marquez refused 2 events: HTTP 422",)}
    assert [(gap.kind, gap.text) for gap in run_details(graph, snapshot).gaps] == [
        ("refused", "marquez refused 2 events: HTTP 422")
    ]


def test_more_edges_than_an_answer_holds_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "MAX_EDGES", 3)
    world = World()
    snapshot = world.run("load", bundle="a b c > d e")
    found = explained(world.graph, snapshot)
    assert (len(found.edges), found.more_edges) == (3, 3)


def test_runs_of_a_flow_and_of_a_dataset_are_listed_newest_first():
    world = World()
    for flow in ("load", "load", "mart"):
        world.run(flow, "raw.orders > mart.sales" if flow == "load" else "mart.sales > report")
    assert [one.run.name for one in recent_runs(world.graph)] == ["run-2", "run-1", "run-0"]
    assert [one.run.name for one in recent_runs(world.graph, flow="load")] == ["run-1", "run-0"]
    assert [one.run.name for one in recent_runs(world.graph, dataset=table("report"))] == ["run-2"]
