"""Tables named without a schema on a search path of several: the table that the store finds, or a doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from prefect_lineage_events.emission import connection_state
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from prefect_lineage_events.settings import LineageSettings
from tests.emission.transactions.conftest import Capture
from tests.services.postgres import PASSWORD, Postgres

psycopg = pytest.importorskip("psycopg")
duckdb = pytest.importorskip("duckdb")

TO_BOTH, TO_LATER = "INSERT INTO both_have VALUES (1)", "INSERT INTO later_has VALUES (1)"


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[str]:
    """A database with a table in both schemas, and one in the later schema only."""
    database = postgres.database("paths")
    with psycopg.connect(postgres.dsn(database), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA a; CREATE SCHEMA mia; CREATE ROLE mia SUPERUSER LOGIN PASSWORD '" + PASSWORD + "'")
        admin.execute(
            "CREATE TABLE a.both_have (i INT); CREATE TABLE both_have (i INT); CREATE TABLE later_has (i INT)"
        )
        yield database
        admin.execute("DROP ROLE mia")


@pytest.fixture
def connection(postgres: Postgres, database: str) -> Iterator[Any]:
    connection = instrument_connection(psycopg.connect(postgres.dsn(database), autocommit=True))
    yield connection
    connection.close()


def written(capture: Capture) -> list[tuple[str, str]]:
    return [(e.output.name, e.statement.confidence) for e in capture.events() if e.output is not None]


@pytest.mark.parametrize(
    "path",
    [
        "SET search_path TO a, public",
        "SET search_path = missing, a, public",
        "SET SESSION search_path TO a, public",
        "SELECT set_config('search_path', 'a, public', false)",
    ],
)
def test_schema_of_a_table_on_the_path_is_looked_up_in_the_store(connection: Any, capture: Capture, path: str) -> None:
    for text in (path, TO_BOTH, TO_LATER):
        connection.execute(text)
    assert written(capture) == [("paths.a.both_have", "exact"), ("paths.public.later_has", "exact")]


def test_local_path_holds_for_its_transaction(connection: Any, capture: Capture) -> None:
    for text in ("BEGIN", "SET LOCAL search_path TO a, public", TO_LATER, TO_BOTH, "COMMIT", TO_BOTH):
        connection.execute(text)
    assert [name for name, _ in written(capture)] == [
        "paths.public.later_has",
        "paths.a.both_have",
        "paths.public.both_have",
    ]


def test_new_table_is_created_in_the_first_schema_and_found_there(connection: Any, capture: Capture) -> None:
    connection.execute("BEGIN")  # not to be seen by another connection
    for text in (
        "SET search_path TO a, public",
        "CREATE TABLE later_has AS SELECT 1 AS i",
        TO_LATER,
        "DROP TABLE later_has",
    ):
        connection.execute(text)
    connection.execute("COMMIT")
    assert written(capture) == [("paths.a.later_has", "exact")] * 3


def test_a_table_created_in_the_first_schema_hides_another(connection: Any, capture: Capture) -> None:
    for text in (
        "SET search_path TO a, public",
        TO_LATER,
        "CREATE TABLE later_has (i INT)",
        TO_LATER,
        "DROP TABLE later_has",
        TO_LATER,
    ):
        connection.execute(text)
    assert [name for name, _ in written(capture)] == [
        *("paths.public.later_has", "paths.a.later_has", "paths.a.later_has", "paths.a.later_has"),
    ]


def test_a_table_that_was_dropped_before_the_look_up_is_a_guess(
    postgres: Postgres, database: str, connection: Any, capture: Capture
) -> None:
    with psycopg.connect(postgres.dsn(database), autocommit=True) as other:
        other.execute("CREATE TABLE gone (i INT)")
    connection.execute("SET search_path TO a, public")
    connection.execute("DROP TABLE gone")
    assert [confidence for _, confidence in written(capture)] == ["partial"]


@pytest.mark.parametrize("options", ["-csearch_path=a,public", "-c search_path=a,public"])
def test_path_of_the_connections_options(postgres: Postgres, database: str, capture: Capture, options: str) -> None:
    own = psycopg.connect(postgres.dsn(database), options=options, autocommit=True)
    with contextlib.closing(instrument_connection(own)) as connection:
        connection.execute(TO_BOTH)
        connection.execute(TO_LATER)
    assert written(capture) == [("paths.a.both_have", "exact"), ("paths.public.later_has", "exact")]


def test_path_of_the_options_is_a_guess_without_look_ups(
    postgres: Postgres, database: str, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_state, "settings", lambda: LineageSettings(schema_lookup=False))
    own = psycopg.connect(postgres.dsn(database), options="-csearch_path=a,public", autocommit=True)
    with contextlib.closing(instrument_connection(own)) as connection:
        connection.execute(TO_LATER)
    assert [confidence for _, confidence in written(capture)] == ["partial"]


def test_a_login_with_its_own_schema_uses_it(postgres: Postgres, database: str, capture: Capture) -> None:
    own = psycopg.connect(postgres.dsn(database), user="mia", autocommit=True)
    with contextlib.closing(instrument_connection(own)) as connection:
        connection.execute(TO_LATER)
        connection.execute("CREATE TABLE later_has (i INT)")
        connection.execute(TO_LATER)
        connection.execute('SET search_path = "$user", a')
        connection.execute(TO_BOTH)
        connection.execute(TO_LATER)
        connection.execute("DROP TABLE mia.later_has")
    assert [name for name, _ in written(capture)] == [
        *("paths.public.later_has", "paths.mia.later_has", "paths.mia.later_has"),
        *("paths.a.both_have", "paths.mia.later_has"),
    ]


def test_a_changed_path_of_the_role_counts_for_later_connections(
    postgres: Postgres, database: str, capture: Capture
) -> None:
    with contextlib.closing(instrument_connection(psycopg.connect(postgres.dsn(database), autocommit=True))) as one:
        one.execute(TO_BOTH)
        one.execute("ALTER ROLE CURRENT_USER SET search_path = a, public")
        one.execute(TO_BOTH)
        with contextlib.closing(
            instrument_connection(psycopg.connect(postgres.dsn(database), autocommit=True))
        ) as other:
            other.execute(TO_BOTH)
            other.execute(TO_LATER)
        one.execute("ALTER ROLE CURRENT_USER RESET search_path")
    assert [name for name, _ in written(capture)] == [
        *("paths.public.both_have", "paths.a.both_have", "paths.public.later_has"),
    ]


@pytest.mark.parametrize("setting", ["USE a", "USE memory.a", "SET schema = 'a'", "SET search_path = 'a,main'"])
def test_duckdb_looks_for_a_table_in_main_as_well(capture: Capture, setting: str) -> None:
    with contextlib.closing(instrument_connection(duckdb.connect())) as connection:
        connection.execute("CREATE SCHEMA a; CREATE TABLE a.both_have (i INT)")
        connection.execute("CREATE TABLE both_have (i INT); CREATE TABLE later_has (i INT)")
        capture.events()
        connection.execute(setting)
        for text in (TO_BOTH, TO_LATER, "CREATE TABLE later_has (i INT)", TO_LATER):
            connection.execute(text)
        made = written(capture)[-4:]
    assert [name.removeprefix("memory.") for name, _ in made] == [
        "a.both_have",
        "main.later_has",
        "a.later_has",
        "a.later_has",
    ]
    assert {confidence for _, confidence in made} == {"exact"}
