"""The printed analysis of a text: a tree for people, JSON for programs."""

from __future__ import annotations

import json

import pytest

from prefect_lineage_events.sql import explain


def test_a_tree_shows_tables_columns_and_confidence() -> None:
    shown = explain("insert into t (x) select a from s where b = 'secret'", "snowflake", "DB", "PUBLIC")
    lines = shown.splitlines()
    assert lines[0] == "1. write (append), exact"
    assert "├─ reads DB.PUBLIC.S" in lines
    assert "├─ writes DB.PUBLIC.T" in lines
    assert "column DB.PUBLIC.T.X" in shown
    assert "DB.PUBLIC.S.A identity" in shown
    assert "secret" not in shown
    assert "rows decided by" in shown
    assert "DB.PUBLIC.S.B filter" in shown


def test_declared_columns_are_printed_below_their_table() -> None:
    shown = explain("create temporary table t (a int)", "snowflake")
    assert shown.splitlines()[-2:] == ["└─ writes T (temporary)", "   └─ A int"]


def test_every_statement_has_its_number() -> None:
    shown = explain("select a from t; grant select on t to r", "postgres")
    assert [line for line in shown.splitlines() if line[0].isdigit()] == ["1. read, exact", "2. misc, exact"]


def test_doubt_is_printed_with_its_reason() -> None:
    first = explain("select * from t where (", "snowflake").splitlines()[0]
    assert first.startswith(("1. read, recovered: ", "1. read, partial: "))


def test_a_rename_shows_both_names() -> None:
    assert "rename T -> U" in explain("alter table t rename to u", "snowflake")


def test_json_has_the_same_facts() -> None:
    (statement,) = json.loads(explain("create view v as select a from t", "postgres", schema="s", as_json=True))
    assert statement["kind"] == "create"
    assert statement["inputs"] == [{"name": "s.t", "kind": "table", "temporary": False, "catalog": False}]
    assert statement["outputs"][0]["name"] == "s.v"
    assert {
        "source": "s.t",
        "source_column": "a",
        "target": "s.v",
        "target_column": "a",
        "transformation": "IDENTITY",
    } in statement["columns"]
    assert statement["sanitised"] == "create view v as select a from t"


def test_a_text_without_a_statement_is_reported() -> None:
    assert explain(" -- nothing\n", "snowflake") == "no statement"
    assert json.loads(explain("", "snowflake", as_json=True)) == []


def test_an_unknown_dialect_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown dialect 'snowflaky'.*postgres.*snowflake"):
        explain("select 1", "snowflaky")


def test_a_dialect_is_known_in_any_case() -> None:
    assert explain("select a from t", "Snowflake") == explain("select a from t", "snowflake")
