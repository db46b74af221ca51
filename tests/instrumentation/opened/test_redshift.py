"""redshift_connector on PostgreSQL: connections that the program opens itself.

PostgreSQL refuses the parameters that only Redshift knows at start-up, so these are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from packaging import version

from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import PASSWORD, Postgres

redshift_connector = pytest.importorskip("redshift_connector")
core = pytest.importorskip("redshift_connector.core")

early_connect = redshift_connector.connect
Tracers = list[RecordingTracer]
_OF_REDSHIFT = (b"client_protocol_version", b"driver_version", b"os_version", b"driver_discovery_version")


@pytest.fixture
def shop(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of a connection to a fresh database."""

    class Startup(bytearray):
        def extend(self, part: Any) -> None:
            if not bytes(part).startswith(tuple(name + b"\0" for name in _OF_REDSHIFT)):
                super().extend(part)

    own = core.ScramClient
    monkeypatch.setattr(core, "bytearray", Startup, raising=False)
    monkeypatch.setattr(core, "ScramClient", lambda names, *login: own([name for name in names if name], *login))
    monkeypatch.setattr(core, "version", SimpleNamespace(parse=lambda text: version.parse(text.split()[0])))
    login = {"host": "localhost", "port": postgres.port, "user": "shop", "password": PASSWORD, "ssl": False}
    return {**login, "database": postgres.database("shop_redshift")}


@pytest.fixture
def connection(shop: dict[str, Any], instrumented: Tracers) -> Iterator[Any]:
    own = early_connect(**shop)
    cursor = own.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER, b VARCHAR(9))")
    cursor.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    own.commit()
    instrumented[0].reported.clear()
    instrumented[0].steps.clear()
    yield own
    own.close()


def test_connection_is_traced_under_a_name_imported_before(
    connection: Any, shop: dict[str, Any], instrumented: Tracers
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with connection.cursor() as cursor:
            assert cursor.execute("SELECT a, b FROM t") is cursor
            assert cursor.fetchall() == ([1, "x"], [2, "y"])

    assert isinstance(connection, redshift_connector.Connection)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows) == ("SELECT a, b FROM t", 2)
    assert reported.columns == {"a": "integer", "b": "varchar"}
    assert tracer.store.table(("t",)).uri == f"redshift://localhost:{shop['port']}/shop_redshift/public/t"


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "iterate", "fetch_dataframe"])
def test_rows_are_counted_by_every_fetch(connection: Any, instrumented: Tracers, fetch: str) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT a FROM t")
    match fetch:
        case "fetchone":
            while cursor.fetchone():
                pass
        case "fetchmany":
            while cursor.fetchmany(1):
                pass
        case "iterate":
            assert len([*cursor]) == 2
        case _:
            assert len(cursor.fetch_dataframe()) == 2
    assert instrumented[0].reported[0].rows == 2


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (3, 'kept')")
    connection.commit()
    cursor.execute("INSERT INTO t VALUES (4, 'undone')")
    connection.rollback()
    connection.autocommit = True
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(6, "p"), (7, "q")])
    connection.run("DELETE FROM t WHERE a = 6")

    [tracer] = instrumented
    assert tracer.kept == [
        "INSERT INTO t VALUES (3, 'kept')",
        "INSERT INTO t VALUES (%s, %s)",
        "DELETE FROM t WHERE a = 6",
    ]
    assert [reported.rows for reported in tracer.reported][:3] == [1, 1, 2]


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(redshift_connector.ProgrammingError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_class_is_restored(instrumented: Tracers) -> None:
    uninstrument()
    assert type(vars(core.Connection)["__init__"]).__name__ == "function"
