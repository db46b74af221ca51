"""Columns of files and attached databases in DuckDB, which no statement lists: `SELECT *`, relations, COPY."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from prefect_lineage_events.instrumentation.drivers.duckdb.file_headers import file_columns
from prefect_lineage_events.instrumentation.drivers.duckdb.frames import with_bound_files
from prefect_lineage_events.instrumentation.drivers.duckdb.lookup import InstanceLookup
from prefect_lineage_events.testing import recorded_lineage

LATER = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=1)


def copied() -> None:
    duckdb.execute("COPY (SELECT * FROM 'orders.csv') TO 'out.parquet'")


def relation_of_sql() -> None:
    duckdb.sql("select * from read_csv('orders.csv')").to_parquet("out.parquet")


def relation_of_a_file() -> None:
    duckdb.read_csv("orders.csv").write_csv("out.csv")


def filtered_and_projected() -> None:
    relation = duckdb.sql("FROM 'orders.csv'").filter("amount > 1").order("amount").limit(2)
    relation.project("amount * 2 AS amount, id").to_parquet("out.parquet")


def aggregated() -> None:
    duckdb.read_csv("orders.csv").aggregate("id, sum(amount) AS amount", "id").to_csv("out.csv")


def united() -> None:
    one = duckdb.read_csv("orders.csv")
    one.union(duckdb.sql("FROM 'orders.csv'")).to_parquet("out.parquet")


def joined_without_qualifiers() -> None:
    named = duckdb.sql("SELECT o.id, amount, name FROM 'orders.csv' o JOIN 'names.csv' n ON o.id = n.id")
    named.to_parquet("out.parquet")


def table_with() -> None:
    with duckdb.connect("out.db") as connection:
        connection.execute("CREATE TABLE out AS SELECT * FROM 'orders.csv' JOIN 'names.csv' USING (id)")


def inserted() -> None:
    with duckdb.connect("out.db") as connection:
        connection.execute("CREATE TABLE out (id BIGINT, amount DOUBLE)")
        connection.sql("FROM 'orders.csv'").insert_into("out")


def through_a_view() -> None:
    with duckdb.connect() as connection:
        connection.read_csv("orders.csv").create_view("v")
        connection.execute("COPY (SELECT * FROM v) TO 'out.parquet'")


def by_a_pattern() -> None:
    duckdb.sql("SELECT * FROM 'ord*.csv'").to_parquet("out.parquet")


def with_columns_of_the_reader() -> None:
    relation = duckdb.sql("SELECT * FROM read_csv('plain.txt', header=false, delim=';', names=['id', 'amount'])")
    relation.to_parquet("out.parquet")
    duckdb.read_csv("plain.txt", header=False, sep=";", names=["k", "v"]).to_parquet("other.parquet")


def named_by_binds() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM read_csv(?) WHERE id > ?", ["orders.csv", 0])
        connection.execute("COPY (SELECT * FROM t) TO $path", {"path": "out.csv"})


def from_an_attached_database() -> None:
    with duckdb.connect() as connection:
        connection.execute("ATTACH 'other.db' AS o")
        connection.sql("FROM o.orders").to_parquet("out.parquet")


def from_an_attached_table() -> None:
    with duckdb.connect("out.db") as connection:
        connection.execute("ATTACH 'other.db'; CREATE TABLE orders (x INT)")
        connection.table("other.orders").filter("id > 0").to_table("out")


def from_an_attached_database_in_use() -> None:
    with duckdb.connect() as connection:
        connection.execute("ATTACH 'other.db' AS o; USE o")
        connection.execute("COPY orders TO 'out.csv'")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("id,amount\n1,2.5\n2,3.5\n")
    Path("names.csv").write_text("id,name\n1,ann\n")
    Path("plain.txt").write_text("1;2\n3;4\n")
    with closing(duckdb.connect("other.db")) as connection:
        connection.execute("CREATE TABLE orders (id INT, amount DOUBLE)")
    return tmp_path


@pytest.mark.parametrize(
    "program",
    [
        copied, relation_of_sql, relation_of_a_file, filtered_and_projected, aggregated, united,
        joined_without_qualifiers, table_with, inserted, through_a_view, by_a_pattern, with_columns_of_the_reader,
        named_by_binds,
        from_an_attached_database, from_an_attached_table, from_an_attached_database_in_use,
    ],
)  # fmt: skip
@pytest.mark.usefixtures("here")
def test_columns_of_files_and_attached_tables_reach_what_is_written(program: Callable[[], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        program()
    edges = {
        (edge.source.name, edge.source_column, edge.target.name, edge.target_column)
        for run in lineage.runs
        for edge in run.column_edges
        if edge.target_column != "*"
    }
    outs = {(column, into) for _, column, target, into in edges if Path(target).stem == "out" or target == "main.out"}
    names = {("name", "name")} if any("names.csv" in source for source, *_ in edges) else set()
    keys = outs & {("id", "id"), ("amount", "amount")}
    assert keys == {("id", "id"), ("amount", "amount")}
    assert outs == keys | names


def loaded(name: str, options: str = "", columns: str = "") -> set[tuple[str, str]]:
    """The columns of a file, and those of the table into which COPY has loaded them."""
    with recorded_lineage("databases") as lineage, duckdb.connect("out.db") as connection:
        connection.execute("CREATE OR REPLACE TABLE out (k BIGINT, v DOUBLE, amount DOUBLE, id BIGINT)")
        connection.execute(f"COPY out {columns} FROM '{name}' {options}")
    return {(edge.source_column, edge.target_column) for edge in lineage.column_edges if edge.target_column != "*"}


@pytest.mark.usefixtures("here")
def test_copy_loads_the_columns_of_a_file_by_position() -> None:
    duckdb.sql("FROM 'orders.csv'").write_parquet("orders.parquet")
    assert loaded("orders.csv", "(HEADER)", "(k, v)") == {("id", "k"), ("amount", "v")}
    assert loaded("orders.csv", "WITH (FORMAT csv, HEADER true, DELIMITER ',')", "(id, v)") == {
        ("id", "id"),
        ("amount", "v"),
    }
    assert loaded("orders.parquet", columns="(k, amount)") == {("id", "k"), ("amount", "amount")}
    assert loaded("plain.txt", "(DELIM ';', HEADER false)", "(k, v)") == {("column0", "k"), ("column1", "v")}


@pytest.mark.usefixtures("here")
def test_copy_with_options_that_are_not_known_has_no_columns() -> None:
    Path("orders.json").write_text('{"amount": 1.5, "id": 1}\n')
    assert loaded("orders.csv", "(HEADER, NULLSTR 'none')", "(k, v)") == set()
    assert loaded("orders.json", columns="(id, amount)") == set()


def exported_and_imported() -> None:
    with duckdb.connect("other.db") as connection:
        connection.execute("EXPORT DATABASE 'all of it' (FORMAT parquet)")
    with duckdb.connect("out.db") as connection:
        connection.execute("IMPORT DATABASE 'all of it'")


def copied_from_an_attached_database() -> None:
    with duckdb.connect() as connection:
        connection.execute("ATTACH 'other.db' AS o; ATTACH 'out.db' AS n")
        connection.execute("COPY FROM DATABASE o TO n")


def copied_from_its_own_database() -> None:
    with duckdb.connect("other.db") as connection:
        connection.execute("ATTACH 'out.db' AS n")
        connection.execute("copy from database other to n;")


@pytest.mark.usefixtures("here")
def test_export_and_import_name_each_table_and_file() -> None:
    with recorded_lineage("databases", "files") as lineage:
        exported_and_imported()
    file = str(Path("all of it/orders.parquet").resolve())
    edges = {(e.source.name, e.target.name) for e in lineage.edges}
    assert edges == {("main.orders", file), (file, "main.orders")}
    assert {e.source_column for e in lineage.column_edges if e.target.name == file} == {"id", "amount"}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("program", [copied_from_an_attached_database, copied_from_its_own_database])
def test_a_copied_database_has_the_origin_of_each_table(program: Callable[[], None]) -> None:
    with recorded_lineage("databases", "files") as lineage:
        program()
    (edge,) = lineage.edges
    assert (edge.source.namespace[-8:], edge.source.name) == ("other.db", "main.orders")
    assert (edge.target.namespace[-6:], edge.target.name) == ("out.db", "main.orders")
    columns = {(e.source_column, e.target_column) for e in lineage.column_edges}
    assert columns == {("id", "id"), ("amount", "amount")}


def test_each_read_has_the_columns_of_its_own_reader(here: Path) -> None:
    with recorded_lineage("databases", "files") as lineage:
        with_columns_of_the_reader()
    lineage.assert_column_edge("plain.txt.k", "other.parquet.k")
    assert {edge.source_column for edge in lineage.column_edges if edge.target.name.endswith("out.parquet")} == {
        "id",
        "amount",
    }


@pytest.mark.usefixtures("here")
def test_columns_seen_before_a_connection_was_dropped_stay_known() -> None:
    connection = duckdb.connect("other.db")
    lookup = InstanceLookup(connection)
    lookup.observe("SELECT 1")
    del connection
    assert lookup([("main", "orders")]) == {("main", "orders"): {"id": "INTEGER", "amount": "DOUBLE"}}
    lookup.observe("CREATE TABLE more AS SELECT * FROM orders")
    assert ("main", "orders") in lookup([("main", "orders")])
    lookup.observe("ALTER TABLE orders DROP COLUMN id")
    assert lookup([("main", "orders")]) == {}
    duckdb.connect("other.db", read_only=True).close()  # no lock was left


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "sql",
    ["CREATE OR REPLACE TABLE copied AS FROM orders", "CREATE TABLE copied AS SELECT * REPLACE (1 AS id) FROM orders"],
)
def test_columns_read_at_the_close_stay_known_when_the_statement_is_noted_later(sql: str) -> None:
    with duckdb.connect("other.db") as connection:
        lookup = InstanceLookup(connection)
        connection.execute(sql)
        lookup.read_before_close()
    lookup.observe(sql)
    assert set(lookup([("main", "orders"), ("main", "copied")])) == {("main", "orders"), ("main", "copied")}


def test_pipes_and_changed_files_are_not_opened(here: Path) -> None:
    os.mkfifo("pipe.csv")
    assert file_columns("pipe.csv", "", LATER) is None
    assert file_columns("orders.csv", "", dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)) is None


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("s3://lake/x.parquet", ""),
        ("https://example.invalid/x.csv", ""),
        ("none.csv", ""),
        ("orders.csv", "read_csv('orders.csv', sample_size = -1)"),
        ("orders.csv", "read_parquet('orders.csv')"),
    ],
)
def test_columns_that_cost_much_or_fail_stay_unknown(path: str, reader: str) -> None:
    try:
        found = file_columns(path, reader, LATER)
    except OSError:
        found = None
    assert found is None


@pytest.mark.usefixtures("here")
def test_few_files_of_a_directory_are_looked_at() -> None:
    found = []
    for number in range(30):
        Path(f"n{number}.csv").write_text(f"a{number}\n1\n")
        found.append(file_columns(f"./n{number}.csv", "", LATER))
    assert found[0] == {"a0": "BIGINT"}
    assert found[-1] is None


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("FROM read_csv(?) WHERE a = ?", ["x.csv", "b"], "FROM read_csv('x.csv') WHERE a = ?"),
        ("SELECT '?' -- ?\n FROM read_parquet( ? )", ["it's"], "SELECT '?' -- ?\n FROM read_parquet( 'it''s' )"),
        ("COPY t TO $2", ["no", "y.csv"], "COPY t TO 'y.csv'"),
        ("COPY t FROM $p", {"p": "y.csv"}, "COPY t FROM 'y.csv'"),
        ("SELECT ? FROM t LIMIT $1", [5], "SELECT ? FROM t LIMIT $1"),
        ("FROM read_csv(?)", [["a.csv", "b.csv"]], "FROM read_csv(?)"),
        ("FROM read_csv(?)", ["https://h/x.csv?sig=1"], "FROM read_csv(?)"),
        ("FROM read_csv(?)", ["s3://key:word@b/x.csv"], "FROM read_csv(?)"),
    ],
)
def test_binds_that_name_files_are_shown_and_no_others(sql: str, parameters: object, expected: str) -> None:
    assert with_bound_files(sql, parameters) == expected
