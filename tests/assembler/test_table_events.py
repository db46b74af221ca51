"""The datasets that a run counts as having written: in `lineage.table-written`, and in Prefect's assets."""

from __future__ import annotations

import pytest

from prefect_lineage_events.assembler import table_events
from tests.stitching.histories import Story
from tests.stitching.lineages import lineage, outputs, run


def written(story: Story) -> set[str]:
    return {event.dataset.name for event in table_events.written(run(story))}


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(Story().create("t", into="id:int"), id="CREATE TABLE t (id int)"),
        pytest.param(Story().create("t", into="id").create("t", into="id"), id="twice, without types"),
    ],
)
def test_table_that_a_run_only_defined_is_an_output_without_an_event(story: Story) -> None:
    assert outputs(lineage(story)) == {"t"}
    assert written(story) == set()


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(Story().create("t", into="id:int").write("t", "a"), id="then INSERT"),
        pytest.param(Story().create("t", into="id:int").write("t", effect="delete"), id="then DELETE"),
        pytest.param(Story().drop("t", if_exists=True).create("t", into="id:int"), id="after DROP: its rows are gone"),
        pytest.param(Story().create("t", "a", into="id"), id="AS SELECT id FROM a"),
        pytest.param(Story().create("t", into="id", constant="id"), id="AS SELECT 1 AS id"),
        pytest.param(Story().create("t", into="id", binds="id"), id="AS SELECT ? AS id"),
        pytest.param(Story().create("t", into="id", rows=3), id="AS, with the driver's count"),
        pytest.param(Story().create("t"), id="AS, of unknown columns"),
        pytest.param(Story().create("new", into="id:int").rename("new", "t"), id="by a new name"),
        pytest.param(Story().alter("t"), id="ALTER: perhaps ADD PARTITION"),
    ],
)
def test_table_with_other_rows_has_an_event(story: Story) -> None:
    assert written(story) == {"t"}


def test_dropped_table_has_no_event() -> None:
    assert written(Story().write("t", "a").drop("t")) == set()


@pytest.mark.parametrize("state", ["FAILED", "CRASHED", "CANCELLED"])
def test_run_that_did_not_complete_has_no_events(state: str) -> None:
    story = Story(state=state).write("t", "a")
    assert outputs(lineage(story)) == {"t"}
    assert written(story) == set()
