"""Readers and writers that were made before lineage was switched on: a run that uses one says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.emission import not_captured, worker
from prefect_lineage_events.emission.notes import LossNote, NotCapturedNote, RecordNote
from prefect_lineage_events.instrumentation import access
from tests.emission.conftest import make_run

TABLE = pa.table({"id": [1, 2]})
FRAME = TABLE.to_pandas()


def _excel(writer: Any) -> None:
    FRAME.to_excel(writer)
    writer.close()


def _write(writer: Any) -> None:
    writer.write_table(TABLE)
    writer.close()


OBJECTS: dict[str, tuple[Any, Any]] = {
    "pyarrow.parquet": (lambda folder: pq.ParquetFile(folder / "a.parquet"), lambda file: file.read()),
    "batches": (lambda folder: pq.ParquetFile(folder / "a.parquet"), lambda file: list(file.iter_batches())),
    "pyarrow.orc": (lambda folder: orc.ORCFile(folder / "a.orc"), lambda file: file.read()),
    "ParquetWriter": (lambda folder: pq.ParquetWriter(folder / "b.parquet", TABLE.schema), _write),
    "pandas.read_excel": (lambda folder: pd.ExcelFile(folder / "a.xlsx"), lambda file: pd.read_excel(file)),
    "pandas.ExcelWriter": (lambda folder: pd.ExcelWriter(folder / "b.xlsx"), _excel),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    orc.write_table(TABLE, tmp_path / "a.orc")
    FRAME.to_excel(tmp_path / "a.xlsx")
    return tmp_path


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    found: list[Any] = []
    run = make_run()
    monkeypatch.setattr(worker, "put", found.append)
    for module in (access, not_captured):
        monkeypatch.setattr(module, "current_run", lambda: run)
    monkeypatch.setattr(not_captured, "_noted", type(not_captured._noted)())
    yield found
    uninstrument()


@pytest.mark.parametrize("kind", OBJECTS)
def test_early_object_is_named_and_one_made_later_is_captured(kind: str, files: Path, notes: list[Any]) -> None:
    make, use = OBJECTS[kind]
    early = make(files)
    instrument("files")
    use(early)
    named = [note.library for note in notes if isinstance(note, NotCapturedNote)]
    assert named == [
        f"{'pyarrow.parquet' if kind == 'batches' else kind} (made before the run, or before lineage was switched on)"
    ]
    assert not [note for note in notes if isinstance(note, RecordNote | LossNote)]
    notes.clear()
    use(make(files))
    assert {type(note) for note in notes} == {RecordNote}
