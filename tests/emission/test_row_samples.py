"""Samples of rows: some rows of many, copied, and no code of the user's run for them."""

from __future__ import annotations

import datetime as dt
import sqlite3
from decimal import Decimal

import numpy as np
import pytest

from prefect_lineage_events.emission import row_samples
from prefect_lineage_events.emission.row_samples import (
    MAX_COLUMNS,
    MAX_ROWS_READ,
    is_large,
    kept_rows,
    of_parameters,
    of_rows,
    plain,
    positions,
    positions_read,
)


class Row(tuple):
    """A row of the user's class, whose code must not run."""

    def __iter__(self):
        raise AssertionError("code of the user was run")


class Value:
    """An object of the user's."""


@pytest.mark.parametrize("rows", [0, 1, 16, 17, 100, 10**6])
def test_positions_are_in_order_and_within_the_rows(rows):
    found = list(positions(rows))
    assert found == sorted(set(found))
    assert all(0 <= position < rows for position in found)
    assert len(found) == min(rows, 16)
    assert set(found) >= {0, rows - 1} or not rows


def test_sample_of_a_read_has_the_positions_of_a_copy_of_it():
    for rows in (1, MAX_ROWS_READ, MAX_ROWS_READ + 1, 10**5):
        assert set(positions(rows)) <= set(positions_read(rows))


def test_sample_of_parameters_is_a_copy():
    row = [1, "a"]
    sample = of_parameters(row, None)
    row[0] = 2
    assert sample.columns() == [[1, "a"]]
    assert sample.by_row


def test_sample_of_many_sets_has_some_of_them_and_their_first_columns():
    sets = [tuple(range(number, number + 40)) for number in range(1_000)]
    found = of_parameters(None, sets).columns()
    assert len(found) == 16
    assert found[0] == list(range(MAX_COLUMNS))
    assert found[-1][0] == 999


@pytest.mark.parametrize("sets", [iter([(1,)]), {(1,)}, map(tuple, [[1]])])
def test_sets_that_can_be_read_once_are_left_alone(sets):
    assert of_parameters(None, sets) is None


def test_rows_of_classes_are_read_without_their_code():
    assert of_parameters(Row((1, 2)), None).columns() == [[1, 2]]
    assert of_parameters(Value(), None) is None


def test_rows_of_drivers_are_kept_unless_they_hold_objects_of_the_user():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT 1 AS a, 'x' AS b").fetchall()
    connection.close()
    assert [row_samples.values_of(row) for row in kept_rows(rows)] == [(1, "x")]
    assert kept_rows([(1, Value())]) == []
    assert of_rows([], whole=True) is None


def test_rows_that_can_change_are_copied():
    row = {"a": 1}
    kept = kept_rows([row])
    row["a"] = 2
    assert kept == [(1,)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (Decimal("1.5"), Decimal("1.5")),
        (np.int64(5), 5),
        (np.array([1, 2]), None),
        (np.datetime64("2026-01-02"), dt.date(2026, 1, 2)),
        (Value(), None),
        ([1], None),
    ],
)
def test_values_that_libraries_have_in_common_are_plain(value, expected):
    assert plain(value) == expected


def test_rows_with_long_values_are_large():
    assert not is_large([(1, "a", None, b"b"), (2, "x" * 8_000)])
    assert is_large([("x" * 5_000, b"x" * 5_000), (1, 2)])
    assert is_large([(1, 2), [1, "x" * 10_000]])
