"""Heuristics that a write took certain rows: columns, numbers of rows, order and thread."""

from __future__ import annotations

import pytest

from tests.stitching.histories import Story
from tests.stitching.lineages import columns, edges, lineage, unknown

TABLES = ("a", "b", "c", "d")


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
@pytest.mark.parametrize("watermark", [True, False])
def test_a_loop_of_copies_is_as_many_edges(task, watermark):
    story = Story().task("T")
    for table in TABLES:
        if watermark:
            story.read("seen", task=task, result="max", rows=1)
        story.copied(table, f"{table}2", task=task)
    found = lineage(story)
    assert edges(found) == {f"{table}>{table}2" for table in TABLES}
    assert columns(found) == {f"~{t}.{c}>{t}2.{c}:TRANSFORMATION" for t in TABLES for c in ("id", "x")}
    assert unknown(found) == {}


def test_loop_of_filtered_copies_is_as_many_edges():
    story = Story()
    for table in TABLES:
        story.read(table, result="id x", rows=100).write(f"{table}2", binds="id x", rows=40)
    assert edges(lineage(story)) == {f"{table}>{table}2" for table in TABLES}


def test_two_tables_with_the_same_columns_and_number_are_unknown_sources():
    story = Story().read("a", result="id x", rows=9).read("b", result="id x", rows=9)
    found = lineage(story.write("a2", binds="id x", rows=9).write("b2", binds="id x", rows=9))
    assert (edges(found), unknown(found)) == (set(), {"a2": "unknown", "b2": "unknown"})
    assert {d.name for d in found.unknown[0].candidates} == {"a", "b"}


def test_tables_are_distinguished_by_their_number_of_rows():
    story = Story().read("a", result="id x", rows=9).read("b", result="id x", rows=8)
    found = lineage(story.write("a2", binds="id x", rows=9).write("b2", binds="id x", rows=8))
    assert edges(found) == {"a>a2", "b>b2"}


def test_all_concatenated_tables_are_sources():
    story = Story().read("a", result="id x", rows=9).read("b", result="id x", rows=8)
    found = lineage(story.write("all", binds="id x", rows=17).write("other", binds="y", rows=3))
    assert {"a>all", "b>all"} <= edges(found)


def test_columns_that_only_one_read_has_come_from_it():
    story = Story().read("a", result="id x", rows=9).read("b", result="id y", rows=8).read("c", result="id z", rows=7)
    found = lineage(story.write("ab", binds="x y", rows=5).write("c2", binds="z", rows=2))
    assert {edge for edge in edges(found) if edge.endswith("ab")} == {"a>ab", "b>ab"}


def test_column_of_two_joined_reads_has_no_source():
    story = Story().read("a", result="id x", columns="a.id>id a.x>x", rows=9)
    story.read("b", result="id y", columns="b.id>id b.y>y", rows=8).write("ab", binds="id x y", rows=5)
    found = lineage(story)
    assert columns(found) == {"~a.x>ab.x:TRANSFORMATION", "~b.y>ab.y:TRANSFORMATION"}
    assert unknown(found) == {"ab": "id"}


def test_computed_columns_come_from_all_reads_without_other_writes():
    story = Story().read("a", result="id x", rows=9).read("b", result="id country", rows=8)
    found = lineage(story.write("totals", binds="country total", rows=3))
    assert (edges(found), unknown(found)) == ({"a>totals", "b>totals"}, {"totals": "country total"})


def test_part_of_the_sources_is_not_taken_for_all():
    story = Story().read("a", result="id x", rows=9).read("b", result="id country", rows=8)
    found = lineage(story.write("totals", binds="country total", rows=3).write("a2", binds="id x", rows=2))
    assert "b>totals" not in edges(found)
    assert unknown(found)["totals"] == "unknown"


def test_part_of_the_results_in_the_body_is_not_taken_for_all():
    story = Story().task("A", span=(0, 1)).task("B", span=(0, 1)).task("L", span=(1, 9), untracked=True)
    story.read("a", task="A", result="id x", rows=9).read("b", task="B", result="id country", rows=8)
    found = lineage(story.write("totals", task="L", binds="country total", rows=3))
    assert edges(found) == {"a>totals", "b>totals"}


def test_rows_changed_by_the_body_come_from_a_result_of_the_same_number():
    story = Story().task("A", span=(0, 1)).task("L", span=(1, 9), untracked=True)
    story.read("a", task="A", result="id amount", rows=9).write("b", task="L", binds="id doubled", rows=9)
    assert edges(lineage(story)) == {"a>b"}


def test_watermark_is_no_source_beside_received_rows():
    story = Story().task("A", span=(0, 1)).task("L", span=(1, 9), untracked=True)
    story.read("a", task="A", result="id x", rows=9).read("seen", task="L", result="max", rows=1)
    assert edges(lineage(story.write("b", task="L", binds="id x", rows=4))) == {"a>b"}


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_coroutines_and_threads_are_distinguished(task):
    story = Story().task("T").read("a", task=task, thread="1").read("b", task=task, thread="2.5")
    found = lineage(story.write("x", task=task, thread="1").write("y", task=task, thread="2.6"))
    assert edges(found) == {"a>x", "b>y"}


