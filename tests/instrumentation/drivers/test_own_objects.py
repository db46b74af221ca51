"""The driver's own connections and cursors are traced: no function of the driver refuses or bypasses them."""

from __future__ import annotations

import gc
import pickle
import sqlite3
from abc import ABC, ABCMeta
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import wrapt

from prefect_lineage_events.instrumentation import subclass_factory
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine, untrace_engine
from prefect_lineage_events.instrumentation.instrument import instrument_connection, uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.services.postgres import PASSWORD, Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
from psycopg2 import extensions, extras, pool  # noqa: E402

Tracers = list[RecordingTracer]
INSERT = "INSERT INTO t VALUES (1)"


@pytest.fixture
def dsn(postgres: Postgres) -> str:
    found = postgres.dsn(postgres.database("objects"))
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    return tmp_path / "shop.db"


@pytest.fixture(params=["sqlite3", "psycopg", "psycopg2"])
def own(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A driver's connection as a user opens it."""
    if request.param == "sqlite3":
        connection: Any = sqlite3.connect(request.getfixturevalue("file"))
    else:
        connection = pytest.importorskip(request.param).connect(request.getfixturevalue("dsn"))
    yield connection
    connection.close()


def test_an_instrumented_connection_is_the_one_that_was_given(own: Any, tracers: Tracers) -> None:
    cls = type(own)
    connection = instrument_connection(own)

    assert connection is own
    assert isinstance(own, cls)
    assert (type(own).__name__, type(own).__module__, type(own).__qualname__) == (
        cls.__name__,
        cls.__module__,
        cls.__qualname__,
    )


def test_statements_on_the_given_connection_are_reported(own: Any, tracers: Tracers) -> None:
    connection = instrument_connection(own)
    connection.cursor().execute(INSERT)
    own.commit()

    assert tracers[0].kept == [INSERT]


def test_connection_in_a_proxy_of_another_package_is_traced(own: Any, tracers: Tracers) -> None:
    proxy = wrapt.ObjectProxy(own)
    assert instrument_connection(proxy) is instrument_connection(proxy) is proxy
    proxy.cursor().execute(INSERT)
    proxy.commit()

    assert [tracer.kept for tracer in tracers] == [[INSERT]]


def test_each_statement_is_noted_once(own: Any, tracers: Tracers) -> None:
    connection = instrument_connection(own)
    with connection:
        if hasattr(connection, "execute"):
            connection.execute(INSERT)
        with closing(connection.cursor()) as cursor:
            cursor.execute(INSERT)
            cursor.execute("SELECT a FROM t")
            assert len(list(cursor)) == 1 + hasattr(own, "execute")

    assert tracers[0].statements.count(INSERT) == 1 + hasattr(own, "execute")
    assert tracers[0].steps.count("commit") >= 1


@pytest.mark.parametrize("driver", ["sqlite3", "psycopg2"])
def test_collected_connection_loses_its_uncommitted_writes(driver: str, dsn: str, tracers: Tracers) -> None:
    own = sqlite3.connect(":memory:") if driver == "sqlite3" else psycopg2.connect(dsn)
    instrument_connection(own).cursor().execute("CREATE TABLE lost (a INTEGER)")
    del own
    gc.collect()

    assert tracers[0].steps[-1] == "lost"


@pytest.mark.parametrize("value", [[1], b"x", "x"])
def test_psycopg2s_adapters_take_the_connection(value: Any, dsn: str, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(dsn))
    plain = psycopg2.connect(dsn)
    quoted = []
    for one in (connection, plain):
        adapted = extensions.adapt(value)
        adapted.prepare(one)
        quoted.append(adapted.getquoted())
        json = extras.Json({"a": value if value != b"x" else 1})
        json.prepare(one)
        quoted.append(json.getquoted())
        one.close()

    assert quoted[:2] == quoted[2:]


def test_psycopg2_encrypts_passwords_for_the_connection(dsn: str, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(dsn))
    encrypted = extensions.encrypt_password("secret", "shop", scope=connection)
    connection.close()

    assert encrypted.startswith("SCRAM-SHA-256$")


class UsersCursor(extensions.cursor):  # type: ignore[misc]
    """A class of the user's, made before anything is traced."""


class UsersRows(sqlite3.Cursor):
    """The same for SQLite."""

    def execute(self, sql: str, *parameters: Any) -> UsersRows:
        super().execute(sql, *parameters)
        return self


@pytest.mark.parametrize(
    "make",
    [
        lambda c: extensions.cursor(c),
        extras.RealDictCursor,
        extras.DictCursor,
        extras.NamedTupleCursor,
        UsersCursor,
        lambda c: c.cursor(cursor_factory=extras.RealDictCursor),
        lambda c: c.cursor(cursor_factory=extensions.cursor),
        lambda c: type("Late", (extensions.cursor, ABC), {})(c),
    ],
)
def test_psycopg2_cursors_made_from_a_class_are_traced(make: Callable[[Any], Any], dsn: str, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg2.connect(dsn))
    cursor = make(connection)
    cursor.execute(INSERT)
    cursor.execute("SELECT a FROM t")
    assert len([row for row in cursor]) == 1  # noqa: C416
    connection.commit()
    connection.close()

    assert tracers[0].kept == [INSERT, "SELECT a FROM t"]
    assert [reported.rows for reported in tracers[0].reported] == [1, 1]
    assert isinstance(cursor, extensions.cursor)
    assert cursor.connection is connection


@pytest.mark.parametrize("name", ["Cursor", "ClientCursor", "RawCursor", "ServerCursor", "RawServerCursor"])
def test_psycopg_cursors_made_from_a_class_are_traced(name: str, dsn: str, tracers: Tracers) -> None:
    connection = instrument_connection(psycopg.connect(dsn))
    connection.execute(INSERT)
    more = ("named",) if "Server" in name else ()
    cursor = getattr(psycopg, name)(connection, *more)
    cursor.execute("SELECT a FROM t")
    assert cursor.fetchall() == [(1,)]
    cursor.close()
    connection.close()

    assert [(reported.sql, reported.rows) for reported in tracers[0].reported] == [(INSERT, 1), ("SELECT a FROM t", 1)]


def test_psycopg_connections_commit_at_the_end_of_the_block_they_came_from(dsn: str, tracers: Tracers) -> None:
    with psycopg.connect(dsn) as raw:
        connection = instrument_connection(raw)
        connection.execute(INSERT)

    assert tracers[0].kept == [INSERT]


def test_commit_by_psycopgs_pool_is_noted(dsn: str, tracers: Tracers) -> None:
    psycopg_pool = pytest.importorskip("psycopg_pool")
    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, open=True) as connections:
        with connections.connection() as connection:
            connection = instrument_connection(connection)
            connection.execute(INSERT)
        with pytest.raises(ZeroDivisionError), connections.connection() as connection:
            instrument_connection(connection).execute("INSERT INTO t VALUES (2)")
            raise ZeroDivisionError

    assert tracers[0].kept == [INSERT]
    assert len(tracers) == 1


