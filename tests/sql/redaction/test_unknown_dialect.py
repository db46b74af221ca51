"""Texts of an unknown dialect: names in double quotes are shown only in the position of a name, and doubts are reported."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ('select t."A" from "S"."T" as t', 'select t."A" from "S"."T" as t'),
        ('select a as "B" from "T", "U"', 'select a as "B" from "T", "U"'),
        ('insert into "T" ("A", "B") values ("x", 1)', 'insert into "T" ("A", "B") values (?)'),
        ('create table "T" ("A" int, "B" varchar(3))', 'create table "T" ("A" int, "B" varchar(?))'),
        ('select "x" from t where a = "y"', "select ? from t where a = ?"),
        ('select trim(both "x" from "y") from t', "select trim(both ? from ?) from t"),
        ("select a from t # x", "select a from t"),
        ("select a from #t // it's x", "select a from #t"),
        ("select a #> b from t", "select a #> b from t"),
        ("select q'[it's]' from t", "select ? from t"),
        ("select 'it\\'s x', 'y' from t", "SELECT"),
    ],
)
def test_parts_that_may_be_texts_are_hidden(sql: str, shown: str) -> None:
    (statement,) = analyze(sql, dialect="")
    assert statement.sanitised == shown


@pytest.mark.parametrize(
    ("sql", "confidence"),
    [
        ('select "a" from t', "partial"),
        ('insert into t values ("a")', "exact"),
        ('select t."a" from t', "exact"),
    ],
)
def test_a_text_that_may_be_a_column_is_no_exact_answer(sql: str, confidence: str) -> None:
    (statement,) = analyze(sql, dialect="")
    assert statement.confidence == confidence


@pytest.mark.parametrize("dialect", ["", "postgres", "mysql", "clickhouse"])
def test_rows_after_a_statement_are_no_sql(dialect: str) -> None:
    texts = (
        "insert into t format CSV\n1,select a from u",
        "copy t from stdin;\n1\tselect a from u\n\\.\nselect b from v",
    )
    read = [t.name for sql in texts for s in analyze(sql, dialect=dialect) for t in s.inputs]
    assert read == ["v"]


@pytest.mark.parametrize("name", ["format", "s.format", '"s".format'])
def test_a_table_called_format_is_no_clause(name: str) -> None:
    (statement,) = analyze(f"insert into {name} values (1); ", dialect="postgres")
    assert [t.parts[-1] for t in statement.outputs] == ["format"]
    assert statement.sanitised == f"insert into {name} values (?)"


@pytest.mark.parametrize(
    ("sql", "edges"),
    [
        ('create view v as select t.a "A b", f(b) "B" from t', [("a", "A b"), ("b", "B")]),
        ('create view v as select a "A" from t where b like "x"', [("a", "A")]),
        ('create view v as select "X" as y from (select a as "X" from t) s', [("a", "y")]),
        ('create view v as select "X" as y from t', []),
        ('create view v as select f(a, "X") as y from t', [("a", "y")]),
    ],
)
def test_a_text_in_double_quotes_in_the_position_of_an_alias_is_a_name(sql: str, edges: list[tuple[str, str]]) -> None:
    (statement,) = analyze(sql, dialect="")
    assert [(e.source_column, e.target_column) for e in statement.columns] == edges


@pytest.mark.parametrize(
    "sql",
    [
        'select a from t where b = "{}"',
        'select a from t where (b) "{}"',
        'select _utf8 "{}", n"{}" from t',
        'select date "{}", a like b escape "{}" from t',
        'select group_concat(a separator "{}") "x" from t',
    ],
)
def test_a_text_in_double_quotes_in_the_position_of_a_value_is_hidden(sql: str) -> None:
    (statement,) = analyze(sql.replace("{}", "hunter2"), dialect="")
    assert "hunter2" not in repr(statement)
