"""Datasets from before the run, datasets after it, and transient ones."""

from __future__ import annotations

from uuid import UUID

import pytest

from prefect_lineage_events.history.model import FlowRun, RunHistory
from prefect_lineage_events.stitching.stitch import stitch
from tests.by_hand import write
from tests.stitching.histories import Story
from tests.stitching.lineages import edges, inputs, lifecycles, lineage, outputs

RUN = FlowRun(UUID(int=1), "busy-bee", UUID(int=2), "nightly", "COMPLETED")


def test_a_temporary_table_is_neither_input_nor_output():
    found = lineage(Story().create("#tmp", "a").write("b", "#tmp").read("#tmp"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, {"a>b"})


def test_a_temporary_table_beside_a_lasting_one_of_the_same_name_is_another_one():
    found = lineage(Story().create("#orders", "orders").write("b", "#orders"))
    assert (inputs(found), outputs(found), edges(found)) == ({"orders"}, {"b"}, {"orders>b"})


def test_table_created_as_temporary_stays_temporary():
    found = lineage(Story().create("#tmp", "a").read("tmp").write("b", "tmp"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, {"a>b"})


def test_a_table_created_and_dropped_in_the_run_is_neither():
    found = lineage(Story().create("stage", "a").write("b", "stage").drop("stage"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, {"a>b"})


def test_drop_if_exists_before_does_not_change_a_transient_table():
    found = lineage(Story().drop("stage").create("stage", "a").write("b", "stage").drop("stage"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, {"a>b"})


def test_a_table_written_and_read_again_is_input_and_output():
    found = lineage(Story().create("mart", "a").write("report", "mart"))
    assert (inputs(found), outputs(found)) == ({"a", "mart"}, {"mart", "report"})
    assert edges(found) == {"a>mart", "mart>report"}


def test_a_dropped_table_that_was_there_before_is_an_output():
    assert lifecycles(lineage(Story().drop("old"))) == {"old": "DROP"}


def test_drop_of_a_table_that_may_not_exist_is_no_output():
    assert lifecycles(lineage(Story().drop("old", if_exists=True).write("b", "a"))) == {"b": None}


def test_drop_if_exists_of_a_known_table_is_an_output():
    found = lineage(Story().write("b", "a").drop("a", if_exists=True).write("c").drop("c", if_exists=True))
    assert lifecycles(found) == {"a": "DROP", "b": None, "c": "DROP"}


def test_a_drop_if_exists_in_front_of_a_rename_is_no_output():
    """The swap that can be run again: the old table makes room, and goes at the end."""
    story = Story().create("t_new", "a").drop("t_old", if_exists=True).rename("t", "t_old").rename("t_new", "t")
    assert lifecycles(lineage(story.drop("t_old"))) == {"t": "OVERWRITE"}


def test_table_read_before_its_drop_is_an_input():
    found = lineage(Story().write("b", "a").drop("a"))
    assert (inputs(found), lifecycles(found)) == ({"a"}, {"a": "DROP", "b": None})


def test_dropped_and_created_again_is_overwritten():
    """As pandas does in `to_sql(if_exists="replace")`."""
    assert lifecycles(lineage(Story().drop("t").create("t").write("t"))) == {"t": "OVERWRITE"}


def test_lifecycle_of_a_created_table_is_create():
    assert lifecycles(lineage(Story().create("t").write("t", "a"))) == {"t": "CREATE"}


def test_truncated_and_filled_is_overwritten():
    assert lifecycles(lineage(Story().write("t", effect="truncate").write("t", "a"))) == {"t": "OVERWRITE"}


def test_lifecycle_of_a_table_that_is_emptied_right_after_its_create_is_overwrite():
    story = Story().create("t").write("t", effect="truncate").write("t", "a")  # CREATE TABLE IF NOT EXISTS
    assert lifecycles(lineage(story)) == {"t": "OVERWRITE"}


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(Story().create("t").write("t", "a"), id="filled"),
        pytest.param(Story().create("t", "a"), id="made of a query"),
    ],
)
def test_lifecycle_of_a_created_table_that_is_emptied_later_is_create(story):
    assert lifecycles(lineage(story.write("t", effect="truncate").write("t", "b"))) == {"t": "CREATE"}


def test_lifecycle_of_a_created_table_that_is_emptied_and_stays_so_is_create():
    assert lifecycles(lineage(Story().create("t").write("t", effect="truncate"))) == {"t": "CREATE"}


def test_lifecycle_of_a_truncated_table_is_truncate():
    assert lifecycles(lineage(Story().write("t", effect="truncate"))) == {"t": "TRUNCATE"}


@pytest.mark.parametrize(
    ("story", "change"),
    [
        (Story().write("t", "a").write("t", effect="truncate"), "TRUNCATE"),
        (Story().write("t", "a", effect="overwrite").write("t", effect="truncate"), "TRUNCATE"),
        (Story().write("t", effect="truncate").write("t", "a").write("t", effect="truncate"), "TRUNCATE"),
        (Story().write("t", effect="truncate").write("t", "a").write("t", effect="delete"), "OVERWRITE"),
    ],
)
def test_lifecycle_of_a_table_that_is_empty_in_the_end_is_truncate(story, change):
    assert lifecycles(lineage(story)) == {"t": change}


@pytest.mark.parametrize(
    ("story", "change"),
    [
        (Story().create("t", "a", or_replace=True), "OVERWRITE"),
        (Story().read("t").create("t", or_replace=True), "OVERWRITE"),
        (Story().create("t").write("t", "a").create("t", "b", or_replace=True), "CREATE"),
        (Story().create("t", or_replace=True).rename("t", "u"), "OVERWRITE"),
    ],
)
def test_a_create_or_replace_overwrites_a_table_that_the_run_has_not_made(story, change):
    assert list(lifecycles(lineage(story)).values()) == [change]


def test_lifecycle_of_an_altered_table_is_alter():
    assert lifecycles(lineage(Story().alter("t"))) == {"t": "ALTER"}


def test_written_and_deleted_from_has_no_lifecycle():
    assert lifecycles(lineage(Story().write("t", "a").write("t", effect="delete"))) == {"t": None}


def test_replacing_table_is_an_output_under_its_last_name():
    found = lineage(Story().create("t_new", "a").drop("t").rename("t_new", "t"))
    assert (inputs(found), lifecycles(found), edges(found)) == ({"a"}, {"t": "OVERWRITE"}, {"a>t"})


def test_renamed_away_table_is_an_input_under_its_first_name():
    found = lineage(Story().rename("t", "t_old").create("t", "t_old", "a").drop("t_old"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a", "t"}, {"t"}, {"a>t", "t>t"})


def test_a_renamed_table_goes_on_under_its_new_name():
    found = lineage(Story().rename("t", "t2").write("t2", "a"))
    assert (inputs(found), lifecycles(found), edges(found)) == ({"a", "t"}, {"t2": "RENAME"}, {"a>t2", "t>t2"})
    assert found.outputs[0].renamed_from == found.inputs[1].dataset


def test_a_rename_takes_its_columns_along():
    found = lineage(Story().rename("t", "t2").looked_up("t2", "id:int"))
    assert [(e.source_column, e.target_column) for e in found.columns] == [("id", "id")]


def test_a_swap_exchanges_the_tables():
    found = lineage(Story().create("fresh", "a").rename("fresh", "t", effect="swap").drop("fresh"))
    assert (inputs(found), lifecycles(found), edges(found)) == ({"a"}, {"t": "OVERWRITE"}, {"a>t"})


def test_two_events_of_one_swap_are_one_swap():
    story = Story().create("fresh", "a").rename("fresh", "t", effect="swap")
    twice = story.events[-1]
    story.events.append(twice.model_copy(update={"output": story.events[0].output, "emitter": _next(story)}))
    found = lineage(story.drop("fresh"))
    assert (outputs(found), edges(found)) == ({"t"}, {"a>t"})


def test_a_swap_of_two_old_tables_exchanges_their_contents():
    found = lineage(Story().rename("t", "u", effect="swap"))
    assert (outputs(found), edges(found)) == ({"t", "u"}, {"t>u", "u>t"})


def test_a_chain_of_renames_leaves_the_last_name():
    found = lineage(Story().create("x", "a").rename("x", "y").rename("y", "z"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"z"}, {"a>z"})


def test_clone_has_its_original_as_source():
    found = lineage(Story().create("b", "a", effect="clone"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a"}, {"b"}, {"a>b"})


def test_remaining_view_is_an_output_with_its_tables_as_sources():
    found = lineage(Story().create("v", "a").read("v"))
    assert (inputs(found), outputs(found), edges(found)) == ({"a", "v"}, {"v"}, {"a>v"})


def test_table_that_is_only_named_is_neither():
    story = Story()
    story._event("misc", None, ("a",), "", "", {})
    assert lineage(story).empty


def _next(story: Story):
    return story.events[-1].emitter.model_copy(update={"sequence": len(story.events)})


def test_rename_of_an_unknown_name_changes_nothing():
    story = Story().write("t", "a").rename("t", "u")
    unknown = story.events[-1].statement.model_copy(update={"renames": (("no uri", "nor this"),)})
    story.events[-1] = story.events[-1].model_copy(update={"statement": unknown})
    assert (outputs(lineage(story)), edges(lineage(story))) == ({"t"}, {"a>t"})


def test_no_edge_leads_to_a_drop_that_is_no_output():
    """No statement does this, but every user of the API can emit such an event."""
    write_event = write("gone", "orders")
    info = write_event.statement.model_copy(update={"if_exists": True})
    forged = write_event.model_copy(update={"operation": "drop", "statement": info})
    found = stitch(RunHistory(RUN, events=(forged,))).lineage
    assert (outputs(found), edges(found), found.columns) == (set(), set(), ())
