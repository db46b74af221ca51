"""Layered layout of a directed graph, by Sugiyama's method. Pure.

Four steps: the layer of each node, waypoints for edges across several layers, an order within each layer that crosses
few edges, and a coordinate for each node. Nodes are the numbers below a count; waypoints are the numbers from there on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Edge = tuple[int, int]
# Beyond it, long edges run straight: a waypoint costs time in each sweep.
MAX_WAYPOINTS = 2_000
_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layers:
    """`rows`: the nodes and waypoints of each layer, in their order. `routes`: what each edge passes, ends included."""

    rows: list[list[int]]
    routes: dict[Edge, list[int]]

    def neighbours(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """The neighbours of each node or waypoint, in the layers before it and in the layers after it."""
        layer = {node: number for number, row in enumerate(self.rows) for node in row}
        before: dict[int, list[int]] = defaultdict(list)
        after: dict[int, list[int]] = defaultdict(list)
        for route in self.routes.values():
            for one, other in pairwise(route):
                first, second = (one, other) if layer[one] < layer[other] else (other, one)
                after[first].append(second)
                before[second].append(first)
        return before, after


def layers(count: int, edges: Sequence[Edge], last: Collection[int] = ()) -> Layers:
    """The layers of the nodes below `count`. Nodes in `last` that have no edge are in the last layer.

    An edge that would close a cycle runs backwards. No edge may join a node to itself.
    """
    forward = _acyclic(count, edges)
    layer = _layer_of_each(count, list(dict.fromkeys(forward.values())))
    deepest = max(layer, default=0)
    linked = {node for edge in edges for node in edge}
    for node in last:
        if node not in linked:
            layer[node] = deepest
    rows: list[list[int]] = [[] for _ in range(deepest + 1)]
    for node in _connected_first(count, edges):
        rows[layer[node]].append(node)
    found = Layers(rows, _routes(count, forward, layer, rows))
    _reorder(found)
    return found


def coordinates(found: Layers, extent: Callable[[int], int], gap: int) -> dict[int, int]:
    """The centre of each node and waypoint across the layers: near its neighbours, and `gap` from the next one."""
    before, after = found.neighbours()
    centres: dict[int, float] = {}
    for row in found.rows:
        centres.update(zip(row, _offsets(row, extent, gap), strict=True))
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 else before
        for row in reversed(found.rows) if sweep % 2 else found.rows:
            wanted = [_mean([centres[n] for n in near[node]], centres[node]) for node in row]
            centres.update(zip(row, _apart(wanted, _offsets(row, extent, gap)), strict=True))
    start = min((centres[node] - extent(node) / 2 for node in centres), default=0)
    return {node: round(centre - start) for node, centre in centres.items()}


def _acyclic(count: int, edges: Sequence[Edge]) -> dict[Edge, Edge]:
    """Each edge as it runs between layers: turned round where it leads back to a node that led to it."""
    after: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        after[source].append(target)
    backward: set[Edge] = set()
    seen: set[int] = set()
    has_source = {target for _, target in edges}
    for start in sorted(range(count), key=lambda node: node in has_source):
        if start in seen:
            continue
        path, on_path = [(start, iter(after[start]))], {start}
        seen.add(start)
        while path:
            node, rest = path[-1]
            for onward in rest:
                if onward in on_path:
                    backward.add((node, onward))
                elif onward not in seen:
                    seen.add(onward)
                    on_path.add(onward)
                    path.append((onward, iter(after[onward])))
                    break
            else:
                path.pop()
                on_path.discard(node)
    return {edge: (edge[1], edge[0]) if edge in backward else edge for edge in edges}


def _layer_of_each(count: int, edges: Sequence[Edge]) -> list[int]:
    """The length of the longest path to each node. A node without a source is beside its first target's sources."""
    after: dict[int, list[int]] = defaultdict(list)
    missing = [0] * count
    for source, target in edges:
        after[source].append(target)
        missing[target] += 1
    layer = [0] * count
    ready = [node for node in range(count) if not missing[node]]
    sources = list(ready)
    while ready:
        node = ready.pop()
        for target in after[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for node in sources:
        if after[node]:
            layer[node] = min(layer[target] for target in after[node]) - 1
    return layer


def _connected_first(count: int, edges: Sequence[Edge]) -> list[int]:
    """All nodes, those of one connected part of the graph after each other."""
    beside: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        beside[source].append(target)
        beside[target].append(source)
    order: dict[int, None] = {}
    for start in sorted(range(count), key=lambda node: node not in beside):
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in order:
                order[node] = None
                waiting += reversed(beside[node])
    return list(order)


def _routes(count: int, forward: dict[Edge, Edge], layer: list[int], rows: list[list[int]]) -> dict[Edge, list[int]]:
    routes, number = {}, count
    for edge, (source, target) in forward.items():
        between = range(layer[source] + 1, layer[target])
        passed = []
        if number - count + len(between) <= MAX_WAYPOINTS:
            for crossed in between:
                rows[crossed].append(number)
                passed.append(number)
                number += 1
        route = [source, *passed, target]
        routes[edge] = route if edge == (source, target) else route[::-1]
    return routes


def _reorder(found: Layers) -> None:
    before, after = found.neighbours()
    index = {node: number for row in found.rows for number, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 else before
        for row in reversed(found.rows) if sweep % 2 else found.rows:
            wanted = {node: _mean([index[n] for n in near[node]], index[node]) for node in row}
            row.sort(key=wanted.__getitem__)
            index.update((node, number) for number, node in enumerate(row))


def _offsets(row: Sequence[int], extent: Callable[[int], int], gap: int) -> list[float]:
    """The centres of a row without any room to spare."""
    steps = ((extent(one) + extent(other)) / 2 + gap for one, other in pairwise(row))
    return list(accumulate(steps, initial=extent(row[0]) / 2)) if row else []


def _apart(wanted: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The coordinates nearest to the wanted ones (least squares) that keep order and distance.

    Isotonic regression: neighbours that want to be too near to each other move as one block, to their mean.
    """
    blocks: list[tuple[float, int]] = []
    for value in (want - offset for want, offset in zip(wanted, offsets, strict=True)):
        total, size = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            more, members = blocks.pop()
            total, size = total + more, size + members
        blocks.append((total, size))
    moved = (total / size for total, size in blocks for _ in range(size))
    return [base + offset for base, offset in zip(moved, offsets, strict=True)]


def _mean(values: Iterable[float], default: float) -> float:
    found = list(values)
    return sum(found) / len(found) if found else default
