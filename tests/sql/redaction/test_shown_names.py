"""Names of columns: those that a store makes of a value are hidden, others are shown."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.redaction.shown_names import without_values_of_text


@pytest.mark.parametrize(
    ("dialect", "sql", "names"),
    [
        ("mysql", "select a as 'x', b from t", ["_1", "b"]),
        ("tsql", "select b, a 'x' from t", ["b", "_2"]),
        ("snowflake", "select * from t pivot (sum(a) for b in ('x', 'y'))", ["*", "_2", "_3"]),
        ("bigquery", "select b, q_x from t pivot (sum(a) as q for c in ('x'))", ["b", "q_x"]),
        ("snowflake", "select 'x' as x from t where b = 'x'", ["X"]),
        ("postgres", "select status from t where kind = 'status'", ["status"]),
        ("duckdb", "select s.k from (select {'k': a} as s from t)", ["k"]),
    ],
)
def test_a_name_made_of_a_literal_becomes_a_position(dialect: str, sql: str, names: list[str]) -> None:
    (statement,) = analyze(sql, dialect=dialect)
    assert list(statement.result_columns) == names


def test_a_column_of_the_table_keeps_its_name_if_a_value_is_equal() -> None:
    schemas = {"t": {"kind": "", "a": ""}}
    (statement,) = analyze("select * from t where a = 'kind'", dialect="postgres", schemas=schemas)
    assert list(statement.result_columns) == ["kind", "a"]


def test_a_path_ends_before_a_literal() -> None:
    (statement,) = analyze("create table x as select a['k'] as b from t", dialect="duckdb")
    assert [(e.source_column.partition(".")[0], e.target_column) for e in statement.columns] == [("a", "b")]


def test_declared_columns_have_no_names_made_of_literals() -> None:
    (statement,) = analyze("create table x as select a:b['k'], b from t", dialect="snowflake")
    assert list(statement.declared["X"]) == ["_1", "B"]


@pytest.mark.parametrize(
    "sql", ["select a as 'k', b into x from t where b = 'z'", "create view x as select a 'k', b from t"]
)
def test_an_alias_of_a_new_column_is_its_name(sql: str) -> None:
    (statement,) = analyze(sql, dialect="tsql")
    assert list(statement.declared["x"]) == ["k", "b"]


@pytest.mark.parametrize(
    ("dialect", "sql", "given", "shown"),
    [
        ("mysql", "select 'x', a from t", ["x", "a"], ["_1", "a"]),
        ("mysql", "select concat(a, 'x') from t", ["concat(a, 'x')"], ["_1"]),
        ("sqlite", "select 1234, a", ["1234", "a"], ["_1", "a"]),
        ("sqlite", 'select "x" from t', ['"x"'], ["_1"]),
        ("postgres", 'select a as "x", b from t', ["x", "b"], ["x", "b"]),
        ("sqlite", 'select max(a) as "x", t."b", "c" from t', ["x", "b", "c"], ["x", "b", "c"]),
        ("mysql", 'select "x" from t', ["x"], ["_1"]),
        ("mysql", 'select max(a) AS "x", t."b" from t', ["x", "b"], ["x", "b"]),
        ("mysql", 'select a as "x", concat("x", b) from t', ["x", "c"], ["_1", "c"]),
    ],
)
def test_a_result_is_described_without_values(dialect: str, sql: str, given: list[str], shown: list[str]) -> None:
    assert without_values_of_text(given, sql, dialect) == shown
