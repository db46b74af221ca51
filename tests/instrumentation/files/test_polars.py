"""polars' frames: each file that is read or written is noted once, with its columns and rows."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

# Early names: they are bound before `instrument()` is called.
from polars import read_csv, read_parquet

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.emission import losses
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import with_columns
from tests.emission.conftest import make_run
from tests.instrumentation.files.touched import Touched, recorded, touched  # noqa: F401

FRAME = pl.DataFrame({"id": [1, 2], "name": ["Ada", "Emmy"]})
_WRITERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "x.csv": (lambda f, p: f.write_csv(p), lambda p: pl.read_csv(p)),
    "x.parquet": (lambda f, p: f.write_parquet(p), lambda p: pl.read_parquet(p)),
    "arrow.parquet": (
        lambda f, p: f.write_parquet(p, use_pyarrow=True),
        lambda p: pl.read_parquet(p, use_pyarrow=True),
    ),
    "x.json": (lambda f, p: f.write_json(p), lambda p: pl.read_json(p)),
    "x.ndjson": (lambda f, p: f.write_ndjson(p), lambda p: pl.read_ndjson(p)),
    "x.arrow": (lambda f, p: f.write_ipc(p), lambda p: pl.read_ipc(p)),
    "x.arrows": (lambda f, p: f.write_ipc_stream(p), lambda p: pl.read_ipc_stream(p)),
    "x.avro": (lambda f, p: f.write_avro(p), lambda p: pl.read_avro(p)),
    "early.csv": (lambda f, p: f.write_csv(p), read_csv),
    "early.parquet": (lambda f, p: f.write_parquet(p), read_parquet),
}


@pytest.fixture(autouse=True)
def losses_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are counted as in a run, so that an error of our own fails the test."""
    run = make_run(task="load")
    monkeypatch.setattr(losses, "current_run", lambda *_: run)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def _note(touched: Touched) -> RecordNote:  # noqa: F811
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    (note,) = map(with_columns, notes)
    return note


def _columns(note: RecordNote) -> list[str]:
    return [column.name for column in note.columns]


@pytest.mark.parametrize("name", _WRITERS)
@pytest.mark.parametrize("kind", [str, Path, lambda name: open(name, "r+b" if Path(name).exists() else "wb")])  # noqa: PTH123, SIM115
def test_file_is_written_and_read(
    touched: Touched,  # noqa: F811
    here: Path,
    name: str,
    kind: Callable[[str], Any],
) -> None:
    write, read = _WRITERS[name]
    target = kind(name)
    write(FRAME, target)
    if hasattr(target, "close"):
        target.close()
    written = _note(touched)
    assert (written.operation, written.output and written.output.uri) == ("write", (here / name).as_uri())
    assert (_columns(written), written.rows) == (["id", "name"], 2)

    if name.startswith("early") and hasattr(target, "close"):
        return  # the plan of an open file does not name it
    assert read(kind(name)).shape == (2, 2)
    noted = _note(touched)
    assert [dataset.uri for dataset in noted.inputs] == [(here / name).as_uri()]
    assert (noted.operation, _columns(noted), noted.rows) == ("read", ["id", "name"], 2)


def test_excel_is_written_and_read(touched: Touched, here: Path) -> None:  # noqa: F811
    pytest.importorskip("xlsxwriter")
    FRAME.write_excel("x.xlsx")
    assert touched.take() == [("write", (here / "x.xlsx").as_uri())]
    pl.read_excel("x.xlsx", engine="openpyxl")
    assert touched.take() == [("read", (here / "x.xlsx").as_uri())]


def test_workbook_of_openpyxl_is_read(touched: Touched, here: Path) -> None:  # noqa: F811
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append([1, "Ada"])
    book.save("x.xlsx")
    pl.read_excel("x.xlsx", sheet_id=0, engine="openpyxl")
    note = _note(touched)
    assert [dataset.uri for dataset in note.inputs] == [(here / "x.xlsx").as_uri()]
    assert (_columns(note), note.rows) == (["id", "name"], 1)


def test_text_and_buffers_are_no_datasets(touched: Touched) -> None:  # noqa: F811
    text = FRAME.write_csv()
    FRAME.write_json()
    buffer = io.BytesIO()
    FRAME.write_parquet(buffer)
    buffer.seek(0)
    pl.read_parquet(buffer)
    pl.read_csv(text.encode())
    pl.read_json(io.StringIO('[{"a": 1}]'))
    assert touched.take() == []


def test_schema_and_metadata_are_no_read(touched: Touched, here: Path) -> None:  # noqa: F811
    FRAME.write_parquet("x.parquet")
    touched.take()
    pl.read_parquet_schema("x.parquet")
    pl.read_parquet_metadata("x.parquet")
    pl.scan_parquet("x.parquet").collect_schema()
    pl.scan_parquet("x.parquet").explain()
    assert touched.take() == []


def test_many_files_are_their_directory(touched: Touched, here: Path) -> None:  # noqa: F811
    (here / "d").mkdir()
    for number in range(12):
        FRAME.write_parquet(f"d/{number}.parquet")
    touched.take()
    for source in ("d", "d/*.parquet", [f"d/{number}.parquet" for number in range(12)]):
        pl.read_parquet(source)
        assert touched.take() == [("read", (here / "d").as_uri())]


def test_partitions_are_parts_of_one_dataset(touched: Touched, here: Path) -> None:  # noqa: F811
    FRAME.write_parquet("out", partition_by="id")
    assert touched.take() == [("write", (here / "out").as_uri())]
    FRAME.write_parquet(pl.PartitionBy("other", key="id"), mkdir=True)
    assert touched.take() == [("write", (here / "other").as_uri())]
    pl.read_parquet("other/id=1/*.parquet")
    note = _note(touched)
    assert [dataset.uri for dataset in note.inputs] == [(here / "other").as_uri()]
    assert note.subset[0].startswith("id=1")


def test_failed_call_notes_nothing(touched: Touched, here: Path) -> None:  # noqa: F811
    with pytest.raises(FileNotFoundError):
        pl.read_csv("missing.csv")
    with pytest.raises(FileNotFoundError):
        pl.scan_csv("missing.csv").collect()
    with pytest.raises(OSError, match="No such file"):
        FRAME.write_csv("missing/x.csv")
    assert touched.take() == []


def test_functions_behave_as_polars_own(touched: Touched) -> None:  # noqa: F811
    import polars.io.csv.functions

    assert pl.read_csv is polars.io.read_csv is polars.io.csv.functions.read_csv
    assert pickle.loads(pickle.dumps(pl.read_csv)) is pl.read_csv
    assert copy.deepcopy(pl.scan_parquet) is pl.scan_parquet
    assert inspect.isfunction(pl.read_parquet)
    assert inspect.signature(pl.DataFrame.write_csv) == inspect.signature(pl.DataFrame.write_csv.__wrapped__)
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        pl.read_csv("x.csv", no_such=1)


def test_uninstrument_restores_all() -> None:
    names = ("read_csv", "scan_parquet", "collect_all", "read_delta")
    methods = [(pl.LazyFrame, "collect"), (pl.LazyFrame, "sink_csv"), (pl.DataFrame, "write_parquet")]
    before = [getattr(pl, name) for name in names] + [vars(kind)[name] for kind, name in methods]
    instrument("files")
    assert all(getattr(pl, name) is not one for name, one in zip(names, before, strict=False))
    uninstrument()
    assert [getattr(pl, name) for name in names] + [vars(kind)[name] for kind, name in methods] == before
