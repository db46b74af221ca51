"""Rows from parent and subflow runs in parameters and results, and columns of tables."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from prefect_lineage_events.history.model import CachedResult, RunHistory
from prefect_lineage_events.stitching.model import Lineage
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story, ident
from tests.stitching.lineages import columns, edges, inputs, known, outputs, schema


def call(story: Story, child: Story, *given: str, span: tuple[float, float] = (1, 2), **more: object) -> Story:
    """A call of the child's flow, as a task of the parent: it was given results of these tasks."""
    return story.task(child.flow_name, *given, span=span, subflow=run_id(child), **more)


def run_id(story: Story) -> UUID:
    return ident(f"run of {story.flow_name}")


def below(parent: Story, child: Story) -> Lineage:
    """The child's lineage."""
    return stitch(replace(child.history(), parent=parent.history())).lineage


def above(parent: Story, *children: Story) -> Lineage:
    """The parent's lineage."""
    return stitch(with_subflows(parent.history(), *children)).lineage


def with_subflows(history: RunHistory, *children: Story) -> RunHistory:
    return replace(history, subflows={run_id(child): child.history() for child in children})


def extracting(flow_name: str = "extracting", table: str = "a") -> Story:
    story = Story(flow_name).task("E", span=(0, 1))
    return story.read(table, task="E", columns=f"{table}.x>x", result="x")


def loading(flow_name: str = "loading") -> Story:
    return Story(flow_name, rows=10).write("b", into="x:int")


def test_rows_in_a_subflows_parameter_are_the_source_of_its_write():
    child = loading()
    found = below(call(extracting("parent"), child, "E"), child)
    assert (inputs(found), outputs(found), known(found)) == ({"a"}, {"b"}, {"a>b": "task graph"})


def test_columns_come_with_the_rows():
    child = loading()
    assert columns(below(call(extracting("parent"), child, "E"), child)) == {"~a.x>b.x:TRANSFORMATION"}


def test_task_of_a_subflow_takes_rows_of_the_parameter():
    child = Story("loading", rows=10).task("L", span=(5, 6), untracked=True).write("b", task="L")
    assert known(below(call(extracting("parent"), child, "E"), child)) == {"a>b": "same flow"}


def test_received_rows_may_be_written_under_other_names():
    child = Story("loading", rows=10).task("L", span=(5, 6), untracked=True).write("b", task="L", into="y:int")
    assert known(below(call(extracting("parent"), child, "E"), child)) == {"a>b": "same flow"}


def test_row_made_by_a_subflow_has_no_source():
    child = Story("loading", rows=1).task("L", span=(5, 6), untracked=True).write("log", task="L", into="y:int")
    assert edges(below(call(extracting("parent"), child, "E"), child)) == set()


def test_writes_of_other_names_are_no_targets_if_one_has_the_received_names():
    child = Story("loading", rows=10).task("L", span=(5, 6), untracked=True).write("b", task="L", into="x:int")
    child.task("M", span=(6, 7), untracked=True).write("made_up", task="M", into="y:int")
    assert edges(below(call(extracting("parent"), child, "E"), child)) == {"a>b"}


def test_received_rows_that_were_not_written_are_no_input():
    child = Story("other").write("b", "c")
    found = below(call(extracting("parent"), child, "E"), child)
    assert (inputs(found), edges(found)) == ({"c"}, {"c>b"})


def test_results_changed_by_the_parents_body_are_passed():
    child = loading()
    assert edges(below(call(extracting("parent"), child, untracked=True), child)) == {"a>b"}


def test_two_subflows_with_two_results_are_not_crossed():
    children = loading("L1"), loading("L2")
    parent = Story("parent").task("E1", span=(0, 1)).read("a1", task="E1")
    call(parent, children[0], span=(1, 2), untracked=True)
    parent.task("E2", span=(2, 3)).read("a2", task="E2")
    call(parent, children[1], span=(3, 4), untracked=True)
    assert [edges(below(parent, child)) for child in children] == [{"a1>b"}, {"a2>b"}]


def test_the_parent_shows_its_own_statements_only():
    child = loading()
    found = above(call(extracting("parent"), child, "E"), child)
    assert (inputs(found), outputs(found)) == ({"a"}, set())


def test_rows_returned_by_a_subflow_are_the_source_of_the_parents_write():
    child = extracting()
    parent = call(Story("parent"), child).task("L", "extracting", span=(2, 3)).write("b", task="L", into="x:int")
    found = above(parent, child)
    assert (inputs(found), known(found)) == ({"a"}, {"a>b": "task graph"})
    assert columns(found) == {"~a.x>b.x:TRANSFORMATION"}


