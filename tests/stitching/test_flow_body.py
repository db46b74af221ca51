"""Results that passed through the flow's body: joined only without doubt, and never crossed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stitching.histories import Story, ident
from tests.stitching.lineages import columns, edges, known, lineage


def story_of(*tasks: str, **more: object) -> Story:
    """Tasks that ran one after the other, a second each, handing nothing on that Prefect saw."""
    story = Story(rows=10)
    for at, name in enumerate(tasks):
        story.task(name, span=(at, at + 0.9), untracked=True, **more)
    return story


def test_result_changed_by_the_body_is_the_source_of_the_next_write():
    assert known(lineage(story_of("E", "L").read("a", task="E").write("b", task="L"))) == {"a>b": "same flow"}


def test_upstream_rows_come_with_the_result():
    story = story_of("E", "C", "L")
    story.tasks[ident("C")] = replace(story.tasks[ident("C")], upstream=frozenset([ident("E")]))
    assert known(lineage(story.read("a", task="E").write("b", task="L"))) == {"a>b": "same flow"}


def test_several_results_are_sources_of_the_only_write():
    story = story_of("E1", "E2", "L").read("a1", task="E1").read("a2", task="E2").write("b", task="L")
    assert edges(lineage(story)) == {"a1>b", "a2>b"}


def test_only_result_is_the_source_of_several_writes():
    story = story_of("E", "L1", "L2").read("a", task="E").write("b1", task="L1").write("b2", task="L2")
    assert edges(lineage(story)) == {"a>b1", "a>b2"}


def test_two_pipelines_that_may_be_crossed_are_not_joined():
    story = story_of("E1", "E2", "L1", "L2").read("a1", task="E1").read("a2", task="E2")
    assert edges(lineage(story.write("b1", task="L1").write("b2", task="L2"))) == set()


def test_two_pipelines_one_after_the_other_are_joined_each_by_itself():
    story = story_of("E1", "L1", "E2", "L2").read("a1", task="E1").write("b1", task="L1")
    assert edges(lineage(story.read("a2", task="E2").write("b2", task="L2"))) == {"a1>b1", "a2>b2"}


def test_only_new_result_since_the_last_write_is_the_source():
    tables = ("1", "2", "3")
    story = story_of(*(kind + n for n in tables for kind in "EL"))
    for n in tables:
        story.read(f"a{n}", task=f"E{n}").write(f"b{n}", task=f"L{n}")
    assert edges(lineage(story)) == {"a1>b1", "a2>b2", "a3>b3"}


def test_two_pipelines_with_different_columns_are_distinguished():
    story = story_of("E1", "E2", "L1", "L2").read("a1", task="E1", result="x").read("a2", task="E2", result="y")
    story.write("b1", task="L1", into="x:int").write("b2", task="L2", into="y:int")
    assert edges(lineage(story)) == {"a1>b1", "a2>b2"}


def test_a_result_without_a_column_in_common_is_not_what_was_written():
    story = story_of("E", "L").read("a", task="E", result="x y").write("b", task="L", into="z:int")
    assert edges(lineage(story)) == set()


def test_columns_follow_by_their_names():
    story = story_of("E", "L").read("a", task="E", columns="a.x>x", result="x").write("b", task="L", into="x:int")
    assert columns(lineage(story)) == {"~a.x>b.x:TRANSFORMATION"}


def test_result_that_was_not_available_is_no_source():
    story = story_of("L", "E").read("a", task="E").write("b", task="L")
    assert edges(lineage(story)) == set()


def test_waiting_for_a_task_is_order_only_here_too():
    story = story_of("E").task("L", after=["E"], span=(1, 2), untracked=True)
    assert edges(lineage(story.read("a", task="E").write("b", task="L"))) == set()


@pytest.mark.parametrize("task_fields", [{"returned": False}, {"caller": ident("outer")}])
def test_task_without_a_result_is_no_source(task_fields):
    story = story_of("E", **task_fields).task("L", span=(1, 2), untracked=True)
    assert edges(lineage(story.read("a", task="E").write("b", task="L"))) == set()


def test_result_that_a_task_received_is_no_source_for_others():
    story = story_of("E").task("L1", "E", span=(1, 2)).task("L2", span=(2, 3), untracked=True)
    assert edges(lineage(story.read("a", task="E").write("b1", task="L1").write("b2", task="L2"))) == {"a>b1"}


def test_task_without_parameters_received_nothing():
    story = story_of("E").task("L", span=(1, 2))
    assert edges(lineage(story.read("a", task="E").write("b", task="L"))) == set()


def test_explained_write_takes_no_rows_from_the_body():
    story = story_of("E", "L").read("a", task="E").read("own", task="L").write("b", task="L")
    assert known(lineage(story)) == {"own>b": "same task"}


def test_task_that_wrote_returns_no_rows():
    story = story_of("E", "L").read("a", task="E").write("stage", task="E").write("b", task="L")
    assert edges(lineage(story)) == {"a>stage"}


def test_task_may_write_rows_read_by_the_body():
    story = Story(rows=10).task("L", span=(5, 6), untracked=True).read("a").write("b", task="L")
    assert known(lineage(story)) == {"a>b": "same flow"}


def test_body_may_write_the_result_of_a_task():
    assert known(lineage(story_of("E").read("a", task="E").write("b"))) == {"a>b": "same flow"}


def test_rows_of_the_body_pass_through_a_temporary_table():
    story = story_of("E", "L").read("a", task="E").create("#tmp", task="L").write("#tmp", task="L")
    assert known(lineage(story.write("b", "#tmp", task="L"))) == {"a>b": "same flow"}


ORDERS = "id customer amount status"


def written(into: str, rows: int | None, *, read: str = ORDERS, to: str = "b", **info: object) -> set[str]:
    """The edges of a flow whose one task read columns, and whose other one wrote some rows to a table."""
    story = story_of("E", "L").read("a", task="E", result=read)
    return edges(lineage(story.write(to, task="L", into=into, rows=rows, **info)))


def test_row_made_by_the_flow_has_no_source():
    assert written("step:text rows_seen:int", 1) == set()


@pytest.mark.parametrize("into", ["id:int", "id:int status:text", "amount:int", "id:int amount:int"])
def test_row_with_a_few_equal_names_has_no_source(into):
    assert written(into, 1) == set()


def test_row_of_unknown_columns_has_no_source():
    assert written("", 1) == written("amount:int", 1, read="") == set()


def test_row_with_the_columns_of_the_result_comes_from_it():
    assert written("id:int customer:int amount:int", 1) == {"a>b"}


def test_uncounted_rows_may_be_a_single_row():
    assert written("step:text", None) == set()
    assert written("customer:int amount:int", None) == {"a>b"}


def test_generic_names_alone_do_not_match_a_result():
    assert written("id:int label:text", 10) == set()


@pytest.mark.parametrize("into", ["customer:int total:int", "id:int status:text rank:int", "id:int"])
def test_distinctive_names_match_a_result(into):
    assert written(into, 10) == {"a>b"}


def test_one_row_per_mapped_task_run_is_a_single_row_each():
    story = story_of("E", "L1", "L2").read("a", task="E").write("b", task="L1 L2", rows=2)
    assert edges(lineage(story)) == set()


def test_message_has_no_source_among_reads():
    assert written("", None, to="https://chat.example/hooks", dialect="") == set()


def test_file_counts_as_many_rows():
    assert written("", None, to="s3://lake/orders.csv", dialect="") == {"a>orders.csv"}


def test_status_row_does_not_hide_the_source_of_data():
    story = story_of("E1", "E2", "L", "A").read("a1", task="E1").read("a2", task="E2")
    story.write("b", task="L").write("audit", task="A", rows=1)
    assert edges(lineage(story)) == {"a1>b", "a2>b"}
