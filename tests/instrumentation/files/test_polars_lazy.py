"""polars' lazy frames: their sources are noted when a query is run, with the columns that went into its result."""

from __future__ import annotations

import asyncio
import gc
import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars import scan_csv  # an early name
from polars.io.plugins import register_io_source

from prefect_lineage_events.emission import losses
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import from_record, with_columns
from tests.emission.conftest import make_run
from tests.instrumentation.files.touched import Touched, recorded, touched  # noqa: F401

ORDERS = pl.DataFrame({"id": [1, 2], "customer": [1, 2], "amount": [5.0, 7.0]})
CUSTOMERS = pl.DataFrame({"customer": [1, 2], "name": ["Ada", "Emmy"], "amount": [0.0, 0.0]})


@pytest.fixture(autouse=True)
def losses_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are counted as in a run, so that an error of our own fails the test."""
    run = make_run(task="load")
    monkeypatch.setattr(losses, "current_run", lambda *_: run)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tables in files of the working directory, which the test is in."""
    monkeypatch.chdir(tmp_path)
    ORDERS.write_parquet("orders.parquet")
    CUSTOMERS.write_csv("customers.csv")
    return tmp_path.resolve()


def _orders() -> pl.LazyFrame:
    return pl.scan_parquet("orders.parquet")


def _customers() -> pl.LazyFrame:
    return pl.scan_csv("customers.csv")


def _note(touched: Touched) -> RecordNote:  # noqa: F811
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    (note,) = map(with_columns, notes)
    return note


def _edges(note: RecordNote) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    (pending,) = from_record(note)
    for edge in pending.event.columns:
        source = f"{edge.source.rpartition('/')[2].partition('.')[0]}.{edge.source_column}"
        found.setdefault(edge.column, []).append(source if edge.transformation == "IDENTITY" else f"{source}!")
    return {column: sorted(sources) for column, sources in found.items()}


def _files(note: RecordNote) -> list[str]:
    return [dataset.name.rpartition("/")[2] for dataset in note.inputs]


