"""Declared types: as far as the grammar of a type allows, in the user's own spelling."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze


@pytest.mark.parametrize(
    ("dialect", "declared", "type_"),
    [
        ("oracle", "int encrypt identified by tiger", "int"),
        ("oracle", "int encrypt using 'AES' identified by tiger no salt", "int"),
        ("oracle", "varchar2(10 char)", "varchar2(10 char)"),
        ("oracle", "number(*, 2)", "number(*, 2)"),
        ("oracle", "interval day(2) to second(3)", "interval day(2) to second(3)"),
        ("postgres", "varchar(10) not null", "varchar(10)"),
        ("postgres", "timestamp(3) with time zone default now()", "timestamp(3) with time zone"),
        ("postgres", "character varying(20) collate c", "character varying(20)"),
        ("postgres", "Double Precision", "Double Precision"),
        ("postgres", "int[][3]", "int[][3]"),
        ("postgres", "varchar /* tiger */ (10)", "varchar (10)"),
        ("postgres", '"My Type"', "My Type"),
        ("postgres", "varchar(tiger)", "varchar(?)"),
        ("mysql", "int unsigned zerofill", "int unsigned zerofill"),
        ("mysql", "enum('tiger', 'b')", "enum(?, ?)"),
        ("tsql", "nvarchar(max) masked with (function = 'tiger')", "nvarchar(max)"),
        ("spark", "struct<b: int comment 'tiger', c: array<map<string,int>>>", "struct<b: int, c: array<map<string,int>>>"),
        ("bigquery", "STRUCT<a INT64 OPTIONS(description='tiger'), b ARRAY<STRING>>", "STRUCT<a INT64, b ARRAY<STRING>>"),
        ("clickhouse", "Array(Tuple(a Int32, b LowCardinality(String)))", "Array(Tuple(a Int32, b LowCardinality(String)))"),
        ("clickhouse", "Enum8('tiger' = 1)", "Enum8(? = 1)"),
        ("trino", "row(a int, b varchar(3))", "row(a int, b varchar(3))"),
        ("sqlite", "primary key", ""),
    ],
)  # fmt: skip
def test_a_declared_type_contains_nothing_but_the_type(dialect: str, declared: str, type_: str) -> None:
    (statement,) = analyze(f"create table x (a {declared}, z int)", dialect=dialect)
    (columns,) = statement.declared.values()
    assert list(columns.values()) == [type_, "int"]
