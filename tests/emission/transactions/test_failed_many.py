"""A failed executemany may have written the sets of parameters before the one that failed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.emission.transactions.conftest import Capture
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
SETS = [(1,), (2,), (1,)]


def interrupted() -> Iterator[tuple[int]]:
    yield (1,)
    yield (2,)
    raise KeyError("the program's own")


@pytest.fixture(params=["psycopg", "psycopg2"])
def server(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Any]:
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[request.param]
    connection = module.connect(postgres.dsn(postgres.database("many")))
    connection.cursor().execute("CREATE TABLE t (a INT UNIQUE)")
    connection.commit()
    yield instrument_connection(connection)
    connection.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "many.db")
    connection.execute("CREATE TABLE t (a INT UNIQUE)")
    yield instrument_connection(connection)
    connection.close()


def fail(many: Any, sets: Any, mark: str) -> None:
    with contextlib.suppress(Exception):
        many(f"INSERT INTO t VALUES ({mark})", sets)


@pytest.mark.parametrize("sets", [lambda: SETS, interrupted], ids=["refused", "interrupted"])
@pytest.mark.parametrize("of", ["connection", "cursor"])
def test_part_that_sqlite_keeps_is_reported_when_it_is_committed(
    file: sqlite3.Connection, capture: Capture, of: str, sets: Any
) -> None:
    fail((file if of == "connection" else file.cursor()).executemany, sets(), "?")
    assert capture.writes() == []
    file.commit()
    assert capture.writes() == ["t?"]


def test_part_that_is_rolled_back_wrote_nothing(file: sqlite3.Connection, capture: Capture) -> None:
    fail(file.cursor().executemany, SETS, "?")
    file.rollback()
    assert capture.writes() == []


def test_single_set_that_failed_wrote_nothing(file: sqlite3.Connection, capture: Capture) -> None:
    fail(file.cursor().executemany, [(object(),)], "?")
    file.commit()
    assert capture.writes() == []


def test_an_executemany_that_the_program_interrupts_stays_in_the_transaction(server: Any, capture: Capture) -> None:
    fail(server.cursor().executemany, interrupted(), "%s")
    server.commit()
    assert capture.writes() == ["many.public.t?"]


def test_an_error_of_the_server_fails_the_transaction(server: Any, capture: Capture) -> None:
    fail(server.cursor().executemany, SETS, "%s")
    server.commit()
    assert capture.writes() == []


def test_sets_that_commit_by_themselves_stay(server: Any, capture: Capture) -> None:
    """psycopg sends them as one pipeline, psycopg2 as statements of their own."""
    server.autocommit = True
    fail(server.cursor().executemany, SETS, "%s")
    stay = server.cursor()
    stay.execute("SELECT count(*) FROM t")
    assert len(capture.writes()) == (1 if stay.fetchone()[0] else 0)


def test_error_of_the_driver_leaves_the_transaction_as_it_was(server: Any, capture: Capture) -> None:
    server.cursor().execute("INSERT INTO t VALUES (1)")
    with contextlib.suppress(Exception):
        server.cursor().execute("INSERT INTO t VALUES (%s)", (object(),))
    server.commit()
    assert capture.writes() == ["many.public.t"]


def test_duckdb_keeps_the_sets_before_the_one_that_failed(tmp_path: Path, capture: Capture) -> None:
    connection = instrument_connection(duckdb.connect(str(tmp_path / "many.duckdb")))
    connection.execute("CREATE TABLE t (a INT UNIQUE)")
    fail(connection.executemany, SETS, "?")
    assert capture.writes() == ["main.t?"]
    connection.close()
