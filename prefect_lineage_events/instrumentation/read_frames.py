"""Frames that one file was read into, known again by identity: a DataFrame of pandas or polars, a table of pyarrow.

A database that scans a frame by its name thereby reads the file's rows. A frame that was changed in place, by its
library's own methods, is not known any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ref

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation.frame_classes import frame_class
from prefect_lineage_events.instrumentation.kept import Kept

_STORES = ("file", "s3", "gs", "abfss")


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """The file that a frame was read from.

    `names` are its columns, `parts` the arrays that hold them, where these show a change in place.
    """

    dataset: Dataset
    columns: tuple[Column, ...]
    names: tuple[Any, ...]
    parts: tuple[ref[Any], ...]


_known: Kept[ReadFrame] = Kept()


def remember(frame: Any, reads: Sequence[tuple[Dataset, tuple[Column, ...]]]) -> None:
    """Remember that a call has read one file into a frame."""
    if len(reads) != 1 or not frame_class(frame).is_table:
        return
    ((dataset, columns),) = reads
    if dataset.namespace.partition(":")[0] in _STORES and columns:
        _known.put(frame, ReadFrame(dataset, columns, _names(frame), tuple(map(ref, _parts(frame)))))


def source_of(frame: Any) -> ReadFrame | None:
    """The file that a frame was read from; None for any other object, and for a frame that was changed."""
    known = _known.get(frame)
    if known is None or known.names != _names(frame) or not _are_same(known.parts, _parts(frame)):
        return None
    return known


def forget(frame: Any) -> None:
    """Forget the file of a frame: the program has changed values of it in place, which are in the same arrays."""
    _known.pop(frame)


def _are_same(references: Sequence[ref[Any]], parts: Sequence[Any]) -> bool:
    return len(references) == len(parts) and all(one() is part for one, part in zip(references, parts, strict=True))


def _names(frame: Any) -> tuple[Any, ...]:
    """The parts of a frame of polars that a change in place would change."""
    return (len(frame), *frame.columns) if frame_class(frame) == ("polars", "DataFrame") else ()


def _parts(frame: Any) -> list[Any]:
    """The objects of a frame of pandas that hold its names and values, which a change in place would change."""
    held = getattr(frame, "_mgr", None)
    return [] if held is None else [*held.axes, *held.arrays]
