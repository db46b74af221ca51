"""Columns of an output that take values of the program, and those that take constants."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze

CASES = [
    # text, dialect, columns that take binds, columns that take constants
    ("INSERT INTO t (id, flag) VALUES (?, 1)", "sqlite", "id", "flag"),
    ("INSERT INTO t (id, flag) VALUES (1, 2)", "sqlite", "", "id flag"),
    ("INSERT INTO t (id, flag) VALUES (%s, %(flag)s)", "postgres", "id flag", ""),
    ("INSERT INTO t (id, flag) VALUES ($1, now())", "postgres", "id", "flag"),
    ("INSERT INTO t (id, flag) VALUES (:id, lower(:flag))", "duckdb", "id flag", ""),
    ("INSERT INTO t (a, b) VALUES (@a, ?)", "bigquery", "a b", ""),
    ("INSERT INTO t VALUES (?, 'x')", "sqlite", "_1", "_2"),
    ("INSERT INTO t SET a = %s, b = 2", "mysql", "a", "b"),
    ("INSERT INTO t (a, b) SELECT ?, 3", "duckdb", "a", "b"),
    ("INSERT INTO t (id, n) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET n = excluded.n", "postgres", "id n", ""),
    ("INSERT INTO t (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET n = 1", "postgres", "id", "n"),
    ("INSERT INTO t (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET n = t.n + 1", "postgres", "id", ""),
    ("UPDATE t SET flag = 1 WHERE id = ?", "sqlite", "*", "flag"),
    ("UPDATE t SET flag = ? WHERE id = ?", "sqlite", "flag *", ""),
    ("UPDATE t SET n = n + ?", "sqlite", "n", ""),
    ("UPDATE t SET flag = 1 WHERE flag = 0", "sqlite", "", "flag"),
    ("UPDATE t SET flag = CASE WHEN a = ? THEN 1 ELSE 2 END", "sqlite", "", ""),
    (
        "MERGE INTO t USING (SELECT ? AS id, ? AS v) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v"
        " WHEN NOT MATCHED THEN INSERT (id, v, made) VALUES (s.id, s.v, 'here')",
        "snowflake",
        "V ID *",
        "MADE",
    ),
    ("CREATE TABLE t AS SELECT ? AS a, 1 AS b", "duckdb", "a", "b"),
    ("CREATE TABLE t AS SELECT c.name, f.x, f.y * 2 AS y, 1 AS b FROM pandas_scan(0) f, c", "duckdb", "x y", "b"),
    ("CREATE TABLE t AS SELECT f.x FROM arrow_scan(0) f JOIN c ON c.id = f.id", "duckdb", "x *", ""),
    ("CREATE TABLE t AS SELECT f.x FROM pandas_scan(frame) f JOIN c ON c.id = f.id", "duckdb", "x *", ""),
    ("INSERT INTO t (a, b) SELECT sum(x), 'new' FROM pandas_scan(0)", "duckdb", "a", "b"),
    ("WITH f AS (SELECT * FROM pandas_scan(0)) INSERT INTO t (a) SELECT a FROM f", "duckdb", "a", ""),
    ("WITH v AS (SELECT ? AS a) INSERT INTO t (a, b) SELECT a, 1 FROM v", "postgres", "a", "b"),
]


@pytest.mark.parametrize(("text", "dialect", "bound", "constant"), CASES, ids=[case[0][:60] for case in CASES])
def test_the_columns_that_take_values_of_the_program(text: str, dialect: str, bound: str, constant: str) -> None:
    (statement,) = analyze(text, dialect=dialect)
    (output,) = statement.outputs
    assert statement.bound.get(output, ()) == tuple(bound.split())
    assert statement.constant.get(output, ()) == tuple(constant.split())


def test_a_bind_is_no_source() -> None:
    (statement,) = analyze("INSERT INTO t (a, b) SELECT x, ? FROM s WHERE y = ?", dialect="postgres")
    (output,) = statement.outputs
    assert {edge.source.name for edge in (*statement.columns, *statement.indirect)} == {"s"}
    assert statement.bound == {output: ("b", "*")}


def test_a_read_binds_nothing() -> None:
    (statement,) = analyze("SELECT ? AS a, x FROM s WHERE y = ?", dialect="postgres")
    assert (statement.bound, {edge.source.name for edge in statement.columns}) == ({}, {"s"})


@pytest.mark.parametrize("listed", ["*", "*, x * 2 AS y", "*, f.x"])
def test_rows_of_the_program_without_a_list_are_all_columns(listed: str) -> None:
    (statement,) = analyze(f"CREATE TABLE t AS SELECT {listed} FROM pandas_scan(0) f", dialect="duckdb")
    assert statement.bound == {}


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("CREATE TABLE t AS SELECT f.x * c.rate AS total, f.y FROM pandas_scan(0) f, c", "total=x y=y"),
        ("INSERT INTO t (a, b) SELECT x + y, z FROM pandas_scan(0)", "a=x a=y b=z"),
        ("INSERT INTO t (a) SELECT sum(f.amount) FROM pandas_scan(df) f JOIN c ON c.id = f.id", "a=amount"),
        ("INSERT INTO t (a, b) SELECT f.x, ? FROM pandas_scan(0) f", "a=x"),
        ("CREATE TABLE t AS SELECT f.x, f.y FROM pandas_scan(0) f", ""),
        ("INSERT INTO t (a) VALUES (?)", ""),
        ("CREATE TABLE t AS SELECT *, x AS y FROM pandas_scan(0)", ""),
    ],
)
def test_columns_of_the_programs_rows_with_other_names_are_paired(text: str, pairs: str) -> None:
    (statement,) = analyze(text, dialect="duckdb")
    told = statement.program_columns.get(statement.outputs[0], ())
    assert {"=".join(pair) for pair in told} == set(pairs.split())
