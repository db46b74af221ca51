"""Frames between files and tables: by the rows and the columns that both have, as between tables."""

from __future__ import annotations

import pytest

from prefect_lineage_events.stitching.many_files import MANY, MANY_ALIKE
from tests.stitching.histories import Story
from tests.stitching.lineages import columns, edges, inputs, lineage, outputs, unknown


def read(story: Story, file: str, rows: int | None = 5, names: str = "id x", task: str = "") -> Story:
    """A file that was read as a frame; its event has the columns of the file and of the rows."""
    pairs = " ".join(f"{file}.{name}>{name}" for name in names.split())
    story.read(file, dialect="", columns=pairs, result=names, rows=rows, task=task)
    event = story.events[-1]
    known = event.inputs[0].model_copy(update={"columns": event.result_columns})
    story.events[-1] = event.model_copy(update={"inputs": (known,)})
    return story


def write(story: Story, file: str, rows: int | None = 5, names: str = "id x", task: str = "") -> Story:
    """A frame that was written to a file."""
    return story.write(file, dialect="", into=names, rows=rows, effect=None, task=task)


def test_frame_of_a_file_is_written_to_a_table_with_its_columns() -> None:
    found = lineage(read(Story(), "s3://b/in.csv").write("t", binds="id x", rows=5))
    assert (inputs(found), outputs(found)) == ({"in.csv"}, {"t"})
    assert columns(found) == {"~in.csv.id>t.id:TRANSFORMATION", "~in.csv.x>t.x:TRANSFORMATION"}


def test_frame_of_a_table_is_written_to_a_file_with_its_columns() -> None:
    found = lineage(write(Story().read("t", result="id x", columns="t.id>id t.x>x", rows=5), "s3://b/out.csv"))
    assert edges(found) == {"t>out.csv"}
    assert columns(found) == {"~t.id>out.csv.id:TRANSFORMATION", "~t.x>out.csv.x:TRANSFORMATION"}


def test_frame_is_written_to_the_file_that_has_its_columns() -> None:
    story = read(read(Story(), "s3://b/orders.csv", 7, "id amount"), "s3://b/customers.csv", 3, "number name")
    story = write(write(story, "s3://b/o.parquet", 7, "id amount"), "s3://b/c.parquet", 3, "number name")
    assert edges(lineage(story)) == {"orders.csv>o.parquet", "customers.csv>c.parquet"}


def test_single_row_of_a_log_is_known_as_little_as_one_in_a_table() -> None:
    def story(log: str) -> Story:
        written = write(read(Story(), "s3://b/in.csv"), "s3://b/out.csv")
        return written.write(log, dialect="", into="step seconds", rows=1, effect=None)

    in_file, in_table = lineage(story("s3://b/log")), lineage(story("log"))
    assert (edges(in_file), unknown(in_file)) == (edges(in_table), unknown(in_table))


def test_frame_passes_from_task_to_task() -> None:
    story = Story().task("extract").task("load", "extract")
    found = lineage(write(read(story, "s3://b/in.csv", task="extract"), "s3://b/out.parquet", task="load"))
    assert edges(found) == {"in.csv>out.parquet"}


@pytest.mark.parametrize("number", [MANY_ALIKE, MANY_ALIKE + 1])
def test_files_read_one_by_one_are_parts_of_their_directory_if_they_are_many(number: int) -> None:
    story = Story()
    for i in range(number):
        read(story, f"s3://b/in/day{i}.csv", 10)
    read(story, "s3://b/in/customers.csv", 3, "number name")
    write(story, "s3://b/out.parquet", 10 * number)
    found = lineage(story)
    if number > MANY_ALIKE:
        assert inputs(found) == {"in", "in/customers.csv"}
        assert edges(found) == {"in>out.parquet"}
        (whole,) = (use for use in found.inputs if use.dataset.name == "in")
        assert (whole.files, whole.rows, len(whole.subset)) == (number, 10 * number, number)
        assert columns(found) == {
            "~in.id>out.parquet.id:TRANSFORMATION", "~in.x>out.parquet.x:TRANSFORMATION",
        }  # fmt: skip
    else:
        assert len(inputs(found)) == number + 1


