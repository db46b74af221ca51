"""Columns, column edges and sizes that are given to `record_read`, `record_write` and `record_misc`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypedDict

import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest
import sqlalchemy as sa

from prefect_lineage_events import Dataset, filters, record_misc, record_read, record_write
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.events import UnnumberedEvent
from prefect_lineage_events.instrumentation.columns_given import columns_of
from prefect_lineage_events.settings import settings
from tests.instrumentation.test_record import no_run, noted

__all__ = ["no_run", "noted"]


class Order(pydantic.BaseModel):
    id: int
    amount: float | None = None


@dataclasses.dataclass
class Sale:
    id: int
    day: dt.date


class Row(NamedTuple):
    id: int
    name: str


class Event(TypedDict):
    id: int
    kind: Literal["secret-a", "secret-b"]


FRAME = pd.DataFrame({"id": [1, 2], "amount": [1.5, 2.5]})
TABLE = sa.Table("sales", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("who", sa.Text), schema="mart")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (FRAME, {"id": "int64", "amount": "float64"}),
        (FRAME.columns, {"id": None, "amount": None}),
        (FRAME.columns.to_numpy(), {"id": None, "amount": None}),
        (FRAME.dtypes, {"id": "int64", "amount": "float64"}),
        (FRAME.dtypes.to_dict(), {"id": "int64", "amount": "float64"}),
        (pl.from_pandas(FRAME), {"id": "Int64", "amount": "Float64"}),
        (pl.from_pandas(FRAME).schema, {"id": "Int64", "amount": "Float64"}),
        (pl.from_pandas(FRAME).columns, {"id": None, "amount": None}),
        (pa.Table.from_pandas(FRAME), {"id": "int64", "amount": "double"}),
        (pa.Table.from_pandas(FRAME).schema, {"id": "int64", "amount": "double"}),
        (pa.RecordBatch.from_pandas(FRAME), {"id": "int64", "amount": "double"}),
        (pa.Table.from_pandas(FRAME).to_reader(), {"id": "int64", "amount": "double"}),
        ({"id": "INTEGER", "amount": float, "note": None}, {"id": "INTEGER", "amount": "float", "note": None}),
        (["id", "amount", "id"], {"id": None, "amount": None}),
        ((name for name in ("id", "amount")), {"id": None, "amount": None}),
        ([("id", "INTEGER"), ("amount", float)], {"id": "INTEGER", "amount": "float"}),
        ([("id", 23, None, None, None, None, None)], {"id": None}),
        ("amount", {"amount": None}),
        (Order, {"id": "int", "amount": "float | None"}),
        (Order(id=1), {"id": "int", "amount": "float | None"}),
        (Sale, {"id": "int", "day": "dt.date"}),
        (Sale(1, dt.date(2026, 1, 1)), {"id": "int", "day": "dt.date"}),
        (Row, {"id": "int", "name": "str"}),
        (TABLE, {"id": "INTEGER", "who": "TEXT"}),
        (None, {}),
    ],
)
def test_columns_of(given: Any, expected: dict[str, str | None]) -> None:
    assert {column.name: column.type for column in columns_of(given)} == expected


@pytest.mark.parametrize(
    "given",
    [
        {"kind": pl.Enum(["secret-a", "secret-b"])},
        {"kind": Literal["secret-a"]},
        {"kind": "ENUM('secret-a', 'secret-b')"},
        {"kind": sa.Enum("secret-a")},
        Event,
    ],
)
def test_values_in_a_type_are_left_out(given: Any) -> None:
    found = columns_of(given)
    assert found[-1].name == "kind"
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "given",
    [
        pl.LazyFrame({"a": [1]}),
        FRAME["id"],
        pl.Series(["v"]),
        pd.Series(["v"]),
        7,
        b"id",
        [{"id": 1}],
        {1: "int"},
        [1],
        object(),
    ],
)
def test_an_object_without_columns_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="columns"):
        columns_of(given)


def test_a_lazy_frame_is_not_computed() -> None:
    computed: list[int] = []
    frame = pl.LazyFrame({"a": [1]}).map_batches(lambda df: computed.append(1) or df)
    with pytest.raises(TypeError, match="collected"):
        columns_of(frame)
    assert not computed


def test_endless_columns_end() -> None:
    assert len(columns_of(f"c{n}" for n in iter(range(10**9)))) == 2_001


def event_of(notes: list[RecordNote]) -> UnnumberedEvent:
    (note,) = notes
    (pending,) = from_record(note)
    return pending.event


def edges(event: UnnumberedEvent) -> list[tuple[str, str, str, str]]:
    return [(e.column, e.source, e.source_column, e.transformation) for e in event.columns]


def test_a_write_has_columns_sizes_and_edges(noted: list[RecordNote]) -> None:
    record_write(
        "s3://b/out.parquet",
        "s3://b/in.csv",
        columns=FRAME,
        column_lineage={"amount": ["net", "tax"]},
        rows=2,
        size=100,
        files=3,
    )
    event = event_of(noted)
    assert event.output is not None
    assert [c.name for c in event.output.columns] == ["id", "amount"]
    assert (event.statement.rows, event.statement.size, event.statement.files) == (2, 100, 3)
    assert edges(event) == [
        ("amount", "s3://b/in.csv", "net", "IDENTITY"),
        ("amount", "s3://b/in.csv", "tax", "IDENTITY"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"total": ("s3://b/two", "amount")},
        {"total": [("s3://b/two", "amount")]},
        {"total": (Dataset("s3://b", "two"), "amount")},
        [("total", "s3://b/two", "amount")],
        [("total", Dataset("s3://b", "two"), "amount", "IDENTITY")],
    ],
)
def test_a_source_of_several_inputs_is_named(noted: list[RecordNote], given: Any) -> None:
    record_write("s3://b/out", ["s3://b/one", "s3://b/two"], column_lineage=given, raise_on_error=True)
    assert edges(event_of(noted)) == [("total", "s3://b/two", "amount", "IDENTITY")]


def test_a_dataset_of_an_edge_becomes_an_input(noted: list[RecordNote]) -> None:
    record_write("s3://b/out", column_lineage={"total": ("s3://b/in", "amount")}, raise_on_error=True)
    event = event_of(noted)
    assert [d.uri for d in event.inputs] == ["s3://b/in"]
    assert edges(event) == [("total", "s3://b/in", "amount", "IDENTITY")]


def test_two_columns_are_no_dataset_and_column(noted: list[RecordNote]) -> None:
    record_write("s3://b/out", "s3://b/in", column_lineage={"name": ("first", "last")}, raise_on_error=True)
    assert [e.source_column for e in event_of(noted).columns] == ["first", "last"]


def test_an_edge_has_its_transformation(noted: list[RecordNote]) -> None:
    record_write("s3://b/out", "s3://b/in", column_lineage=[("total", "s3://b/in", "amount", "AGGREGATION")])
    assert event_of(noted).columns[0].transformation == "AGGREGATION"


def test_columns_of_a_read_are_those_of_its_result(noted: list[RecordNote]) -> None:
    record_read("s3://b/in.csv", columns=["id", "amount"], column_lineage={"id": "ORDER_ID"}, schema={"amount": "int"})
    event = event_of(noted)
    assert [(c.name, c.type) for c in event.result_columns] == [("id", None), ("amount", "int")]
    assert [(c.name, c.type) for c in event.inputs[0].columns] == [("ORDER_ID", None), ("amount", "int")]
    assert edges(event) == [
        ("id", "s3://b/in.csv", "ORDER_ID", "IDENTITY"),
        ("amount", "s3://b/in.csv", "amount", "IDENTITY"),
    ]


def test_misc_shows_what_it_is_given(noted: list[RecordNote]) -> None:
    record_misc("s3://b/x", columns=["id"], rows=3, size=4, files=5, column_lineage={"id": "id"})
    event = event_of(noted)
    assert event.inputs[0].columns[0].name == "id"
    assert (event.statement.rows, event.statement.size, event.statement.files) == (3, 4, 5)


@pytest.mark.parametrize("name", ["size", "files", "rows"])
@pytest.mark.parametrize("call", [record_read, record_write, record_misc])
def test_a_wrong_number_is_left_out(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, call: Callable[..., None], name: str
) -> None:
    with caplog.at_level(logging.WARNING):
        call("s3://b/x", **{name: -1})
    assert getattr(noted[0], name) is None
    assert f"is kept without its {name}: {name} must be a whole number" in caplog.text


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"columns": 7}, "columns must be a frame"),
    ({"schema": [1]}, "columns must be a frame"),
    ({"inputs": "s3://b/in", "column_lineage": 7}, '"by name", a mapping or a list'),
    ({"inputs": "s3://b/in", "column_lineage": "by position"}, '"by name", a mapping or a list'),
    ({"column_lineage": "by name"}, "needs inputs="),
    ({"column_lineage": {"a": "b"}}, "there are no inputs"),
    ({"inputs": ["s3://b/1", "s3://b/2"], "column_lineage": {"a": "b"}}, "several inputs may have it"),
    ({"inputs": "s3://b/in", "column_lineage": {"a": 7}}, "the source of a column is a name"),
    ({"inputs": "s3://b/in", "column_lineage": [("a", "b")]}, "an exact edge is"),
    ({"inputs": "s3://b/in", "column_lineage": [("a", "s3://b/in", "b", "COPY")]}, "is no transformation"),
    ({"inputs": "s3://b/in", "column_lineage": {"a": ("no:uri", "b")}}, "not a dataset URI"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_wrong_columns_are_left_out_with_a_warning(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, given: dict[str, Any], message: str
) -> None:
    with caplog.at_level(logging.WARNING):
        record_write("s3://b/out", rows=3, **given)
    assert (noted[0].rows, noted[0].columns, noted[0].edges) == (3, (), ())
    assert "record_write is kept without its column" in caplog.text
    assert message in caplog.text


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_wrong_columns_raise_with_raise_on_error(noted: list[RecordNote], given: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        record_write("s3://b/out", raise_on_error=True, **given)
    assert not noted


def test_the_text_of_an_error_in_a_users_columns_is_not_logged(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @property
        def columns(self) -> None:
            raise OSError("password=hunter2")

    with caplog.at_level(logging.DEBUG):
        record_write("s3://b/out", columns=Broken())
    assert len(noted) == 1
    assert "hunter2" not in caplog.text


def test_edges_from_excluded_datasets_are_left_out(noted: list[RecordNote], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_EXCLUDE_DATASETS", "s3://secret/*")
    settings.cache_clear()
    filters.current.cache_clear()
    record_write("s3://b/out", column_lineage={"a": ("s3://secret/in", "b"), "c": ("s3://b/in", "d")})
    assert edges(event_of(noted)) == [("c", "s3://b/in", "d", "IDENTITY")]


def test_a_token_in_a_datasets_name_does_not_leave_in_an_edge(noted: list[RecordNote]) -> None:
    api = Dataset("https://api.example.com", "orders?token=hunter2")
    record_write("s3://b/out", api, column_lineage={"id": (api, "id")}, raise_on_error=True)
    event = event_of(noted)
    assert edges(event) == [("id", "https://api.example.com/orders", "id", "IDENTITY")]
    assert "hunter2" not in event.model_dump_json()


def test_records_of_other_columns_are_not_counted_together(noted: list[RecordNote]) -> None:
    for lineage in ({"a": "x"}, {"a": "y"}, {"a": "y"}):
        record_write("s3://b/out", "s3://b/in", columns=["a"], column_lineage=lineage)
    keys = [from_record(note)[0].key for note in noted]
    assert keys[0] != keys[1] == keys[2]


def test_a_partition_is_a_part_of_its_dataset(noted: list[RecordNote]) -> None:
    record_write(
        "s3://lake/t/dt=2026-11-28/part-0.parquet",
        ["s3://lake/s/dt=1", "s3://lake/s/dt=2"],
        columns=["a"],
        column_lineage={"a": ("s3://lake/s/dt=1", "b")},
        raise_on_error=True,
    )
    record_read("s3://lake/s/dt=1/x.parquet")
    record_read("kafka://broker/a=1/b")
    write, read, topic = noted
    assert (write.output, write.subset) == (Dataset("s3://lake", "t"), ("dt=2026-11-28",))
    assert write.inputs == (Dataset("s3://lake", "s"),)
    assert [(e.source, e.source_column) for e in write.edges] == [("s3://lake/s", "b")]
    assert (read.inputs, read.subset) == ((Dataset("s3://lake", "s"),), ("dt=1",))
    assert topic.inputs[0].name == "a=1/b"


def test_outside_a_run_columns_are_not_looked_at(no_run: None) -> None:
    looked_at = []

    class Columns:
        @property
        def columns(self) -> None:
            looked_at.append(self)

    record_write("s3://b/out", columns=Columns())
    assert not looked_at
