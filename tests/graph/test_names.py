"""Names of datasets, columns and runs: short where they are unambiguous, with the nearest otherwise."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.cli.words import Names
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.names import (
    AmbiguousNameError,
    UnknownNameError,
    find_column,
    find_dataset,
    find_dataset_or_column,
    find_flow,
    find_run,
    run_id_in,
    search,
)
from prefect_lineage_events.graph.values import SearchResult
from prefect_lineage_events.snapshots import Shape, Snapshot, SnapshotRun
from prefect_lineage_events.stitching.model import Column, DatasetUse, Lineage
from tests.graph.worlds import World, table


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.run("load", "raw.orders > mart.sales", columns="Amount>total", schema="id total note", name="busy-bee")
    made.run("load", "s3://lake/in/orders.csv > raw.orders, stage.sales > mart.report", name="calm-cat")
    made.run("other", writes="mart.SALES", name="busy-bee")
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgres://db:5432/shop/raw/orders", "raw.orders"),
        ("shop.raw.orders", "raw.orders"),
        ("raw.orders", "raw.orders"),
        ("Raw.Orders", "raw.orders"),
        ("orders", "raw.orders"),
        ("raw/orders", "raw.orders"),
        ("orders.csv", "s3://lake/in/orders.csv"),
        ("s3://lake/in/orders.csv", "s3://lake/in/orders.csv"),
        ("in/orders.csv", "s3://lake/in/orders.csv"),
        ("shop.mart.sales", "mart.sales"),
        ("shop.mart.SALES", "mart.SALES"),
    ],
)
def test_a_short_name_finds_its_dataset(world, text, found):
    assert find_dataset(world.graph, text) == table(found)


@pytest.mark.parametrize(
    "name", ["[red]x[/red]", "sla/sh", "two words", "e\x1b[31m", "rtl\u202eexe", 'quo"te', "-d", "ü"]
)
def test_a_name_is_found_as_it_is_shown(name):
    dataset, column = Dataset("sqlite:///data/shop.db", name), "a\x07.b c"
    graph = Graph([snapshot_writing(dataset, column)])
    shown = line(Names(graph, [dataset.uri])(dataset.uri))
    assert shown == line(name)
    assert find_dataset(graph, shown) == dataset
    assert find_dataset(graph, line(dataset.uri)) == dataset
    assert find_dataset_or_column(graph, f"{shown}.{line(column)}") == (dataset, column)


def snapshot_writing(dataset, column):
    run = SnapshotRun(uuid4(), "busy-bee", uuid4(), "load", "COMPLETED")
    outputs = (DatasetUse(dataset, columns=(Column(column),)),)
    return Snapshot(run, Shape(Lineage(outputs=outputs)), rows_written=(None,))


@pytest.mark.parametrize("text", ['"raw"."orders".amount', "`raw`.`orders`.`Amount`", '[raw].[orders]."Amount"'])
def test_quotes_of_sql_are_no_part_of_a_name(world, text):
    assert find_dataset_or_column(world.graph, text) == (table("raw.orders"), "Amount")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sales.total", "'sales' is the name of 3 datasets"),
        ("raw.order.amount", "did you mean .*shop.raw.orders"),
        ("raw.orders.amuont", "has no known column 'amuont'; did you mean Amount"),
        ("nothing.like.it", "there is no dataset 'nothing.like.it'"),
    ],
)
def test_the_error_is_about_the_part_that_is_wrong(world, text, message):
    with pytest.raises((UnknownNameError, AmbiguousNameError), match=message):
        find_dataset_or_column(world.graph, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("public.orders.totl", r"shop.public.orders has no known column 'totl'; did you mean total\?"),
        ("public.total", "'public' is the name of 2 datasets"),
        ("public.x.y", "'public' is the name of 2 datasets"),
    ],
)
def test_an_ambiguity_of_a_shorter_beginning_hides_no_unknown_column(text, message):
    shop = World()
    shop.run("load", "s3://a/public > public.orders, s3://b/public > public.orders", schema="total")
    with pytest.raises((UnknownNameError, AmbiguousNameError), match=message):
        find_column(shop.graph, text)


def test_an_ambiguous_name_lists_all(world):
    with pytest.raises(AmbiguousNameError, match=r"3 datasets: .*mart/SALES, .*mart/sales, .*stage/sales"):
        find_dataset(world.graph, "sales")


def test_an_unknown_name_has_the_nearest(world):
    with pytest.raises(UnknownNameError, match=r"did you mean .*shop\.raw\.orders"):
        find_dataset(world.graph, "raw.order")
    with pytest.raises(UnknownNameError, match="no run in this window touched a dataset"):
        find_dataset(World().graph, "a")
    with pytest.raises(UnknownNameError, match="there is no dataset ' '"):
        find_dataset(world.graph, " ")


def test_columns_are_found_in_any_case(world):
    assert find_column(world.graph, "shop.mart.sales.TOTAL") == (table("mart.sales"), "total")
    assert find_column(world.graph, "raw.orders.amount") == (table("raw.orders"), "Amount")
    with pytest.raises(UnknownNameError, match="did you mean total"):
        find_column(world.graph, "shop.mart.sales.totl")
    with pytest.raises(UnknownNameError, match=r"give TABLE\.column"):
        find_column(world.graph, "total")


def test_runs_are_found_by_id_address_name_and_flow(world):
    run = world.snapshots[1].run
    for text in (
        str(run.id),
        f"prefect.flow-run.{run.id}",
        f"http://127.0.0.1:4200/runs/flow-run/{run.id}?tab=Logs",
        "calm-cat",
        str(run.id)[:8],
        "load",
        "load@last",
    ):
        assert find_run(world.graph, text).run.id == run.id
    with pytest.raises(AmbiguousNameError, match="2 runs have the name 'busy-bee'"):
        find_run(world.graph, "busy-bee")
    with pytest.raises(UnknownNameError, match="did you mean calm-cat"):
        find_run(world.graph, "calm-cats")
    with pytest.raises(UnknownNameError, match="not among the 3 runs"):
        find_run(world.graph, "5ba7b810-9dad-41d1-80b4-00c04fd430c8")


ID = "0f6b2a53-5a0e-4c9e-9b8c-1d0a3c7f2e41"
OTHER = "5ba7b810-9dad-41d1-80b4-00c04fd430c8"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f" {ID.upper()}\n",
        f"prefect.flow-run.{ID}",
        f"127.0.0.1:4200/runs/flow-run/{ID}",
        f"http://127.0.0.1:4200/runs/flow-run/{ID}/?tab=Logs#{OTHER}",
        f"https://app.prefect.cloud/account/{OTHER}/workspace/{OTHER}/runs/flow-run/{ID}?g={OTHER}",
    ],
)
def test_the_id_of_a_run_is_one_word(text):
    assert run_id_in(text) == UUID(ID)


@pytest.mark.parametrize(
    "text",
    [
        f"CALL p('{ID}')",
        f"p('{ID}')",
        f"SET run = '{ID}'",
        f"SET run={ID}",
        f"SELEC * FROM a WHERE id = '{ID}'",
        f"DROP {ID}",
        f"load of {ID}",
        f"load-{ID}",
        f"{ID}0",
    ],
)
def test_a_text_or_a_name_that_contains_an_id_is_none(text):
    assert run_id_in(text) is None


def test_flows_are_found_in_any_case(world):
    assert find_flow(world.graph, "LOAD") == "load"
    with pytest.raises(UnknownNameError, match="did you mean load"):
        find_flow(world.graph, "lod")


def test_search_looks_into_names_and_columns(world):
    (found,) = search(world.graph, "note").datasets
    assert (found.dataset.uri, found.columns) == (table("mart.sales").uri, ("note",))
    assert table("s3://lake/in/orders.csv").uri in [one.dataset.uri for one in search(world.graph, "ORDERS").datasets]
    assert search(world.graph, "nothing") == SearchResult()


def test_file_without_its_ending_is_the_nearest_name():
    files = World()
    files.run("load", writes="s3://lake/in/report.csv")
    with pytest.raises(UnknownNameError, match=r"did you mean in/report.csv"):
        find_dataset(files.graph, "report")


def test_part_of_a_flow_s_name_is_answered_with_its_names():
    flows = World()
    flows.run("load all orders of the shop", writes="mart.sales")
    with pytest.raises(UnknownNameError, match=r"did you mean load all orders of the shop"):
        find_run(flows.graph, "orders")


def test_search_lists_the_best_names_first():
    world = World()
    world.run("sales", writes="a.presales", schema="sales:int")
    world.run("my sales", writes="b.sales_by_day")
    world.run("salesforce", writes="z.sales")
    world.run("other", writes="a.first", schema="presales:int sales:int")
    found = search(world.graph, "sales")
    names = [one.dataset.name.removeprefix("shop.") for one in found.datasets]
    assert names == ["z.sales", "b.sales_by_day", "a.presales", "a.first"]
    assert found.datasets[-1].columns == ("sales", "presales")
    assert found.flows == ("sales", "salesforce", "my sales")
