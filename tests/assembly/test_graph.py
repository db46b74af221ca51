"""The picture for people."""

from __future__ import annotations

from prefect_lineage_events.assembly.graph import mermaid, short_names, tree
from prefect_lineage_events.datasets import Dataset
from tests.assembly.histories import Story
from tests.assembly.pictures import run


def test_the_graph_draws_datasets_and_dots_what_follows_from_dataflow():
    story = (
        Story().task("A").task("B", "A").read("db.s.a", task="A").write("db.s.b", task="B").write("db.s.c", "db.s.b")
    )
    assert mermaid(run(story)) == (
        'flowchart LR\n    d0[("a")]\n    d1[("b")]\n    d2[("c")]\n    d0 -.-> d1\n    d1 --> d2\n'
    )


def test_a_large_graph_shows_the_best_connected_and_counts_the_rest():
    story = Story()
    for number in range(20):
        story.write("mart", f"source_{number:02}")
    drawn = mermaid(run(story), max_nodes=5)
    assert '[("mart")]' in drawn
    assert drawn.count("-->") == 4
    assert "16 more datasets" in drawn


def test_a_label_cannot_end_itself():
    story = Story().write('we"ird]<b>#1', "a")
    assert 'd1[("we#quot;ird]#lt;b#gt;#35;1")]' in mermaid(run(story))


def test_an_edge_to_itself_is_not_drawn():
    assert "-->" not in mermaid(run(Story().write("t", "t")))


def test_files_have_a_shape_of_their_own():
    story = Story().write("s3://bucket/a/b.csv", "a", dialect="")
    story.events[0] = story.events[0].model_copy(
        update={"output": story.events[0].output.model_copy(update={"kind": "file"})}
    )
    assert '[/"b.csv"/]' in mermaid(run(story))


def test_the_tree_shows_tables_and_columns():
    story = Story().task("A").task("B", "A")
    story.read("db.s.a", task="A", columns="db.s.a.x>x", result="x").write("db.s.b", task="B", into="x:int")
    story.create("db.s.c", "db.s.b", columns="db.s.b.x>y:AGGREGATION").read("db.s.check")
    assert tree(run(story)) == (
        "nightly\n├─ b ← a (task graph)\n│  x ← ~a.x\n├─ c [create] ← b\n│  y ← b.x\n└─ check (read)\n"
    )


def test_names_are_as_short_as_they_are_clear():
    one, other, third = (
        Dataset("postgres://h:1", "db.s.t"),
        Dataset("postgres://h:1", "db.z.t"),
        Dataset("s3://b", "d/t.csv"),
    )
    assert short_names([one, other, third]) == {one: "s.t", other: "z.t", third: "t.csv"}


def test_names_that_are_the_same_in_two_stores_are_told_apart_by_their_uri():
    one, other = Dataset("postgres://h:1", "db.s.t"), Dataset("postgres://h:2", "db.s.t")
    assert short_names([one, other]) == {one: "postgres://h:1/db/s/t", other: "postgres://h:2/db/s/t"}
