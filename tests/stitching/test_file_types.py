"""Types of files' columns: from the other end of an edge that changes nothing, one a column or none."""

from __future__ import annotations

from tests.stitching.histories import Story, uri
from tests.stitching.lineages import lineage

OUT, IN = "s3://lake/out.parquet", "s3://lake/in.parquet"


def types(story: Story, name: str) -> dict[str, str | None]:
    found = lineage(story)
    (use,) = {u.dataset.uri: u for u in (*found.inputs, *found.outputs) if u.dataset.uri == uri(name)}.values()
    return {column.name: column.type for column in use.columns}


def test_a_written_file_has_the_types_of_the_columns_that_went_in():
    story = Story().write(OUT, "a", columns="a.k>k a.v>twice:TRANSFORMATION").looked_up("a", "k:INTEGER v:TEXT")
    assert types(story, OUT) == {"k": "INTEGER", "twice": None}


def test_a_read_file_has_the_types_of_the_table_that_was_made_of_it():
    story = Story().create("x", IN, columns=f"{IN}.k>k").looked_up("x", "k:INTEGER")
    assert types(story, IN) == {"k": "INTEGER"}


def test_existing_table_gives_no_types_to_its_files():
    story = Story().write("x", IN, columns=f"{IN}.k>k").looked_up("x", "k:INTEGER")
    assert types(story, IN) == {"k": None}


def test_column_with_two_types_has_none():
    story = Story().create("x", IN, columns=f"{IN}.k>k").create("y", IN, columns=f"{IN}.k>k")
    assert types(story.looked_up("x", "k:INTEGER").looked_up("y", "k:TEXT"), IN) == {"k": None}


def test_a_text_format_has_always_the_same_type():
    csv = "s3://lake/in.csv.gz"
    story = Story().create("x", csv, columns=f"{csv}.k>k").looked_up("x", "k:INTEGER")
    assert types(story, csv) == {"k": "VARCHAR"}
