"""polars' own methods while the origins of frames are followed."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from prefect_lineage_events import instrument
from prefect_lineage_events.emission.row_samples import Origins
from prefect_lineage_events.instrumentation.frames import keep, origins_of
from prefect_lineage_events.instrumentation.instrument import uninstrument

READ: Any = object()


@pytest.fixture
def frame() -> Iterator[pl.DataFrame]:
    uninstrument()
    instrument("files")
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    keep(frame, Origins((READ,)))
    yield frame
    uninstrument()


def test_derived_objects_have_the_same_origins(frame: pl.DataFrame) -> None:
    derived = (
        frame.filter(pl.col("a") > 1),
        frame["a"] * 2,
        frame["a"].to_frame(),
        frame.lazy().select(pl.col("b").str.len_chars()).collect(),
        frame.group_by("b").agg(pl.len()),
        *(part for _, part in frame.group_by("b")),
        *frame.partition_by("b", as_dict=True).values(),
        pl.concat([frame.head(1), frame.tail(1)]),
        pl.DataFrame({"c": frame["a"]}),
        frame.to_pandas(),
        pl.from_pandas(frame.to_pandas()),
    )
    assert {origins_of(one) for one in derived} == {Origins((READ,))}


def test_frame_that_is_also_made_of_an_unknown_one_has_partial_origins(frame: pl.DataFrame) -> None:
    unknown = pl.Series("c", [3, 4])
    assert origins_of(frame.with_columns(unknown)) == Origins((READ,), partial=True)
    assert origins_of(frame.join(pl.DataFrame({"a": [1]}), on="a")) == Origins((READ,), partial=True)
    assert origins_of(unknown + 1) is None


def test_methods_look_and_pickle_as_before_and_are_restored(frame: pl.DataFrame) -> None:
    followed = pl.DataFrame.select
    assert list(inspect.signature(followed).parameters) == ["self", "exprs", "named_exprs"]
    assert pickle.loads(pickle.dumps(followed)) is followed
    uninstrument()
    assert pl.DataFrame.select is inspect.unwrap(followed)
    assert pl.DataFrame.select is not followed
