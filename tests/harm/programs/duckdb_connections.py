"""DuckDB's own connections: relations, DataFrames in scope, files, transactions."""

import duckdb
import pandas as pd
from kit import attempt, traced
from prefect import flow


@flow
def connections():
    connection = traced(duckdb.connect("duck.duckdb"))
    print(isinstance(connection, duckdb.DuckDBPyConnection), connection.__class__.__name__)
    connection.execute("CREATE TABLE t (a INTEGER, b VARCHAR)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [[1, "x"], [2, "y"]])
    print(connection.execute("SELECT * FROM t").fetchall(), connection.description, connection.rowcount)
    frame = pd.DataFrame({"a": [7, 8]})
    print(connection.execute("SELECT sum(a) FROM frame").fetchone(), len(frame))
    connection.execute("INSERT INTO t SELECT a, 'frame' FROM frame")
    print(connection.sql("SELECT count(*) AS n FROM t").fetchall())
    relation = connection.table("t").filter("a > 1").project("a")
    print(relation.order("a").fetchall(), relation.columns)
    relation.create("u")
    print(connection.execute("SELECT * FROM u").df().to_dict("list"))
    connection.register("seen", frame)
    print(connection.execute("SELECT * FROM seen").fetchall())
    connection.unregister("seen")
    attempt("unregistered", lambda: connection.execute("SELECT * FROM seen"))
    connection.execute("COPY t TO 'out.parquet' (FORMAT parquet)")
    print(connection.execute("SELECT count(*) FROM read_parquet('out.parquet')").fetchone())
    connection.begin()
    connection.execute("DELETE FROM t")
    connection.rollback()
    print(connection.execute("SELECT count(*) FROM t").fetchall())
    connection.create_function("double", lambda x: 2 * x, ["INTEGER"], "INTEGER")
    print(connection.execute("SELECT double(21)").fetchone())
    duplicate = connection.cursor()
    print(duplicate.execute("SELECT 1").fetchone(), isinstance(duplicate, duckdb.DuckDBPyConnection))
    attempt("syntax", lambda: connection.execute("SELEC"))
    attempt("missing", lambda: connection.sql("SELECT * FROM nowhere"))
    attempt("closed", lambda: (duplicate.close(), duplicate.execute("SELECT 1")))
    with traced(duckdb.connect("with.duckdb")) as inside:
        inside.execute("CREATE TABLE t AS SELECT 1 AS a")
    attempt("after with", lambda: inside.execute("SELECT 1"))
    connection.close()


connections()
