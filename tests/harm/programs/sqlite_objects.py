"""Type and behaviour of a sqlite3 connection and its cursors."""

import copy
import gc
import inspect
import pickle
import sqlite3
import weakref
from contextlib import closing

from kit import attempt, traced
from prefect import flow


def table(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT)")
    connection.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", [(1, "x"), (2, "y"), (3, "z")])
    connection.commit()


@flow
def objects():
    connection = traced(sqlite3.connect("objects.db"))
    table(connection)
    cursor = connection.cursor()
    for name, thing, kind in (("connection", connection, sqlite3.Connection), ("cursor", cursor, sqlite3.Cursor)):
        print(name, isinstance(thing, kind), thing.__class__ is kind, issubclass(thing.__class__, kind))
        attempt(f"{name} repr", lambda thing=thing: repr(thing))
        attempt(f"{name} str", lambda thing=thing: str(thing))
        attempt(f"{name} hash", lambda thing=thing: hash(thing) == hash(thing) and thing in {thing})
        attempt(f"{name} eq", lambda thing=thing: (thing == thing, thing != thing, thing == 1))
        attempt(f"{name} bool", lambda thing=thing: bool(thing))
        attempt(f"{name} dir", lambda thing=thing: sorted(set(dir(thing)) - {"__wrapped__"}))
        attempt(f"{name} doc", lambda thing=thing: thing.__doc__)
        attempt(f"{name} pickle", lambda thing=thing: pickle.dumps(thing))
        attempt(f"{name} deepcopy", lambda thing=thing: copy.deepcopy(thing))
        attempt(f"{name} copy", lambda thing=thing: copy.copy(thing))
        attempt(f"{name} missing", lambda thing=thing: thing.no_such_thing)
        attempt(f"{name} set missing", lambda thing=thing: setattr(thing, "no_such_thing", 1))
        attempt(f"{name} len", lambda thing=thing: len(thing))
        attempt(f"{name} callable", lambda thing=thing: callable(thing))
        attempt(f"{name} iter", lambda thing=thing: list(thing))
        attempt(f"{name} json", lambda thing=thing: __import__("json").dumps(thing))
        attempt(f"{name} format", lambda thing=thing: f"{thing!r:>60}")
        for method in ("execute", "executemany", "fetchall", "fetchone", "close", "commit"):
            if hasattr(thing, method):
                attempt(f"{name}.{method} signature", lambda m=getattr(thing, method): inspect.signature(m))
                attempt(f"{name}.{method} name", lambda m=getattr(thing, method): (m.__name__, callable(m)))
    print(cursor.connection is connection, connection.cursor() is not cursor)
    gone = weakref.ref(cursor)
    del cursor
    gc.collect()
    print("collected", gone() is None)
    connection.close()


@flow
def doings():
    connection = traced(sqlite3.connect("doings.db"))
    table(connection)
    cursor = connection.cursor()
    cursor.arraysize = 2
    print(cursor.execute("SELECT * FROM t ORDER BY a").fetchmany(), cursor.arraysize, cursor.fetchmany(5))
    connection.row_factory = sqlite3.Row
    row = connection.execute("SELECT a, b FROM t").fetchone()
    print(row.keys(), row["b"], isinstance(row, sqlite3.Row))
    connection.row_factory = lambda cursor, row: {d[0]: v for d, v in zip(cursor.description, row)}
    print(connection.execute("SELECT a, b FROM t").fetchall())
    connection.row_factory = None
    connection.text_factory = bytes
    print(connection.execute("SELECT b FROM t").fetchall(), connection.text_factory)
    connection.text_factory = str
    connection.create_function("double", 1, lambda value: value * 2)
    print(connection.execute("SELECT double(a) FROM t").fetchall())
    connection.create_function("fails", 1, lambda value: 1 / 0)
    attempt("user function fails", lambda: connection.execute("SELECT fails(a) FROM t").fetchall())
    seen = []
    connection.set_trace_callback(seen.append)
    connection.execute("INSERT INTO t VALUES (4, 'w')")
    connection.set_trace_callback(None)
    print(seen)
    connection.rollback()
    denied = []
    connection.set_authorizer(lambda action, *what: denied.append((action, what[0])) or sqlite3.SQLITE_OK)
    print(connection.execute("SELECT count(*) FROM t").fetchone(), denied)
    connection.set_authorizer(None)
    print(connection.total_changes, connection.in_transaction, connection.isolation_level)
    with connection:
        connection.execute("UPDATE t SET b = 'u' WHERE a = 1")
    try:
        with connection:
            connection.execute("DELETE FROM t")
            raise KeyError("the user's")
    except KeyError as error:
        print("rolled back", error, connection.execute("SELECT count(*) FROM t").fetchone())
    print([tuple(row) for row in connection.execute("SELECT a FROM t")])
    print(next(connection.execute("SELECT a FROM t")), list(connection.iterdump())[:2])
    attempt("backup to", lambda: connection.backup(sqlite3.connect("copy.db")))
    other = traced(sqlite3.connect("other.db"))
    attempt("backup traced", lambda: connection.backup(other))
    print(other.execute("SELECT count(*) FROM t").fetchone())
    attempt("script", lambda: connection.executescript("CREATE TABLE u (a); INSERT INTO u VALUES (1);").fetchall())
    connection.isolation_level = None
    print(connection.isolation_level, connection.execute("BEGIN").rowcount, connection.in_transaction)
    connection.execute("ROLLBACK")
    cursor = connection.cursor(factory=type("MyCursor", (sqlite3.Cursor,), {"mine": property(lambda self: 7)}))
    print(cursor.mine, cursor.execute("SELECT 1").fetchone(), cursor.lastrowid, cursor.description)
    with closing(connection.cursor()) as closed:
        closed.execute("SELECT 1")
    attempt("closed cursor", lambda: closed.fetchone())
    connection.close()
    attempt("closed connection", lambda: connection.execute("SELECT 1"))


class Mine(sqlite3.Connection):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = 0

    def execute(self, *args):
        self.calls += 1
        return super().execute(*args)


@flow
def subclasses():
    connection = traced(sqlite3.connect("subclass.db", factory=Mine))
    table(connection)
    print(connection.execute("SELECT b FROM t").fetchall(), connection.calls, isinstance(connection, Mine))
    connection.calls = 10
    connection.execute("SELECT 1")
    print(connection.calls, connection.extra if hasattr(connection, "extra") else "no extra")
    connection.extra = "put there"
    print(connection.extra, vars(connection))
    del connection.extra
    print(hasattr(connection, "extra"))


objects()
doings()
subclasses()