_QUERIES: dict[str, tuple[Callable[[], pl.LazyFrame], list[str], dict[str, list[str]]]] = {
    "all columns": (
        _orders,
        ["orders.parquet"],
        {"id": ["orders.id"], "customer": ["orders.customer"], "amount": ["orders.amount"]},
    ),
    "projection and filter": (
        lambda: _orders().filter(pl.col("amount") > 6).select("id"),
        ["orders.parquet"],
        {"id": ["orders.id"]},
    ),
    "rename": (lambda: _orders().select(order="id"), ["orders.parquet"], {"order": ["orders.id"]}),
    "a name that is used again": (
        lambda: _orders().select("id").with_columns(amount=pl.lit(1), id=pl.col("id") + 1),
        ["orders.parquet"],
        {"id": ["orders.id!"]},
    ),
    "swapped names": (
        lambda: _orders().select(id="customer", customer="id"),
        ["orders.parquet"],
        {"id": ["orders.customer"], "customer": ["orders.id"]},
    ),
    "aggregation": (
        lambda: _orders().group_by("customer").agg(total=pl.col("amount").sum(), n=pl.len()),
        ["orders.parquet"],
        {"customer": ["orders.customer"], "total": ["orders.amount!"]},
    ),
    "join": (
        lambda: _orders().join(_customers(), on="customer", how="left"),
        ["orders.parquet", "customers.csv"],
        {
            "id": ["orders.id"],
            "customer": ["orders.customer"],
            "amount": ["orders.amount"],
            "name": ["customers.name"],
            "amount_right": ["customers.amount"],
        },
    ),
    "join with a frame in memory": (
        lambda: ORDERS.lazy().join(_customers().select("customer", "name"), on="customer"),
        ["customers.csv"],
        {"name": ["customers.name"]},
    ),
    "self join": (
        lambda: _orders().join(_orders().select("id", other="amount"), on="id"),
        ["orders.parquet"],
        {
            "id": ["orders.id"],
            "customer": ["orders.customer"],
            "amount": ["orders.amount"],
            "other": ["orders.amount"],
        },
    ),
    "semi join": (
        lambda: _orders().select("id", "customer").join(_customers(), on="customer", how="semi"),
        ["orders.parquet", "customers.csv"],
        {"id": ["orders.id"], "customer": ["orders.customer"]},
    ),
    "concat": (
        lambda: pl.concat([_orders().select("amount"), _customers().select("amount")]),
        ["orders.parquet", "customers.csv"],
        {"amount": ["customers.amount", "orders.amount"]},
    ),
    "diagonal concat": (
        lambda: pl.concat([_orders().select("id"), _customers().select("name")], how="diagonal"),
        ["orders.parquet", "customers.csv"],
        {"id": ["orders.id"], "name": ["customers.name"]},
    ),
    "SQL": (
        lambda: pl.SQLContext(o=_orders(), c=_customers()).execute(
            "SELECT c.name, SUM(o.amount) AS total FROM o JOIN c ON o.customer = c.customer GROUP BY c.name"
        ),
        ["orders.parquet", "customers.csv"],
        {"name": ["customers.name"], "total": ["orders.amount!"]},
    ),
    "clone, cache and slices": (
        lambda: _orders().clone().cache().select("id").head(1).sort("id").unique(),
        ["orders.parquet"],
        {"id": ["orders.id"]},
    ),
    "expressions": (
        lambda: _orders().select(
            big=pl.when(pl.col("amount") > 6).then("id").otherwise(0),
            rank=pl.col("amount").rank().over("customer"),
            text=pl.lit('col("id"), [('),
        ),
        ["orders.parquet"],
        {"big": ["orders.amount!", "orders.id!"], "rank": ["orders.amount!", "orders.customer!"]},
    ),
    "row index": (lambda: _orders().select("id").with_row_index(), ["orders.parquet"], {"id": ["orders.id"]}),
    "row index of the scan": (
        lambda: pl.scan_csv("customers.csv", row_index_name="n", include_file_paths="from").select("n", "from", "name"),
        ["customers.csv"],
        {"name": ["customers.name"]},
    ),
    "plan with Python code": (lambda: _orders().map_batches(lambda frame: frame), ["orders.parquet"], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", _QUERIES)
def test_query_names_its_files_and_their_columns(touched: Touched, shop: Path, name: str) -> None:  # noqa: F811
    touched.take()
    make, files, edges = _QUERIES[name]
    frame = make()
    assert touched.take() == []
    result = frame.collect()
    note = _note(touched)
    assert (note.operation, _files(note), _edges(note)) == ("read", files, edges)
    assert ([column.name for column in note.columns], note.rows) == (result.columns, result.height)


def test_event_has_the_columns_of_each_file(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    _orders().join(_customers().rename({"name": "who"}), on="customer").select("id", "who").collect()
    (pending,) = from_record(_note(touched))
    event = pending.event
    assert [column.name for column in event.result_columns] == ["id", "who"]
    shown = {one.name.rpartition("/")[2]: [(c.name, c.type) for c in one.columns] for one in event.inputs}
    assert shown == {"orders.parquet": [("id", "Int64")], "customers.csv": [("name", "String")]}
    assert {(edge.column, edge.source_column) for edge in event.columns} == {("id", "id"), ("who", "name")}


def test_many_files_of_a_scan_are_their_directory(touched: Touched, shop: Path) -> None:  # noqa: F811
    for day in range(12):
        ORDERS.write_parquet(f"lake/dt=2026-11-{10 + day}/x.parquet", mkdir=True)
    touched.take()
    for source in ("lake", "lake/", "lake/*/*.parquet", "lake/**/*.parquet", Path("lake")):
        pl.scan_parquet(source).select("id").collect()
        note = _note(touched)
        assert [dataset.uri for dataset in note.inputs] == [(shop / "lake").as_uri()], source
        assert (note.files, note.size) == (12, None)
    pl.scan_parquet("lake/dt=2026-11-10/x.parquet").select("id").collect()
    assert _note(touched).subset[0].startswith("dt=2026-11-10")


def test_scans_of_many_files_are_their_directory(touched: Touched, shop: Path) -> None:  # noqa: F811
    Path("days").mkdir()
    for number in range(30):
        ORDERS.write_csv(f"days/{number}.csv")
    touched.take()
    pl.concat([pl.scan_csv(f"days/{number}.csv") for number in range(30)]).select("id", money="amount").collect()
    note = _note(touched)
    assert ([dataset.uri for dataset in note.inputs], note.files) == ([(shop / "days").as_uri()], 30)
    assert _edges(note) == {"id": ["days.id"], "money": ["days.amount"]}


def test_large_plan_is_not_followed(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    frame = _orders()
    for number in range(200):
        frame = frame.with_columns(pl.lit(number).alias(f"{'x' * 200}{number}"))
    frame.select("id").collect()
    note = _note(touched)
    assert (_files(note), _edges(note)) == (["orders.parquet"], {})


def test_files_are_not_read_again_for_their_names(touched: Touched, shop: Path) -> None:  # noqa: F811
    """polars keeps what it has found out about a file: the plan of a query can be shown without the file."""
    touched.take()
    frame = _orders().join(_customers(), on="customer")
    collect = pl.LazyFrame.collect.__wrapped__
    collect(frame)
    (shop / "orders.parquet").unlink()
    (shop / "customers.csv").unlink()
    from prefect_lineage_events.instrumentation.files.polars import queries, tables

    plan = queries.plan_of(frame)
    found = queries.query(plan, {}, tables.Running())
    assert [dataset.name.rpartition("/")[2] for dataset in found.inputs] == ["orders.parquet", "customers.csv"]


@pytest.mark.parametrize(
    ("name", "sink"),
    [
        ("out.parquet", lambda f, p, **k: f.sink_parquet(p, **k)),
        ("out.csv", lambda f, p, **k: f.sink_csv(p, **k)),
        ("out.arrow", lambda f, p, **k: f.sink_ipc(p, **k)),
        ("out.ndjson", lambda f, p, **k: f.sink_ndjson(p, **k)),
    ],
)
def test_sink_writes_from_its_sources(
    touched: Touched,  # noqa: F811
    shop: Path,
    name: str,
    sink: Callable[..., Any],
) -> None:
    touched.take()
    frame = _orders().join(_customers(), on="customer").select(order="id", who="name")
    sink(frame, name)
    note = _note(touched)
    assert (note.operation, note.output and note.output.uri) == ("write", (shop / name).as_uri())
    assert (_files(note), _edges(note)) == (
        ["orders.parquet", "customers.csv"],
        {"order": ["orders.id"], "who": ["customers.name"]},
    )
    assert [column.name for column in note.columns] == ["order", "who"]

    later = sink(frame, f"later.{name}", lazy=True)
    assert touched.take() == []
    later.collect()
    later_note = _note(touched)
    assert later_note.output and later_note.output.uri == (shop / f"later.{name}").as_uri()
    assert _edges(later_note) == _edges(note)


def test_sinks_of_one_query_are_written_each(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    both = [_orders().sink_csv("a.csv", lazy=True), _customers().sink_csv("b.csv", lazy=True)]
    pl.collect_all(both)
    expected = [
        ("write", (shop / "a.csv").as_uri(), (shop / "orders.parquet").as_uri()),
        ("write", (shop / "b.csv").as_uri(), (shop / "customers.csv").as_uri()),
    ]
    assert touched.take() == expected
    one = pl.collect_all(both, lazy=True)
    one.collect()
    assert touched.take() == expected


def test_sink_into_partitions_is_one_dataset(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    _orders().sink_parquet(pl.PartitionBy("parts", key="customer"), mkdir=True)
    assert touched.take() == [("write", (shop / "parts").as_uri(), (shop / "orders.parquet").as_uri())]


def test_sink_into_a_buffer_reads(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    _orders().sink_csv(io.BytesIO())
    assert touched.take() == [("read", (shop / "orders.parquet").as_uri())]


def test_each_way_to_run_a_query_is_seen_once(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    expected = [("read", (shop / "orders.parquet").as_uri())]
    frame = _orders().select("id")
    assert frame.collect(engine="streaming").height == 2
    assert touched.take() == expected
    assert frame.collect(background=True).fetch_blocking().height == 2
    assert touched.take() == expected
    assert [batch.height for batch in frame.collect_batches()]
    assert touched.take() == expected
    frame.sink_batches(lambda _: None)
    assert touched.take() == expected
    (one,) = pl.collect_all(frame for frame in [frame])
    assert one.height == 2
    assert touched.take() == expected
    assert frame.describe().height
    assert set(touched.take()) == set(expected)
    assert pl.sql("SELECT id FROM frame", eager=True).height == 2
    assert touched.take() == expected
    assert frame.execute().lazy() is not None
    assert touched.take() == expected


def test_functions_of_a_query_note_their_own_files(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    orders = ("read", (shop / "orders.parquet").as_uri())
    _orders().sink_batches(lambda batch: batch.write_csv("batch.csv"))
    assert sorted(touched.take()) == [orders, ("write", (shop / "batch.csv").as_uri())]

    def add_names(batch: pl.DataFrame) -> pl.DataFrame:
        return batch.join(pl.read_csv("customers.csv"), on="customer")

    _orders().map_batches(add_names, schema=None, validate_output_schema=False).collect()
    assert sorted(set(touched.take())) == [("read", (shop / "customers.csv").as_uri()), orders]


async def test_query_is_read_when_it_has_been_awaited(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    first, second = await asyncio.gather(_orders().collect_async(), _customers().collect_async())
    await asyncio.sleep(0)
    assert (first.height, second.height) == (2, 2)
    assert sorted(touched.take()) == sorted(
        [("read", (shop / "orders.parquet").as_uri()), ("read", (shop / "customers.csv").as_uri())]
    )
    await pl.collect_all_async([_orders(), _customers()])
    await asyncio.sleep(0)
    assert len(touched.take()) == 2
    with pytest.raises(FileNotFoundError):
        await pl.scan_csv("missing.csv").collect_async()
    await asyncio.sleep(0)
    assert touched.take() == []


def test_frame_of_another_thread_is_known(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    frames: list[pl.LazyFrame] = []
    thread = threading.Thread(target=lambda: frames.append(pl.scan_parquet("*.parquet")))
    thread.start()
    thread.join()
    ORDERS.write_parquet("more.parquet")
    touched.take()
    frames[0].collect()
    assert touched.take() == [("read", shop.as_uri())]


def test_pickled_frame_is_known_in_another_process(touched: Touched, shop: Path) -> None:  # noqa: F811
    program = (
        "import pickle, sys, polars as pl; frame = pl.scan_parquet('orders.parquet').select('id');"
        "sys.stdout.buffer.write(pickle.dumps(frame))"
    )
    data = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=600).stdout
    touched.take()
    pickle.loads(data).collect()
    note = _note(touched)
    assert (_files(note), _edges(note)) == (["orders.parquet"], {"id": ["orders.id"]})


def test_early_name_of_a_scan_is_known_by_its_plan(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    scan_csv("customers.csv").select("name").collect()
    assert touched.take() == [("read", (shop / "customers.csv").as_uri())]


def test_source_that_cannot_be_named_is_counted(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    with open("orders.parquet", "rb") as file:  # noqa: PTH123
        pl.scan_parquet(file).collect()
    assert (touched.notes, touched.losses) == ([], ["an open file that a lazy frame reads"])
    touched.losses.clear()
    pl.scan_parquet(Path("orders.parquet").read_bytes()).collect()
    assert touched.take() == []


def test_frames_without_files_note_nothing(touched: Touched) -> None:  # noqa: F811
    ORDERS.lazy().filter(pl.col("id") > 1).collect()
    ORDERS.filter(pl.col("id") > 1)
    pl.DataFrame({"a\nParquet SCAN [x": [1]}).lazy().collect()
    assert touched.take() == []


def test_lazy_frame_behaves_as_before(touched: Touched, shop: Path) -> None:  # noqa: F811
    frame = _orders().filter(pl.col("amount") > 6)
    assert frame.explain() == frame._ldf.describe_optimized_plan()
    assert vars(frame).keys() == {"_ldf"}
    assert pickle.loads(pickle.dumps(frame)).explain() == frame.explain()
    assert repr(frame).startswith("<LazyFrame")
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as failed:
        frame.select("no_such").collect()
    assert "no_such" in str(failed.value)
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        frame.collect(no_such=1)


def test_warning_is_shown_for_the_caller(
    touched: Touched,  # noqa: F811
    shop: Path,
    recwarn: pytest.WarningsRecorder,
) -> None:
    frame = _orders()
    recwarn.clear()
    _ = frame.columns  # polars warns of its cost
    frame.collect_batches(maintain_order=True)
    frame.collect(background=True).fetch_blocking()
    shown = {warning.filename for warning in recwarn.list}
    assert shown <= {__file__}


def test_functions_of_the_program_are_not_called_again(touched: Touched, shop: Path) -> None:  # noqa: F811
    touched.take()
    calls: list[str] = []

    def keep(frame: pl.LazyFrame, _: pl.Schema) -> pl.LazyFrame:
        calls.append("keep")
        return frame

    def schema() -> pl.Schema:
        calls.append("schema")
        return pl.Schema({"id": pl.Int64})

    frame = _orders().pipe_with_schema(keep)
    frame.collect()
    assert calls == ["keep"]
    assert (touched.notes, len(touched.losses)) == ([], 1)
    source = register_io_source(lambda *_: iter([ORDERS.select("id")]), schema=schema)
    source.collect()
    source.sink_csv("out.csv")
    assert calls == ["keep", "schema", "schema"]
    assert [note.operation for note in touched.notes] == ["write"]
    touched.losses.clear()
    touched.notes.clear()
    del frame, source, keep, schema
    gc.collect()
    _orders().collect()
    assert touched.take() == [("read", (shop / "orders.parquet").as_uri())]
