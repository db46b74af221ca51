"""A program does the same with a traced connection as with the driver's own: results, errors, and texts of objects."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer

Program = Callable[[Any], Any]
Open = Callable[[], Any]


def read(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT a, b FROM t ORDER BY a")
    return [
        cursor.fetchone(),
        cursor.fetchmany(1),
        cursor.fetchall(),
        cursor.fetchone(),
        cursor.fetchmany(2),
        cursor.fetchall(),
    ]


def read_nothing(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t WHERE a > 99")
    return [cursor.fetchall(), cursor.rowcount, [next(iter(entry)) for entry in cursor.description]]


def iterate(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t ORDER BY a")
    return [tuple(row) for row in cursor] + [cursor.fetchone()]


def iterate_half_way(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t ORDER BY a")
    for row in cursor:
        return tuple(row), cursor.fetchall()
    return None


def write_and_read_in_a_transaction(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'z')")
    counted = cursor.rowcount
    connection.rollback()
    cursor.execute("SELECT COUNT(*) FROM t")
    return counted, cursor.fetchone()


def syntax_error(connection: Any) -> Any:
    return connection.cursor().execute("SELEC a FROM t")


def missing_table(connection: Any) -> Any:
    return connection.cursor().execute("SELECT * FROM missing")


def wrong_parameters(connection: Any) -> Any:
    return connection.cursor().execute("SELECT a FROM t", 7)


def no_statement(connection: Any) -> Any:
    return connection.cursor().execute()


def statement_of_another_type(connection: Any) -> Any:
    return connection.cursor().execute(None)


def fetch_without_a_statement(connection: Any) -> Any:
    return connection.cursor().fetchone()


def fetch_after_close(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t")
    cursor.close()
    return cursor.fetchone()


def use_after_close(connection: Any) -> Any:
    connection.close()
    return connection.cursor().execute("SELECT 1")


def missing_attribute(connection: Any) -> Any:
    return connection.no_such_attribute


def missing_attribute_of_a_cursor(connection: Any) -> Any:
    return connection.cursor().no_such_attribute


def attributes(connection: Any) -> Any:
    cursor = connection.cursor()
    return [
        hasattr(connection, name)
        for name in ("execute", "executescript", "backup", "info", "transaction", "begin", "x")
    ] + [hasattr(cursor, name) for name in ("copy", "copy_expert", "lastrowid", "execute_async", "x")]


def names(connection: Any) -> Any:
    return sorted(set(dir(connection))), sorted(set(dir(connection.cursor())))


def set_attributes(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.arraysize = 2
    cursor.execute("SELECT a FROM t ORDER BY a")
    return cursor.arraysize, cursor.fetchmany()


def set_a_missing_attribute(connection: Any) -> Any:
    connection.no_such_attribute = 1
    return connection.no_such_attribute


def with_blocks(connection: Any) -> Any:
    with connection as entered, closing(entered.cursor()) as cursor:
        cursor.execute("INSERT INTO t VALUES (4, 'w')")
    return entered is connection


def error_in_a_with_block(connection: Any) -> Any:
    with connection:
        connection.cursor().execute("INSERT INTO t VALUES (4, 'w')")
        raise ValueError("the user's own")


def shortcut(connection: Any) -> Any:
    return connection.execute("SELECT a FROM t ORDER BY a").fetchall()


def many(connection: Any) -> Any:
    cursor = connection.cursor()
    mark = "%s" if "psycopg" in connection.__class__.__module__ else "?"
    cursor.executemany(f"INSERT INTO t VALUES ({mark}, 'm')", [(n,) for n in range(5, 9)])
    return cursor.rowcount


def cursors_connection(connection: Any) -> Any:
    return connection.cursor().connection is connection


def types(connection: Any) -> Any:
    cursor = connection.cursor()
    return (
        connection.__class__,
        cursor.__class__,
        isinstance(connection, connection.__class__),
        repr(connection),
        repr(cursor),
        bool(connection),
        connection == connection,
        hash(connection) is not None,
    )


def methods(connection: Any) -> Any:
    found = []
    for thing in (connection, connection.cursor()):
        for name in ("cursor", "execute", "executemany", "fetchone", "fetchmany", "fetchall", "commit", "close"):
            method = getattr(thing, name, None)
            found.append((callable(thing), name, method and described(method)))
    return found


def described(method: Any) -> Any:
    try:
        signature = str(inspect.signature(method))
    except ValueError as error:  # the driver itself does not tell
        signature = str(error)
    return signature, method.__name__, method.__doc__, repr(method)


def pickled_method(connection: Any) -> Any:
    return pickle.dumps(connection.commit)


def pickled(connection: Any) -> Any:
    return pickle.dumps(connection)


def copied(connection: Any) -> Any:
    return copy.copy(connection)


PROGRAMS = [
    value
    for value in list(globals().values())
    if callable(value) and getattr(value, "__module__", "") == __name__ and value is not described
]


@pytest.fixture(params=["sqlite3", "psycopg", "psycopg2", "duckdb"])
def open_database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Open]:
    """Opens a connection to a database with the same table of two rows; another database each time."""
    opened: list[Any] = []

    def open_() -> Any:
        name = f"same_{len(opened)}"
        if request.param == "sqlite3":
            connection: Any = sqlite3.connect(tmp_path / name)
        elif request.param == "duckdb":
            connection = pytest.importorskip("duckdb").connect(str(tmp_path / name))
        else:
            server = request.getfixturevalue("postgres")
            connection = pytest.importorskip(request.param).connect(server.dsn(server.database(name)))
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (a INTEGER, b VARCHAR(9))")
        cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
        cursor.close()
        if request.param != "duckdb":
            connection.commit()
        opened.append(connection)
        return connection

    yield open_
    for connection in opened:
        connection.close()


def outcome(program: Program, connection: Any) -> Any:
    """The result or error of a program, without addresses in memory and names of databases."""
    try:
        seen = ("result", program(connection))
    except BaseException as error:
        seen = (type(error), str(error), error.__cause__, error.__context__, error.__suppress_context__)  # type: ignore[assignment]
    return re.sub(r"same_\d|0x[0-9a-f]+", "-", repr(seen))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_program_does_the_same(program: Program, open_database: Open, tracers: list[RecordingTracer]) -> None:
    plain, traced = open_database(), instrument_connection(open_database())
    assert len(tracers) == 1

    assert outcome(program, traced) == outcome(program, plain)
