"""Delta tables: each is named by its location, by deltalake and by polars, and noted once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import TableNotFoundError

from prefect_lineage_events.emission import losses
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import with_columns
from tests.emission.conftest import make_run
from tests.instrumentation.files.touched import Touched, recorded, touched  # noqa: F401

ROWS = pa.table({"id": [1, 2], "name": ["Ada", "Emmy"]})


@pytest.fixture(autouse=True)
def losses_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are counted as in a run, so that an error of our own fails the test."""
    run = make_run(task="load")
    monkeypatch.setattr(losses, "current_run", lambda *_: run)


@pytest.fixture
def table(touched: Touched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    """A table of two rows; its URI as it is noted."""
    monkeypatch.chdir(tmp_path)
    write_deltalake("t", ROWS)
    touched.take()
    return (tmp_path.resolve() / "t").as_uri()


def _note(touched: Touched) -> RecordNote:  # noqa: F811
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    (note,) = map(with_columns, notes)
    return note


def _merge() -> Any:
    merge = DeltaTable("t").merge(ROWS, "s.id = t.id", source_alias="s", target_alias="t")
    return merge.when_matched_update_all().execute()


_READS: dict[str, tuple[Callable[[], Any], int | None]] = {
    "to_pandas": (lambda: DeltaTable("t").to_pandas(), 2),
    "to_pyarrow_table": (lambda: DeltaTable("t").to_pyarrow_table(), 2),
    "to_pyarrow_dataset": (lambda: DeltaTable("t").to_pyarrow_dataset(), None),
    "scan": (lambda: DeltaTable("t").scan(), None),
    "an absolute path": (lambda: DeltaTable(Path("t").resolve()).to_pandas(), 2),
    "read_delta": (lambda: pl.read_delta("t"), 2),
    "read_delta of a table": (lambda: pl.read_delta(DeltaTable("t")), 2),
    "scan_delta": (lambda: pl.scan_delta("t").collect(), 2),
    "scan_delta by pyarrow": (lambda: pl.scan_delta("t", use_pyarrow=True).collect(), 2),
}
_WRITES: dict[str, tuple[Callable[[], Any], int | None, bool]] = {
    "append": (lambda: write_deltalake("t", ROWS, mode="append"), 2, True),
    "overwrite": (lambda: write_deltalake("t/", ROWS, mode="overwrite"), 2, False),
    "overwrite of a part": (lambda: write_deltalake("t", ROWS, mode="overwrite", predicate="id > 0"), 2, True),
    "an open table": (lambda: write_deltalake(DeltaTable("t"), ROWS, mode="append"), 2, True),
    "pandas": (lambda: write_deltalake("t", pd.DataFrame({"id": [3], "name": ["x"]}), mode="append"), 1, True),
    "a stream": (lambda: write_deltalake("t", ROWS.to_reader(), mode="append"), None, True),
    "merge": (_merge, 2, True),
    "update": (lambda: DeltaTable("t").update(updates={"name": "'x'"}), 2, True),
    "delete": (lambda: DeltaTable("t").delete("id = 1"), 1, True),
    "write_delta": (lambda: pl.DataFrame(ROWS).write_delta("t", mode="append"), 2, True),
    "sink_delta": (lambda: pl.DataFrame(ROWS).lazy().sink_delta("t", mode="append"), None, True),
}


@pytest.mark.parametrize("name", _READS)
def test_table_is_read(touched: Touched, table: str, name: str) -> None:  # noqa: F811
    read, rows = _READS[name]
    read()
    note = _note(touched)
    assert (note.operation, [dataset.uri for dataset in note.inputs], note.rows) == ("read", [table], rows)
    assert [column.name for column in note.columns] == ["id", "name"]


@pytest.mark.parametrize("name", _WRITES)
def test_table_is_written(touched: Touched, table: str, name: str) -> None:  # noqa: F811
    write, rows, appends = _WRITES[name]
    write()
    note = _note(touched)
    assert note.output is not None
    assert (note.operation, note.output.uri, note.rows, note.appends) == ("write", table, rows, appends)
    if name not in ("update", "delete"):
        assert [column.name for column in note.columns] == ["id", "name"]


def test_query_reads_the_tables_that_it_names(touched: Touched, table: str) -> None:  # noqa: F811
    builder = QueryBuilder().register("t", DeltaTable("t")).register("other", DeltaTable("t"))
    assert touched.take() == []
    builder.execute("SELECT id FROM t").read_all()
    assert touched.take() == [("read", table)]


def test_nothing_is_noted_where_nothing_is_done(touched: Touched, table: str) -> None:  # noqa: F811
    write_deltalake("t", ROWS, mode="ignore")
    DeltaTable("t").delete("id = 77")
    DeltaTable("t").update(updates={"name": "'x'"}, predicate="id = 77")
    DeltaTable("t").optimize.compact()
    DeltaTable("t").vacuum(dry_run=True)
    DeltaTable("t").history()
    pl.scan_delta("t").collect_schema()
    with pytest.raises(Exception, match="already exists"):
        write_deltalake("t", ROWS)
    assert touched.take() == []
    write_deltalake("new", ROWS, mode="ignore")
    assert [operation for operation, _ in touched.take()] == ["write"]


def test_lazy_frame_writes_from_table_to_table(touched: Touched, table: str) -> None:  # noqa: F811
    pl.scan_delta("t").select(who="name").sink_delta("out")
    note = _note(touched)
    assert note.output is not None
    assert (note.output.uri, [dataset.uri for dataset in note.inputs]) == (table.removesuffix("t") + "out", [table])
    assert [(edge.column, edge.source_column) for edge in note.edges] == [("who", "name")]


def test_columns_of_a_joined_table_are_its_own(touched: Touched, table: str) -> None:  # noqa: F811
    pl.DataFrame({"id": [1], "amount": [5]}).write_csv("orders.csv")
    touched.take()
    pl.scan_delta("t").join(pl.scan_csv("orders.csv"), on="id").select("name", "amount").collect()
    note = _note(touched)
    shown = {(edge.column, edge.source.rpartition("/")[2], edge.source_column) for edge in note.edges}
    assert shown == {("name", "t", "name"), ("amount", "orders.csv", "amount")}
    assert note.input_columns is not None
    assert {column.name: column.type for columns in note.input_columns for column in columns} == {
        "name": "string",
        "amount": "Int64",
    }


def test_table_behaves_as_before(touched: Touched, table: str) -> None:  # noqa: F811
    assert pickle.loads(pickle.dumps(write_deltalake)) is write_deltalake
    with pytest.raises(TableNotFoundError):
        DeltaTable("missing").to_pandas()
    assert touched.take() == []
