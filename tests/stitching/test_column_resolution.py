"""Statements analysed again with the schemas of the whole run."""

from __future__ import annotations

import pytest

from prefect_lineage_events.events import EventDataset
from prefect_lineage_events.sql import TableRef
from prefect_lineage_events.stitching.column_resolution import dataset_named
from tests.stitching.histories import Story, event_dataset
from tests.stitching.lineages import columns, edges, lineage

AMBIGUOUS = {"confidence": "partial", "reason": "columns: v could come from several tables"}


def test_insert_without_column_list_is_resolved_by_position():
    story = Story().write(
        "hourly",
        "readings",
        columns="readings.taken_at>taken_at readings.celsius>avg:AGGREGATION",
        sql="INSERT INTO hourly SELECT taken_at, avg(celsius) FROM readings GROUP BY 1",
    )
    assert columns(lineage(story.looked_up("hourly", "hour:text mean:float"))) == {
        "readings.taken_at>hourly.hour",
        "readings.celsius>hourly.mean:AGGREGATION",
        "readings.taken_at>hourly.*:GROUP_BY",
    }


def test_a_column_that_could_come_from_several_tables_comes_from_the_one_that_has_it():
    story = Story().write("x", "a", "b", sql="INSERT INTO x (k, v) SELECT k, v FROM a JOIN b ON true", **AMBIGUOUS)
    found = lineage(story.looked_up("a", "k:int").looked_up("b", "v:int"))
    assert columns(found) == {"a.k>x.k", "b.v>x.v"}
    assert {s.confidence for s in found.statements} == {"exact"}


def test_created_table_gives_its_columns_to_the_next_statement():
    story = Story().create("#tmp", "a", columns="a.*>*", sql="CREATE TEMP TABLE tmp AS SELECT * FROM a")
    story.write("x", "#tmp", "b", sql="INSERT INTO x (p, q) SELECT k, v FROM tmp JOIN b ON true", **AMBIGUOUS)
    found = lineage(story.looked_up("a", "k:int w:int").looked_up("b", "v:int"))
    assert columns(found) == {"a.k>x.p", "b.v>x.q"}


@pytest.mark.parametrize(
    ("schema", "is_temporary", "is_found"), [("pg_temp", True, True), ("public", True, True), ("audit", False, False)]
)
def test_temporary_table_is_the_one_whose_schema_the_session_resolved(schema, is_temporary, is_found):
    dataset = EventDataset(namespace="temporary://emitter.1", name="shop.public.tmp", temporary=True)
    table = TableRef(("shop", schema, "tmp"), temporary=is_temporary)
    other = EventDataset(namespace="postgres://shop:5432", name="shop.audit.orders")
    assert dataset_named(table, [other, dataset]) == (dataset if is_found else None)


def test_first_analysis_is_kept_without_schemas():
    story = Story().write("x", "a", "b", sql="INSERT INTO x (k, v) SELECT k, v FROM a JOIN b ON true", **AMBIGUOUS)
    found = lineage(story)
    assert (edges(found), columns(found)) == ({"a>x", "b>x"}, set())
    assert {s.confidence for s in found.statements} == {"partial"}


def test_first_analysis_is_kept_without_the_text():
    story = Story().write("x", "a", "b", **AMBIGUOUS).looked_up("a", "k:int").looked_up("b", "v:int")
    assert columns(lineage(story)) == set()


def test_cut_text_keeps_its_first_analysis():
    story = Story().write("x", "a", columns="a.k>p", sql="INSERT INTO x SELECT k, v FROM a WHERE k IN (…")
    assert columns(lineage(story.looked_up("x", "q:int r:int").looked_up("a", "k:int"))) == {"a.k>x.p"}


def test_second_analysis_has_row_filters():
    story = Story().write("x", "a", columns="a.*>*", sql="INSERT INTO x SELECT * FROM a WHERE g = 1")
    story.looked_up("a", "k:int g:int").looked_up("x", "k:int g:int")
    assert columns(lineage(story)) == {"a.k>x.k", "a.g>x.g", "a.g>x.*:FILTER"}


def test_insert_without_text_is_resolved_by_position():
    story = Story().write("revenue", "orders", columns="orders.customer>customer@1 orders.amount>amount@2")
    found = lineage(story.looked_up("revenue", "customer:text total:int"))
    assert columns(found) == {"orders.customer>revenue.customer", "orders.amount>revenue.total"}
    assert [column.name for column in found.outputs[0].columns] == ["customer", "total"]


def test_a_position_behind_a_star_counts_from_the_end():
    story = Story().write("x", "a", columns="a.*>*@1 a.k>k@-1").looked_up("x", "p:int q:int r:int")
    assert columns(lineage(story)) == {"a.k>x.r"}


def test_names_of_a_query_are_no_columns_of_an_unknown_table():
    story = Story().write("x", "a", columns="a.k>k@1", sql="INSERT INTO x SELECT k FROM a")
    found = lineage(story.looked_up("a", "k:int g:int"))
    assert (edges(found), columns(found)) == ({"a>x"}, set())
    assert found.outputs[0].columns == ()


def test_condition_of_a_value_without_a_known_column_is_a_row_filter():
    story = Story().write("x", "a", columns="a.k>k@1 a.g>k@1:SORT")
    assert columns(lineage(story)) == {"a.g>x.*:SORT"}


def test_file_by_a_relative_path_is_the_same_file():
    story = Story().create("x", "s3://lake/day/in.parquet", sql="CREATE TABLE x AS SELECT * FROM 'day/in.parquet'",
                           dialect="duckdb", columns="s3://lake/day/in.parquet.*>*")  # fmt: skip
    story.looked_up("x", "k:int")
    assert columns(lineage(story)) == {"day/in.parquet.k>x.k"}


def test_a_position_beyond_the_columns_of_the_table_is_none_of_them():
    story = Story().write("x", "a", columns="a.k>k@1 a.v>v@2").looked_up("x", "p:int")
    assert columns(lineage(story)) == {"a.k>x.p"}


def test_a_table_that_was_made_and_altered_has_no_certain_positions():
    story = Story().create("x", into="p:int q:int")._event("alter", event_dataset("x"), (), "", "", {"effect": "alter"})
    assert columns(lineage(story.write("x", "a", columns="a.k>k@1"))) == set()


def test_all_columns_of_a_table_go_by_position():
    story = Story().write("x", "a", columns="a.*>*@1").looked_up("a", "k:int v:int").looked_up("x", "v:int k:int")
    assert columns(lineage(story)) == {"a.k>x.v", "a.v>x.k"}


def test_star_of_a_table_without_known_columns_gives_no_columns():
    story = Story().write("x", "a", columns="a.*>*@1").looked_up("x", "v:int k:int")
    assert (edges(found := lineage(story)), columns(found)) == ({"a>x"}, set())
