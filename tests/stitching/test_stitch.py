"""The whole lineage of a run: rows, statements, tasks, and the same lineage for the same history."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events.history.model import Completeness, TaskRun
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story, ident
from tests.stitching.lineages import edges, inputs, lineage, outputs, run


def test_rows_written_are_added_up():
    found = lineage(Story().write("t", "a", rows=3).write("t", rows=4))
    assert found.outputs[0].rows == 7


def test_rows_read_are_those_of_the_result_in_any_order():
    found = lineage(Story().read("t", columns="t.x>x t.y>*:SORT", rows=3))
    assert found.inputs[0].rows == 3


def test_rows_read_are_those_that_a_filter_let_through():
    found = lineage(Story().read("t", columns="t.x>x t.y>*:FILTER t.x>*:SORT", rows=3))
    assert found.inputs[0].rows == 3


@pytest.mark.parametrize("indirect", ["JOIN", "GROUP_BY", "WINDOW"])
def test_rows_read_are_unknown_if_a_row_is_not_one_of_the_table(indirect):
    found = lineage(Story().read("t", columns=f"t.x>x t.y>*:{indirect}", rows=3))
    assert found.inputs[0].rows is None


def test_recorded_read_has_rows_beside_a_recorded_write_of_its_dataset():
    story = Story().read("https://api/x", rows=9, dialect="").write("s3://b/f", "https://api/x", dialect="", rows=8)
    found = lineage(story.asset("s3://b/other", "https://api/x"))
    assert [use.rows for use in found.inputs] == [9]


def test_rows_read_are_unknown_if_a_statement_also_read_the_table():
    found = lineage(Story().read("a", columns="a.x>x", rows=5).write("b", "a", columns="a.x>x", rows=5))
    assert [use.rows for use in found.inputs] == [None]


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT a FROM pandas_scan(?) AS people WHERE a > ?", "SELECT a FROM people WHERE a > ?"),
        ("SELECT * FROM (SELECT * FROM pandas_scan(?) AS df) AS rel, t", "SELECT * FROM (SELECT * FROM df) AS rel, t"),
        ('SELECT f.a FROM pandas_scan(people) f, pandas_scan("b") g', 'SELECT f.a FROM people f, "b" g'),
        ("INSERT INTO t SELECT * FROM pandas_scan(?)", "INSERT INTO t SELECT * FROM pandas_scan(?)"),
    ],
)
def test_a_statement_is_shown_with_the_names_of_dataframes_that_its_user_wrote(sql, shown):
    assert lineage(Story().read("t", sql=sql, dialect="duckdb")).statements[0].sql == shown


def test_rows_written_are_unknown_if_one_write_has_no_count():
    found = lineage(Story().write("t", "a", rows=3).write("t", "b"))
    assert found.outputs[0].rows is None


def test_deleted_rows_are_not_written_ones():
    found = lineage(Story().write("t", "a", rows=3).write("t", effect="delete", rows=2))
    assert found.outputs[0].rows == 3


@pytest.mark.parametrize(
    ("columns", "dialect", "rows"),
    [("a.x>x", "postgres", 5), ("a.x>x:AGGREGATION", "postgres", None), ("", "postgres", None), ("", "", 5)],
)
def test_rows_read_are_known_if_the_result_has_them_unchanged(columns, dialect, rows):
    found = lineage(Story().read("a", columns=columns, rows=5, dialect=dialect))
    assert found.inputs[0].rows == rows


def test_rows_counted_later_are_added_to_their_statement():
    same = ident("statement")
    found = lineage(Story().read("a", columns="a.x>x", id=same, sql="s").read("a", id=same, executions=0, rows=5))
    assert [i.rows for i in found.inputs] == [5]
    assert [s.executions for s in found.statements] == [1]


def test_rows_of_a_join_count_for_no_table():
    found = lineage(Story().read("a", "b", columns="a.x>x b.y>y", rows=5))
    assert [use.rows for use in found.inputs] == [None, None]


def test_parts_of_a_statement_are_one_step():
    story = Story().write("t", "a", parts=2).write("t", "b", part=2, parts=2)
    story.events[1] = story.events[1].model_copy(
        update={"statement": story.events[1].statement.model_copy(update={"id": story.events[0].statement.id})}
    )
    found = lineage(story)
    assert (edges(found), len(found.statements)) == ({"a>t", "b>t"}, 1)
    assert [d.name for d in found.statements[0].inputs] == ["a", "b"]


def test_recorded_calls_are_statements_but_no_queries():
    found = lineage(Story().read("a", rows=5).write("t", sql="INSERT ..."))
    assert [(s.sql, s.operation, s.rows) for s in found.statements] == [
        (None, "read", 5),
        ("INSERT ...", "write", None),
    ]
    assert [s.sql for s in found.queries] == ["INSERT ..."]


def test_statements_are_listed_in_order_each_once():
    story = Story().create("t", sql="CREATE TABLE t (x int)").write("t", "a", sql="INSERT ...", query_id="q", rows=1)
    found = lineage(story)
    assert [(s.sql, s.operation, s.query_id, s.source) for s in found.statements] == [
        ("CREATE TABLE t (x int)", "create", None, "postgres://db:5432"),
        ("INSERT ...", "write", "q", "postgres://db:5432"),
    ]


def test_statements_are_ordered_by_time_for_any_order_of_events():
    story = Story().read("a").write("b")
    story.events.reverse()
    assert edges(lineage(story)) == {"a>b"}


def test_each_task_has_its_own_lineage():
    story = Story().task("A").task("B", "A").read("a", task="A").write("b", task="B").write("c", "d")
    tasks = {t.task_name: t.lineage for t in run(story).tasks}
    assert (inputs(tasks["A"]), outputs(tasks["A"])) == ({"a"}, set())
    assert (inputs(tasks["B"]), outputs(tasks["B"]), edges(tasks["B"])) == ({"a"}, {"b"}, {"a>b"})


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("load orders-0af", "load-5c2f2a8e", "load orders"),
        ("load-12", "load-5c2f2a8e", "load"),
        ("orders of 2026-11-22 at noon", "load-5c2f2a8e", "load"),
        ("whatever", "load", "load"),
    ],
)
def test_a_tasks_name_is_the_same_for_all_its_runs(name, key, expected):
    story = Story().read("a", task="T")
    story.tasks[ident("T")] = TaskRun(id=ident("T"), name=name, task_key=key)
    assert [t.task_name for t in run(story).tasks] == [expected]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({"load orders-0af": "0af3-77", "load orders-b11": "b11c-90"}, "load orders"),
        ({"load orders-1234": "1234"}, "load orders"),
        # named by the flow: what looks like a dynamic key is none
        ({"copy-abc": "0", "copy-fee": "1"}, "load"),
        # at times
        ({"copy-0": "0", "copy-fee": "1"}, "load"),
    ],
)
def test_task_runs_named_by_the_flow_belong_to_their_task(runs, expected):
    story = Story()
    for number, (name, key) in enumerate(runs.items()):
        story.read("a", task=f"T{number}")
        id_ = ident(f"T{number}")
        story.tasks[id_] = TaskRun(id_, name, "load-5c2f2a8e", dynamic_key=key)
    assert [(t.task_name, len(t.runs)) for t in run(story).tasks] == [(expected, len(runs))]


def test_a_run_of_a_task_that_touched_nothing_is_one_of_the_tasks_runs():
    story = Story().task("load-0").task("load-1").write("a", "b", task="load-0")
    assert [len(t.runs) for t in run(story).tasks] == [2]


def test_lineage_of_the_body_is_that_outside_of_tasks():
    story = Story().task("A").read("a", task="A").write("b", "c", task="A").write("d", "e")
    body = run(story).body
    assert (inputs(body), outputs(body), edges(body)) == ({"e"}, {"d"}, {"e>d"})


def test_lineage_of_the_body_without_tasks_is_the_whole():
    found = run(Story().write("b", "a"))
    assert found.body == found.lineage


def test_a_table_that_the_body_dropped_and_a_task_made_is_no_output_of_the_body():
    story = Story().task("A").drop("b").create("b", "a", task="A", into="x")
    assert (outputs(run(story).body), outputs(run(story).lineage)) == (set(), {"b"})


def test_task_without_a_record_has_lineage():
    assert [t.task_name for t in run(Story().read("a", task="unknown")).tasks] == ["task"]


def test_completeness_of_the_history_is_passed_on():
    history = replace(Story().read("a").history(), completeness=Completeness(dropped=3))
    assert stitch(history).completeness.dropped == 3


@pytest.mark.parametrize(("descendants", "worth"), [(False, False), (True, True)])
def test_a_run_without_lineage_is_worth_sending_for_its_descendants_only(descendants, worth):
    history = replace(Story().history(), descendants_have_lineage=descendants)
    assert stitch(history).worth_sending is worth


NAMES = st.sampled_from(["a", "b", "c", "#t", "#u"])
TASKS = st.sampled_from(["", "A", "B", "C"])
STATEMENTS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), NAMES, TASKS),
        st.tuples(st.just("write"), NAMES, NAMES, TASKS),
        st.tuples(st.just("insert"), NAMES, TASKS),
        st.tuples(st.just("create"), NAMES, NAMES, TASKS),
        st.tuples(st.just("drop"), NAMES, TASKS),
        st.tuples(st.just("rename"), NAMES, NAMES, st.sampled_from(["rename", "swap"])),
    ),
    max_size=12,
)


def story_of(statements) -> Story:
    story = Story().task("A").task("B", "A").task("C", "B")
    for operation, *rest in statements:
        if operation == "read":
            story.read(rest[0], task=rest[1], columns=f"{rest[0].lstrip('#')}.x>x", result="x")
        elif operation == "write":
            story.write(rest[0], rest[1], task=rest[2], columns=f"{rest[1].lstrip('#')}.x>x {rest[1].lstrip('#')}.*>*")
        elif operation == "insert":
            story.write(rest[0], task=rest[1], into="x:int")
        elif operation == "create":
            story.create(rest[0], rest[1], task=rest[2], columns=f"{rest[1].lstrip('#')}.x>x")
        elif operation == "drop":
            story.drop(rest[0], task=rest[1])
        else:
            story.rename(rest[0], rest[1], effect=rest[2])
    return story


@settings(max_examples=300, deadline=None)
@given(STATEMENTS, st.randoms(use_true_random=False))
def test_lineage_does_not_depend_on_the_order_of_events(statements, order: random.Random):
    history = story_of(statements).history()
    events = list(history.events)
    order.shuffle(events)
    assert stitch(replace(history, events=tuple(events))) == stitch(history)


@settings(max_examples=300, deadline=None)
@given(STATEMENTS)
def test_edges_run_from_inputs_to_outputs_between_columns_that_their_schemas_have(statements):
    found = stitch(story_of(statements).history()).lineage
    of_inputs = {use.dataset: {c.name for c in use.columns} for use in found.inputs}
    of_outputs = {use.dataset: {c.name for c in use.columns} for use in found.outputs}
    for edge in found.edges:
        assert edge.source in of_inputs
        assert edge.target in of_outputs
    for edge in found.columns:
        assert edge.source_column in of_inputs[edge.source]
        assert edge.target_column in of_outputs[edge.target]


@settings(max_examples=300, deadline=None)
@given(STATEMENTS)
def test_every_list_of_a_lineage_is_sorted_and_unique(statements):
    found = stitch(story_of(statements).history()).lineage
    for names in ([u.dataset for u in found.inputs], [u.dataset for u in found.outputs]):
        assert names == sorted(set(names))
    assert list(found.edges) == sorted(set(found.edges))
    assert list(found.columns) == sorted(set(found.columns))
