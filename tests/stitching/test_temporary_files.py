"""Temporary files of a run: data flows through them, as through temporary tables, on every road to them."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_lineage_events.stitching.model import Lineage
from tests.stitching.histories import Story
from tests.stitching.lineages import columns, edges, inputs, lineage, outputs, unknown

FILE = "file:///tmp/run/x.csv"


def temporary(story: Story, *subset: str, known: bool = True) -> Story:
    """The files of the last event are temporary, and this is `known` to its process; the last step touched these parts."""
    event = story.events[-1]

    def changed(dataset: Any) -> Any:
        if dataset.namespace != "file":
            return dataset
        return dataset.model_copy(update={"temporary": known, "kind": "file", "subset": subset})

    output = event.output and changed(event.output)
    story.events[-1] = event.model_copy(update={"output": output, "inputs": tuple(map(changed, event.inputs))})
    return story


def frame_from(story: Story, source: str, rows: int = 5) -> Story:
    return story.read(source, columns=f"{source}.id>id {source}.x>x", result="id x", rows=rows)


def to_file(story: Story, file: str = FILE, *, known: bool = True, effect: str = "overwrite", rows: int = 5) -> Story:
    return temporary(story.write(file, dialect="", into="id:int x:int", rows=rows, effect=effect), known=known)


def from_file(story: Story, file: str = FILE, *subset: str, known: bool = True, rows: int = 5) -> Story:
    story.read(file, dialect="", columns=f"{file}.id>id {file}.x>x", result="id x", rows=rows)
    return temporary(story, *subset, known=known)


def to_table(story: Story, table: str, rows: int = 5) -> Story:
    return story.write(table, binds="id x", into="id x", rows=rows)


def shown(found: Lineage) -> tuple[set[str], set[str], set[str]]:
    return inputs(found), outputs(found), edges(found)


def test_data_flows_through_a_temporary_file_with_its_columns() -> None:
    found = lineage(to_table(from_file(to_file(frame_from(Story(), "a"))), "b"))
    assert shown(found) == ({"a"}, {"b"}, {"a>b"})
    assert columns(found) == {"~a.id>b.id:TRANSFORMATION", "~a.x>b.x:TRANSFORMATION"}
    assert unknown(found) == {}


def test_statements_flow_through_a_temporary_file_with_exact_columns() -> None:
    story = temporary(Story().write(FILE, "a", columns="a.id>id a.x>y:AGGREGATION"))
    found = lineage(temporary(story.write("b", FILE, columns=f"{FILE}.id>id {FILE}.y>z")))
    assert shown(found) == ({"a"}, {"b"}, {"a>b"})
    assert columns(found) == {"a.id>b.id", "a.x>b.z:AGGREGATION"}


@pytest.mark.parametrize("known", [(True, False), (False, True)])
def test_a_file_that_one_process_knows_as_temporary_is_temporary_for_all(known: tuple[bool, bool]) -> None:
    story = from_file(to_file(frame_from(Story(), "a"), known=known[0]), known=known[1])
    assert shown(lineage(to_table(story, "b"))) == ({"a"}, {"b"}, {"a>b"})


def test_a_temporary_file_that_is_written_again_holds_nothing_of_before() -> None:
    story = to_table(from_file(to_file(frame_from(Story(), "a"))), "b")
    found = lineage(to_table(from_file(to_file(frame_from(story, "c", rows=7), rows=7), rows=7), "d", rows=7))
    assert shown(found) == ({"a", "c"}, {"b", "d"}, {"a>b", "c>d"})


def test_rows_that_were_appended_are_added_to_a_temporary_file() -> None:
    story = to_file(frame_from(Story(), "a"))
    story = to_file(frame_from(story, "c", rows=7), effect="append", rows=7)
    assert edges(lineage(to_table(from_file(story, rows=12), "b", rows=12))) == {"a>b", "c>b"}


def test_the_source_of_a_temporary_file_that_nothing_captured_has_written_is_unknown() -> None:
    python = lineage(to_table(from_file(Story()), "b"))
    sql = lineage(temporary(Story().write("b", FILE, columns=f"{FILE}.id>id")))
    beside = lineage(temporary(Story().write("b", FILE, "a", columns=f"{FILE}.id>id a.x>x")))
    for found in (python, sql):
        assert shown(found) == (set(), {"b"}, set())
        assert unknown(found) == {"b": "unknown"}
    assert (edges(beside), unknown(beside)) == ({"a>b"}, {"b": "partly"})


def test_a_temporary_file_that_is_only_written_leaves_nothing() -> None:
    assert shown(lineage(to_file(frame_from(Story(), "a")))) == ({"a"}, set(), set())


DIRECTORY = "file:///tmp/run"


@pytest.mark.parametrize("subset", [(), ("*.csv",), ("1.csv", "2.csv"), ("[0-9].csv",)])
def test_files_that_are_read_by_their_directory_are_its_parts(subset: tuple[str, ...]) -> None:
    story = to_file(frame_from(Story(), "a"), f"{DIRECTORY}/1.csv")
    story = to_file(frame_from(story, "c", rows=7), f"{DIRECTORY}/2.csv", rows=7)
    found = lineage(to_table(from_file(story, DIRECTORY, *subset, rows=12), "b", rows=12))
    assert shown(found) == ({"a", "c"}, {"b"}, {"a>b", "c>b"})
    assert unknown(found) == {}


def test_files_that_a_pattern_leaves_out_are_no_source() -> None:
    story = to_file(frame_from(Story(), "a"), f"{DIRECTORY}/1.csv")
    story = to_file(frame_from(story, "c", rows=7), f"{DIRECTORY}/log.json", rows=7)
    assert edges(lineage(to_table(from_file(story, DIRECTORY, "*.csv"), "b"))) == {"a>b"}


def test_a_file_that_is_written_after_its_directory_was_read_is_no_source() -> None:
    story = to_file(frame_from(Story(), "a"), f"{DIRECTORY}/1.csv")
    story = to_table(from_file(story, DIRECTORY), "b")
    story = to_file(frame_from(story, "c", rows=7), f"{DIRECTORY}/2.csv", rows=7)
    assert edges(lineage(to_table(from_file(story, f"{DIRECTORY}/2.csv", rows=7), "d", rows=7))) == {"a>b", "c>d"}


def test_files_of_a_directory_that_was_written_as_a_whole_come_from_it() -> None:
    story = temporary(Story().write(DIRECTORY, "a", columns="a.id>id a.x>x"))
    story = to_table(from_file(story, f"{DIRECTORY}/part.parquet"), "b")
    assert shown(lineage(story)) == ({"a"}, {"b"}, {"a>b"})


def test_statements_read_the_files_of_a_directory() -> None:
    story = to_file(frame_from(Story(), "a"), f"{DIRECTORY}/1.csv")
    story.write("b", DIRECTORY, columns=f"{DIRECTORY}.id>id")
    found = lineage(temporary(story, "*.csv"))
    assert (edges(found), columns(found)) == ({"a>b"}, {"~a.id>b.id:TRANSFORMATION"})


def test_tables_of_a_database_in_a_temporary_file_are_temporary_for_all() -> None:
    table = "sqlite:///tmp/run/work.db/staged"
    story = Story().create(table, "a", columns="a.id>id")
    event = story.events[-1]
    assert event.output is not None
    story.events[-1] = event.model_copy(update={"output": event.output.model_copy(update={"temporary": True})})
    found = lineage(story.write("b", table, columns=f"{table}.id>id"))
    assert (shown(found), columns(found)) == (({"a"}, {"b"}, {"a>b"}), {"a.id>b.id"})


def test_many_temporary_files_take_linear_work() -> None:
    story = Story()
    for number in range(300):
        to_file(story, f"{DIRECTORY}/{number}.csv")
    assert outputs(lineage(to_table(from_file(frame_from(story, "a"), DIRECTORY), "b"))) == {"b"}
