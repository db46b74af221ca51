"""A name that a block gives to a value is no column."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze

LOAD = "insert into t select a, v from u"

BLOCKS = [
    ("postgres", f"do $$ declare v int; begin {LOAD}; end $$"),
    ("postgres", f"do $$ declare w int; v constant text := 'x'; begin {LOAD}; end $$"),
    ("postgres", f"do $$ begin for v in 1..3 loop {LOAD}; end loop; end $$"),
    ("postgres", f"create procedure p(in w int, v int) language plpgsql as $$ begin {LOAD}; end $$"),
    ("redshift", f"create procedure p(v int) as $$ begin {LOAD}; end $$ language plpgsql"),
    ("oracle", f"declare w number; v u.a%type; begin {LOAD}; end;"),
    ("oracle", f"begin forall v in 1..3 {LOAD}; end;"),
    ("oracle", f"create procedure p(v in number) is begin {LOAD}; end;"),
    ("oracle", f"create procedure p is v number := 1; begin {LOAD}; end;"),
    ("bigquery", f"declare w, v int64 default 1; {LOAD}"),
    ("bigquery", f"begin declare v int64; {LOAD}; end"),
    ("mysql", f"create procedure p() begin declare v int; {LOAD}; end"),
    ("databricks", f"declare or replace variable v int; {LOAD}"),
    ("databricks", f"begin declare v int; if v > 1 then {LOAD}; end if; end"),
]


def edges(sql: str, dialect: str, **names: object) -> list[tuple[str, str]]:
    found = analyze(sql, dialect=dialect, schemas=names.get("schemas"))  # type: ignore[arg-type]
    columns = [edge for statement in found for edge in statement.columns]
    return [(edge.source_column.lower(), edge.target_column.lower()) for edge in columns]


@pytest.mark.parametrize(("dialect", "sql"), BLOCKS)
def test_a_variable_is_no_column(dialect: str, sql: str) -> None:
    assert edges(sql, dialect) == [("a", "a")]


@pytest.mark.parametrize(("dialect", "sql"), BLOCKS)
def test_a_name_other_than_a_variables_is_a_column(dialect: str, sql: str) -> None:
    assert edges(sql.replace("a, v from", "a, x from"), dialect) == [("a", "a"), ("x", "x")]


def test_a_known_column_takes_precedence_over_a_variable() -> None:
    schemas = {"u": {"a": "int64", "v": "int64"}, "t": {"a": "int64", "v": "int64"}}
    assert edges(f"declare v int64; {LOAD}", "bigquery", schemas=schemas) == [("a", "a"), ("v", "v")]


@pytest.mark.parametrize(
    ("dialect", "sql"), [("snowflake", f"begin let v := 1; {LOAD}; end;"), ("tsql", f"declare @v int; {LOAD}")]
)
def test_a_bare_name_is_a_column_if_variables_have_a_sign(dialect: str, sql: str) -> None:
    assert edges(sql, dialect) == [("a", "a"), ("v", "v")]


def test_a_text_does_not_have_the_variables_of_another() -> None:
    analyze("declare v int64; select 1", dialect="bigquery")
    assert edges(LOAD, "bigquery") == [("a", "a"), ("v", "v")]


def test_a_table_after_in_is_no_column() -> None:
    assert edges("insert into t select a in u as a from t", "clickhouse") == [("a", "a")]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select x in b as y from a where (x, y) not in d.c and z global in e", ["a", "b", "d.c", "e"]),
        ("with [1] as w select [2] as v, x in v from a where x in w and y in a.items", ["a"]),
        ("with c as (select x from b) select * from a where x in c", ["a", "b"]),
    ],
)
def test_a_table_may_follow_in(sql: str, tables: list[str]) -> None:
    (statement,) = analyze(sql, dialect="clickhouse")
    assert sorted(table.name for table in statement.inputs) == tables
