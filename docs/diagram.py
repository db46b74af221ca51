"""A diagram of boxes and arrows as an SVG image: GitHub and the site both show it, and it needs no script.

The colours are readable on a light page and on a dark one: an image does not have the colour of its page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise

from prefect_lineage_events.rendering import layout

_HEIGHT, _CHARACTER, _PADDING, _WAYPOINT = 28, 7.3, 10, 6
_BESIDE, _BELOW, _MARGIN, _LEGEND = 16, 34, 8, 34
_COLOURS = (("#dbeafe", "#3b82f6"), ("#d1fae5", "#059669"), ("#fef3c7", "#d97706"), ("#e2e8f0", "#64748b"))
_STYLE = (
    "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#0f172a}.l{fill:#768090}"
    "rect{stroke-width:1.2;rx:5}.e{fill:none;stroke:#7d8799;stroke-width:1.2}"
)
_ARROW = (
    '<marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#7d8799"/></marker>'
)


def svg(groups: Mapping[str, Sequence[str]], arrows: Sequence[tuple[str, str]]) -> str:
    """The members of the groups as boxes, from top to bottom along the arrows, in the colour of their group."""
    names = [name for members in groups.values() for name in members]
    styles = [number for number, members in enumerate(groups.values()) for _ in members]
    found = layout.layers(len(names), [(names.index(one), names.index(other)) for one, other in arrows])

    def extent(node: int) -> int:
        return _width(names[node]) if node < len(names) else _WAYPOINT

    centres = {node: x + _MARGIN for node, x in layout.coordinates(found, extent, _BESIDE).items()}
    tops = {node: row * (_HEIGHT + _BELOW) + _MARGIN for row, nodes in enumerate(found.rows) for node in nodes}
    width = round(max(centre + extent(node) / 2 for node, centre in centres.items())) + _MARGIN
    height = max(tops.values()) + _HEIGHT
    parts = [f'<path d="{_curve(route, centres, tops)}" marker-end="url(#a)"/>' for route in found.routes.values()]
    boxes = [
        _box(name, centres[node] - _width(name) // 2, tops[node], style)
        for node, (name, style) in enumerate(zip(names, styles, strict=True))
    ]
    legend = list(_legend(list(groups), height + _LEGEND - 14))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + _LEGEND + _MARGIN}">',
            f'<style>{_STYLE}</style><defs>{_ARROW}</defs><g class="e">',
            *parts,
            "</g>",
            *boxes,
            *legend,
            "</svg>\n",
        ]
    )


def _width(name: str) -> int:
    return round(len(name) * _CHARACTER) + 2 * _PADDING


def _curve(route: Sequence[int], centres: Mapping[int, int], tops: Mapping[int, int]) -> str:
    """From the lower edge of a box to the upper edge of another one, straight along the layers between."""
    drawn = f"M{centres[route[0]]} {tops[route[0]] + _HEIGHT}"
    for one, other in pairwise(route):
        middle = (tops[one] + _HEIGHT + tops[other]) // 2
        drawn += f"C{centres[one]} {middle} {centres[other]} {middle} {centres[other]} {tops[other]}"
        if other != route[-1]:
            drawn += f"L{centres[other]} {tops[other] + _HEIGHT}"
    return drawn


def _box(name: str, x: int, y: int, style: int) -> str:
    fill, stroke = _COLOURS[style]
    return (
        f'<rect x="{x}" y="{y}" width="{_width(name)}" height="{_HEIGHT}" fill="{fill}" stroke="{stroke}"/>'
        f'<text x="{x + _PADDING}" y="{y + 18}">{escape(name)}</text>'
    )


def _legend(groups: Sequence[str], y: int) -> Iterator[str]:
    x = _MARGIN
    for (fill, stroke), name in zip(_COLOURS, groups, strict=True):
        yield f'<rect x="{x}" y="{y}" width="28" height="14" fill="{fill}" stroke="{stroke}"/>'
        yield f'<text class="l" x="{x + 36}" y="{y + 11}">{escape(name)}</text>'
        x += 36 + _width(name) + _PADDING
