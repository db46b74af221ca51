"""pandas: each file that it reads and writes is noted once, with its columns and rows."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from pandas import read_csv, read_excel, read_html, read_json, read_parquet, read_stata, read_xml

from prefect_lineage_events.emission.notes import RecordNote
from tests.instrumentation.files.touched import Touched, recorded, touched

__all__ = ["recorded", "touched"]

FRAME = pd.DataFrame({"id": [1, 2], "name": ["Ada", "Emmy"]})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def _note(touched: Touched) -> RecordNote:
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    (note,) = notes
    return note


def _columns(note: RecordNote) -> list[str]:
    return [column.name for column in note.columns]


# Early names: they were bound before `instrument()` was called.
_ROUND_TRIPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "x.csv": (lambda f, p: f.to_csv(p, index=False), read_csv),
    "x.tsv": (lambda f, p: f.to_csv(p, sep="\t", index=False), lambda p: pd.read_table(p)),
    "x.txt": (lambda f, p: f.to_string(p, index=False), lambda p: pd.read_fwf(p)),
    "x.csv.gz": (lambda f, p: f.to_csv(p, index=False), read_csv),
    "x.csv.zip": (lambda f, p: f.to_csv(p, index=False), read_csv),
    "arrow.csv": (lambda f, p: f.to_csv(p, index=False), lambda p: read_csv(p, engine="pyarrow")),
    "x.json": (lambda f, p: f.to_json(p), read_json),
    "x.jsonl": (lambda f, p: f.to_json(p, orient="records", lines=True), lambda p: read_json(p, lines=True)),
    "x.parquet": (lambda f, p: f.to_parquet(p), read_parquet),
    "x.feather": (lambda f, p: f.to_feather(p), lambda p: pd.read_feather(p)),
    "x.orc": (lambda f, p: f.to_orc(p), lambda p: pd.read_orc(p)),
    "x.xlsx": (lambda f, p: f.to_excel(p, index=False), read_excel),
    "sheets.xlsx": (lambda f, p: f.to_excel(p, index=False), lambda p: read_excel(p, sheet_name=None)["Sheet1"]),
    "x.xml": (lambda f, p: f.to_xml(p, index=False), read_xml),
    "x.html": (lambda f, p: f.to_html(p, index=False), lambda p: read_html(p)[0]),
    "x.pkl": (lambda f, p: f.to_pickle(p), lambda p: pd.read_pickle(p)),
    "function.pkl": (lambda f, p: pd.to_pickle(f, p), lambda p: pd.read_pickle(p)),
    "x.dta": (lambda f, p: f.to_stata(p, write_index=False), read_stata),
    "x.h5": (lambda f, p: f.to_hdf(p, key="t"), lambda p: pd.read_hdf(p, "t")),
}


@pytest.mark.parametrize("name", _ROUND_TRIPS)
def test_file_is_written_and_read(touched: Touched, here: Path, name: str) -> None:
    write, read = _ROUND_TRIPS[name]
    write(FRAME, name)
    note = _note(touched)
    assert (note.operation, note.output and note.output.uri) == ("write", f"file://{here}/{name}")
    assert (_columns(note), note.rows) == (["id", "name"], 2)
    assert note.size == (None if name.endswith(".h5") else (here / name).stat().st_size)
    assert len(read(here / name)) == 2
    note = _note(touched)
    assert (note.operation, [d.uri for d in note.inputs]) == ("read", [f"file://{here}/{name}"])
    assert (_columns(note), note.rows) == (["id", "name"], 2)


@pytest.mark.parametrize("name", ["to_latex", "to_markdown", "to_string", "to_html", "to_json", "to_csv"])
@pytest.mark.parametrize("given", [FRAME, FRAME["name"]])
def test_text_is_written_to_a_file_or_returned(touched: Touched, here: Path, name: str, given: Any) -> None:
    if not hasattr(given, name):
        return
    assert isinstance(getattr(given, name)(), str)
    getattr(given, name)(io.StringIO())
    assert touched.take() == []
    getattr(given, name)("out.txt")
    assert touched.take() == [("write", f"file://{here}/out.txt")]


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet", "x.feather", "x.pkl", "x.xlsx"])
def test_file_of_a_filesystem_of_fsspec(touched: Touched, name: str) -> None:
    write, read = _ROUND_TRIPS[name]
    write(FRAME, f"memory://lake/{name}")
    assert touched.take() == [("write", f"memory://lake/{name}")]
    read(f"memory://lake/{name}")
    with fsspec.open(f"memory://lake/{name}") as file:
        read(file)
    assert set(touched.take()) == {("read", f"memory://lake/{name}")}


def test_open_file_has_the_name_of_its_path(touched: Touched, here: Path) -> None:
    with open("x.csv", "w") as file:  # noqa: PTH123
        FRAME.to_csv(file)
    with Path("x.csv").open("rb") as binary:
        pd.read_csv(binary)
    pd.read_csv(f"file://{here}/x.csv")
    uri = f"file://{here}/x.csv"
    assert touched.take() == [("write", uri), ("read", uri), ("read", uri)]


def test_buffer_in_memory_is_not_noted(touched: Touched) -> None:
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    buffer.seek(0)
    pd.read_parquet(buffer)
    pd.read_csv(io.StringIO("a\n1"))
    assert FRAME.to_parquet(None)
    with pd.ExcelWriter(io.BytesIO()) as writer:
        FRAME.to_excel(writer)
    assert touched.take() == []


def test_failed_call_notes_nothing(touched: Touched, here: Path) -> None:
    for call in (
        lambda: pd.read_csv("none.csv"),
        lambda: pd.read_parquet("none.parquet"),
        lambda: FRAME.to_csv("none/x.csv"),
        lambda: FRAME.to_parquet("none/x.parquet"),
        lambda: pd.read_excel("none.xlsx"),
    ):
        with pytest.raises(OSError):
            call()
    (here / "bad.csv").write_text('a,b\n1,"x\n')
    with pytest.raises(pd.errors.ParserError):
        pd.read_csv("bad.csv", engine="python")
    assert touched.take() == []


def test_chunks_count_as_far_as_they_are_read(touched: Touched, here: Path) -> None:
    pd.DataFrame({"a": range(10)}).to_csv("x.csv", index=False)
    touched.take()
    reader = pd.read_csv("x.csv", chunksize=4)
    assert touched.take() == []
    next(reader)
    reader.get_chunk(3)
    reader.close()
    assert [(note.operation, note.rows, note.size) for note in touched.notes] == [("read", 4, None), ("read", 3, None)]
    touched.take()
    assert sum(len(chunk) for chunk in pd.read_csv("x.csv", chunksize=4)) == 10
    assert [note.rows for note in touched.notes] == [4, 4, 2]


def test_chunks_of_json_and_stata(touched: Touched, here: Path) -> None:
    frame = pd.DataFrame({"a": range(5)})
    frame.to_json("x.jsonl", orient="records", lines=True)
    frame.to_stata("x.dta", write_index=False)
    touched.take()
    with pd.read_json("x.jsonl", lines=True, chunksize=2) as chunks:
        list(chunks)
    with pd.read_stata("x.dta", chunksize=3) as parts:
        list(parts)
    assert [(Path(note.inputs[0].name).name, note.rows) for note in touched.notes] == [
        ("x.jsonl", 2), ("x.jsonl", 2), ("x.jsonl", 1), ("x.dta", 3), ("x.dta", 2),
    ]  # fmt: skip


def test_read_of_an_excel_file_counts_when_a_sheet_is_parsed(touched: Touched, here: Path) -> None:
    FRAME.to_excel("x.xlsx", index=False)
    touched.take()
    with pd.ExcelFile("x.xlsx") as book:
        assert touched.take() == []
        pd.read_excel(book)
        with pytest.warns(match="parse is deprecated") as caught:
            book.parse("Sheet1")
    assert touched.take() == [("read", f"file://{here}/x.xlsx")] * 2
    assert [warning.filename for warning in caught] == [__file__]


def test_excel_file_is_written_when_its_writer_is_closed(touched: Touched, here: Path) -> None:
    with pd.ExcelWriter("x.xlsx") as writer:
        FRAME.to_excel(writer, sheet_name="a", index=False)
        FRAME.rename(columns={"id": "number"}).to_excel(writer, sheet_name="b", index=False)
        assert touched.take() == []
    note = _note(touched)
    assert (note.output and note.output.uri, _columns(note), note.rows) == (
        f"file://{here}/x.xlsx", ["id", "name", "number"], 4,
    )  # fmt: skip


def test_hdf_store_is_read_and_written_by_key(touched: Touched, here: Path) -> None:
    with pd.HDFStore("x.h5") as store:
        store["a"] = FRAME
        store.append("b", FRAME)
        assert len(store.select("b", "index > 0")) == 1
        assert len(store["a"]) == 2
    assert [(n.operation, n.subset, n.rows, n.appends) for n in touched.notes] == [
        ("write", ("a",), 2, False),
        ("write", ("b",), 2, True),
        ("read", ("b",), 1, False),
        ("read", ("a",), 2, False),
    ]


def test_appending_write_is_one(touched: Touched, here: Path) -> None:
    FRAME.to_csv("x.csv", mode="a")
    FRAME.to_csv("x.csv")
    assert [note.appends for note in touched.notes] == [True, False]


def test_named_index_is_a_column(touched: Touched, here: Path) -> None:
    indexed = FRAME.set_index("id")
    indexed.to_csv("x.csv")
    assert _columns(_note(touched)) == ["id", "name"]
    indexed.to_csv("x.csv", index=False)
    assert _columns(_note(touched)) == ["name"]
    two = pd.DataFrame({"a": [1], "b": [2], "c": [3]}).set_index(["a", "b"])
    two.to_csv("x.csv")
    note = _note(touched)
    assert [(column.name, column.type) for column in note.columns] == [("a", "int64"), ("b", "int64"), ("c", "int64")]
    pd.read_csv("x.csv", index_col=["a", "b"])
    assert _columns(_note(touched)) == ["a", "b", "c"]


def test_columns_are_those_that_are_written(touched: Touched, here: Path) -> None:
    FRAME.to_csv("x.csv", index=False, columns=["name"])
    assert _columns(_note(touched)) == ["name"]
    FRAME.to_csv("x.csv", index=False, header=["n", "who"])
    assert _columns(_note(touched)) == ["n", "who"]
    pd.read_csv("x.csv", usecols=["who"])
    assert _columns(_note(touched)) == ["who"]
    FRAME["name"].to_csv("x.csv", index=False)
    assert _columns(_note(touched)) == ["name"]


def test_partitioned_dataset_is_its_root(touched: Touched, here: Path) -> None:
    FRAME.to_parquet("t", partition_cols=["id"])
    note = _note(touched)
    assert (note.output and note.output.name, note.rows, note.size) == (f"{here}/t", 2, None)
    assert len(pd.read_parquet("t")) == 2
    assert _note(touched).inputs[0].name == f"{here}/t"
    (part,) = (here / "t" / "id=1").iterdir()
    pd.read_parquet(part)
    note = _note(touched)
    assert (note.inputs[0].name, note.subset) == (f"{here}/t", ("id=1",))


def test_methods_stay_what_they_are_to_programs(touched: Touched, here: Path) -> None:
    method = pickle.loads(pickle.dumps(FRAME.to_csv))
    method("x.csv")
    pickle.loads(pickle.dumps(pd.DataFrame.to_csv))(FRAME, "x.csv")
    assert touched.take() == [("write", f"file://{here}/x.csv")] * 2
    assert pickle.loads(pickle.dumps(pd.read_pickle)) is pd.read_pickle


def test_warning_of_pandas_is_shown_for_the_line_of_the_program(touched: Touched, here: Path) -> None:
    FRAME.to_csv("x.csv")
    with pytest.warns(pd.errors.ParserWarning) as caught:
        pd.read_csv("x.csv", sep="::")
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(pd.errors.InvalidColumnName) as caught:
        FRAME.rename(columns={"name": "a name"}).to_stata("x.dta")
    assert {warning.filename for warning in caught} == {__file__}


def test_file_is_noted_without_columns_that_cannot_be_asked_for(touched: Touched, here: Path) -> None:
    class Odd(pd.DataFrame):
        @property
        def dtypes(self) -> Any:
            raise RuntimeError

    Odd(FRAME).to_csv("~x.csv")
    note = _note(touched)
    assert (note.output and note.output.uri, note.columns, note.rows) == (f"file://{here}/~x.csv", (), 2)
