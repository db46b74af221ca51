"""Files that a run writes one by one, and then reads by their directory, of which they are no parts (`many_files`)."""

from __future__ import annotations

from prefect_lineage_events.stitching.model import DatasetUse, Lineage
from tests.stitching.histories import Story
from tests.stitching.lineages import columns, edges, inputs, lineage, outputs, unknown

FOLDER = "s3://lake/out"


def subset(story: Story, *parts: str) -> Story:
    """The last step read these parts."""
    event = story.events[-1]
    read = tuple(d.model_copy(update={"subset": parts}) if d.name == "out" else d for d in event.inputs)
    story.events[-1] = event.model_copy(update={"inputs": read})
    return story


def written(*files: str) -> Story:
    story = Story()
    for number, file in enumerate(files):
        table = "abc"[number]
        story.read(table, columns=f"{table}.id>id", result="id", rows=5 + number)
        story.write(f"{FOLDER}/{file}", dialect="", into="id:int", rows=5 + number, files=1)
    return story


def use(found: Lineage, name: str) -> DatasetUse:
    return next(one for one in found.inputs if one.dataset.name == name)


def test_files_of_a_directory_are_sources_of_what_was_read_by_it() -> None:
    found = lineage(written("1.parquet", "2.parquet").write("mart", FOLDER, columns=f"{FOLDER}.id>id"))
    assert inputs(found) == {"a", "b", "out", "out/1.parquet", "out/2.parquet"}
    assert outputs(found) == {"out/1.parquet", "out/2.parquet", "mart"}
    assert edges(found) == {
        "a>out/1.parquet", "b>out/2.parquet", "out>mart", "out/1.parquet>mart", "out/2.parquet>mart",
    }  # fmt: skip
    assert columns(found) >= {"out.id>mart.id"}
    assert unknown(found) == {}


def test_rows_of_python_have_the_files_as_sources_too() -> None:
    story = written("1.parquet").read(FOLDER, dialect="", columns=f"{FOLDER}.id>id", result="id", rows=9, files=3)
    found = lineage(story.write("mart", binds="id", into="id", rows=9))
    assert edges(found) == {"a>out/1.parquet", "out>mart", "out/1.parquet>mart"}
    whole, part = use(found, "out"), use(found, "out/1.parquet")
    assert ((whole.rows, whole.files), (part.rows, part.files)) == ((9, 3), (None, None))


def test_file_that_a_pattern_leaves_out_is_no_source() -> None:
    story = subset(written("log.json").write("mart", FOLDER), "*.parquet")
    assert edges(lineage(story)) == {"a>out/log.json", "out>mart"}


def test_a_subdirectory_that_was_read_takes_its_files_alone() -> None:
    story = subset(written("north/1.parquet", "south/1.parquet").write("mart", FOLDER), "north")
    assert {edge for edge in edges(lineage(story)) if edge.endswith(">mart")} == {
        "out>mart",
        "out/north/1.parquet>mart",
    }


def test_a_file_that_is_written_later_is_no_source() -> None:
    story = Story().write("mart", FOLDER).write(f"{FOLDER}/late.parquet", "mart")
    assert edges(lineage(story)) == {"out>mart", "mart>out/late.parquet"}


def test_a_file_of_another_directory_is_no_source() -> None:
    story = Story().write("s3://lake/outer/1.parquet", "a").write("s3://other/out/1.parquet", "a").write("mart", FOLDER)
    assert {edge for edge in edges(lineage(story)) if edge.endswith(">mart")} == {"out>mart"}
