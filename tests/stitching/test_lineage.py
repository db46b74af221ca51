"""Limits of edges and of column edges by name."""

from __future__ import annotations

from prefect_lineage_events.stitching import dataflow
from tests.stitching.histories import Story, ident
from tests.stitching.lineages import columns, edges, inputs, lineage


def many(story: Story, task: str, count: int) -> Story:
    """So many writes in a task, each recorded as made of as many datasets."""
    for number in range(count):
        sources = [f"{task}r{source}" for source in range(count)]
        story.write(f"{task}w{number}", *sources, task=task, effect=None, dialect="")
    return story


def test_edges_beyond_the_limit_are_bundled(monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.stitching.lineage.MAX_EDGES", 8)
    found = lineage(many(Story().task("T"), "T", 3))
    (bundle,) = found.bundles
    assert bundle.task_run_id == ident("T")
    assert {(dataset.name, evidence) for dataset, evidence in bundle.sources} == {
        (f"Tr{n}", "recorded") for n in range(3)
    }
    assert {dataset.name for dataset in bundle.targets} == {f"Tw{n}" for n in range(3)}
    assert (edges(found), inputs(found)) == (set(), {"Tr0", "Tr1", "Tr2"})


def test_edges_up_to_the_limit_are_single(monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.stitching.lineage.MAX_EDGES", 9)
    found = lineage(many(Story().task("T"), "T", 3))
    assert (len(found.edges), found.bundles) == (9, ())


def test_largest_products_are_bundled_first(monkeypatch):
    monkeypatch.setattr("prefect_lineage_events.stitching.lineage.MAX_EDGES", 12)
    story = many(many(Story().task("T").task("S"), "T", 4), "S", 2)
    found = lineage(story.write("x", "y"))
    assert [bundle.task_run_id for bundle in found.bundles] == [ident("T")]
    assert edges(found) == {"Sr0>Sw0", "Sr0>Sw1", "Sr1>Sw0", "Sr1>Sw1", "y>x"}


def test_name_of_very_many_columns_gives_no_edges(monkeypatch):
    monkeypatch.setattr(dataflow, "MAX_ORIGINS_BY_NAME", 2)
    story = Story()
    for number in range(3):
        story.read(f"a{number}", columns=f"a{number}.id>id a{number}.x{number}>x{number}")
    assert columns(lineage(story.write("b", into="id:int x0:int"))) == {"~a0.x0>b.x0:TRANSFORMATION"}


def test_inferred_column_edges_are_limited(monkeypatch):
    monkeypatch.setattr(dataflow, "MAX_INFERRED", 1)
    story = Story().read("a", columns="a.x>x").write("b", into="x:int").write("c", into="x:int")
    assert columns(lineage(story)) == {"~a.x>b.x:TRANSFORMATION"}


def test_number_of_rows_beyond_an_integer_is_unknown():
    story = Story()
    for _ in range(2):
        story.write("out", "in", rows=2**62)
    assert [use.rows for use in lineage(story).outputs] == [None]