def test_threads_may_write_rows_of_their_starter():
    story = Story().read("a", result="id x").write("b", binds="id x", thread="1")
    assert edges(lineage(story)) == {"a>b"}


def test_threads_may_write_rows_of_their_starter_beside_their_own():
    story = Story().read("a", result="id x", rows=9).read("b", result="id y", rows=8, thread="1")
    assert edges(lineage(story.write("ab", binds="x y", rows=5, thread="1"))) == {"a>ab", "b>ab"}


def test_starter_may_write_rows_of_its_threads():
    story = Story().read("a", thread="1").read("b", thread="2").write("x", rows=3)
    assert edges(lineage(story)) == {"a>x", "b>x"}


READ = "src.id>id src.name>name src.pwd>pwd"


@pytest.mark.parametrize(
    ("binds", "constant", "found"),
    [
        ("*", "flag", set()),
        ("id", "flag", {"id"}),
        ("currency rate", "", set()),
        ("id name", "", {"id", "name"}),
        ("_2", "_1", {"name"}),
    ],
)
def test_columns_go_only_where_values_of_the_program_go(binds, constant, found):
    story = Story().read("src", result="id name pwd", columns=READ).looked_up("dst", "flag:int name:text id:int")
    effect = "update" if binds == "*" else "append"
    shown = columns(lineage(story.write("dst", binds=binds, constant=constant, effect=effect)))
    assert shown == {f"~src.{name}>dst.{name}:TRANSFORMATION" for name in found}


def test_update_of_columns_by_themselves_has_no_python_source():
    story = Story().read("src", result="id name pwd", columns=READ).looked_up("dst", "flag:int name:text id:int")
    found = lineage(story.write("dst", binds="", columns="dst.flag>flag", effect="update"))
    assert (edges(found), columns(found), unknown(found)) == (set(), set(), {})


def test_insert_of_constants_has_no_python_source():
    found = lineage(Story().read("a", result="id x").write("log", binds="", constant="step", rows=1))
    assert (edges(found), unknown(found)) == (set(), {})


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_single_row_is_the_source_of_a_row_with_its_value(task):
    story = Story().task("T").read("a", task=task, result="id name", rows=1)
    assert edges(lineage(story.write("audit", task=task, binds="step seen", rows=1, values_of="0"))) == {"a>audit"}


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_a_watermark_is_no_source_of_a_row_of_a_log(task):
    story = Story().task("T").read("a", task=task, result="newest", rows=1)
    found = lineage(story.write("audit", task=task, binds="step seen", rows=1))
    assert (edges(found), unknown(found)) == (set(), {"audit": "unknown"})


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_watermarks_in_a_loop_are_no_source_of_the_rows_of_a_log(task):
    story = Story().task("T").read("a", task=task, result="newest", rows=3, executions=3)
    found = lineage(story.write("audit", task=task, binds="step seen", rows=3, executions=3))
    assert (edges(found), unknown(found)) == (set(), {"audit": "unknown"})


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_watermarks_of_one_table_are_no_source_however_often_each_was_read(task):
    story = Story().task("T").read("a", task=task, result="n", rows=2, executions=2)
    story.read("a", task=task, result="newest", rows=1)
    found = lineage(story.write("audit", task=task, binds="step seen", rows=2, executions=2))
    assert (edges(found), unknown(found)) == (set(), {"audit": "unknown"})


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_two_watermarks_are_no_source_of_rows_of_other_columns(task):
    story = Story().task("T").read("a", task=task, result="newest", rows=1).read("b", task=task, result="last", rows=1)
    found = lineage(story.write("labels", task=task, binds="id label", rows=5))
    assert (edges(found), unknown(found)) == (set(), {"labels": "unknown"})


def test_rows_of_which_no_columns_are_known_are_not_of_single_rows():
    story = Story().read("a", rows=1).read("b", rows=1).write("c", rows=1)
    assert edges(lineage(story)) == set()


@pytest.mark.parametrize("task", ["T", ""], ids=["task", "body"])
def test_single_row_is_the_source_of_a_row_with_its_columns(task):
    story = Story().task("T").read("a", task=task, result="id name", rows=3, executions=3)
    assert edges(lineage(story.write("b", task=task, binds="id name", rows=3, executions=3))) == {"a>b"}


def test_single_row_in_a_parameter_is_the_source():
    story = Story().task("G").task("T", "G").read("a", task="G", result="n", rows=1)
    assert edges(lineage(story.write("audit", task="T", binds="step seen", rows=1))) == {"a>audit"}


