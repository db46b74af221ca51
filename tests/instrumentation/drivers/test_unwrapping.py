"""Driver functions that check the type of a connection accept traced ones, wherever and whenever they were imported."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import Postgres

psycopg2 = pytest.importorskip("psycopg2")
Tracers = list[RecordingTracer]


@pytest.fixture
def own(postgres: Postgres) -> Iterator[Any]:
    """The driver's own connection."""
    connection = psycopg2.connect(postgres.dsn(postgres.database("doors")))
    yield connection
    connection.close()


# As flows do it: before any connection is traced.
from psycopg2.extensions import quote_ident  # noqa: E402


def test_a_function_that_was_imported_by_its_name_before_takes_a_traced_connection(own: Any, tracers: Tracers) -> None:
    connection = instrument_connection(own)

    assert quote_ident("a b", connection) == quote_ident("a b", own) == '"a b"'
    assert quote_ident("a b", connection.cursor()) == '"a b"'


def test_the_drivers_own_modules_take_traced_connections(own: Any, tracers: Tracers) -> None:
    from psycopg2.extras import register_default_jsonb, register_range

    connection = instrument_connection(own)
    register_default_jsonb(connection, loads=lambda text: f"read {text}")
    register_range("int4range", "Numbers", connection)
    cursor = connection.cursor()
    cursor.execute("SELECT '1'::jsonb, '[1,3)'::int4range")
    text, numbers = cursor.fetchone()

    assert (text, type(numbers).__name__, numbers.upper) == ("read 1", "Numbers", 3)


def test_a_pool_takes_back_what_was_traced_of_it(postgres: Postgres, tracers: Tracers) -> None:
    from psycopg2.pool import SimpleConnectionPool, ThreadedConnectionPool

    for kind in (SimpleConnectionPool, ThreadedConnectionPool):
        pool = kind(1, 1, postgres.dsn(postgres.database("pooled")))
        own = pool.getconn()
        pool.putconn(instrument_connection(own))
        assert pool.getconn() is own
        pool.closeall()


def test_a_function_of_the_users_that_uses_one_can_still_be_sent_elsewhere(own: Any, tracers: Tracers) -> None:
    instrument_connection(own)
    users = ModuleType("users")
    exec("from psycopg2.extensions import quote_ident\ndef quoted(name, c): return quote_ident(name, c)", vars(users))
    sent = pickle.loads(cloudpickle.dumps(users.quoted))

    assert sent("a b", own) == '"a b"'
    assert pickle.loads(pickle.dumps(psycopg2.extensions.quote_ident)) is psycopg2.extensions.quote_ident