async def test_commit_by_psycopgs_asynchronous_pool_is_noted(dsn: str, tracers: Tracers) -> None:
    psycopg_pool = pytest.importorskip("psycopg_pool")
    connections = psycopg_pool.AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False)
    async with connections, connections.connection() as connection:
        instrument_connection(connection)
        await connection.execute(INSERT)
        await psycopg.AsyncClientCursor(connection).execute("SELECT a FROM t")

    assert tracers[0].kept == [INSERT, "SELECT a FROM t"]


def test_psycopg2_pool_recognises_its_connections(dsn: str, tracers: Tracers) -> None:
    connections = pool.ThreadedConnectionPool(1, 1, dsn)
    connection = instrument_connection(connections.getconn())
    connection.cursor().execute(INSERT)
    connection.commit()
    connections.putconn(connection)
    assert connections.getconn() is connection
    connections.closeall()

    assert tracers[0].kept == [INSERT]


@pytest.mark.parametrize(
    "make",
    [
        lambda c: sqlite3.Cursor(c),
        UsersRows,
        lambda c: c.cursor(UsersRows),
        lambda c: c.cursor(factory=sqlite3.Cursor),
        lambda c: type("Late", (sqlite3.Cursor,), {})(c),
    ],
)
def test_sqlite_cursors_made_from_a_class_are_traced(make: Callable[[Any], Any], file: Path, tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(file))
    cursor = make(connection)
    cursor.execute(INSERT)
    assert cursor.execute("SELECT a FROM t").fetchall() == [(1,)]
    connection.commit()
    connection.close()

    assert tracers[0].kept == [INSERT, "SELECT a FROM t"]
    assert [reported.rows for reported in tracers[0].reported] == [1, 1]
    assert isinstance(cursor, sqlite3.Cursor)


