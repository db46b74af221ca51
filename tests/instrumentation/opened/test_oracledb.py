"""python-oracledb's own connections, cursors and pools, over a stub of its network layer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.drivers import oracle
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer

oracledb = pytest.importorskip("oracledb")
early_connect = oracledb.connect
Tracers = list[RecordingTracer]


def _nothing(*_: Any, **__: Any) -> Any:
    return None
    yield


class CursorStub:
    """The network side of a cursor: two rows for a query, a count for DML, an error for `missing`."""

    arraysize, prefetchrows, fetch_vars, fetching_arrow, suspend_on_success = 100, 2, None, False, False
    scrollable = False

    def __init__(self, connection: ConnectionStub) -> None:
        self.connection, self.statement, self.rowcount, self.left = connection, "", 0, [(1,), (2,)]

    def is_query(self, _: Any) -> bool:
        return self.statement.upper().startswith("SELECT")

    @property
    def fetch_metadata(self) -> list[Any]:
        return [SimpleNamespace(name="A", dbtype=oracledb.DB_TYPE_NUMBER)]

    def prepare(self, statement: str, *_: Any) -> None:
        self.statement = statement

    def _prepare_for_execute(self, _: Any, statement: str | None, *__: Any) -> None:
        self.statement = self.statement if statement is None else statement

    def _prepare_for_executemany(self, _: Any, statement: str, parameters: Any, __: int) -> Any:
        self.statement = statement
        manager = SimpleNamespace(num_rows=len(parameters), message_offset=0)
        manager.next_batch = lambda: setattr(manager, "num_rows", 0)
        return manager

    def execute(self, _: Any) -> Any:
        if "missing" in self.statement:
            raise oracledb.DatabaseError("ORA-00942: table or view does not exist")
        self.left = [(1,), (2,)]
        if self.is_query(None):
            self.fetch_vars = []
        else:
            self.rowcount = 3
            self.connection.dirty = not self.statement.startswith("CREATE")
        return _nothing()

    def executemany(self, _: Any, rows: int, *__: Any) -> Any:
        self.rowcount, self.connection.dirty = rows, True
        return _nothing()

    def fetch_all_rows(self, _: Any) -> Any:
        rows, self.left = self.left, []
        self.rowcount += len(rows)
        return rows
        yield

    def fetch_one_row(self, _: Any) -> Any:
        return self.left.pop(0) if self.left else None
        yield

    def fetch_df_all(self, _: Any) -> Any:
        return SimpleNamespace(num_rows=lambda: 2)
        yield

    def get_fetch_vars(self) -> None:
        return None

    def close(self, in_del: bool = False) -> None:
        pass


class ConnectionStub:
    """The network side of a connection."""

    autocommit = False
    dirty = False

    def __init__(self, is_async: bool = False) -> None:
        self.is_async = is_async

    def prepare_connect_args(self, dsn: str, pool: Any, params: Any, kwargs: dict[str, Any]) -> None:
        self.dsn, self.connect_params = dsn, SimpleNamespace(user=kwargs.get("user", "ann"))

    def process_sync_operation(self, owner: Any, name: str, args: Any, kwargs: Any) -> Any:
        steps = getattr(owner, f"_{name}")(*args, **kwargs)
        try:
            while inspect.isgenerator(steps):
                next(steps)
        except StopIteration as end:
            return end.value
        return steps

    async def process_async_operation(self, *call: Any) -> Any:
        return self.process_sync_operation(*call)

    def connect(self, _: Any) -> Any:
        return self
        yield

    invoke_on_connect_callbacks = close = staticmethod(_nothing)

    def commit(self) -> Any:
        self.dirty = False
        return _nothing()

    rollback = commit

    def create_cursor_impl(self, _: bool) -> CursorStub:
        return CursorStub(self)

    def get_transaction_in_progress(self) -> bool:
        return self.dirty

    def get_service_name(self) -> str:
        return "shop"

    def get_host(self) -> str:
        return "DB.internal"

    def get_port(self) -> int:
        return 1521


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("oracledb.connection"), "thin_impl", SimpleNamespace(ThinConnImpl=ConnectionStub))


@pytest.fixture
def connection(network: None, instrumented: Tracers) -> Iterator[Any]:
    own = early_connect("db:1521/shop", user="ann", password="secret")
    yield own
    if own._impl is not None:
        own.close()


def test_connection_is_traced_under_a_name_imported_before(connection: Any, instrumented: Tracers) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT a FROM orders") is cursor
        assert cursor.fetchall() == [(1,), (2,)]
        assert cursor.connection is connection

    assert isinstance(connection, oracledb.Connection)
    [tracer] = instrumented
    [reported] = tracer.reported
    assert (reported.sql, reported.rows, reported.columns) == ("SELECT a FROM orders", 2, {"A": "NUMBER"})
    assert tracer.store.table(("ORDERS",)).uri == "oracle://db.internal:1521/SHOP/ANN/ORDERS"


def test_transactions_end_as_the_server_ends_them(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    cursor.executemany("INSERT INTO t VALUES (:1)", [(1,), (2,)])
    connection.rollback()
    cursor.execute("CREATE TABLE u (a NUMBER)")
    connection.autocommit = True
    cursor.execute("DELETE FROM t")
    connection.close()

    [tracer] = instrumented
    assert tracer.kept == ["INSERT INTO t VALUES (1)", "CREATE TABLE u (a NUMBER)", "DELETE FROM t"]
    assert [reported.rows for reported in tracer.reported][:2] == [3, 2]
    assert tracer.steps[-1] == "lost"


def test_each_row_is_counted_once_by_iteration(connection: Any, instrumented: Tracers) -> None:
    assert list(connection.cursor().execute("SELECT a FROM orders")) == [(1,), (2,)]
    assert instrumented[0].reported[0].rows == 2


def test_prepared_statement_has_its_text(connection: Any, instrumented: Tracers) -> None:
    cursor = connection.cursor()
    cursor.prepare("DELETE FROM t WHERE a = :1")
    cursor.execute(None, [1])
    assert instrumented[0].statements == ["DELETE FROM t WHERE a = :1"]


def test_frame_and_pipeline_are_reported(connection: Any, instrumented: Tracers) -> None:
    assert connection.fetch_df_all("SELECT a FROM orders").num_rows() == 2
    [reported] = instrumented[0].reported
    assert (reported.sql, reported.rows) == ("SELECT a FROM orders", 2)


def test_failed_statement_raises_as_before(connection: Any, instrumented: Tracers) -> None:
    with pytest.raises(oracledb.DatabaseError):
        connection.cursor().execute("SELECT * FROM missing")
    assert instrumented[0].statements == []


def test_block_rolls_back(network: None, instrumented: Tracers) -> None:
    with early_connect("db/shop", user="ann") as connection:
        connection.cursor().execute("DELETE FROM t")
    assert instrumented[0].kept == []


async def test_asynchronous_connection_is_traced(network: None, instrumented: Tracers) -> None:
    async with oracledb.connect_async("db/shop", user="ann") as connection:
        with connection.cursor() as cursor:
            await cursor.execute("INSERT INTO t VALUES (1)")
            await cursor.execute("SELECT a FROM orders")
            assert [row async for row in cursor] == [(1,), (2,)]
        await connection.commit()
        assert await connection.fetchall("SELECT a FROM t") == [(1,), (2,)]

    [tracer] = instrumented
    assert tracer.kept[:1] == ["INSERT INTO t VALUES (1)"]
    assert [(reported.sql, reported.rows) for reported in tracer.reported] == [
        ("INSERT INTO t VALUES (1)", 3),
        ("SELECT a FROM orders", 2),
        ("SELECT a FROM t", 2),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("db:1522/shop", ("db", 1522, "shop")),
        ("tcps://db/shop?wallet_location=/w", ("db", None, "shop")),
        (
            "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST = db)(PORT=1523))(CONNECT_DATA=(SERVICE_NAME=shop)))",
            ("db", 1523, "shop"),
        ),
        ("", ("", None, "")),
        (None, ("", None, "")),
    ],
)
def test_text_of_a_thick_connection_names_its_store(text: str | None, found: tuple[str, int | None, str]) -> None:
    assert oracle._of_text(text) == found


def test_classes_are_restored(instrumented: Tracers) -> None:
    uninstrument()
    assert type(vars(oracledb.Connection)["__init__"]).__name__ == "function"
    assert type(vars(oracledb.AsyncConnection)["__await__"]).__name__ == "function"
