"""Accesses by calls of libraries: noted after success, once, without any change to the function."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_lineage_events import Dataset, lineage_disabled, patches
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import from_record
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
    module = sys.modules[__name__]
    patches.add(module, "read", reports(_describe))
    try:
        assert pickle.loads(pickle.dumps(module.read)) is module.read
    finally:
        patches.switch_off()


class Frame:
    def __init__(self, rows: int = 0) -> None:
        self.rows = rows

    def save(self, path: str) -> str:
        warnings.warn("old", FutureWarning, stacklevel=2)
        return f"{self.rows} in {path}"


@pytest.fixture
def patched_method() -> Iterator[None]:
    patches.add(Frame, "save", reports(_describe))
    yield
    patches.switch_off()


@pytest.mark.usefixtures("patched_method")
@pytest.mark.filterwarnings("ignore:old")
def test_patched_method_is_copied_and_pickled_as_methods_are() -> None:
    frame = Frame(3)
    assert pickle.loads(pickle.dumps(frame.save))("x") == "3 in x"
    assert pickle.loads(pickle.dumps(Frame.save))(frame, "x") == "3 in x"
    assert copy.copy(frame.save)("x") == "3 in x"
    copied = copy.deepcopy(frame.save)
    frame.rows = 4
    assert copied("x") == "3 in x"
    assert inspect.ismethod(frame.save)
    assert frame.save == frame.save


@pytest.mark.usefixtures("patched_method")
def test_warning_of_a_patched_method_is_shown_for_the_line_of_the_program() -> None:
    with pytest.warns(FutureWarning) as caught:
        Frame().save("s3://b/k")
        line = sys._getframe().f_lineno - 1
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


def test_read_with_columns_has_an_edge_for_each_column(noted: list[RecordNote], library: SimpleNamespace) -> None:
    library.read("s3://b/k")
    (pending,) = from_record(noted[0])
    assert [column.name for column in pending.event.result_columns] == ["a"]
    assert [(e.column, e.source, e.source_column) for e in pending.event.columns] == [("a", "s3://b/k", "a")]
    assert pending.event.inputs[0].columns == (Column(name="a", type="int64"),)