def test_files_written_one_by_one_are_parts_of_their_directory() -> None:
    story = Story().read("t", result="id x", columns="t.id>id t.x>x", rows=50)
    for i in range(50):
        write(story, f"s3://b/out/{i}.csv", 1)
    found = lineage(story)
    assert outputs(found) == {"out"}
    assert (found.outputs[0].files, found.outputs[0].rows) == (50, 50)


def test_files_of_unknown_columns_are_parts_once_they_are_very_many() -> None:
    for number, expected in ((MANY, MANY), (MANY + 1, 1)):
        story = Story()
        for i in range(number):
            story.read(f"s3://b/in/{i}.bin", dialect="")
        assert len(inputs(lineage(story))) == expected


def test_statement_that_names_many_files_reads_their_directory() -> None:
    files = [f"s3://b/in/{i}.csv" for i in range(MANY + 1)]
    found = lineage(Story().write("t", *files, columns=" ".join(f"{file}.id>id" for file in files)))
    assert edges(found) == {"in>t"}
    assert columns(found) == {"in.id>t.id"}
    assert unknown(found) == {}


def test_files_before_a_directory_was_named_are_parts_of_it_too() -> None:
    story = read(read(Story(), "s3://b/in/1.csv"), "s3://b/in/notes.txt")
    read(story, "s3://b/in")
    event = story.events[-1]
    part = event.inputs[0].model_copy(update={"subset": ("2.csv",)})
    story.events[-1] = event.model_copy(update={"inputs": (part,)})
    found = lineage(story)
    assert inputs(found) == {"in", "in/notes.txt"}
    assert [use.subset for use in found.inputs if use.dataset.name == "in"] == [("1.csv", "2.csv")]


def test_file_that_one_library_opens_and_another_one_reads_is_one_read() -> None:
    story = Story().read("s3://b/in.csv", dialect="", reason="fsspec.open")
    write(read(story, "s3://b/in.csv"), "s3://b/out.csv")
    story.write("s3://b/out.csv", dialect="", effect=None, reason="fsspec.open")
    found = lineage(story)
    assert edges(found) == {"in.csv>out.csv"}
    assert [use.rows for use in (*found.inputs, *found.outputs)] == [5, 5]


def test_file_that_is_only_opened_is_read() -> None:
    story = Story().read("s3://b/in.csv", dialect="", reason="fsspec.open").write("t", binds="id", rows=5)
    assert edges(lineage(read(story, "s3://b/in.csv"))) == {"in.csv>t"}


def test_rows_of_an_opened_dataset_are_not_those_of_a_file_with_the_same_number() -> None:
    story = write(read(Story(), "s3://b/in.csv", 3, "id x y"), "s3://b/lake", 3, "id x y")
    write(read(story, "s3://b/lake", None, "id x y"), "s3://b/out.parquet", 3, "id x")
    assert edges(lineage(story)) == {"in.csv>lake", "lake>out.parquet"}


def test_same_column_of_many_reads_of_one_dataset_is_one_origin() -> None:
    story = Story()
    for i in range(100):
        read(story, f"s3://b/in/{i}.csv", 10)
    found = lineage(write(story, "s3://b/out.parquet", 1_000))
    assert columns(found) == {"~in.id>out.parquet.id:TRANSFORMATION", "~in.x>out.parquet.x:TRANSFORMATION"}


def test_file_of_one_row_without_a_common_column_has_no_known_source() -> None:
    story = read(read(Story(), "s3://b/a.csv", 3, "id v"), "s3://b/c.csv", 6, "id v")
    found = lineage(write(story, "s3://b/const.parquet", 1, "env"))
    assert edges(found) == set()
    assert unknown(found) == {"const.parquet": "unknown"}


def test_file_of_an_unknown_number_of_rows_may_take_all_that_was_read() -> None:
    story = read(read(Story(), "s3://b/a.csv", 3, "id v"), "s3://b/c.csv", 6, "id v")
    assert edges(lineage(write(story, "s3://b/const.parquet", None, "env"))) == {
        "a.csv>const.parquet",
        "c.csv>const.parquet",
    }
