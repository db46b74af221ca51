"""Files and tables by polars, deltalake and pyiceberg: results, errors, warnings, pickles, and lazy frames."""

import asyncio
import copy
import inspect
import io
import os
import pickle
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from kit import attempt
from polars import read_parquet
from prefect import flow, task
from pyiceberg.catalog.sql import SqlCatalog

FRAME = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
FUNCTIONS = [
    pl.read_csv, pl.scan_csv, pl.read_parquet, pl.scan_parquet, pl.read_json, pl.read_avro, pl.read_excel,
    pl.read_delta, pl.collect_all, pl.collect_all_async, write_deltalake,
]  # fmt: skip
METHODS = ["collect", "collect_async", "sink_csv", "sink_parquet", "sink_batches", "pipe_with_schema", "sink_delta"]


class Lazy(pl.LazyFrame):
    """A subclass with a method of its own."""

    def collect(self, **options):
        print("own collect")
        return super().collect(**options)


def asked(function):
    return (
        function.__name__,
        function.__module__,
        (function.__doc__ or "")[:20],
        str(inspect.signature(function))[:200],
        inspect.isfunction(function),
        callable(function),
        pickle.loads(pickle.dumps(function)) is function,
        cloudpickle.loads(cloudpickle.dumps(function)) is function,
        copy.deepcopy(function) is function,
        isinstance(function, types.FunctionType),
        inspect.iscoroutinefunction(function),
    )


def printed(frame, schema):
    print("asked once for", schema.names())
    return frame


async def awaited():
    print((await pl.scan_parquet("x.parquet").collect_async()).shape)
    print([one.shape for one in await pl.collect_all_async([pl.scan_csv("x.csv")])])
    try:
        await pl.scan_csv("missing.csv").collect_async()
    except Exception as error:
        print(type(error).__name__)


@task
def in_task(path):
    return read_parquet(path).select("a").sum().item()


def iceberg():
    Path("warehouse").mkdir()
    catalog = SqlCatalog("lake", uri="sqlite:///catalog.db", warehouse=Path("warehouse").absolute().as_uri())
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.t", schema=FRAME.to_arrow().schema)
    table.append(FRAME.to_arrow())
    with table.transaction() as transaction:
        transaction.append(FRAME.to_arrow())
    attempt("rows", lambda: table.scan().to_arrow().num_rows)
    attempt("lazy", lambda: pl.scan_iceberg(table).select("a").collect().shape)
    attempt("schema", lambda: table.append(pa.table({"c": [1]})))
    attempt("again", lambda: catalog.create_namespace("shop"))
    attempt("catalog", lambda: (catalog.list_tables("shop"), catalog.load_table("shop.none")))
    catalog.engine.dispose()
    os.remove("catalog.db")  # it contains the time


@flow
def lakes():
    for function in FUNCTIONS:
        attempt(function.__name__, lambda function=function: asked(function))
    frame = FRAME.lazy()
    for name in METHODS:
        method = getattr(frame, name)
        attempt(
            name,
            lambda name=name, method=method: (
                str(inspect.signature(method))[:200],
                inspect.ismethod(method),
                method == getattr(frame, name),
                method.__self__ is frame,
                cloudpickle.loads(cloudpickle.dumps(getattr(pl.LazyFrame, name))).__qualname__,
            ),
        )
    attempt("csv", lambda: (FRAME.write_csv("x.csv"), pl.read_csv("x.csv").to_dict(as_series=False)))
    attempt("parquet", lambda: (FRAME.write_parquet("x.parquet"), pl.read_parquet("x.parquet").shape))
    attempt("text", lambda: (FRAME.write_csv(), FRAME.write_json(), pl.read_csv(b"a\n1\n").shape))
    attempt("unbound", lambda: (pl.DataFrame.write_csv(FRAME, "u.csv"), pl.LazyFrame.collect(frame).shape))
    attempt("buffer", lambda: (FRAME.write_parquet(buffer := io.BytesIO()), pl.read_parquet(buffer).shape))
    scanned = pl.scan_parquet("x.parquet").filter(pl.col("a") > 1)
    attempt("plan", lambda: (scanned.explain(), str(scanned.collect_schema()), sorted(vars(scanned))))
    attempt("pickle", lambda: pickle.loads(pickle.dumps(scanned)).collect().shape)
    attempt("copies", lambda: (copy.copy(scanned).collect().shape, copy.deepcopy(scanned).collect().shape))
    attempt("subclass", lambda: type(Lazy({"a": [1]}).filter(pl.col("a") > 0).collect()).__name__)
    attempt("asked", lambda: scanned.pipe_with_schema(printed).collect().shape)
    attempt("background", lambda: scanned.collect(background=True).fetch_blocking().shape)
    attempt("batches", lambda: [batch.shape for batch in scanned.collect_batches()])
    attempt("to a function", lambda: scanned.sink_batches(lambda batch: print(batch.shape)))
    attempt("all", lambda: [one.shape for one in pl.collect_all(one for one in [scanned, frame])])
    attempt("sql", lambda: pl.sql("SELECT sum(a) AS a FROM scanned", eager=True).item())
    attempt("sink", lambda: (scanned.sink_csv("s.csv"), Path("s.csv").read_text()))
    attempt("lazy sink", lambda: (scanned.sink_csv("l.csv", lazy=True).collect().shape, Path("l.csv").read_text()))
    attempt("sink all", lambda: [one.shape for one in pl.collect_all([scanned.sink_csv("1.csv", lazy=True)])])
    attempt("missing", lambda: pl.read_csv("missing.csv"))
    attempt("missing", lambda: pl.scan_parquet("missing.parquet").collect())
    attempt("no column", lambda: scanned.select("c").collect())
    attempt("no folder", lambda: scanned.sink_csv("missing/x.csv"))
    attempt("bad argument", lambda: scanned.collect(nonsense=1))
    attempt("no argument", lambda: pl.read_csv())
    attempt("truth", lambda: bool(scanned))
    attempt("callback", lambda: scanned.map_batches(lambda frame: 1 / 0).collect())
    attempt("delta", lambda: (write_deltalake("t", FRAME), DeltaTable("t").to_pandas().shape))
    attempt("delta again", lambda: write_deltalake("t", FRAME))
    attempt("ignored", lambda: write_deltalake("t", FRAME, mode="ignore"))
    attempt("lazy delta", lambda: pl.scan_delta("t").select("a").collect().shape)
    attempt("merge", lambda: type(FRAME.write_delta("t", mode="merge", delta_merge_options={"predicate": "a = 1"})))
    attempt("deleted", lambda: DeltaTable("t").delete("a = 1")["num_deleted_rows"])
    iceberg()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        _ = scanned.columns
        list(scanned.collect_batches())
        scanned.collect(background=True).fetch_blocking()
        DeltaTable("t").to_pandas(partitions=[])
    print([(w.category.__name__, os.path.basename(w.filename), w.lineno) for w in warned])
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(lambda path: pl.scan_parquet(path).collect().shape, ["x.parquet"] * 4)))
    asyncio.run(awaited())
    print(in_task("x.parquet"), sorted(os.listdir(".")))


lakes()
