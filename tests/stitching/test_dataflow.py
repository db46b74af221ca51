"""Sources of writes: in their own statement, or in rows that Python had read."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tests.stitching.histories import START, Story, ident
from tests.stitching.lineages import columns, edges, inputs, known, lineage, outputs


def test_rows_read_in_a_task_feed_what_it_writes_afterwards():
    found = lineage(Story().task("T").read("a", task="T").write("b", task="T"))
    assert known(found) == {"a>b": "same task"}


def test_rows_read_after_a_write_do_not_feed_it():
    found = lineage(Story().task("T").write("b", task="T").read("a", task="T"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, set())


def test_sources_named_in_a_statement_are_its_sources():
    found = lineage(Story().task("T").read("config", task="T").write("b", "a", task="T"))
    assert known(found) == {"a>b": "sql"}


@pytest.mark.parametrize("effect", ["delete", "truncate"])
def test_statement_without_rows_has_no_python_source(effect):
    assert edges(lineage(Story().read("a").write("b", effect=effect))) == set()


def test_created_table_has_only_the_sources_of_its_writes():
    assert edges(lineage(Story().read("a").create("b"))) == set()


def test_update_of_its_own_table_takes_rows_that_were_read():
    found = lineage(Story().read("a").write("b", "b", effect="update"))
    assert known(found) == {"a>b": "same task"}


@pytest.mark.parametrize("effect", ["delete", "update"])
def test_returned_rows_are_the_source_of_a_later_write(effect):
    story = (
        Story()
        .task("T")
        .write("queue", task="T", effect=effect, returning="id what")
        .write("done", task="T", into="id")
    )
    found = lineage(story)
    assert (inputs(found), known(found), columns(found)) == (
        {"queue"},
        {"queue>done": "same task"},
        {"~queue.id>done.id:TRANSFORMATION"},
    )


def test_returned_rows_follow_the_task_graph():
    story = (
        Story()
        .task("A")
        .task("B", "A")
        .write("queue", task="A", effect="delete", returning="id")
        .write("done", task="B")
    )
    assert known(lineage(story)) == {"queue>done": "task graph"}


def test_unused_returned_rows_are_no_input():
    found = lineage(Story().write("queue", effect="update", returning="id").write("queue", effect="update"))
    assert (inputs(found), edges(found)) == (set(), set())


def test_rows_returned_by_a_transient_table_have_its_sources():
    story = (
        Story()
        .create("tmp", "a", columns="a.x>tmp.x")
        .write("tmp", effect="delete", returning="x")
        .write("b", into="x")
    )
    found = lineage(story.drop("tmp"))
    assert (inputs(found), edges(found)) == ({"a"}, {"a>b"})


def test_keys_returned_by_an_insert_are_no_source():
    assert edges(lineage(Story().write("a", returning="id").write("b"))) == set()


def test_the_result_of_a_task_feeds_the_task_that_received_it():
    story = Story().task("A").task("B", "A").read("a", task="A").write("b", task="B")
    assert known(lineage(story)) == {"a>b": "task graph"}


def test_results_pass_through_tasks_that_touch_no_data():
    story = Story().task("A").task("M", "A").task("N", "M").task("B", "N").read("a", task="A").write("b", task="B")
    assert known(lineage(story)) == {"a>b": "task graph"}


def test_results_pass_through_a_task_that_only_read():
    story = Story().task("A").task("M", "A").task("B", "M")
    story.read("a", task="A").read("m", task="M").write("b", task="B")
    assert edges(lineage(story)) == {"a>b", "m>b"}


def test_task_that_wrote_passes_on_its_reads_only():
    story = Story().task("A").task("W", "A").task("B", "W")
    story.read("a", task="A").read("w", task="W").write("stage", task="W").write("log", task="B")
    assert edges(lineage(story)) == {"a>stage", "w>stage", "w>log"}


def test_table_written_by_a_task_is_no_source_of_the_next_task():
    story = Story().task("A").task("B", "A").write("a", "src", task="A").write("b", task="B")
    assert edges(lineage(story)) == {"src>a"}


def test_waiting_for_a_task_is_order_only():
    story = Story().task("A").task("B", after=["A"]).read("a", task="A").write("b", task="B")
    assert edges(lineage(story)) == set()


def test_two_pipelines_of_one_flow_are_not_crossed():
    story = Story().task("A1").task("B1", "A1").task("A2").task("B2", "A2")
    story.read("a1", task="A1").read("a2", task="A2").write("b2", task="B2").write("b1", task="B1")
    assert edges(lineage(story)) == {"a1>b1", "a2>b2"}


def test_a_read_at_a_later_clock_still_feeds_along_the_task_graph():
    """Tasks of one run may run on machines whose clocks differ."""
    story = Story().task("A").task("B", "A").write("b", task="B").read("a", task="A")
    assert edges(lineage(story)) == {"a>b"}


def test_the_flows_own_reads_feed_its_own_writes():
    assert known(lineage(Story().read("a").write("b"))) == {"a>b": "same task"}


def test_tasks_without_times_are_not_matched():
    story = Story().task("T").read("a", task="T").write("b").read("c").write("d", task="T2")
    assert edges(lineage(story)) == set()


def test_mapped_task_runs_counted_in_one_event_feed_each_other_one_by_one():
    story = Story().task("A1").task("A2").task("B1", "A1").task("B2", "A2")
    story.read("a", task="A1 A2").write("b", task="B1 B2")
    assert known(lineage(story)) == {"a>b": "task graph"}


def test_a_write_in_a_loop_takes_what_was_read_since_its_first_execution():
    story = Story().read("a1").write("b", executions=3, last=START + dt.timedelta(seconds=9)).read("a2")
    assert edges(lineage(story)) == {"a1>b", "a2>b"}


def test_a_read_in_a_loop_feeds_from_its_first_execution():
    story = Story().read("a", executions=3, last=START + dt.timedelta(seconds=9)).write("b")
    assert edges(lineage(story)) == {"a>b"}


def test_rows_of_a_temporary_table_are_those_at_the_time_of_the_read():
    story = Story().create("#tmp", "a1").write("b1", "#tmp").create("#tmp", "a2").write("b2", "#tmp")
    assert edges(lineage(story)) == {"a1>b1", "a2>b2"}


def test_a_temporary_table_truncated_and_filled_again_holds_only_the_new_rows():
    story = Story().create("#tmp", "a").write("#tmp", effect="truncate").write("#tmp", "c").write("b", "#tmp")
    assert edges(lineage(story)) == {"c>b"}


def test_rows_pass_through_a_temporary_table_from_task_to_task():
    story = Story().task("A").task("B").create("#tmp", "a", task="A").write("b", "#tmp", task="B")
    assert known(lineage(story)) == {"a>b": "sql"}


def test_rows_that_python_put_into_a_temporary_table_come_from_what_it_read():
    story = Story().read("a").create("#tmp").write("#tmp").write("b", "#tmp")
    assert known(lineage(story)) == {"a>b": "same task"}


def test_rows_read_out_of_a_temporary_table_are_those_that_went_in():
    story = Story().task("A").task("B", "A")
    story.create("#tmp", "a", task="A").read("#tmp", task="A").write("b", task="B")
    assert known(lineage(story)) == {"a>b": "task graph"}


def test_columns_compose_through_a_temporary_table():
    story = Story().create("#tmp", "a", columns="a.x>y").write("b", "#tmp", columns="tmp.y>z")
    assert columns(lineage(story)) == {"a.x>b.z"}


@pytest.mark.parametrize(
    ("first", "then", "whole"),
    [
        ("IDENTITY", "TRANSFORMATION", "TRANSFORMATION"),
        ("TRANSFORMATION", "IDENTITY", "TRANSFORMATION"),
        ("AGGREGATION", "TRANSFORMATION", "AGGREGATION"),
        ("TRANSFORMATION", "AGGREGATION", "AGGREGATION"),
        ("TRANSFORMATION", "TRANSFORMATION", "TRANSFORMATION"),
    ],
)
def test_transformations_compose(first, then, whole):
    story = Story().create("#tmp", "a", columns=f"a.x>y:{first}").write("b", "#tmp", columns=f"tmp.y>z:{then}")
    assert columns(lineage(story)) == {f"a.x>b.z:{whole}"}


def test_row_filters_compose_through_a_temporary_table():
    story = Story().create("#tmp", "a", columns="a.x>y a.w>y:FILTER").write("b", "#tmp", columns="tmp.y>z")
    assert columns(lineage(story)) == {"a.x>b.z", "a.w>b.*:FILTER"}


def test_filter_column_of_a_temporary_table_is_its_origin():
    story = Story().create("#tmp", "a", columns="a.x>y").write("b", "#tmp", columns="tmp.y>z tmp.y>z:JOIN")
    assert columns(lineage(story)) == {"a.x>b.z", "a.x>b.*:JOIN"}


def test_a_star_takes_the_columns_that_the_source_has():
    story = Story().write("b", "a", columns="a.*>*").looked_up("a", "x:int y:int")
    assert columns(lineage(story)) == {"a.x>b.x", "a.y>b.y"}


def test_a_star_takes_the_columns_that_the_target_got_where_the_source_is_unknown():
    story = Story().write("b", "a", columns="a.*>*").looked_up("b", "x:int y:int")
    assert columns(lineage(story)) == {"a.x>b.x", "a.y>b.y"}


def test_star_is_resolved_by_position_if_the_names_differ():
    story = Story().write("b", "a", columns="a.*>*").looked_up("a", "x:int y:int").looked_up("b", "p:int q:int")
    assert columns(lineage(story)) == {"a.x>b.p", "a.y>b.q"}


def test_star_of_unknown_columns_gives_only_the_table_edge():
    found = lineage(Story().write("b", "a", columns="a.*>*"))
    assert (edges(found), columns(found)) == ({"a>b"}, set())


def test_unknown_star_in_a_temporary_table_keeps_requested_names():
    story = Story().create("#tmp", "a", columns="a.*>*").write("b", "#tmp", columns="tmp.x>z")
    assert columns(lineage(story)) == {"a.x>b.z"}


def test_columns_of_a_data_frame_are_joined_by_equal_names_and_marked():
    story = (
        Story().read("a", columns="a.X>x a.y>total:AGGREGATION", result="x total").write("b", into="X:int total new")
    )
    assert columns(lineage(story)) == {"~a.X>b.X:TRANSFORMATION", "~a.y>b.total:AGGREGATION"}


def test_written_column_of_another_name_has_no_origin():
    story = Story().read("a", columns="a.x>x", result="x").write("b", into="y:int")
    assert columns(lineage(story)) == set()


def test_columns_of_the_table_are_written_without_a_column_list():
    story = Story().read("a", columns="a.x>x").create("b", into="x:int y:int").write("b")
    assert columns(lineage(story)) == {"~a.x>b.x:TRANSFORMATION"}


def test_joining_by_names_can_be_switched_off():
    story = Story().read("a", columns="a.x>x").write("b", into="x:int")
    found = lineage(story, infer_columns=False)
    assert (edges(found), columns(found)) == ({"a>b"}, set())


def test_an_exact_edge_is_not_shown_as_inferred():
    story = Story().read("a", columns="a.x>x:TRANSFORMATION").write("b", into="x:int")
    story.write("b", "a", columns="a.x>x:TRANSFORMATION")
    assert columns(lineage(story)) == {"a.x>b.x:TRANSFORMATION"}


def test_recorded_write_has_the_sources_it_names():
    story = Story().read("other").write("b", "a", effect=None, dialect="")
    assert known(lineage(story)) == {"a>b": "recorded"}


def test_recorded_write_without_sources_takes_rows_that_were_read():
    story = Story().read("a").write("s3://bucket/report.csv", effect=None, dialect="")
    assert known(lineage(story)) == {"a>report.csv": "same task"}


def test_a_materialised_asset_is_made_of_its_upstream_assets():
    story = Story().task("T").asset("s3://bucket/out", "s3://bucket/in", task="T")
    assert known(lineage(story)) == {"in>out": "asset"}


def test_a_materialised_asset_without_upstream_is_made_of_what_its_task_read():
    story = Story().task("T").read("a", task="T").asset("s3://bucket/out", task="T")
    assert known(lineage(story)) == {"a>out": "same task"}


def test_a_materialised_asset_is_made_of_what_its_task_read_beside_its_upstream_assets():
    story = Story().task("T").read("a", task="T").asset("s3://bucket/out", "s3://bucket/in", task="T")
    assert known(lineage(story)) == {"in>out": "asset", "a>out": "same task"}


def test_failed_asset_is_no_output():
    story = Story().task("T").asset("s3://bucket/out", "s3://bucket/in", task="T", succeeded=False)
    assert lineage(story).empty


def test_a_self_insert_is_an_edge_to_itself():
    found = lineage(Story().write("t", "t", columns="t.a>a:AGGREGATION"))
    assert (inputs(found), outputs(found), edges(found)) == ({"t"}, {"t"}, {"t>t"})


def test_data_frame_and_table_of_a_statement_are_both_sources():
    story = Story().read("a", columns="a.x>x").create("b", "c", columns="c.y>y", into="x:int y:int", from_program=True)
    found = lineage(story)
    assert known(found) == {"a>b": "same task", "c>b": "sql"}
    assert columns(found) == {"~a.x>b.x:TRANSFORMATION", "c.y>b.y"}


def test_edge_has_its_most_certain_evidence():
    story = Story().read("a").write("b").write("b", "a")
    assert known(lineage(story)) == {"a>b": "sql"}


def nested(*names: str, inside: str) -> Story:
    story = Story().task(inside)
    for name in names:
        story.task(name)
        story.tasks[ident(name)] = replace(story.tasks[ident(name)], caller=ident(inside))
    return story


def test_caller_may_write_rows_read_by_the_called_task():
    story = nested("inner", inside="outer").read("a", task="inner").write("b", task="outer")
    assert known(lineage(story)) == {"a>b": "same task"}


def test_called_task_may_write_rows_its_caller_read_before():
    story = nested("inner", inside="outer").read("a", task="outer").write("b", task="inner").read("c", task="outer")
    assert known(lineage(story)) == {"a>b": "same task"}


def test_two_tasks_inside_of_a_task_are_joined_along_the_task_graph_only():
    story = nested("inner1", "inner2", inside="outer").read("a", task="inner1").write("b", task="inner2")
    assert edges(lineage(story)) == set()


API, FILE = "https://api/x", "s3://b/f"


def chain(extract: str = "", load: str = "") -> Story:
    """An API's rows into a file, the file's into a table."""
    story = Story().read(API, dialect="", task=extract).write(FILE, API, dialect="", task=extract)
    return story.read(FILE, dialect="", task=load).write("t", binds="x", rows=2, task=load)


def test_sources_of_a_file_read_back_are_no_sources_beside_it():
    assert edges(lineage(chain())) == {"x>f", "f>t"}


def test_sources_of_a_file_passed_between_tasks_are_no_sources_beside_it():
    story = chain("E", "L").task("E").task("L", "E")
    assert edges(lineage(story)) == {"x>f", "f>t"}


def test_sources_of_files_in_a_loop_are_no_sources_beside_them():
    def times(second: int) -> dict[str, object]:
        return {"dialect": "", "executions": 3, "last": START + dt.timedelta(seconds=second)}

    story = Story().read(API, **times(20)).write(FILE, API, **times(21)).read(FILE, **times(22))
    assert edges(lineage(story.write("t", binds="x", rows=6, **times(23) | {"dialect": "sqlite"}))) == {"x>f", "f>t"}


def test_rows_read_after_the_file_was_written_are_a_source():
    story = Story().read(API, dialect="").write(FILE, API, dialect="").read(FILE, dialect="").read(API, dialect="")
    assert edges(lineage(story.write("t", binds="x", rows=2))) == {"x>f", "f>t", "x>t"}


def test_rows_in_memory_are_a_source_unless_the_file_was_read_back():
    story = Story().read(API, dialect="").write(FILE, API, dialect="").write("t", binds="x", rows=2)
    assert edges(lineage(story)) == {"x>f", "x>t"}
