"""Files by pandas and pyarrow: results, errors, warnings, pickles, and what programs ask of functions and methods."""

import asyncio
import copy
import inspect
import io
import os
import pickle
import tempfile
import types
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import cloudpickle
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
from kit import attempt
from pandas import read_csv
from prefect import flow, task

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
METHODS = ["to_csv", "to_json", "to_parquet", "to_feather", "to_orc", "to_excel", "to_pickle", "to_html", "to_xml"]
FUNCTIONS = [
    pd.read_csv, pd.read_parquet, pd.read_pickle, pd.read_feather, pd.read_orc, pd.to_pickle, pq.read_table,
    pq.write_table, pa.csv.read_csv, pa.csv.write_csv, pa.feather.write_feather, pa.orc.read_table,
    pa.dataset.dataset, pa.dataset.write_dataset, pa.memory_map, tempfile.mkdtemp,
]  # fmt: skip


class Frame(pd.DataFrame):
    """A subclass with a method of its own."""

    @property
    def _constructor(self):
        return Frame

    def to_csv(self, *args, **kwargs):
        print("own to_csv")
        return super().to_csv(*args, **kwargs)


def asked(function):
    return (
        function.__name__,
        function.__module__,
        (function.__doc__ or "")[:20],
        str(inspect.signature(function))[:200],
        inspect.isfunction(function),
        inspect.isbuiltin(function),
        callable(function),
        pickle.loads(pickle.dumps(function)) is function,
        copy.deepcopy(function) is function,
        isinstance(function, types.FunctionType),
        inspect.iscoroutinefunction(function),
    )


def rows(path):
    return len(pd.read_csv(path))


@task
def in_task(path):
    return read_csv(path, usecols=["a"]).sum().to_dict()


@flow
def files():
    for function in FUNCTIONS:
        attempt(function.__name__, lambda function=function: asked(function))
    for name in METHODS:
        method = getattr(FRAME, name)
        attempt(
            name,
            lambda name=name, method=method: (
                str(inspect.signature(method)),
                str(inspect.signature(getattr(pd.DataFrame, name))),
                inspect.ismethod(method),
                method == getattr(FRAME, name),
                hash(method) == hash(getattr(FRAME, name)),
                method.__self__ is FRAME,
                pickle.loads(pickle.dumps(method)).__name__,
                cloudpickle.loads(cloudpickle.dumps(getattr(pd.DataFrame, name))).__qualname__,
                copy.copy(method)("copied") is None,
            ),
        )
    attempt("csv", lambda: (FRAME.to_csv("x.csv", index=False), pd.read_csv("x.csv").to_dict("list")))
    attempt("text", lambda: FRAME.to_csv(None))
    attempt("unbound", lambda: pd.DataFrame.to_csv(FRAME, "u.csv", sep=";"))
    attempt("positional", lambda: FRAME.to_json("x.json", orient="records"))
    attempt("subclass", lambda: (Frame(FRAME).to_csv("s.csv"), type(Frame(FRAME)).__name__))
    attempt("chunks", lambda: [len(chunk) for chunk in pd.read_csv("x.csv", chunksize=2)])
    attempt("reader", lambda: type(pd.read_csv("x.csv", iterator=True)).__name__)
    attempt("excel", lambda: (FRAME.to_excel("x.xlsx"), list(pd.read_excel("x.xlsx", sheet_name=None))))
    attempt("parquet", lambda: (FRAME.to_parquet("x.parquet"), pq.ParquetFile("x.parquet").read().num_rows))
    attempt("batches", lambda: [len(batch) for batch in pq.ParquetFile("x.parquet").iter_batches(batch_size=2)])
    attempt("dataset", lambda: type(pa.dataset.dataset("x.parquet")).__name__)
    attempt("buffer", lambda: pd.read_parquet(io.BytesIO(FRAME.to_parquet())).shape)
    attempt("missing", lambda: pd.read_csv("missing.csv"))
    attempt("missing", lambda: pq.read_table("missing.parquet"))
    attempt("no folder", lambda: FRAME.to_parquet("missing/x.parquet"))
    attempt("bad argument", lambda: FRAME.to_csv("x.csv", nonsense=1))
    attempt("no argument", lambda: pd.read_csv())
    attempt("nul", lambda: pd.read_csv("a\0b"))
    attempt("callback", lambda: pd.read_csv("x.csv", converters={"a": lambda text: 1 / 0}))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        pd.read_csv("x.csv", sep="::")
        FRAME.rename(columns={"a": "a b"}).to_stata("x.dta")
        FRAME.to_hdf("x.h5", key="a b")
    print([(w.category.__name__, os.path.basename(w.filename), w.lineno) for w in warned])
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(rows, ["x.csv"] * 4)), next(iter(pool.map(pd.read_csv, ["x.csv"]))).shape)
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        print(list(pool.map(rows, ["x.csv"])), pool.submit(FRAME.to_csv, "p.csv").result())
        print(pool.submit(pd.read_csv, "x.csv").result().shape)
    print(asyncio.run(asyncio.to_thread(pd.read_csv, "x.csv")).shape)
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(suffix=".csv") as file:
        FRAME.to_csv(file)
        file.flush()
        print(pd.read_csv(file.name).shape, os.path.isdir(folder))
    print(in_task("x.csv"), sorted(os.listdir(".")))


files()
