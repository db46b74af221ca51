"""Datasets and the edges between them as an SVG image, for pages that show images and no diagrams. Pure.

The colours are readable on a light page and on a dark one: an image does not have the colour of its page.
"""

from __future__ import annotations

import base64
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import line, xml
from prefect_lineage_events.rendering import layout
from prefect_lineage_events.rendering.graph import STATED, best_connected, short_names, uses
from prefect_lineage_events.sentences import changed, counted
from prefect_lineage_events.stitching.model import DatasetUse, Lineage

MAX_NODES = 60
MAX_EDGES = 300
MAX_LABEL = 30
# Of more datasets with the same edges than these, some are kept, and one box stands for the others.
MAX_EQUAL, _KEPT = 8, 5
# About the width of an artifact's page. A wider image is shown smaller, so a long chain runs from top to bottom.
_PAGE = 850
_HEIGHT, _CHARACTER, _PADDING, _MARGIN, _LINE = 40, 7.3, 12, 8, 24
_GAP_ACROSS, _GAP_BESIDE, _GAP_BELOW, _WAYPOINT = 14, 52, 36, 6
_SOURCES = {"unknown": "source unknown", "partly": "perhaps more sources"}
_STYLE = (
    "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#0f172a}"
    ".n{font-size:10px;fill:#475569}.w,.l{fill:#768090}"
    "rect{stroke-width:1.2;rx:5}.r{fill:#e2e8f0;stroke:#64748b}.o{fill:#d1fae5;stroke:#059669}"
    ".u{fill:#fef3c7;stroke:#d97706;stroke-width:2}.f{stroke-width:3}.k{fill:none;stroke:#768090}"
    ".d{stroke-dasharray:5 3}.e{fill:none;stroke:#7d8799;stroke-width:1.4}.i{stroke-dasharray:2 4}"
)
_ARROW = (
    '<marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#7d8799"/></marker>'
)


