"""Columns over time, the difference of two runs, the graph as of a time, gaps, runs in flight."""

from __future__ import annotations

import deltalake
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefect_lineage_events.graph.changes import as_of, columns_now, diff, schema_history
from prefect_lineage_events.graph.gaps import gaps, in_flight
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.names import find_dataset
from prefect_lineage_events.graph.uses import writers
from prefect_lineage_events.history.model import Completeness
from prefect_lineage_events.lineage_values import value_of
from prefect_lineage_events.snapshot_wire import decode, encode
from prefect_lineage_events.snapshots import snapshot_of
from prefect_lineage_events.testing import recorded_lineage, recording
from tests.graph.worlds import World, at, table


def test_schema_history_names_what_each_version_changed():
    world = World()
    world.run("make", writes="mart.sales", schema="id:int total:int", lifecycle="CREATE")
    world.run("load", writes="mart.sales", schema="id total")
    world.run("load", writes="mart.sales", schema="id note:text")
    world.run("make", writes="mart.sales", schema="id:bigint note:text", lifecycle="OVERWRITE")
    first, second, third = schema_history(world.graph, table("mart.sales"))
    assert (first.added, first.dropped, first.retyped, first.since) == ((), (), (), at(0))
    assert (second.added, second.dropped) == (("note",), ())
    assert [column.name for column in second.columns] == ["id", "total", "note"]
    assert (third.dropped, third.retyped) == (("total",), ("id: int -> bigint",))
    assert [(c.name, c.type) for c in columns_now(world.graph, table("mart.sales"))] == [
        ("id", "bigint"),
        ("note", "text"),
    ]
    assert schema_history(world.graph, table("raw.orders")) == ()


FRAME = pd.DataFrame({"id": [1], "total": [2.0], "note": ["x"]})
WRITES = {
    "to_csv": lambda frame, path: frame.to_csv(path, index=False),
    "to_parquet": lambda frame, path: frame.to_parquet(path),
    "polars": lambda frame, path: pl.from_pandas(frame).write_csv(path),
    "sink": lambda frame, path: pl.from_pandas(frame).lazy().sink_parquet(path),
    "pyarrow": lambda frame, path: pq.write_table(pa.Table.from_pandas(frame), path),
    "COPY TO": lambda frame, path: duckdb.sql(f"COPY (SELECT {', '.join(frame)} FROM 'old.csv') TO '{path}'"),
}


@pytest.mark.parametrize("way", WRITES)
def test_a_file_that_is_written_as_a_whole_has_no_dropped_column(way, tmp_path, monkeypatch):
    graph, name = written(tmp_path, monkeypatch, WRITES[way], WRITES[way])
    versions = schema_history(graph, find_dataset(graph, name))
    assert [version.dropped for version in versions] == [(), ("note",)]
    assert [column.name for column in columns_now(graph, find_dataset(graph, name))] == ["id", "total"]


@pytest.mark.parametrize(
    "append",
    [
        lambda frame, path: frame.to_csv(path, mode="a"),
        lambda frame, path: deltalake.write_deltalake(
            path, pa.Table.from_pandas(frame), mode="append", schema_mode="merge"
        ),
    ],
)
def test_rows_that_are_appended_to_a_file_drop_no_column(append, tmp_path, monkeypatch):
    graph, name = written(tmp_path, monkeypatch, append, append)
    assert [version.dropped for version in schema_history(graph, find_dataset(graph, name))] == [()]


def written(tmp_path, monkeypatch, *writes):
    """The graph of two runs that write a file, the second with a column less, and the file's name."""
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("old.csv")
    found = []
    for write, frame in zip(writes, (FRAME, FRAME[["id", "total"]]), strict=True):
        with recorded_lineage(api="memory") as recorded, monkeypatch.context() as patched:
            run = []
            patched.setattr(recording, "value_of", lambda one, run=run: run.append(one) or value_of(one))
            write(frame, "new.data")
            recorded.assert_writes("new.data")
        found.append(decode(encode(snapshot_of(run[-1]))))
    return Graph(found), "new.data"


def test_as_of_an_earlier_time_later_runs_are_unknown():
    world = World()
    world.run("load", "raw.orders > mart.sales")
    world.run("repair", "raw.fixes > mart.sales")
    assert [use.flow for use in writers(world.graph, table("mart.sales"), as_of(at(0.5)))] == ["load"]


def test_a_diff_names_what_came_and_went():
    world = World()
    before = world.run("load", "raw.a > mart.t", columns="x>x", rows=5)
    after = world.run("load", "raw.b > mart.t", columns="x>x:AGGREGATION", rows=9)
    found = diff(before, after)
    assert found.inputs_added == (table("raw.b").uri,)
    assert found.inputs_removed == (table("raw.a").uri,)
    assert found.outputs_added == found.outputs_removed == ()
    assert found.edges_added == (f"{table('raw.b').uri} -> {table('mart.t').uri}",)
    assert found.columns_added == (f"{table('raw.b').uri} x -> {table('mart.t').uri} x (AGGREGATION)",)
    assert [(one.dataset, one.direction, one.before, one.after) for one in found.rows] == [
        (table("mart.t").uri, "written", 5, 9)
    ]
    assert not found.same
    assert diff(before, before).same
    assert diff(before, before).rows == ()


def test_runs_in_flight_show_what_they_touched_so_far():
    world = World()
    running = world.run("load", "raw.a > mart.t", state="RUNNING")
    world.run("load", "raw.a > mart.t")
    graph = world.graph
    (flying,) = in_flight(graph)
    assert (flying.run.id, [one.name for one in flying.outputs]) == (running.run.id, ["shop.mart.t"])
    graph.add(world.ended(running, "COMPLETED"))
    assert in_flight(graph) == ()
    assert len(graph) == 2


def test_gaps_say_what_is_missing_and_why():
    world = World()
    world.run("lost", writes="mart.a", completeness=Completeness(dropped=2, reasons=("full",), not_captured=("numpy",)))
    world.run("odd", "raw.a > mart.b", sql="MERGE ?", confidence="partial")
    world.run("python", writes="mart.c", unknown="mart.c")
    world.run("going", writes="mart.d", state="RUNNING", completeness=Completeness(running=True, end_unrecorded=True))
    found = [(gap.kind, gap.run.flow if gap.run else None) for gap in gaps(world.graph)]
    assert found == [
        ("unknown source", "python"),
        ("partial", "odd"),
        ("incomplete", "lost"),
        ("incomplete", "lost"),
        ("not captured", "lost"),
    ]


def test_a_removed_run_leaves_nothing():
    world = World()
    snapshot = world.run("load", "raw.a > mart.t")
    graph = world.graph
    graph.remove(snapshot.run.id)
    graph.remove(snapshot.run.id)
    assert graph.datasets() == []
    assert writers(graph, table("mart.t")) == ()
    graph.add(snapshot)
    assert [use.runs for use in writers(graph, table("mart.t"))] == [1]


def test_a_graph_without_runs_is_empty():
    world = World()
    picked = [
        world.run("load", "raw.a > mart.t", columns="x>y", bundle="raw.b > mart.u"),
        world.run("load", "raw.a > mart.t", columns="x>z"),
    ]
    graph = world.graph
    for snapshot in picked:
        graph.remove(snapshot.run.id)
    assert {name for name, value in vars(graph).items() if value} <= {"_bundles", "_columns"}
    assert not any(found for index in graph._bundles.values() for found in index.values())
    assert graph.columns_with_links(table("raw.a")) == set()
