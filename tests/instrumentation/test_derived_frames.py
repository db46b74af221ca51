"""Frames among the values that a program makes a frame of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
import pytest

from prefect_lineage_events.instrumentation.derived_frames import _frames_among
from prefect_lineage_events.instrumentation.frames import MAX_ORIGINS


def test_frames_among_values_are_found() -> None:
    frame = pandas.DataFrame({"a": [1]})
    assert [id(found) for found in _frames_among([1, frame, "b"])] == [id(frame)]


def test_only_the_first_of_very_many_values_are_looked_at() -> None:
    def values() -> Iterator[Any]:
        yield from range(MAX_ORIGINS)
        pytest.fail("the user's thread goes through all values")

    assert _frames_among(values()) == []
