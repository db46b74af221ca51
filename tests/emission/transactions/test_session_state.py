"""Effects of a transaction's end on the session: settings, temporary tables and schemas, as in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.emission.transactions.conftest import Capture
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """A database with `customers` in the schemas public, x and nora."""
    database = postgres.database("session")
    with psycopg.connect(postgres.dsn(database), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS nora; CREATE ROLE nora SUPERUSER")
        for schema in ("x", "nora"):
            admin.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.customers (a INT)")
        admin.execute("CREATE TABLE customers (a INT); CREATE TABLE orders (a INT)")
    return database


@pytest.fixture
def connection(postgres: Postgres, database: str) -> Iterator[Any]:
    """A connection that commits each statement."""
    connection = instrument_connection(psycopg.connect(postgres.dsn(database), autocommit=True))
    yield connection
    connection.close()


WRITE = "INSERT INTO customers VALUES (1)"
TEMPORARY = "CREATE TEMP TABLE customers (a INT)"


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        # What a rollback undoes of settings.
        (["BEGIN", "SET search_path TO x", "ROLLBACK", WRITE], "public"),
        (["BEGIN", "SET search_path TO x", "COMMIT", WRITE], "x"),
        (["SET search_path TO x", "BEGIN", "SET search_path TO nora", "ROLLBACK", WRITE], "x"),
        (["BEGIN; SET search_path TO x; ROLLBACK", WRITE], "public"),
        (["BEGIN; SET search_path TO x; ROLLBACK; " + WRITE], "public"),
        (
            [
                "BEGIN",
                "SET search_path TO x",
                "SAVEPOINT s",
                "SET search_path TO nora",
                "ROLLBACK TO s",
                "COMMIT",
                WRITE,
            ],
            "x",
        ),
        (["BEGIN", "SAVEPOINT s", "SET search_path TO x", "RELEASE s", "COMMIT", WRITE], "x"),
        (["BEGIN", "SAVEPOINT s", "SET search_path TO x", "RELEASE s", "ROLLBACK", WRITE], "public"),
        (["BEGIN", "SAVEPOINT a", "SAVEPOINT b", "SET search_path TO x", "ROLLBACK TO a", "COMMIT", WRITE], "public"),
        (["BEGIN", "SET search_path TO x", "COMMIT AND CHAIN", "SET search_path TO nora", "ROLLBACK", WRITE], "x"),
        # What holds for the transaction only.
        (["BEGIN", "SET LOCAL search_path TO x", "COMMIT", WRITE], "public"),
        (["BEGIN", "SET LOCAL search_path TO x", WRITE, "COMMIT"], "x"),
        (["BEGIN", "SET LOCAL search_path TO x", "COMMIT AND CHAIN", WRITE, "COMMIT"], "public"),
        (["SET LOCAL search_path TO x", WRITE], "public"),
        (["BEGIN", "SET search_path TO nora", "SET LOCAL search_path TO x", "COMMIT", WRITE], "nora"),
        (["BEGIN", "SET LOCAL search_path TO x", "SET search_path TO nora", "COMMIT", WRITE], "nora"),
        (["SET LOCAL search_path TO x; " + WRITE], "x"),
        (["SET LOCAL search_path TO x; " + WRITE, WRITE], "x public"),
        (["SET SCHEMA 'x'", WRITE], "x"),
        # By a function.
        (["SELECT set_config('search_path', 'x, public', false)", WRITE], "x"),
        (["SELECT pg_catalog.set_config('search_path', 'x', false)", WRITE], "x"),
        (["BEGIN", "SELECT set_config('search_path', 'x', true)", "COMMIT", WRITE], "public"),
        (["BEGIN", "SELECT set_config('search_path', 'x', false)", "ROLLBACK", WRITE], "public"),
        # Back to what the session began with.
        (["SET search_path TO x", "RESET search_path", WRITE], "public"),
        (["SET search_path TO x", "SET search_path TO DEFAULT", WRITE], "public"),
        (["SET search_path TO x", "RESET ALL", WRITE], "public"),
        (["SET search_path TO x", "DISCARD ALL", WRITE], "public"),
        (["SET search_path TO x", "BEGIN", "RESET search_path", "ROLLBACK", WRITE], "x"),
        # The first schema of a path that exists.
        (["SET search_path TO nowhere, x", WRITE], "x"),
        (['SET search_path TO "$user", x', WRITE], "x"),
        (["SET search_path = 'x', public", WRITE], "x"),
        (['SET search_path TO "X", x', WRITE], "x"),
        # Whose schema `$user` is.
        (["SET ROLE nora", WRITE], "nora"),
        (["SET ROLE nora", "RESET ROLE", WRITE], "public"),
        (["SET ROLE nora", "SET ROLE NONE", WRITE], "public"),
        (["SET SESSION AUTHORIZATION nora", WRITE], "nora"),
        (["SET SESSION AUTHORIZATION nora", "RESET SESSION AUTHORIZATION", WRITE], "public"),
        (["BEGIN", "SET ROLE nora", "ROLLBACK", WRITE], "public"),
        (["BEGIN", "SET LOCAL ROLE nora", WRITE, "COMMIT", WRITE], "nora public"),
        (["SET ROLE nora", "SET search_path TO x", WRITE], "x"),
    ],
)
def test_unqualified_names_follow_the_settings(
    connection: Any, capture: Capture, texts: list[str], written: str
) -> None:
    for text in texts:
        connection.execute(text)
    assert capture.writes() == [f"session.{schema}.customers" for schema in written.split()]


LASTING, OWN = "lasting", "temporary"


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        ([TEMPORARY, WRITE], OWN),
        ([TEMPORARY, "INSERT INTO public.customers VALUES (1)"], LASTING),
        ([TEMPORARY, "INSERT INTO pg_temp.customers VALUES (1)"], OWN),
        (["CREATE TABLE pg_temp.customers (a INT)", WRITE], OWN),
        (["BEGIN", TEMPORARY, "ROLLBACK", WRITE], LASTING),
        (["BEGIN", TEMPORARY, "COMMIT", WRITE], OWN),
        (["BEGIN", TEMPORARY + " ON COMMIT DROP", WRITE, "COMMIT", WRITE], f"{OWN} {LASTING}"),
        ([TEMPORARY + " ON COMMIT DROP", WRITE], LASTING),
        (["BEGIN", "CREATE TEMP TABLE customers ON COMMIT DROP AS SELECT 1 AS a", "COMMIT", WRITE], LASTING),
        (["BEGIN", TEMPORARY + " ON COMMIT DELETE ROWS", "COMMIT", WRITE], OWN),
        ([TEMPORARY, "BEGIN", "DROP TABLE customers", "ROLLBACK", WRITE], OWN),
        ([TEMPORARY, "BEGIN", "DROP TABLE customers", "COMMIT", WRITE], LASTING),
        ([TEMPORARY, "DROP TABLE public.customers", WRITE, "CREATE TABLE public.customers (a INT)"], OWN),
        (["BEGIN", "SAVEPOINT s", TEMPORARY, "ROLLBACK TO s", WRITE, "COMMIT"], LASTING),
        (["BEGIN", "SAVEPOINT s", TEMPORARY, "RELEASE s", WRITE, "COMMIT"], OWN),
        ([TEMPORARY, "DISCARD TEMP", WRITE], LASTING),
        ([TEMPORARY, "DISCARD ALL", WRITE], LASTING),
        ([TEMPORARY, "BEGIN", "ALTER TABLE customers RENAME TO c", "ROLLBACK", WRITE], OWN),
        ([TEMPORARY, "ALTER TABLE customers RENAME TO c", WRITE], LASTING),
        (["SELECT 1 AS a INTO TEMP customers", WRITE], OWN),
        (["CREATE TEMP TABLE c (a INT)", "CREATE VIEW customers AS SELECT a FROM c", WRITE], OWN),
        (["SET search_path TO pg_temp, public", "CREATE TABLE customers (a INT)", WRITE], OWN),
    ],
)
def test_a_name_means_the_temporary_table_while_it_exists(
    connection: Any, capture: Capture, texts: list[str], written: str
) -> None:
    for text in texts:
        connection.execute(text)
    outputs = [e.output for e in capture.events() if e.operation == "write" and e.output is not None]
    assert [OWN if output.temporary else LASTING for output in outputs] == written.split()


def test_a_table_created_beside_a_temporary_one_of_its_name_is_permanent(connection: Any, capture: Capture) -> None:
    connection.execute("CREATE TEMP TABLE new (a INT)")
    connection.execute("CREATE TABLE new (a INT)")
    made = [(e.output.name, e.output.temporary) for e in capture.events() if e.output is not None]
    assert made == [("session.public.new", True), ("session.public.new", False)]


def test_schema_that_the_transaction_created_counts_in_the_path(connection: Any, capture: Capture) -> None:
    for text in (
        "BEGIN",
        "CREATE SCHEMA fresh",
        "SET search_path TO fresh, public",
        "CREATE TABLE t (a INT)",
        "COMMIT",
    ):
        connection.execute(text)
    assert [e.output.name for e in capture.events() if e.output is not None] == ["session.fresh.t"]


def test_settings_of_a_driver_that_begins_transactions_itself(postgres: Postgres, capture: Capture) -> None:
    database = postgres.database("session_implicit")
    connection = instrument_connection(psycopg.connect(postgres.dsn(database)))
    connection.execute("CREATE SCHEMA x")
    connection.commit()
    connection.execute("SET search_path TO x")
    connection.rollback()
    connection.execute("CREATE TABLE t (a INT)")
    connection.commit()
    connection.close()
    assert [e.output.name for e in capture.events() if e.output is not None] == ["session_implicit.public.t"]