@dataclass(frozen=True, slots=True)
class _Node:
    """A box: the dataset's name, its details below, and the classes of its style."""

    label: str
    notes: str
    style: str

    @property
    def width(self) -> int:
        return round(max(_width(self.label), _width(self.notes) * 10 / 12)) + 2 * _PADDING


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The positions of boxes and arrows, and the size of the image."""

    width: int
    height: int
    boxes: Sequence[tuple[int, int, int]]
    paths: Mapping[layout.Edge, str]


def data_uri(image: str) -> str:
    """The image as a data URI, of letters without a meaning in markdown."""
    return f"data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()}"


def svg(lineage: Lineage, max_nodes: int = MAX_NODES, focus: Dataset | None = None) -> str:
    """The edges between at most `max_nodes` datasets, the best connected ones, with a legend and a count of the rest.

    From left to right where that fits on a page, else from top to bottom. `focus` is drawn with a thick border.
    """
    known = uses(lineage)
    folded = _folded(lineage)
    hidden = {dataset for equal in folded.values() for dataset in equal}
    shown = best_connected({d: use for d, use in known.items() if d not in hidden}, lineage.edges, max_nodes)
    folded = {dataset: equal for dataset, equal in folded.items() if dataset in shown}
    styles = _styles(lineage)
    if focus in styles:
        styles[focus] += " f"
    nodes = _nodes(lineage, shown, styles, _undrawn_edges(lineage, shown, folded))
    nodes += [_Node(f"and {len(equal):,} more", "", styles[dataset]) for dataset, equal in folded.items()]
    numbers = {dataset: [number] for number, dataset in enumerate(shown)}
    for number, dataset in enumerate(folded, len(shown)):
        numbers[dataset].append(number)
    inferred = {
        (source, target): edge.evidence not in STATED
        for edge in lineage.edges
        if edge.source != edge.target
        for source in numbers.get(edge.source, ())
        for target in numbers.get(edge.target, ())
    }
    drawn = dict(list(inferred.items())[:MAX_EDGES])
    beyond = len(known) - len(shown) - sum(map(len, folded.values()))
    drawing = _drawing(nodes, list(drawn), [number for number, node in enumerate(nodes) if "r" not in node.style])
    parts = [*_edges(drawing, drawn), *_boxes(drawing, nodes)]
    legend = [*_legend(nodes, set(drawn.values())), *_counts(beyond, len(inferred) - len(drawn))]
    return _document(drawing, parts, legend)


def _undrawn_edges(
    lineage: Lineage, shown: Sequence[Dataset], folded: Mapping[Dataset, Sequence[Dataset]]
) -> Counter[Dataset]:
    """The number of edges of each shown dataset that lead to datasets which are not drawn, not even in a count."""
    drawn = {*shown, *(dataset for equal in folded.values() for dataset in equal)}
    ends = ((edge.source, edge.target) for edge in lineage.edges)
    both = (pair for source, target in ends for pair in ((source, target), (target, source)))
    return Counter(one for one, other in both if one in drawn and other not in drawn)


def _folded(lineage: Lineage) -> dict[Dataset, list[Dataset]]:
    """Datasets that are not drawn, by the last drawn one of those with the same edges and the same style."""
    styles = _styles(lineage)
    edges: dict[Dataset, set[tuple[str, Dataset, bool]]] = {dataset: set() for dataset in styles}
    for edge in lineage.edges:
        for end, dataset, other in (("to", edge.source, edge.target), ("from", edge.target, edge.source)):
            edges.setdefault(dataset, set()).add((end, other, edge.evidence in STATED))
    groups: dict[tuple[str, frozenset[tuple[str, Dataset, bool]]], list[Dataset]] = defaultdict(list)
    for dataset, style in sorted(styles.items()):
        groups[style, frozenset(edges[dataset])].append(dataset)
    return {group[_KEPT - 1]: group[_KEPT:] for group in groups.values() if len(group) > MAX_EQUAL}


def _styles(lineage: Lineage) -> dict[Dataset, str]:
    """The class of each dataset: read, output (written), or of an unknown source; and whether it was dropped."""
    doubted = {unknown.target for unknown in lineage.unknown if unknown.rows in _SOURCES}
    styles = dict.fromkeys((use.dataset for use in lineage.inputs), "r")
    for use in lineage.outputs:
        style = "u" if use.dataset in doubted else "o"
        styles[use.dataset] = f"{style} d" if use.lifecycle == "DROP" else style
    return styles


def _nodes(
    lineage: Lineage, shown: Sequence[Dataset], styles: Mapping[Dataset, str], undrawn: Mapping[Dataset, int]
) -> list[_Node]:
    names, known = short_names(shown), uses(lineage)
    doubts = {unknown.target: _SOURCES[unknown.rows] for unknown in lineage.unknown if unknown.rows in _SOURCES}
    return [
        _Node(
            _shown(names[dataset]),
            _notes(known[dataset], doubts.get(dataset), undrawn.get(dataset, 0)),
            styles[dataset],
        )
        for dataset in shown
    ]


def _notes(use: DatasetUse, doubt: str | None, undrawn: int) -> str:
    notes = [_shown(use.kind)] if use.kind != "table" else []
    notes += [changed(use.lifecycle)] if use.lifecycle else []
    notes += [doubt] if doubt else []
    notes += [counted(undrawn, "more edge")] if undrawn else []
    return ", ".join(notes)


def _shown(text: str) -> str:
    return _cut(line(_cut(text)))


def _cut(text: str) -> str:
    """The beginning and the end of a text that is too long."""
    half = (MAX_LABEL - 1) // 2
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1 - half]}…{text[-half:]}"


def _width(text: str) -> float:
    """Of a text in a monospaced font, in which the characters of East Asia are two wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text) * _CHARACTER


def _drawing(nodes: Sequence[_Node], edges: Sequence[layout.Edge], last: Sequence[int]) -> _Drawing:
    layers = layout.layers(len(nodes), edges, last)
    across = _draw(nodes, layers, downwards=False)
    if across.width <= _PAGE:
        return across
    return min(across, _draw(nodes, layers, downwards=True), key=lambda drawing: drawing.width)


