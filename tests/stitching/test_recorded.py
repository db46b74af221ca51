"""Column edges of writes that were recorded by hand."""

from __future__ import annotations

from typing import Any

from tests.stitching.histories import Story
from tests.stitching.lineages import columns, lineage

RECORDED: dict[str, Any] = {"dialect": "", "effect": None}


def test_by_name_takes_the_columns_that_source_and_target_both_have() -> None:
    story = Story().looked_up("a", "ID x")
    found = lineage(story.write("t", "a", columns="a.*>*", into="id total", **RECORDED))
    assert columns(found) == {"a.ID>t.id"}


def test_by_name_of_several_inputs_takes_equal_names_of_each() -> None:
    story = Story().looked_up("a", "id x").looked_up("b", "id y")
    found = lineage(story.write("t", "a", "b", columns="a.*>* b.*>*", into="id y z", **RECORDED))
    assert columns(found) == {"a.id>t.id", "b.id>t.id", "b.y>t.y"}


def test_by_name_never_matches_by_position() -> None:
    found = lineage(Story().looked_up("a", "x y").write("t", "a", columns="a.*>*", into="p q", **RECORDED))
    assert columns(found) == set()


def test_by_name_is_taken_at_its_word_where_the_columns_of_the_only_input_are_not_known() -> None:
    found = lineage(Story().write("t", "a", columns="a.*>*", into="id", **RECORDED))
    assert columns(found) == {"a.id>t.id"}


def test_by_name_says_nothing_of_several_inputs_without_known_columns() -> None:
    found = lineage(Story().write("t", "a", "b", columns="a.*>* b.*>*", into="id", **RECORDED))
    assert columns(found) == set()
