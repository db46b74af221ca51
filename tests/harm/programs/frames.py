"""pandas and polars, over engines and over raw connections."""

import sqlite3
import warnings

import pandas as pd
import polars as pl
from kit import Connector, attempt, traced
from prefect import flow, task

warnings.simplefilter("always")
URL = "sqlite:///frames.db"


@task
def read(sql):
    with Connector(connection_info=URL) as database:
        return pd.read_sql(sql, database.get_engine())


@flow
def frames():
    with Connector(connection_info=URL) as database:
        engine = database.get_engine()
        frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
        print(frame.to_sql("t", engine, index=False, if_exists="replace"))
        print(frame.to_sql("t", engine, index=False, if_exists="append", method="multi", chunksize=2))
        print(pd.read_sql_table("t", engine).describe().to_string())
        for chunk in pd.read_sql("SELECT * FROM t", engine, chunksize=4):
            print(len(chunk))
        attempt("fail", lambda: frame.to_sql("t", engine, index=False, if_exists="fail"))
        attempt("missing", lambda: pd.read_sql("SELECT * FROM missing", engine))
        print(pl.read_database("SELECT a FROM t ORDER BY a", engine.connect()).to_dict(as_series=False))
        print(pl.DataFrame({"a": [1]}).write_database("p", engine))
    print(read("SELECT sum(a) AS s FROM t").to_dict())
    connection = traced(sqlite3.connect("raw.db"))
    with warnings.catch_warnings(record=True) as warned:
        frame.to_sql("t", connection, index=False)
        print(pd.read_sql("SELECT * FROM t", connection).to_dict("list"))
    print([(w.category.__name__, str(w.message)[:60]) for w in warned])
    attempt("raw missing", lambda: pd.read_sql("SELECT * FROM missing", connection))
    print(pl.read_database("SELECT a FROM t", connection).shape)
    connection.close()


frames()
