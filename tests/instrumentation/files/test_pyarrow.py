"""pyarrow: each file that it reads and writes is noted once, with its columns and rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from pyarrow import csv, feather, fs, ipc, json, orc
from pyarrow import dataset as ds
from pyarrow import parquet as pq
from pyarrow.parquet import read_table, write_table

from prefect_lineage_events import guard
from prefect_lineage_events.instrumentation.files import opened
from tests.instrumentation.files.touched import Touched, recorded, touched

__all__ = ["recorded", "touched"]
TABLE = pa.table({"id": [1, 2], "name": ["Ada", "Emmy"]})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def _notes(touched: Touched) -> list[tuple[Any, ...]]:
    """The operation, file name, columns and rows of each note."""
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    return [
        (n.operation, Path((n.output or n.inputs[0]).name).name, "".join(c.name[0] for c in n.columns), n.rows)
        for n in notes
    ]


def _written_by_parts(path: str) -> None:
    with pq.ParquetWriter(path, TABLE.schema) as writer:
        writer.write_table(TABLE.slice(0, 1))
        writer.write_batch(TABLE.to_batches()[0].slice(1))


def _written_and_closed(path: str) -> None:
    writer = pq.ParquetWriter(path, TABLE.schema)
    writer.write(TABLE)
    writer.close()
    writer.close()


def _orc_writer(path: str) -> None:
    with orc.ORCWriter(path) as writer:
        writer.write(TABLE)


def _ipc_file(path: str) -> None:
    with ipc.new_file(path, TABLE.schema) as writer:
        writer.write(TABLE)


def _ipc_stream(path: str) -> None:
    with ipc.new_stream(path, TABLE.schema) as writer:
        writer.write_table(TABLE)


def _mapped(path: str) -> pa.Table:
    with pa.memory_map(path) as source:
        return ipc.open_file(source).read_all()


# Early names: they were bound before `instrument()` was called.
_ROUND_TRIPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "early.parquet": (lambda p: write_table(TABLE, p), read_table),
    "x.parquet": (lambda p: pq.write_table(TABLE, p), lambda p: pq.read_table(p)),
    "pandas.parquet": (_written_and_closed, lambda p: pq.read_pandas(p)),
    "file.parquet": (_written_by_parts, lambda p: pq.ParquetFile(p).read()),
    "groups.parquet": (lambda p: pq.write_table(TABLE, p), lambda p: pq.ParquetFile(p).read_row_groups([0])),
    "dataset.parquet": (lambda p: pq.write_table(TABLE, p), lambda p: pq.ParquetDataset(p).read()),
    "x.csv": (lambda p: csv.write_csv(TABLE, p), lambda p: csv.read_csv(p)),
    "x.feather": (lambda p: feather.write_feather(TABLE, p), lambda p: feather.read_table(p)),
    "pandas.feather": (lambda p: feather.write_feather(TABLE.to_pandas(), p), lambda p: feather.read_feather(p)),
    "x.orc": (lambda p: orc.write_table(TABLE, p), lambda p: orc.read_table(p)),
    "file.orc": (_orc_writer, lambda p: orc.ORCFile(p).read()),
    "x.arrow": (_ipc_file, _mapped),
    "x.arrows": (_ipc_stream, lambda p: ipc.open_stream(pa.input_stream(p)).read_all()),
    "opened.arrows": (_ipc_stream, lambda p: ipc.open_stream(Path(p).open("rb")).read_all()),  # noqa: SIM115
}


@pytest.mark.parametrize("name", _ROUND_TRIPS)
def test_file_is_written_and_read(touched: Touched, here: Path, name: str) -> None:
    write, read = _ROUND_TRIPS[name]
    write(name)
    assert touched.notes[0].size == (here / name).stat().st_size
    columns = "" if name == "pandas.feather" else "in"
    assert [note[:2] for note in _notes(touched)] == [("write", name)]
    assert len(read(name)) == 2
    assert _notes(touched) == [("read", name, "in", 2)]
    write(name)
    if columns:
        assert _notes(touched) == [("write", name, "in", 2)]


def test_batches_count_as_far_as_they_are_read(touched: Touched, here: Path) -> None:
    pq.write_table(pa.table({"id": range(10)}), "x.parquet")
    touched.take()
    batches = pq.ParquetFile("x.parquet").iter_batches(batch_size=4)
    assert touched.take() == []
    next(batches)
    assert _notes(touched) == [("read", "x.parquet", "i", 4)]
    assert [len(batch) for batch in batches] == [4, 2]
    assert _notes(touched) == [("read", "x.parquet", "i", 4), ("read", "x.parquet", "i", 2)]


def test_readers_of_text_are_read_when_they_are_opened(touched: Touched, here: Path) -> None:
    (here / "x.json").write_text('{"id": 1}\n{"id": 2}\n')
    (here / "x.csv").write_text("id\n1\n")
    assert len(json.read_json("x.json")) == 2
    assert len(csv.open_csv("x.csv").read_all()) == 1
    assert _notes(touched) == [("read", "x.json", "i", 2), ("read", "x.csv", "i", None)]


def test_projected_columns_are_those_that_are_read(touched: Touched, here: Path) -> None:
    pq.write_table(TABLE, "x.parquet")
    touched.take()
    pq.read_table("x.parquet", columns=["name"])
    assert _notes(touched) == [("read", "x.parquet", "n", 2)]


def test_partitioned_dataset_is_its_root(touched: Touched, here: Path) -> None:
    pq.write_to_dataset(TABLE, "t", partition_cols=["id"])
    ds.write_dataset(TABLE, "u", format="parquet")
    assert _notes(touched) == [("write", "t", "in", 2), ("write", "u", "in", 2)]
    pq.read_table("t")
    ds.dataset("t", partitioning="hive").to_table()
    assert [(n.inputs[0].name, n.files) for n in touched.notes] == [(f"{here}/t", 2)] * 2
    assert _notes(touched) == [("read", "t", "ni", 2), ("read", "t", "ni", None)]
    (part,) = (here / "t" / "id=1").iterdir()
    ds.dataset([str(part)])
    assert (touched.notes[0].inputs[0].name, touched.notes[0].subset) == (f"{here}/t", ("id=1",))


def test_dataset_of_batches_has_the_columns_that_it_is_given(touched: Touched, here: Path) -> None:
    ds.write_dataset(iter(TABLE.to_batches()), "t", schema=TABLE.schema, format="parquet")
    assert _notes(touched) == [("write", "t", "in", None)]


def test_dataset_of_a_file_has_its_size(touched: Touched, here: Path) -> None:
    pq.write_table(TABLE, "x.parquet")
    touched.take()
    ds.dataset(here / "x.parquet").head(1)
    assert (touched.notes[0].size, touched.notes[0].files) == ((here / "x.parquet").stat().st_size, None)


def test_dataset_in_memory_and_of_other_datasets_is_no_read(touched: Touched, here: Path) -> None:
    pq.write_table(TABLE, "x.parquet")
    known = ds.dataset("x.parquet")
    touched.take()
    ds.dataset(TABLE)
    ds.dataset([known, known])
    assert touched.take() == []


@pytest.mark.parametrize(
    ("filesystem", "path", "uri"),
    [
        (lambda p: fs.LocalFileSystem(), "{}/x.parquet", "file://{}/x.parquet"),
        (lambda p: fs.SubTreeFileSystem(str(p), fs.LocalFileSystem()), "x.parquet", "file://{}/x.parquet"),
        (lambda p: f"file://{p}", "x.parquet", "file://{}/x.parquet"),
        (lambda p: fsspec.filesystem("memory"), "lake/x.parquet", "memory://lake/x.parquet"),
        (lambda p: None, "file://{}/x.parquet", "file://{}/x.parquet"),
    ],
)
def test_path_of_a_filesystem(touched: Touched, here: Path, filesystem: Any, path: str, uri: str) -> None:
    where, name, system = path.format(here), uri.format(here), filesystem(here)
    pq.write_table(TABLE, where, filesystem=system)
    pq.read_table(where, filesystem=system)
    ds.dataset(where, filesystem=system)
    assert touched.take() == [("write", name), ("read", name), ("read", name)]


def test_buffer_in_memory_is_not_noted(touched: Touched) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    pq.read_table(pa.BufferReader(sink.getvalue()))
    csv.read_csv(pa.BufferReader(b"a\n1"))
    assert touched.take() == []


def test_file_of_arrow_without_a_name_is_counted(touched: Touched, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[str] = []
    monkeypatch.setattr(opened, "count_loss", losses.append)
    pq.write_table(TABLE, "x.parquet")
    touched.take()
    pq.read_table(pa.OSFile("x.parquet"))
    assert (touched.take(), losses) == ([], ["a file object whose file is not known"])


def test_failed_call_notes_nothing(touched: Touched, here: Path) -> None:
    for call in (
        lambda: pq.read_table("none.parquet"),
        lambda: csv.read_csv("none.csv"),
        lambda: pq.write_table(TABLE, "none/x.parquet"),
        lambda: ds.dataset("none"),
        lambda: pq.ParquetFile("none.parquet"),
    ):
        with pytest.raises(OSError):
            call()
    with pytest.raises(ZeroDivisionError), pq.ParquetWriter("x.parquet", TABLE.schema) as writer:
        writer.write_table(TABLE)
        raise ZeroDivisionError
    assert touched.take() == []


@pytest.mark.parametrize("function", ["read_csv", "open_csv", "write_csv"])
def test_function_of_cython_is_pickled_by_its_name(touched: Touched, function: str) -> None:
    assert pickle.loads(pickle.dumps(getattr(csv, function))) is getattr(csv, function)


def test_dataset_that_is_opened_has_no_rows_to_sample(
    touched: Touched, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_logged", set())
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    ds.dataset(tmp_path / "a.parquet")
    assert [note.operation for note in touched.notes] == ["write", "read"]
    assert caplog.records == []
