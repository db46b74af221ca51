"""DuckDB's relations: reads and writes of their methods are reported when they run, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.instrumentation.drivers.duckdb import module
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from prefect_lineage_events.sql.session import Session
from tests.instrumentation.drivers.conftest import RecordingTracer

duckdb = pytest.importorskip("duckdb")
pandas = pytest.importorskip("pandas")
Tracers = list[RecordingTracer]


@pytest.fixture
def connection(tracers: Tracers) -> Any:
    """A traced connection to a database with `orders` of two rows, and `customers` and `target` of none."""
    own = duckdb.connect()
    own.execute("CREATE TABLE orders AS SELECT range AS id, 10 AS amount FROM range(2)")
    own.execute("CREATE TABLE customers (id INTEGER, name VARCHAR)")
    own.execute("CREATE TABLE target (id INTEGER, amount INTEGER)")
    return instrument_connection(own)


def reported(tracer: RecordingTracer) -> list[str]:
    """Each noted statement as `kind outputs < inputs`, names without their schema."""
    statements = [s for reported in tracer.reported for s in Session("duckdb").analyze(reported.sql)[0]]
    return [
        f"{s.kind} {' '.join(map(_name, s.outputs))} < {' '.join(sorted(map(_name, s.inputs)))}".strip(" <")
        for s in statements
    ]


def _name(table: Any) -> str:
    return str(table.name).rpartition("/" if table.kind == "file" else ".")[2]


WRITES = [
    (lambda c, _: c.table("orders").create("t"), "create t < orders"),
    (lambda c, _: c.table("orders").to_table("t"), "create t < orders"),
    (lambda c, _: c.sql("SELECT id, amount FROM orders").insert_into("target"), "write target < orders"),
    (lambda c, _: c.view("orders").create_view("v"), "create v < orders"),
    (lambda c, path: c.table("orders").write_parquet(str(path / "o.parquet")), "write o.parquet < orders"),
    (lambda c, path: c.table("orders").to_csv(str(path / "o.csv")), "write o.csv < orders"),
    (lambda c, path: c.table("orders").to_csv(sep="|", file_name=str(path / "o.csv")), "write o.csv < orders"),
    (lambda c, _: c.table("target").insert([1, 2]), "write target"),
    (lambda c, _: c.table("target").update({"amount": 3}), "write target"),
    (lambda c, _: c.from_df(pandas.DataFrame({"a": [1]})).create("t"), "create t"),
    (lambda c, _: c.values([1, 2]).create("t"), "create t"),
    (lambda c, _: c.sql("SELECT * FROM orders WHERE id = $1", params=[1]).create("t"), "create t < orders"),
    (lambda c, _: c.sql("INSERT INTO target VALUES (1, 2) RETURNING id"), "write target"),
    (lambda c, _: c.table("orders").query("o", "SELECT sum(amount) AS s FROM o").create("t"), "create t < orders"),
    (lambda c, _: c.table("orders").query("o", "CREATE TABLE t AS SELECT * FROM o"), "create t < orders"),
    (lambda c, _: c.table("orders")["id"].create("t"), "create t < orders"),
    (lambda c, _: c.table("orders").amount.create("t"), "create t < orders"),
    (
        lambda c, _: c.table("orders").filter("id > 0").join(c.table("customers"), "id").limit(3).create("t"),
        "create t < customers orders",
    ),
    (lambda c, _: c.table("orders").union(c.table("target")).distinct().create("t"), "create t < orders target"),
]


@pytest.mark.parametrize(("program", "expected"), WRITES, ids=[expected for _, expected in WRITES])
def test_writes_of_a_relation_are_reported(
    program: Any, expected: str, connection: Any, tracers: Tracers, tmp_path: Path
) -> None:
    program(connection, tmp_path)

    assert reported(tracers[0])[-1] == expected


def test_relation_that_is_not_run_reads_nothing(connection: Any, tracers: Tracers) -> None:
    relation = connection.table("orders").filter("id > 0").aggregate("sum(amount)")

    assert relation.columns == ["sum(amount)"]
    assert tracers[0].reported == []


@pytest.mark.parametrize("fetch", ["fetchall", "df", "pl", "fetchnumpy", "to_arrow_table"])
def test_fetched_relation_is_one_read_with_its_rows(fetch: str, connection: Any, tracers: Tracers) -> None:
    getattr(connection.sql("SELECT id FROM orders"), fetch)()

    assert [(reported.sql, reported.rows, reported.columns) for reported in tracers[0].reported] == [
        ("SELECT id FROM orders", 2, {"id": "BIGINT"})
    ]


def test_shown_relation_is_a_read(connection: Any, tracers: Tracers, capsys: pytest.CaptureFixture[str]) -> None:
    connection.table("orders").show()

    assert "amount" in capsys.readouterr().out
    assert reported(tracers[0]) == ["read  < orders"]


def test_variables_that_hold_relations_are_replaced_by_their_queries(connection: Any, tracers: Tracers) -> None:
    big = connection.table("orders").filter("amount > 5")
    named = connection.sql("SELECT id, name FROM customers")
    connection.execute("CREATE TABLE t AS SELECT * FROM big JOIN named USING (id)")
    connection.sql("SELECT sum(amount) AS s FROM big").create("u")

    assert big is not named
    assert reported(tracers[0]) == ["create t < customers orders", "create u < orders"]


def test_registered_relation_is_replaced_by_its_query(connection: Any, tracers: Tracers) -> None:
    connection.register("big", connection.table("orders").filter("amount > 5"))
    connection.execute("CREATE TABLE t AS SELECT * FROM big")

    assert reported(tracers[0]) == ["create t < orders"]


def test_mapped_relation_keeps_its_table_but_no_columns(connection: Any, tracers: Tracers) -> None:
    connection.table("orders").map(lambda frame: frame).create("t")

    [created] = Session("duckdb").analyze(tracers[0].reported[-1].sql)[0]
    assert reported(tracers[0])[-1] == "create t < orders"
    assert created.columns == ()


def test_same_relation_made_again_is_the_same_text(connection: Any, tracers: Tracers) -> None:
    frame = pandas.DataFrame({"id": [1]})
    for _ in range(2):
        connection.from_df(frame).filter("id = 1").fetchall()

    first, second = tracers[0].statements
    assert first == second


def test_writes_in_a_transaction_that_is_rolled_back_are_not_kept(connection: Any, tracers: Tracers) -> None:
    connection.begin()
    connection.table("orders").create("t")
    connection.rollback()

    assert tracers[0].kept == []


def test_failed_write_is_not_reported(connection: Any, tracers: Tracers) -> None:
    with pytest.raises(duckdb.CatalogException):
        connection.table("orders").create("target")

    assert tracers[0].reported == []


def test_relations_of_other_connections_are_not_reported(connection: Any, tracers: Tracers) -> None:
    assert duckdb.connect().sql("SELECT 1 AS a").fetchall() == [(1,)]

    assert tracers[0].reported == []


def test_functions_of_the_module_are_reported_once_the_default_connection_is_traced(
    tracers: Tracers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_default", None)
    frame = pandas.DataFrame({"a": [1, 2]})
    duckdb.sql("CREATE OR REPLACE TABLE before_it AS SELECT 1 AS a")
    instrument_connection(duckdb.default_connection())
    duckdb.sql("CREATE OR REPLACE TABLE source AS SELECT * FROM frame")
    duckdb.sql("SELECT a FROM source").to_table("result")
    assert duckdb.execute("SELECT a FROM result").fetchall() == [(1,), (2,)]
    with duckdb.connect() as other:
        duckdb.sql("CREATE TABLE elsewhere (a INTEGER)", connection=other)
    duckdb.execute("DROP TABLE result")

    assert len(frame) == 2
    assert reported(tracers[0]) == ["create source", "create result < source", "read  < result", "drop result"]


def test_functions_of_the_module_take_a_traced_connection(tracers: Tracers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_default", None)
    connection, before = instrument_connection(duckdb.connect()), duckdb.default_connection()
    frame = pandas.DataFrame({"a": [1, 2]})
    duckdb.execute("CREATE TABLE source AS SELECT * FROM frame", connection=connection)
    duckdb.append("source", frame, connection=connection)
    duckdb.sql("SELECT a FROM source", connection=connection).to_table("result")
    assert duckdb.get_table_names("SELECT * FROM result", connection=connection) == {"result"}
    with duckdb.connect() as other:
        assert duckdb.execute("SELECT * FROM frame", connection=other).fetchall() == [(1,), (2,)]
    try:
        duckdb.set_default_connection(connection)
        assert duckdb.sql("SELECT count(*) FROM result").fetchall() == [(4,)]
    finally:
        duckdb.set_default_connection(before)

    assert reported(tracers[0]) == ["create source", "write source", "create result < source", "read  < result"]
