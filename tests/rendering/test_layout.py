"""Layers, orders and coordinates of graphs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.rendering.layout import MAX_WAYPOINTS, coordinates, layers

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda e: e[0] != e[1]), unique=True)


def layer_of(found) -> dict[int, int]:
    return {node: number for number, row in enumerate(found.rows) for node in row}


@pytest.mark.parametrize(
    ("edges", "rows"),
    [
        ([(0, 1), (1, 2)], [[0], [1], [2]]),
        ([(0, 1), (1, 2), (3, 2)], [[0], [1, 3], [2]]),
        ([(0, 1), (1, 0)], [[0], [1]]),
        ([], [[0, 1, 2, 3]]),
    ],
    ids=["chain", "a source stands before its target", "cycle", "no edge"],
)
def test_layers(edges, rows):
    count = max((n for edge in edges for n in edge), default=3) + 1
    assert [sorted(row) for row in layers(count, edges).rows] == rows


def test_nodes_without_edges_are_in_the_first_or_last_layer():
    assert [sorted(row) for row in layers(4, [(0, 1)], last=(1, 3)).rows] == [[0, 2], [1, 3]]


def test_two_edges_do_not_cross_where_they_need_not():
    found = layers(4, [(0, 3), (1, 2)])
    first, second = found.rows
    assert [{0: 3, 1: 2}[n] for n in first] == second


@given(EDGES)
def test_every_edge_passes_each_layer_between_its_ends(edges):
    found = layers(12, edges)
    layer = layer_of(found)
    assert sorted(n for n in layer if n < 12) == list(range(12))
    for (source, target), route in found.routes.items():
        assert (route[0], route[-1]) == (source, target)
        steps = {layer[other] - layer[one] for one, other in pairwise(route)}
        assert steps in ({1}, {-1})


@given(EDGES)
def test_no_edge_is_turned_round_where_there_is_no_cycle(edges):
    upwards = [(min(edge), max(edge)) for edge in edges]
    found = layers(12, list(dict.fromkeys(upwards)))
    layer = layer_of(found)
    assert all(layer[source] < layer[target] for source, target in found.routes)


@given(EDGES)
def test_nodes_of_a_layer_keep_their_distance(edges):
    found = layers(12, edges)
    centres = coordinates(found, lambda node: 20 + node, gap=5)
    for row in found.rows:
        for one, other in pairwise(row):
            assert centres[other] - centres[one] >= (40 + one + other) / 2 + 5 - 1  # rounded
    assert all(centres[node] >= (20 + node) // 2 - 1 for node in centres)


def test_a_node_is_in_the_middle_of_its_sources():
    centres = coordinates(layers(4, [(0, 3), (1, 3), (2, 3)]), lambda _: 10, gap=10)
    assert centres[3] == sorted(centres[n] for n in range(3))[1]


def test_waypoints_are_bounded():
    count = 200
    edges = [(one, other) for one in range(count) for other in (one + 1, one + 100) if other < count]
    found = layers(count, edges)
    assert sum(map(len, found.rows)) <= count + MAX_WAYPOINTS
    assert set(found.routes) == set(edges)