def _draw(nodes: Sequence[_Node], layers: layout.Layers, *, downwards: bool) -> _Drawing:
    """Coordinates run `along` the layers and `across` them; only here do they become x and y."""

    def extent(node: int) -> int:
        return _WAYPOINT if node >= len(nodes) else nodes[node].width if downwards else _HEIGHT

    centres = layout.coordinates(layers, extent, _GAP_ACROSS)
    gap = _GAP_BELOW if downwards else _GAP_BESIDE
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    along = 0
    for row in layers.rows:
        depth = _HEIGHT if downwards else max((nodes[n].width for n in row if n < len(nodes)), default=0)
        begins.update(dict.fromkeys(row, along))
        ends.update(dict.fromkeys(row, along + depth))
        along += depth + gap

    def point(far: float, side: float) -> str:
        x, y = (side, far) if downwards else (far, side)
        return f"{round(x) + _MARGIN} {round(y) + _MARGIN}"

    def path(route: Sequence[int]) -> str:
        forward = begins[route[0]] < begins[route[-1]]
        leaves, enters = (ends, begins) if forward else (begins, ends)
        drawn = f"M{point(leaves[route[0]], centres[route[0]])}"
        for one, other in pairwise(route):
            middle = (leaves[one] + enters[other]) / 2
            drawn += f"C{point(middle, centres[one])} {point(middle, centres[other])} "
            drawn += point(enters[other], centres[other])
            if other != route[-1]:
                drawn += f"L{point(leaves[other], centres[other])}"
        return drawn

    boxes = []
    for number, node in enumerate(nodes):
        width = node.width if downwards else ends[number] - begins[number]
        start = centres[number] - extent(number) // 2
        x, y = (start, begins[number]) if downwards else (begins[number], start)
        boxes.append((x + _MARGIN, y + _MARGIN, width))
    sides = max((centres[n] + extent(n) / 2 for n in centres), default=0)
    far = max(along - gap, 0)
    width, height = (round(sides), far) if downwards else (far, round(sides))
    paths = {edge: path(route) for edge, route in layers.routes.items()}
    return _Drawing(width + 2 * _MARGIN, height + 2 * _MARGIN, boxes, paths)


def _edges(drawing: _Drawing, inferred: Mapping[layout.Edge, bool]) -> Iterator[str]:
    for dotted, style in ((False, "e"), (True, "e i")):
        paths = [drawing.paths[edge] for edge, is_dotted in inferred.items() if is_dotted is dotted]
        if paths:
            drawn = "".join(f'<path d="{path}" marker-end="url(#a)"/>' for path in paths)
            yield f'<g class="{style}">{drawn}</g>'


def _boxes(drawing: _Drawing, nodes: Sequence[_Node]) -> Iterator[str]:
    for (x, y, width), node in zip(drawing.boxes, nodes, strict=True):
        yield f'<rect class="{node.style}" x="{x}" y="{y}" width="{width}" height="{_HEIGHT}"/>'
        yield _text(node.label, x + _PADDING, y + (18 if node.notes else 24))
        if node.notes:
            yield _text(node.notes, x + _PADDING, y + 32, "n")


def _legend(nodes: Sequence[_Node], dotted: set[bool]) -> Iterator[tuple[str, str]]:
    """A sample of each mark that is used, and what it means."""
    styles = " ".join(node.style for node in nodes).split()
    box = '<rect class="{}" x="{{x}}" y="{{y}}" width="28" height="14"/>'
    arrow = '<path class="{}" d="M{{x}} {{middle}}h28" marker-end="url(#a)"/>'
    for used, sample, meaning in (
        ("r" in styles, box.format("r"), "read"),
        ("o" in styles, box.format("o"), "written"),
        ("u" in styles, box.format("u"), "written, not all sources known"),
        ("f" in styles, box.format("k f"), "this dataset"),
        ("d" in styles, box.format("r d"), "dropped"),
        (False in dotted, arrow.format("e"), "from SQL, or recorded"),
        (True in dotted, arrow.format("e i"), "inferred, through Python"),
    ):
        if used:
            yield sample, meaning


def _counts(datasets: int, edges: int) -> Iterator[tuple[str, str]]:
    """Entries of the legend, without a sample, for what is not drawn."""
    for count, noun in ((datasets, "more datasets"), (edges, "more edges")):
        if count > 0:
            yield "", f"and {count:,} {noun}"


def _document(drawing: _Drawing, parts: Sequence[str], legend: Sequence[tuple[str, str]]) -> str:
    width = max(drawing.width, 560)
    x, y, lines = _MARGIN, drawing.height + 10, []
    for sample, meaning in legend:
        needed = round(_width(meaning)) + (40 if sample else 0)
        if x > _MARGIN and x + needed > width:
            x, y = _MARGIN, y + _LINE
        lines.append(sample.format(x=x, y=y, middle=y + 7))
        lines.append(_text(meaning, x + (36 if sample else 0), y + 11, "l"))
        x += needed + 24
    height = y + _LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<style>{_STYLE}</style><defs>{_ARROW}</defs>{''.join(parts)}{''.join(lines)}</svg>"
    )


def _text(text: str, x: int, y: int, style: str = "") -> str:
    of_style = f' class="{style}"' if style else ""
    return f'<text{of_style} x="{x}" y="{y}">{xml(text)}</text>'
