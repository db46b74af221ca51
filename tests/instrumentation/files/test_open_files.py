"""Open files of fsspec that a library of frames reads or writes: one access, at the end of the file."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFile

from prefect_lineage_events.emission import losses
from tests.instrumentation.files.touched import Touched, recorded, touched

__all__ = ["recorded", "touched"]
FRAME = pd.DataFrame({"id": [1, 2], "name": ["a", "b"]})
POLARS, TABLE = pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME)
WRITES: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("w", "csv", lambda file: FRAME.to_csv(file)),
    ("wb", "csv", lambda file: FRAME.to_csv(file)),
    ("w", "json", lambda file: FRAME.to_json(file)),
    ("wb", "parquet", lambda file: FRAME.to_parquet(file)),
    ("wb", "feather", lambda file: FRAME.to_feather(file)),
    ("wb", "xlsx", lambda file: FRAME.to_excel(file)),
    ("wb", "csv", lambda file: POLARS.write_csv(file)),
    ("wb", "parquet", lambda file: POLARS.write_parquet(file)),
    ("wb", "csv", lambda file: pyarrow.csv.write_csv(TABLE, file)),
    ("wb", "parquet", lambda file: pyarrow.parquet.write_table(TABLE, file)),
]


@pytest.fixture(params=["memory://open", "file"])
def address(request: Any, tmp_path: Path) -> str:
    return f"file://{tmp_path}" if request.param == "file" else str(request.param)


@pytest.mark.parametrize(("mode", "kind", "write"), WRITES)
def test_write_is_noted_once_with_its_columns_when_the_file_is_closed(
    touched: Touched, address: str, mode: str, kind: str, write: Callable[[Any], Any]
) -> None:
    with fsspec.open(f"{address}/a.{kind}", mode) as file:
        write(file)
        assert touched.notes == []
    (note,) = touched.notes
    assert (len(note.columns), note.rows, note.size) == (2, 2, None)
    assert [taken[0] for taken in touched.take()] == ["write"]


def test_compressed_file_and_one_of_a_filesystem_are_noted_once(touched: Touched, address: str) -> None:
    with fsspec.open(f"{address}/a.csv.gz", "wt", compression="gzip") as file:
        FRAME.to_csv(file)
    filesystem, path = fsspec.url_to_fs(f"{address}/b.csv")
    with filesystem.open(path, "w") as file:
        FRAME.to_csv(file)
    opened = fsspec.open(f"{address}/c.csv", "w").open()
    FRAME.to_csv(opened)
    opened.close()
    assert [len(note.columns) for note in touched.notes] == [2, 2, 2]


def test_two_frames_in_a_file_are_two_writes(touched: Touched, address: str) -> None:
    with fsspec.open(f"{address}/a.csv", "w") as file:
        FRAME.to_csv(file)
        FRAME.to_csv(file, header=False)
    assert [note.rows for note in touched.notes] == [2, 2]


def test_file_whose_block_fails_is_not_written(touched: Touched, address: str) -> None:
    with pytest.raises(RuntimeError), fsspec.open(f"{address}/a.csv", "w") as file:
        FRAME.to_csv(file)
        raise RuntimeError
    assert touched.take() == []


def test_file_whose_end_fails_is_not_written(touched: Touched, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise OSError("the upload failed")

    file = fsspec.filesystem("memory").open("/a.parquet", "wb", autocommit=False)
    FRAME.to_parquet(file)
    monkeypatch.setattr(MemoryFile, "commit", fails)
    with pytest.raises(OSError, match="upload"):
        file.commit()
    assert touched.take() == []


def test_file_that_is_never_committed_is_counted(
    touched: Touched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "current_run", lambda run: run)
    filesystem = fsspec.filesystem("file")
    file = filesystem.open(tmp_path / "a.parquet", "wb", autocommit=False)
    FRAME.to_parquet(file)
    filesystem.transaction.files.clear()
    del file
    gc.collect()
    assert touched.notes == []
    assert touched.losses == ["a file that was written and never closed"]


@pytest.mark.parametrize(
    ("mode", "read"),
    [("r", lambda f: pd.read_csv(f)), ("rb", lambda f: pd.read_csv(f)), ("rb", lambda f: pl.read_csv(f))],
)
def test_read_names_the_opening_that_it_replaces(
    touched: Touched, address: str, mode: str, read: Callable[[Any], Any]
) -> None:
    with fsspec.open(f"{address}/a.csv", "w") as file:
        FRAME.to_csv(file, index=False)
    touched.take()
    with fsspec.open(f"{address}/a.csv", mode) as file:
        read(file)
    opening, found = touched.notes
    assert found.opening is opening
    assert (found.rows, opening.opening) == (2, None)
