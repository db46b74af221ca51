"""Runs of other producers in the graph: each answer names the producer, and claims no more than its events say."""

from __future__ import annotations

import csv
import io
import json

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.graph.exports import as_csv
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.openlineage import as_openlineage, runs_of_others
from prefect_lineage_events.graph.runs import explained, recent_runs
from prefect_lineage_events.graph.selection import select
from prefect_lineage_events.graph.walks import upstream
from prefect_lineage_events.openlineage.symlinks import by_rule
from tests.cli.shop import answer
from tests.events_read import read
from tests.graph.worlds import World
from tests.test_event_snapshots import ORDERS, SALES, foreign


@pytest.fixture
def world() -> World:
    """One run of Prefect, and one of dbt."""
    world = World()
    world.run("load", "raw.orders > staging.orders", columns="id>id")
    world.snapshots.append(read(foreign()))
    return world


def test_a_run_names_its_producer(world):
    assert {one.run.flow: one.producer for one in recent_runs(world.graph)} == {"load": "", "shop.sales": "dbt"}
    assert explained(world.graph, world.snapshots[-1]).producer == "dbt"


@pytest.mark.parametrize("command", ["show", "explain"])
def test_no_answer_calls_a_run_of_another_producer_fully_known(command, world):
    code, text, _ = answer(f"{command} shop.sales", world)
    assert code == 0
    assert "as dbt said; what it did not say is not known" in " ".join(text.split())
    assert "complete: all events" not in text
    assert "nothing of this run is unknown" not in text


def test_column_edges_are_known_as_their_producer_said(world):
    rows = list(csv.DictReader(io.StringIO(as_csv(select(world.graph)))))
    known = {row["source_column"]: row["how_known"] for row in rows if row["source_column"]}
    assert known == {"id": "statement", "amount": "as dbt said", "state": "as dbt said"}


def test_events_of_other_producers_are_not_exported_as_those_of_prefect(world):
    graph = world.graph
    jobs = [json.loads(line)["job"]["name"] for line in as_openlineage(graph, namespace="prefect://acme")]
    assert set(jobs) == {"load"}
    assert runs_of_others(graph) == runs_of_others(graph, [SALES]) == 1
    assert runs_of_others(graph, [world.snapshots[0].lineage.inputs[0].dataset]) == 0
    _, text, errors = answer("export --format openlineage", world)
    assert "shop.sales" not in text
    assert "without 1 run of other producers" in errors


@pytest.mark.parametrize(
    "ours",
    [
        Dataset("unitycatalog://adb-1.azuredatabricks.net", "main.sales.orders"),
        Dataset("duckdb:///data/shop.duckdb", "main.orders"),
        Dataset("mssql://db:1433", "shop.dbo.orders"),
        Dataset("mssql://ws-1.datawarehouse.fabric.microsoft.com:1433", "shop.dbo.orders"),
        Dataset("abfss://raw@acct.dfs.core.windows.net", "o.csv"),
        Dataset("wasbs://raw@acct.dfs.core.windows.net", "o.csv"),
    ],
    ids=lambda dataset: dataset.namespace,
)
def test_a_dataset_is_one_by_each_of_its_names_by_rule(ours):
    world = World()
    world.run("load", f"raw.orders > {ours.uri}")
    for theirs in by_rule(ours):
        event = foreign(inputs=[{"namespace": theirs.namespace, "name": theirs.name}])
        for snapshots in ([*world.snapshots, read(event)], [read(event), *world.snapshots]):
            found = upstream(Graph(snapshots), SALES)
            assert "shop.raw.orders" in {one.dataset.name for one in found.datasets}


def test_datasets_of_one_store_stay_apart():
    world = World()
    world.run("load", "raw.orders > abfss://raw@acct.dfs.core.windows.net/o.csv")
    event = foreign(inputs=[{"namespace": "wasbs://raw@other.blob.core.windows.net", "name": "o.csv"}])
    found = upstream(Graph([*world.snapshots, read(event)]), SALES)
    assert ORDERS not in {one.dataset for one in found.datasets}
    assert len(found.datasets) == 1
