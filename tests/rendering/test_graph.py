"""Trees for a terminal, and names."""

from __future__ import annotations

import re

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.rendering.graph import short_names, tree
from tests.stitching.histories import Story
from tests.stitching.pictures import run


def test_the_tree_shows_tables_and_columns():
    story = Story().task("A").task("B", "A")
    story.read("db.s.a", task="A", columns="db.s.a.x>x", result="x").write("db.s.b", task="B", into="x:int")
    story.create("db.s.c", "db.s.b", columns="db.s.b.x>y:AGGREGATION").read("db.s.check")
    assert tree(run(story)) == (
        "nightly\n├─ b ← a (task graph)\n│  x ← ~a.x\n├─ c [create] ← b\n│  y ← b.x\n└─ check (read)\n"
    )


def test_columns_stand_in_the_order_of_their_table():
    story = Story().create("b", "a", columns="a.x>zone a.y>amount a.z>id", into="zone:int amount:int id:int")
    assert re.findall(r"(\w+) ← a\.", tree(run(story))) == ["zone", "amount", "id"]


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