def test_sqlite_backs_up_into_and_out_of_a_connection_that_reports(file: Path, tracers: Tracers) -> None:
    plain = sqlite3.connect(":memory:")
    traced = instrument_connection(sqlite3.connect(file))
    traced.backup(plain)
    plain.backup(traced)

    assert traced.execute("SELECT count(*) FROM t").fetchone() == (0,)
    for connection in (plain, traced):
        connection.close()


class UsersConnection(sqlite3.Connection):
    """A factory of the user's, with a row factory and methods of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_factory = sqlite3.Row

    def add(self, value: int) -> None:
        self.execute("INSERT INTO t VALUES (?)", (value,))


def test_users_connection_class_is_kept(file: Path, tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(file, factory=UsersConnection))
    connection.add(7)
    row = connection.execute("SELECT a FROM t").fetchone()

    assert isinstance(connection, UsersConnection)
    assert row["a"] == 7
    assert tracers[0].statements == ["INSERT INTO t VALUES (?)", "SELECT a FROM t"]
    connection.close()


def test_cursors_of_other_connections_are_the_drivers_own(file: Path, tracers: Tracers) -> None:
    instrument_connection(sqlite3.connect(file)).close()
    plain = sqlite3.connect(file)

    assert "lineage" not in repr([*type(plain).__mro__, *type(sqlite3.Cursor(plain)).__mro__])
    assert type(plain.cursor()) == sqlite3.Cursor  # noqa: E721
    assert pickle.loads(pickle.dumps(sqlite3.Cursor)) is sqlite3.Cursor
    assert issubclass(UsersRows, sqlite3.Cursor)
    plain.close()


class Final(sqlite3.Cursor):
    """A class of the user's that takes no subclass."""

    def __init_subclass__(cls) -> None:
        raise TypeError("Final has no subclasses")


def test_cursor_of_a_class_without_subclasses_is_traced(file: Path, tracers: Tracers) -> None:
    connection = instrument_connection(sqlite3.connect(file))
    cursor = connection.cursor(Final)
    cursor.execute(INSERT)

    assert isinstance(cursor, Final)
    assert cursor.connection is connection
    assert tracers[0].statements == [INSERT]
    connection.close()


