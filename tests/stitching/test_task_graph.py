"""Upstream tasks, and references of Prefect that are rejected."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tests.stitching.histories import START, Story, ident
from tests.stitching.lineages import edges, lineage


def two_pipelines(*, second_reads: str = "id price", reused_before: bool = True, one_parameter: bool = True) -> Story:
    """`clean2` was given the result of `read2` in a container that has the place of `clean1`'s result."""
    story = Story().task("read1").task("read2").task("clean1", "read1").task("write1", "clean1")
    story.task("clean2", "read2", "clean1").task("write2", "clean2")
    for number, name in enumerate(("read1", "read2", "clean1", "write1", "clean2", "write2")):
        task = story.tasks[ident(name)]
        begun = START + dt.timedelta(minutes=number if reused_before or name != "write1" else 30)
        together = (task.upstream,) if one_parameter else tuple(frozenset({ref}) for ref in task.upstream)
        story.tasks[ident(name)] = replace(task, started=begun, upstream_by_parameter=together)
    story.read("customers", task="read1", columns="customers.id>id customers.name>name", result="id name")
    story.read("products", task="read2", columns="products.id>id products.price>price", result=second_reads)
    story.write("customers_clean", task="write1", into="id:int name:text")
    return story.write("products_clean", task="write2", into="id:int price:int")


def test_a_container_in_the_place_of_an_old_result_does_not_cross_two_pipelines():
    assert edges(lineage(two_pipelines())) == {"customers>customers_clean", "products>products_clean"}


@pytest.mark.parametrize(
    "evidence_missing",
    [
        {"one_parameter": False},
        {"reused_before": False},
    ],
)
def test_reference_stays_without_all_signs_against_it(evidence_missing):
    assert "customers>products_clean" in edges(lineage(two_pipelines(**evidence_missing)))


def test_reference_stays_if_no_other_explains_the_write():
    story = two_pipelines()
    story.write("both", task="write2", into="id:int name:text price:int")
    assert {"customers>both", "products>both"} <= edges(lineage(story))


def test_frames_of_a_list_that_are_put_together_all_count():
    story = Story().task("A").task("B").task("W", "A", "B")
    story.tasks[ident("W")] = replace(
        story.tasks[ident("W")], started=START, upstream_by_parameter=(story.tasks[ident("W")].upstream,)
    )
    story.read("a", task="A", columns="a.v>v", result="v").read("b", task="B", columns="b.v>v b.w>w", result="v w")
    assert edges(lineage(story.write("all", task="W", into="v:int w:int"))) == {"a>all", "b>all"}


def test_task_is_never_upstream_of_itself():
    story = Story().task("A", "B").task("B", "A").read("a", task="A").write("b", task="B")
    assert edges(lineage(story)) == {"a>b"}