def test_body_may_write_rows_returned_by_a_subflow():
    child = extracting()
    assert known(above(call(Story("parent"), child, span=(-2, -1)).write("b", rows=10), child)) == {"a>b": "same flow"}


def test_reads_of_a_subflow_are_no_inputs_of_a_parent_without_their_rows():
    child = extracting()
    found = above(call(Story("parent"), child).write("b", "c"), child)
    assert inputs(found) == {"c"}


def test_subflow_may_write_rows_returned_by_another():
    first, second = extracting(), loading()
    parent = call(call(Story("parent"), first), second, "extracting", span=(2, 3))
    history = replace(second.history(), parent=with_subflows(parent.history(), first))
    assert edges(stitch(history).lineage) == {"a>b"}


def test_rows_pass_through_levels_of_flows():
    child, middle = loading(), Story("middle")
    top = call(extracting("top"), middle, "E")
    call(middle, child, untracked=True, span=(2, 3))
    history = replace(child.history(), parent=replace(middle.history(), parent=top.history()))
    assert edges(stitch(history).lineage) == {"a>b"}


def test_star_is_resolved_by_columns_known_to_the_parent():
    child = Story("child").write("b", "a", columns="a.*>*")
    found = below(Story("parent").read("a").looked_up("a", "x:int y:text"), child)
    assert columns(found) == {"a.x>b.x", "a.y>b.y"}
    assert schema(found, "a") == {"x": "int", "y": "text"}


def test_columns_of_the_run_precede_those_of_its_parent():
    child = Story("child").write("b", "a", columns="a.*>*").looked_up("a", "z:int")
    assert columns(below(Story("parent").read("a").looked_up("a", "x:int"), child)) == {"a.z>b.z"}


def test_recreated_table_does_not_inherit_columns():
    child = Story("child").create("a").write("b", "a", columns="a.*>*")
    assert "a.old>b.old" not in columns(below(Story("parent").read("a").looked_up("a", "old:int"), child))


def test_inherited_columns_are_no_schema_change():
    child = Story("child").write("b", "a", columns="a.*>*").looked_up("a", "x:int")
    history = replace(child.history(), parent=Story("parent").read("a").looked_up("a", "y:int").history())
    assert stitch(history).schema_changes == {}


def from_cache(*, found: bool = True) -> Lineage:
    """`load(extract())` whose `extract` gave what a run before had read."""
    before = extracting("before")
    story = Story("again", rows=10).task("E", span=(0, 1), cached=True).task("L", "E", span=(1, 2))
    story.write("b", task="L", into="x:int")
    cached = {ident("E"): CachedResult(ident("E"), before.history())} if found else {}
    return stitch(replace(story.history(), cached=cached)).lineage


def test_cached_result_has_the_sources_of_its_maker():
    found = from_cache()
    assert (inputs(found), known(found), found.unknown) == ({"a"}, {"a>b": "task graph"}, ())
    assert columns(found) == {"~a.x>b.x:TRANSFORMATION"}


def test_cached_result_without_a_known_maker_has_an_unknown_source():
    (unknown,) = from_cache(found=False).unknown
    assert (unknown.target.name, unknown.rows) == ("b", "unknown")


def test_a_cached_result_beside_another_leaves_the_sources_known_in_part_only():
    story = Story(rows=10).task("E", span=(0, 1), cached=True).task("F", span=(0, 1)).task("L", "E", "F", span=(1, 2))
    (unknown,) = stitch(
        story.read("f", task="F", result="x").write("b", task="L", into="x:int").history()
    ).lineage.unknown
    assert (unknown.target.name, unknown.rows) == ("b", "partly")


def test_subflow_returns_its_own_reads_not_its_parameters():
    child = Story("sub").read("own", result="y z", rows=7)
    parent = call(extracting("parent"), child, "E").task("L", "sub", span=(2, 3))
    assert edges(above(parent.write("b", task="L", into="y:int z:int", rows=7), child)) == {"own>b"}


def test_later_reads_do_not_change_rows_passed_on_before():
    leaf, middle = Story("leaf", rows=10).write("b", into="x:int"), Story("middle")
    top = call(extracting("top"), middle, "E")
    call(middle, leaf, untracked=True, span=(1, 2)).read("later", result="q")
    history = replace(leaf.history(), parent=replace(middle.history(), parent=top.history()))
    assert edges(stitch(history).lineage) == {"a>b"}
