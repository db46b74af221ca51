"""Accesses by calls of libraries: noted after success, once, without any change to the function."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_lineage_events import Dataset, lineage_disabled, patches
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.analysis import from_record
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.events import Column
from prefect_lineage_events.instrumentation import access
from prefect_lineage_events.instrumentation.access import Access, Call, reports, suppressed
from tests.emission.conftest import make_run


def read(path: str, *, fail: bool = False) -> str:
    """Read a file."""
    if fail:
        raise OSError("no such file")
    return path


async def read_async(path: str) -> str:
    return path


def _describe(call: Call) -> Iterator[Access]:
    yield Access("read", Dataset.from_uri(call.argument(0, "path")), "lib.read", (Column(name="a", type="int64"),))


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[RecordNote]:
    notes: list[Any] = []
    monkeypatch.setattr(worker, "put", lambda note: isinstance(note, RecordNote) and (notes.append(note) or True))
    monkeypatch.setattr(access, "current_run", lambda: make_run(task="load"))
    return notes


@pytest.fixture
def library() -> Iterator[SimpleNamespace]:
    module = SimpleNamespace(read=read, read_async=read_async)
    for name in ("read", "read_async"):
        patches.add(module, name, reports(_describe))
    yield module
    patches.switch_off()
    assert module.read is read


async def test_call_is_noted_once_it_has_succeeded(noted: list[RecordNote], library: SimpleNamespace) -> None:
    assert library.read("s3://b/k") == "s3://b/k"
    assert await library.read_async(path="s3://b/k") == "s3://b/k"
    assert [note.inputs for note in noted] == [(Dataset("s3://b", "k"),)] * 2


def test_failed_call_notes_nothing(noted: list[RecordNote], library: SimpleNamespace) -> None:
    with pytest.raises(OSError, match="no such file"):
        library.read("s3://b/k", fail=True)
    assert noted == []


@pytest.mark.parametrize("block", [suppressed, lineage_disabled])
def test_call_within_another_one_or_switched_off_notes_nothing(
    noted: list[RecordNote], library: SimpleNamespace, block: Any
) -> None:
    with block():
        library.read("s3://b/k")
    assert noted == []


def test_error_of_the_description_does_not_reach_the_caller(noted: list[RecordNote], library: SimpleNamespace) -> None:
    assert library.read(7) == 7
    assert noted == []


def test_patched_function_is_the_function_to_other_code(library: SimpleNamespace) -> None:
    assert inspect.isfunction(library.read)
    assert inspect.iscoroutinefunction(library.read_async)
    assert inspect.signature(library.read) == inspect.signature(read)
    assert library.read.__doc__ == "Read a file."
    assert copy.deepcopy(library.read) is library.read


def test_patched_function_is_pickled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules[__name__]
    patches.add(module, "read", reports(_describe))
    try:
        assert pickle.loads(pickle.dumps(module.read)) is module.read
    finally:
        patches.switch_off()


def test_read_with_columns_has_an_edge_for_each_column(noted: list[RecordNote], library: SimpleNamespace) -> None:
    library.read("s3://b/k")
    (pending,) = from_record(noted[0])
    assert [column.name for column in pending.event.result_columns] == ["a"]
    assert [(e.column, e.source, e.source_column) for e in pending.event.columns] == [("a", "s3://b/k", "a")]
    assert pending.event.inputs[0].columns == (Column(name="a", type="int64"),)
