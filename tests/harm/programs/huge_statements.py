"""Statements that are too large for an event."""

import sqlite3

from kit import Connector, traced
from prefect import flow


@flow
def huge():
    connection = traced(sqlite3.connect("huge.db"))
    text = "x" * 5_000_000
    connection.execute("CREATE TABLE t (a)")
    connection.execute(f"INSERT INTO t VALUES ('{text}')")
    print(connection.execute("SELECT length(a) FROM t").fetchone())
    connection.execute("DELETE FROM t")
    wide = ", ".join(f"'{n}' AS a_column_with_quite_a_long_name_{n}" for n in range(1900))
    connection.execute(f"CREATE TABLE wide AS SELECT {wide}")
    print(len(connection.execute("SELECT * FROM wide").fetchone()))
    many = ", ".join(str(n) for n in range(100_000))
    print(
        connection.execute(f"SELECT count(*) FROM wide WHERE a_column_with_quite_a_long_name_7 IN ({many})").fetchone()
    )
    unions = " UNION ALL ".join(f"SELECT {n} AS a" for n in range(400))
    print(connection.execute(f"SELECT sum(a) FROM ({unions})").fetchone())
    nested = "(" * 80 + "1" + ")" * 80
    print(connection.execute(f"SELECT {nested}").fetchone())
    connection.commit()
    with Connector(connection_info="sqlite:///huge.db") as database:
        print(len(database.fetch_all(f"SELECT count(*) FROM t WHERE a IN ({many})")))


huge()
