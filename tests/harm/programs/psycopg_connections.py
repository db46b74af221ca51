"""psycopg 3: row factories, pipelines, COPY, notices, transactions, composed SQL, server-side cursors."""

import os
import pickle

import psycopg
from kit import attempt, traced
from prefect import flow
from psycopg import sql
from psycopg.rows import class_row, dict_row, namedtuple_row
from psycopg.types.json import Jsonb

DSN = os.environ["HARM_POSTGRES"]


class Item:
    def __init__(self, a, b):
        self.values = (a, b)


@flow
def connections():
    connection = traced(psycopg.connect(DSN))
    print(isinstance(connection, psycopg.Connection), connection.__class__.__name__)
    notices = []
    connection.add_notice_handler(lambda diagnostic: notices.append(diagnostic.message_primary))
    connection.execute("CREATE TABLE t (a int primary key, b text, c jsonb)")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a int)")
    print(notices)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s)", [(n, str(n), Jsonb({"n": n})) for n in range(5)])
        print(cursor.rowcount, cursor.statusmessage)
    connection.commit()
    print(connection.execute("SELECT a, b, c FROM t ORDER BY a LIMIT 1").fetchone())
    with connection.cursor(row_factory=dict_row) as cursor:
        print(cursor.execute("SELECT a, b FROM t ORDER BY a").fetchmany(2))
    with connection.cursor(row_factory=class_row(Item)) as cursor:
        print(cursor.execute("SELECT a, b FROM t ORDER BY a").fetchone().values)
    connection.row_factory = namedtuple_row
    print(connection.execute("SELECT max(a) AS top FROM t").fetchone().top)
    with connection.cursor("server_side") as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT a FROM t ORDER BY a")
        print([row.a for row in cursor])
    composed = sql.SQL("SELECT {} FROM {}").format(sql.Identifier("a"), sql.Identifier("t"))
    print(composed.as_string(connection), len(connection.execute(composed).fetchall()))
    with connection.cursor() as cursor, cursor.copy("COPY t (a, b) FROM STDIN") as copy:
        copy.write_row((10, "copied"))
    with connection.cursor() as cursor, cursor.copy("COPY t (a) TO STDOUT") as copy:
        print(sorted(int(row[0]) for row in copy.rows()))
    connection.commit()
    with connection.transaction():
        connection.execute("DELETE FROM t WHERE a = 10")
        attempt("inner", lambda: failing(connection))
    with connection.pipeline():
        connection.execute("INSERT INTO t (a) VALUES (20)")
        connection.execute("INSERT INTO t (a) VALUES (21)")
    connection.commit()
    attempt("unique", lambda: connection.execute("INSERT INTO t (a) VALUES (1)"))
    attempt("aborted", lambda: connection.execute("SELECT 1"))
    connection.rollback()
    attempt("pickle", lambda: pickle.dumps(connection))
    print(connection.info.transaction_status.name, connection.closed, connection.autocommit)
    print([row[0] for row in connection.cursor().stream("SELECT a FROM t ORDER BY a")])
    connection.close()
    print(connection.closed)
    attempt("closed", lambda: connection.execute("SELECT 1"))


def failing(connection):
    with connection.transaction():
        connection.execute("DELETE FROM t")
        raise ValueError("inside")


connections()