def test_cursors_beyond_the_limit_of_subclasses_are_traced(
    file: Path, tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = instrument_connection(sqlite3.connect(file))
    monkeypatch.setattr(subclass_factory, "_MAX_SUBCLASSES", 0)
    cls = type("OfItsOwn", (sqlite3.Cursor,), {})
    connection.cursor(cls).execute(INSERT)

    assert tracers[0].statements == [INSERT]
    connection.close()


def test_uninstrument_leaves_the_classes_of_cursors_as_they_were(dsn: str, file: Path, tracers: Tracers) -> None:
    uninstrument()
    connections: list[Any] = [sqlite3.connect(file), psycopg2.connect(dsn), psycopg.connect(dsn)]
    before = (sqlite3.Cursor, extensions.cursor, *(vars(c).get("__init__") for c in (psycopg.Cursor, UsersRows)))
    for connection in connections:
        instrument_connection(connection)
    during = (sqlite3.Cursor, extensions.cursor, *(vars(c).get("__init__") for c in (psycopg.Cursor, UsersRows)))
    uninstrument()
    after = (sqlite3.Cursor, extensions.cursor, *(vars(c).get("__init__") for c in (psycopg.Cursor, UsersRows)))

    assert not any(old is new for old, new in zip(before, during, strict=True))
    assert all(old is new for old, new in zip(before, after, strict=True))
    for connection in connections:
        connection.close()


def test_cursors_made_from_a_class_are_traced_again_once_a_connection_is(file: Path, tracers: Tracers) -> None:
    instrument_connection(sqlite3.connect(file)).close()
    uninstrument()
    connection = instrument_connection(sqlite3.connect(file))
    sqlite3.Cursor(connection).execute(INSERT)
    UsersRows(connection).execute(INSERT)
    connection.close()

    assert tracers[1].statements == [INSERT, INSERT]


@pytest.mark.parametrize("driver", ["sqlite", "psycopg2", "psycopg"])
def test_an_engine_returns_the_connections_of_its_pool(
    driver: str, request: pytest.FixtureRequest, tracers: Tracers
) -> None:
    if driver == "sqlite":
        engine = sa.create_engine(f"sqlite:///{request.getfixturevalue('file')}")
    else:
        parameters = dict(part.split("=") for part in request.getfixturevalue("dsn").split())
        port, database = parameters["port"], parameters["dbname"]
        engine = sa.create_engine(f"postgresql+{driver}://shop:{PASSWORD}@127.0.0.1:{port}/{database}")
    trace_engine(engine)
    with engine.connect() as connection:
        raw = connection.connection
        assert raw.dbapi_connection is raw.driver_connection
        cursor = raw.driver_connection.cursor()
        cursor.execute(INSERT)
        raw.driver_connection.commit()
    assert tracers[0].kept == [INSERT]

    untrace_engine(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(INSERT)
    assert tracers[0].statements == [INSERT]
    engine.dispose()


def test_connection_reports_to_the_end_of_the_cycle_that_it_is_collected_with(file: Path, tracers: Tracers) -> None:
    class Writer:
        def __init__(self, connection: Any) -> None:
            self.connection, self.itself = connection, self

        def __del__(self) -> None:
            self.connection.execute(INSERT)
            self.connection.commit()

    for _ in range(20):
        Writer(instrument_connection(sqlite3.connect(file)))
        gc.collect()
    assert [tracer.kept for tracer in tracers] == [[INSERT]] * 20


class Counting(sqlite3.Cursor):
    """Counts in its class, as a user's cursor may."""

    ran = 0

    def execute(self, *args: Any) -> Any:
        type(self).ran += 1
        return super().execute(*args)


class CountingConnection(sqlite3.Connection, metaclass=ABCMeta):
    opened = 0

    def cursor(self, factory: Any = Counting) -> Any:
        type(self).opened += 1
        return super().cursor(factory)


def test_attribute_set_on_an_objects_class_is_set_on_the_users_class(file: Path, tracers: Tracers) -> None:
    Counting.ran = CountingConnection.opened = 0
    own = instrument_connection(sqlite3.connect(file, factory=CountingConnection))
    own.cursor().execute("SELECT a FROM t")
    type(own.cursor()).mark = "kept"
    del type(own.cursor()).mark
    assert (Counting.ran, CountingConnection.opened) == (1, 3)
    assert not hasattr(Counting, "mark")
    with pytest.raises(TypeError, match=r"immutable type 'sqlite3\.Cursor'"):
        type(own.cursor(sqlite3.Cursor)).mark = 1
    own.close()
    assert tracers[0].statements == ["SELECT a FROM t"]


def test_the_class_of_an_object_equals_the_users(file: Path, tracers: Tracers) -> None:
    own = instrument_connection(sqlite3.connect(file, factory=CountingConnection))
    names = {sqlite3.Connection: "connection", CountingConnection: "counting", Counting: "cursor"}

    assert type(own) == CountingConnection  # noqa: E721
    assert type(own) != sqlite3.Connection  # noqa: E721
    assert type(own.cursor(sqlite3.Cursor)) == sqlite3.Cursor  # noqa: E721
    assert (names[type(own)], names[type(own.cursor())]) == ("counting", "cursor")
    assert type(own.cursor()) in (Counting, str)
    own.close()


def test_users_subclass_of_an_objects_class_is_independent(file: Path, tracers: Tracers) -> None:
    own = instrument_connection(sqlite3.connect(file))

    class Derived(type(own)):  # type: ignore[misc]
        mark = 1

    Derived.mark = 2
    assert (Derived.mark, Derived == type(own)) == (2, False)  # noqa: E721
    assert len({Derived, type(own)}) == 2
    assert not hasattr(sqlite3.Connection, "mark")
    own.close()
