"""The image of a run's datasets."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.rendering.svg import MAX_EDGES, MAX_LABEL, MAX_NODES, data_uri, svg
from prefect_lineage_events.stitching.model import DatasetUse, Edge, Lineage, UnknownSource
from tests.stitching.histories import Story
from tests.stitching.lineages import run
from tests.test_escaping import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def table(name: str) -> Dataset:
    return Dataset("postgres://db:5432", f"shop.public.{name}")


def drawn(lineage: Lineage, **options: int) -> ElementTree.Element:
    return ElementTree.fromstring(svg(lineage, **options))


def texts(image: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in image.iter(f"{SVG}text")]


def arrows(image: ElementTree.Element, style: str) -> int:
    return sum(len(group) for group in image.findall(f"{SVG}g") if group.get("class") == style)


def fan(sources: int) -> Lineage:
    names = [table(f"source_{number:03}") for number in range(sources)]
    return Lineage(
        inputs=tuple(map(DatasetUse, names)),
        outputs=(DatasetUse(table("mart")),),
        edges=tuple(Edge(name, table("mart")) for name in names),
    )


def chain(length: int) -> Lineage:
    names = [table(f"step_{number:02}_of_the_chain") for number in range(length)]
    return Lineage(
        inputs=(DatasetUse(names[0]),),
        outputs=tuple(map(DatasetUse, names[1:])),
        edges=tuple(Edge(*pair) for pair in pairwise(names)),
    )


def test_inferred_edges_are_dotted():
    story = (
        Story().task("A").task("B", "A").read("db.s.a", task="A").write("db.s.b", task="B").write("db.s.c", "db.s.b")
    )
    image = ElementTree.fromstring(svg(run(story).lineage))
    assert (arrows(image, "e"), arrows(image, "e i")) == (1, 1)
    assert texts(image) == ["a", "b", "c", "read", "written", "from SQL, or recorded", "inferred, through Python"]


def test_the_legend_explains_only_what_is_drawn():
    lineage = Lineage(outputs=(DatasetUse(table("a"), lifecycle="DROP"),))
    assert texts(drawn(lineage)) == ["a", "dropped", "written", "dropped"]


@pytest.mark.parametrize(
    ("use", "doubt", "notes"),
    [
        (DatasetUse(table("a"), lifecycle="CREATE"), None, "created"),
        (DatasetUse(table("a"), kind="view", lifecycle="OVERWRITE"), None, "view, overwritten"),
        (DatasetUse(table("a")), "unknown", "source unknown"),
        (DatasetUse(table("a"), lifecycle="TRUNCATE"), "partly", "emptied, perhaps more sources"),
        (DatasetUse(table("a"), kind="file"), "known", "file"),
    ],
)
def test_details_of_a_dataset_are_below_its_name(use, doubt, notes):
    unknown = (UnknownSource(use.dataset, doubt),) if doubt else ()
    assert texts(drawn(Lineage(outputs=(use,), unknown=unknown)))[:2] == ["a", notes]


def test_of_many_datasets_with_the_same_edges_some_are_drawn_and_one_box_counts_the_others():
    image = drawn(fan(sources=500))
    assert texts(image)[:7] == ["mart", *(f"source_{number:03}" for number in range(5)), "and 495 more"]
    assert arrows(image, "e") == 6
    assert not any("more datasets" in text for text in texts(image))


@pytest.mark.parametrize("sources", [8, 9])
def test_a_few_equal_datasets_are_all_drawn(sources):
    assert ("and 4 more" in texts(drawn(fan(sources)))) is (sources > 8)


def test_datasets_with_edges_of_their_own_stand_by_themselves():
    names = [table(f"t{number}") for number in range(20)]
    lineage = Lineage(tuple(map(DatasetUse, names[:10])), tuple(map(DatasetUse, names[10:])))
    lineage = replace(lineage, edges=tuple(Edge(*pair) for pair in zip(names[:10], names[10:], strict=True)))
    assert not any(text.startswith("and ") for text in texts(drawn(lineage)))


def test_the_best_connected_datasets_are_drawn_and_the_rest_is_counted():
    hub = fan(sources=20)
    own = tuple(Edge(table(f"own_{use.dataset.name}"), use.dataset) for use in hub.inputs)
    inputs = tuple(DatasetUse(edge.source) for edge in own)
    image = drawn(Lineage(inputs, hub.inputs + hub.outputs, hub.edges + own), max_nodes=5)
    assert "mart" in texts(image)
    assert arrows(image, "e") == 4
    assert "and 36 more datasets" in texts(image)


def test_datasets_that_are_drawn_hang_together():
    # A tree: each dataset but the last ones has as many edges as any other.
    edges = tuple(Edge(table(f"t{(number - 1) // 3}"), table(f"t{number}")) for number in range(1, 600))
    lineage = Lineage((DatasetUse(table("t0")),), tuple(DatasetUse(edge.target) for edge in edges), edges)
    assert arrows(drawn(lineage, max_nodes=20), "e") == 19


def test_dataset_counts_its_edges_to_datasets_that_are_not_drawn():
    sources, targets = [table(f"s{n}") for n in range(5)], [table(f"t{n:02}") for n in range(20)]
    edges = tuple(Edge(sources[number % 5], target) for number, target in enumerate(targets))
    image = drawn(Lineage(tuple(map(DatasetUse, sources)), tuple(map(DatasetUse, targets)), edges), max_nodes=6)
    assert texts(image)[:3] == ["s0", "s1", "4 more edges"]


def test_edges_beyond_the_bound_are_counted():
    names = [table(f"t{number}") for number in range(30)]
    edges = tuple(Edge(one, other) for one in names for other in names if one < other)
    image = drawn(Lineage((DatasetUse(names[0]),), tuple(map(DatasetUse, names[1:])), edges))
    assert arrows(image, "e") == MAX_EDGES
    assert "and 135 more edges" in texts(image)


@pytest.mark.parametrize("lineage", [fan(500), chain(500)], ids=["fan", "chain"])
def test_the_image_is_bounded(lineage):
    assert len(data_uri(svg(lineage))) < 60_000


def test_an_edge_to_itself_is_not_drawn():
    lineage = Lineage(outputs=(DatasetUse(table("a")),), edges=(Edge(table("a"), table("a")),))
    assert arrows(drawn(lineage), "e") == 0


def test_mutual_sources_have_both_arrows():
    both = (DatasetUse(table("a")), DatasetUse(table("b")))
    edges = (Edge(table("a"), table("b")), Edge(table("b"), table("a")))
    assert arrows(drawn(Lineage(both, both, edges)), "e") == 2


@pytest.mark.parametrize("length", [2, 5, 14, MAX_NODES])
def test_a_chain_of_any_length_fits_on_a_page(length):
    assert int(drawn(chain(length)).get("width", "")) <= 850


def test_boxes_do_not_overlap_and_are_on_the_image():
    names = [table(f"t{number:02}") for number in range(60)]
    edges = tuple(Edge(names[number // 3], name) for number, name in enumerate(names) if number)
    image = drawn(Lineage((DatasetUse(names[0]),), tuple(map(DatasetUse, names[1:])), edges))
    boxes = [
        tuple(int(box.get(side, "")) for side in ("x", "y", "width", "height")) for box in image.iter(f"{SVG}rect")
    ]
    assert len(boxes) >= 20
    for number, (x, y, width, height) in enumerate(boxes):
        assert 0 <= x <= x + width <= int(image.get("width", ""))
        assert 0 <= y <= y + height <= int(image.get("height", ""))
        for left, top, wide, high in boxes[:number]:
            assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_a_long_name_keeps_its_two_ends():
    (name, *_) = texts(drawn(Lineage(outputs=(DatasetUse(table("daily_" + "x" * 400 + "_2026")),))))
    assert len(name) == MAX_LABEL
    assert re.fullmatch("daily_x+…x+_2026", name)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_and_kinds_are_only_text(hostile):
    odd = Dataset(f"s3://{hostile or 'x'}", hostile if hostile.strip() else "x")
    image = drawn(Lineage(inputs=(DatasetUse(odd, kind=hostile),), outputs=(DatasetUse(table("t")),)))
    plain = drawn(Lineage(inputs=(DatasetUse(replace(odd, name="x"), kind="x"),), outputs=(DatasetUse(table("t")),)))
    assert {element.tag for element in image.iter()} == {element.tag for element in plain.iter()}
    assert all(character.isprintable() for text in texts(image) for character in text)


def test_the_address_of_an_image_means_nothing_in_markdown():
    uri = data_uri("<svg>é</svg>")
    assert re.fullmatch(r"data:image/svg\+xml;base64,[\w+/=]+", uri)
    assert base64.b64decode(uri.partition(",")[2]).decode() == "<svg>é</svg>"
