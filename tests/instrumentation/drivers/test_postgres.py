"""PostgreSQL: what only its drivers can do, and that every way to name a server is one identity."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import Connection
from prefect_lineage_events.instrumentation.drivers.postgres import psycopg as driver
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import PASSWORD, Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
Tracers = list[RecordingTracer]


@pytest.fixture(params=["psycopg", "psycopg2"])
def connection(request: pytest.FixtureRequest, postgres: Postgres, tracers: Tracers) -> Iterator[Any]:
    """A traced connection of the driver itself, to a database with one table `t` of two rows."""
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[request.param]
    own = module.connect(postgres.dsn(postgres.database("own")))
    cursor = own.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    own.commit()
    connection = instrument_connection(own)
    yield connection
    own.close()


def test_with_block_commits_and_rolls_back_after_an_error(connection: Any, tracers: Tracers) -> None:
    with pytest.raises(ZeroDivisionError), connection:
        connection.cursor().execute("INSERT INTO t VALUES (3, 'lost')")
        raise ZeroDivisionError
    assert tracers[0].kept == []
    assert tracers[0].steps[-1] == "rollback"


def test_with_block_without_an_error_commits(connection: Any, tracers: Tracers) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (3, 'kept')")
        assert cursor.connection is connection

    assert tracers[0].kept == ["INSERT INTO t VALUES (3, 'kept')"]


def test_commit_of_a_failed_transaction_keeps_nothing(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'undone')")
    with pytest.raises(Exception, match="missing"):
        cursor.execute("SELECT * FROM missing")
    connection.commit()

    assert tracers[0].statements == ["INSERT INTO t VALUES (3, 'undone')"]
    assert tracers[0].kept == []


def test_commit_statement_of_a_failed_transaction_keeps_nothing(connection: Any, tracers: Tracers) -> None:
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t VALUES (3, 'undone')")
    with pytest.raises(Exception, match="missing"):
        cursor.execute("SELECT * FROM missing")
    cursor.execute("COMMIT")

    assert tracers[0].steps == ["BEGIN", "INSERT INTO t VALUES (3, 'undone')", "COMMIT"]
    assert [(reported.autocommit, reported.aborted) for reported in tracers[0].reported] == [
        (False, False),
        (False, False),
        (True, True),
    ]


def test_autocommit_is_read_from_the_connection(connection: Any, tracers: Tracers) -> None:
    connection.autocommit = True
    connection.cursor().execute("INSERT INTO t VALUES (3, 'kept')")

    assert tracers[0].kept == ["INSERT INTO t VALUES (3, 'kept')"]


def test_composed_statements_are_noted_as_text(connection: Any, tracers: Tracers) -> None:
    sql = psycopg.sql if isinstance(connection, psycopg.Connection) else __import__("psycopg2.sql").sql
    connection.cursor().execute(sql.SQL("SELECT a FROM {}").format(sql.Identifier("t")))

    assert tracers[0].statements == ['SELECT a FROM "t"']


def test_composed_statement_can_be_rendered_with_a_traced_cursor(connection: Any) -> None:
    sql = psycopg.sql if isinstance(connection, psycopg.Connection) else __import__("psycopg2.sql").sql
    composed = sql.SQL("SELECT a FROM {}").format(sql.Identifier("t"))

    assert composed.as_string(connection.cursor()) == 'SELECT a FROM "t"'
    assert composed.as_string(connection) == 'SELECT a FROM "t"'


def test_types_are_spelled_as_the_server_spells_them(connection: Any, tracers: Tracers) -> None:
    connection.cursor().execute("SELECT a, b, now() AS c, 1.5 AS d, ARRAY[1] AS e FROM t")

    assert tracers[0].reported[0].columns == {
        "a": "integer",
        "b": "text",
        "c": "timestamp with time zone",
        "d": "numeric",
        "e": "integer[]",
    }


def test_columns_are_looked_up_without_touching_the_connection(connection: Any, tracers: Tracers) -> None:
    with pytest.raises(Exception, match="missing"):
        connection.cursor().execute("SELECT * FROM missing")
    found = tracers[0].lookup([("own", "public", "t"), ("nothing",)])

    assert found == {("own", "public", "t"): {"a": "integer", "b": "text"}}
    assert driver.in_failed_transaction(connection)


def test_password_is_not_in_the_repr_of_a_lookup(connection: Any, tracers: Tracers) -> None:
    assert PASSWORD not in repr(tracers[0].lookup)


def test_psycopg_copy_is_noted_when_its_block_is_left(postgres: Postgres, tracers: Tracers) -> None:
    with psycopg.connect(postgres.dsn(postgres.database("copies"))) as own:
        own.execute("CREATE TABLE t (a INTEGER)")
        own.commit()
        connection = instrument_connection(own)
        with connection.cursor() as cursor, cursor.copy("COPY t (a) FROM STDIN") as copy:
            copy.write_row((1,))
            copy.write_row((2,))
        with pytest.raises(ZeroDivisionError), cursor_of(connection).copy("COPY t (a) FROM STDIN") as copy:
            raise ZeroDivisionError

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("COPY t (a) FROM STDIN", 2)]


def cursor_of(connection: Any) -> Any:
    return connection.cursor()


def test_psycopg2_copies_are_noted(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(postgres.dsn(postgres.database("copies"))))
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    cursor.copy_expert("COPY t FROM STDIN", io.StringIO("1\tx\n"))
    cursor.copy_from(io.StringIO("2\n3\n"), "t", columns=("a",))
    cursor.copy_to(io.StringIO(), "t")
    connection.close()

    assert tracers[0].statements[1:] == ["COPY t FROM STDIN", 'COPY "t" ("a") FROM STDIN', 'COPY "t" TO STDOUT']
    assert [reported.rows for reported in tracers[0].reported[1:]] == [1, 2, 3]


def test_arguments_of_psycopg2_copies_are_those_of_the_driver(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(postgres.dsn(postgres.database("copy_arguments"))))
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    cursor.copy_from(io.StringIO("2\n3\n"), "t", columns=iter(("a",)))  # only the driver may consume it
    cursor.copy_to(io.StringIO(), "t", ",", "-", ("b",))
    with pytest.raises(TypeError):
        cursor.copy_from(io.StringIO("4\n"))
    connection.close()

    assert tracers[0].statements[1:] == ['COPY "t" FROM STDIN', 'COPY "t" ("b") TO STDOUT']


def test_psycopg_transaction_blocks_commit_or_roll_back(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(postgres.database("blocks")), autocommit=True))
    with connection.transaction():
        connection.execute("CREATE TABLE t (a INTEGER)")
        with pytest.raises(ZeroDivisionError), connection.transaction():
            connection.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError
        with connection.transaction("kept"):
            connection.execute("INSERT INTO t VALUES (2)")
    with connection.transaction(force_rollback=True):
        connection.execute("INSERT INTO t VALUES (3)")
    connection.close()

    assert tracers[0].steps == [
        "begin",
        "CREATE TABLE t (a INTEGER)",
        "savepoint _pg3_2",
        "INSERT INTO t VALUES (1)",
        "rollback_to _pg3_2",
        "savepoint kept",
        "INSERT INTO t VALUES (2)",
        "release kept",
        "commit",
        "begin",
        "INSERT INTO t VALUES (3)",
        "rollback",
        "lost",
    ]


def test_psycopg_stream_is_noted_with_the_rows_read(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(postgres.database("streams"))))
    assert len(list(connection.cursor().stream("SELECT generate_series(1, 5)"))) == 5
    connection.close()

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("SELECT generate_series(1, 5)", 5)]


def test_psycopg_stream_without_rows_is_noted(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(postgres.database("streams"))))
    assert list(connection.cursor().stream("SELECT 1 WHERE false")) == []
    with pytest.raises(psycopg.errors.UndefinedTable):
        list(connection.cursor().stream("SELECT 1 FROM missing"))
    connection.close()

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [("SELECT 1 WHERE false", 0)]


def test_executemany_in_a_pipeline_has_the_rows_that_it_wrote(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(postgres.database("streams"))))
    connection.execute("CREATE TABLE t (a INTEGER)")
    with connection.pipeline():
        connection.cursor().executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
        connection.cursor().executemany("INSERT INTO t SELECT %s", [(1,), (2,)])
    connection.close()

    assert [reported.rows for reported in tracers[0].reported[1:]] == [2, None]


def test_psycopg2_server_side_cursor_counts_its_rows(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(postgres.dsn(postgres.database("named"))))
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 5000)")
        assert sum(1 for _ in cursor) == 5000
    connection.close()

    assert tracers[0].reported[0].rows == 5000


def test_every_alias_of_a_server_is_one_store(
    postgres: Postgres, tracers: Tracers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.database("aliases")
    service = tmp_path / "pg_service.conf"
    service.write_text(
        f"[shop]\nhost=127.0.0.1\nport={postgres.port}\nuser=shop\npassword={PASSWORD}\ndbname={database}\n"
    )
    monkeypatch.setenv("PGPORT", str(postgres.port))
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "shop")
    login = f"shop:{PASSWORD}"
    for url in (
        f"postgresql+psycopg2://{login}@127.0.0.1:{postgres.port}/{database}",
        f"postgresql+psycopg2://{login}@localhost:{postgres.port}/{database}",
        f"postgresql+psycopg://{login}@LOCALHOST/{database}",
        f"postgresql+psycopg2://{login}@127.0.0.1/{database}",
        "postgresql+psycopg2://",
        "postgresql+psycopg://",
        f"postgresql+psycopg2:///{database}?host=127.0.0.1&port={postgres.port}&user=shop&password={PASSWORD}",
    ):
        engine = sa.create_engine(url)
        trace_engine(engine)
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        engine.dispose()

    assert {(tracer.store.namespace, tracer.store.database, tracer.store.schema) for tracer in tracers} == {
        (f"postgres://localhost:{postgres.port}", database, "public")
    }
    assert len(tracers) == 7


def test_search_path_of_the_connections_options_is_its_schema(postgres: Postgres, tracers: Tracers) -> None:
    dsn = postgres.dsn(postgres.database("paths")) + " options='-c search_path=mart,public'"
    for module in (psycopg, psycopg2):
        instrument_connection(module.connect(dsn)).close()

    assert [tracer.store.schema for tracer in tracers] == ["mart", "mart"]


def test_socket_of_this_machine_is_localhost() -> None:
    assert driver.server_store("/var/run/postgresql", None, "shop").namespace == "postgres://localhost:5432"
    assert driver.server_store(socket.gethostname(), 5433, "shop").namespace.endswith(":5433")


def test_default_schema_of_a_role_is_looked_up_once_on_another_connection(postgres: Postgres, tracers: Tracers) -> None:
    database = postgres.database("roles")
    with psycopg.connect(postgres.dsn(database), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA mart; DROP ROLE IF EXISTS marta; CREATE ROLE marta LOGIN PASSWORD 'm'")
        admin.execute("ALTER ROLE marta SET search_path = missing, mart, public; GRANT USAGE ON SCHEMA mart TO marta")
    dsn = f"host=127.0.0.1 port={postgres.port} user=marta password=m dbname={database}"
    for _ in range(2):
        instrument_connection(psycopg.connect(dsn)).close()

    one, other = tracers
    assert one.lookup is other.lookup
    assert one.lookup.default_schema() == "mart"
    assert ConnectionState.of(Connection(one.store, lookup=one.lookup)).session.schema == "mart"


def test_views_are_distinguished_from_tables(connection: Any, tracers: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE VIEW v AS SELECT a FROM t")
    cursor.execute("CREATE MATERIALIZED VIEW m AS SELECT a FROM t")
    connection.commit()

    found = tracers[0].lookup([("t",), ("v",), ("m",)])
    assert {table: described.kind for table, described in found.items()} == {
        ("t",): "table",
        ("v",): "view",
        ("m",): "view",
    }


def test_psycopg_counts_all_results_of_an_executemany(postgres: Postgres, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(postgres.dsn(postgres.database("returns"))))
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER)")
    cursor.executemany("INSERT INTO t VALUES (%s) RETURNING a", [(1,), (2,), (3,)], returning=True)
    connection.close()

    assert tracers[0].reported[1].rows == 3


def test_pipeline_of_an_autocommit_connection_is_one_transaction(postgres: Postgres, tracers: Tracers) -> None:
    dsn = postgres.dsn(postgres.database("pipes"))
    connection = instrument_connection(psycopg.connect(dsn, autocommit=True))
    connection.execute("CREATE TABLE t (a INTEGER)")
    with connection.pipeline():
        connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.UndefinedTable), connection.pipeline():
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("INSERT INTO missing VALUES (3)")
    connection.close()

    assert tracers[0].kept == ["CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)"]
