"""Errors of the driver and of the user: their types, their causes, and the program's lines in their tracebacks."""

import sqlite3
import traceback

from kit import attempt, traced
from prefect import flow, task


class Wrong(Exception):
    pass


def load(connection):
    try:
        connection.execute("INSERT INTO t VALUES (1)")
    except sqlite3.IntegrityError as error:
        raise Wrong("cannot load") from error


@task
def loading():
    connection = traced(sqlite3.connect("errors.db"))
    connection.execute("CREATE TABLE t (a UNIQUE)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    load(connection)


@flow
def caught():
    connection = traced(sqlite3.connect(":memory:"))
    cursor = connection.cursor()
    attempt("syntax", lambda: connection.execute("SELEC 1"))
    attempt("missing table", lambda: cursor.execute("SELECT * FROM missing"))
    attempt("bindings", lambda: cursor.execute("SELECT ?", ()))
    attempt("wrong type", lambda: cursor.execute(7))
    attempt("no statement", lambda: cursor.execute())
    attempt("two statements", lambda: cursor.execute("SELECT 1; SELECT 2"))
    attempt("unsupported value", lambda: cursor.execute("SELECT ?", (object(),)))
    attempt("many of a read", lambda: cursor.executemany("SELECT ?", [(1,)]))
    attempt("generator fails", lambda: cursor.executemany("SELECT ?", (1 / 0 for _ in [1])))
    try:
        connection.execute("SELECT * FROM missing")
    except sqlite3.OperationalError as error:
        last = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__][-1]
        print(last.name, last.line, error.sqlite_errorname, error.__cause__, error.__context__)


@flow
def uncaught():
    loading()


caught()
uncaught()