def test_values_decide_among_single_rows():
    story = Story().read("a", result="n", rows=1).read("b", result="newest", rows=1)
    found = lineage(story.write("audit", binds="step seen", rows=1, values_of="0"))
    assert (edges(found), unknown(found)) == ({"a>audit"}, {"audit": "partly"})


def test_value_read_by_another_task_is_a_source():
    story = Story().task("G", span=(0, 1)).task("T", span=(1, 9)).read("a", task="G", result="n", rows=1)
    assert edges(lineage(story.write("audit", task="T", binds="step seen", rows=1, values_of="0"))) == {"a>audit"}


def test_row_of_the_body_with_several_possible_sources_is_unknown():
    story = Story().read("a", result="id name", rows=1).read("b", result="newest", rows=1)
    found = lineage(story.write("audit", binds="step seen", rows=1))
    assert (edges(found), unknown(found)) == (set(), {"audit": "unknown"})


def test_row_read_by_the_body_is_no_source_of_a_tasks_own_row():
    story = Story().read("a", result="newest", rows=1).task("L", span=(1, 9), untracked=True)
    story.read("b", task="L", result="count", rows=1).write("audit", task="L", binds="step seen", rows=1)
    assert edges(lineage(story)) == set()


def test_columns_that_take_constants_take_no_values_of_rows_beside_them():
    story = Story().read("src", result="id flag", columns="src.id>id src.flag>flag").looked_up("dst", "id:int flag:int")
    assert columns(lineage(story.write("dst", constant="flag"))) == {"~src.id>dst.id:TRANSFORMATION"}


def test_inlined_values_are_matched_by_their_columns():
    story = Story().read("a", result="customer amount other", rows=9)
    assert edges(lineage(story.write("b", binds="", constant="customer amount", rows=1))) == {"a>b"}


def test_inlined_rows_are_those_of_a_read_with_fewer_columns_and_as_many_rows():
    story = Story().read("a", result="customer amount", columns="a.customer>customer a.amount>amount", rows=9)
    story.read("other", result="customer amount", rows=7).looked_up("b", "customer:int amount:int load_id:text")
    found = lineage(story.write("b", binds="", constant="customer amount load_id", rows=9))
    assert edges(found) == {"a>b"}
    assert columns(found) == {"~a.customer>b.customer:TRANSFORMATION", "~a.amount>b.amount:TRANSFORMATION"}


@pytest.mark.parametrize("rows", [1, 8])
def test_inlined_rows_of_another_number_have_no_source(rows: int):
    story = Story().read("a", result="customer amount", rows=9)
    assert edges(lineage(story.write("b", binds="", constant="customer amount load_id", rows=rows))) == set()


def test_state_tables_of_dlt_take_no_rows_of_the_program():
    story = Story().read("a", result="id amount", rows=9).write("_dlt_loads", binds="load_id status", rows=1)
    found = lineage(story)
    assert edges(found) == set()
    assert unknown(found) == {}


def test_rows_without_a_read_have_an_unknown_source():
    assert unknown(lineage(Story().write("b", binds="x"))) == {"b": "unknown"}


def test_unknown_sources_pass_through_a_temporary_table():
    story = Story().create("#tmp").write("#tmp", binds="x").write("b", "#tmp", columns="tmp.x>x")
    assert unknown(lineage(story)) == {"b": "unknown"}


def test_file_read_back_replaces_its_sources():
    api, file = "https://api.example/orders", "s3://lake/orders.csv"
    story = Story().read(api, dialect="").write(file, effect=None, dialect="").read(file, dialect="")
    assert edges(lineage(story.write("t", binds="id x"))) == {"orders>orders.csv", "orders.csv>t"}


def test_columns_of_program_rows_go_where_the_statement_puts_them():
    story = Story().read("orders", result="id amount", columns="orders.id>id orders.amount>amount")
    story.write("b", binds="_2", program="_2=amount", from_program=True).looked_up("b", "day:text total:int")
    assert columns(lineage(story)) == {"~orders.amount>b.total:TRANSFORMATION"}


def test_columns_computed_by_sql_come_from_program_columns():
    story = Story().read("orders", result="id amount", columns="orders.id>id orders.amount>amount")
    story.write("b", "rates", binds="total", program="total=amount", columns="rates.rate>total", from_program=True)
    assert columns(lineage(story)) == {"rates.rate>b.total", "~orders.amount>b.total:TRANSFORMATION"}


def test_a_single_row_that_was_recorded_or_came_without_binds_needs_no_value():
    api = "https://api.example/rates"
    story = Story().read(api, dialect="", rows=1)
    assert edges(lineage(story.write("rates", binds="currency rate", rows=1))) == {"rates>rates"}
    story = Story().read("a", result="newest", rows=1)
    assert edges(lineage(story.write("b", rows=1))) == {"a>b"}
    story = Story().read("a", result="newest", rows=1)
    assert edges(lineage(story.write("s3://lake/newest.json", effect=None, dialect="", rows=1))) == {"a>newest.json"}
