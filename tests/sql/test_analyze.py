"""Guarantees for every text: no exception, the tables of a simple read, the names of the connection."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql import Statement, analyze
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.splitting.statements import split
from prefect_lineage_events.sql.tables.statements import PieceReader, analyze_piece

DIALECTS = [
    *("", "snowflake", "postgres", "bigquery", "redshift", "databricks", "mysql", "sqlite", "duckdb", "tsql", "oracle"),
    *("trino", "clickhouse", "spark", "hive", "teradata", "exasol", "athena", "db2", "a name that nobody knows"),
]
NAMES = st.from_regex(r"[a-z][a-z0-9_]{3,12}x", fullmatch=True)  # the last letter keeps keywords away
HOSTILE = [
    *(
        *"(),.;[]@$#{}<>",
        "->>",
        "'",
        '"',
        "`",
        "--",
        "/*",
        "select",
        "from",
        "join",
        "with",
        "as",
        "insert",
        "into",
        "update",
    ),
    *(
        "set",
        "delete",
        "using",
        "merge",
        "create",
        "table",
        "view",
        "begin",
        "end",
        "if",
        "then",
        "copy",
        "like",
        "t",
        "'x'",
    ),
]
WORDS = st.lists(st.sampled_from(HOSTILE), max_size=30)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None, max_examples=15)
@given(table=NAMES, column=NAMES)
def test_a_table_of_a_simple_read_is_found(dialect: str, table: str, column: str):
    (found,) = analyze(f"select {column} from {table} where {column} = 1", dialect=dialect, columns=False)
    assert [t.parts for t in found.inputs] == [(fold(table, False, dialect),)]
    assert (found.kind, found.outputs, found.confidence) == ("read", (), "exact")


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=200), WORDS.map(" ".join)), dialect=st.sampled_from(DIALECTS))
def test_no_text_makes_the_analysis_raise(text: str, dialect: str):
    for found in analyze(text, dialect=dialect):
        assert isinstance(found, Statement)
        assert "the analyser failed" not in found.reason


def test_a_failing_reader_yields_a_partial_statement(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(PieceReader, "piece", broken)
    (piece,) = split("select 1 from t", "")
    (found,) = analyze_piece(piece, Context())
    assert (found.kind, found.confidence) == ("misc", "partial")
    assert "ZeroDivisionError" in found.reason


def test_the_connection_completes_names():
    (found,) = analyze("insert into t select * from s.u", dialect="snowflake", database="D", schema="P")
    assert [t.name for t in found.outputs] == ["D.P.T"]
    assert [t.name for t in found.inputs] == ["D.S.U"]


def test_use_counts_from_there_on():
    _, first, _, second = analyze(
        "use schema a; select * from t; use b.c; select * from t", dialect="snowflake", database="D"
    )
    assert [t.name for t in (*first.inputs, *second.inputs)] == ["D.A.T", "B.C.T"]


def test_temporary_tables_are_known_as_such_from_there_on():
    created, read = analyze("create temp table x as select 1 as a from t; select * from x", dialect="postgres")
    assert created.outputs[0].temporary
    assert read.inputs[0].temporary
    assert not created.inputs[0].temporary


@pytest.mark.parametrize(
    ("sql", "dialect", "declared"),
    [
        ("create table t (id int not null, n varchar(20) default 'x')", "postgres", {"id": "int", "n": "varchar(20)"}),
        ("create table t (a timestamp with time zone, b character varying(5))", "postgres",
         {"a": "timestamp with time zone", "b": "character varying(5)"}),
        ("create table t (m map<string, array<int>>, s struct<a: int, b: string> comment 'x')", "databricks",
         {"m": "map<string, array<int>>", "s": "struct<a: int, b: string>"}),
        ('create table t (a number(10, 2), "b" text, primary key (a))', "snowflake", {"A": "number(10, 2)", "b": "text"}),
        ("create view v (a comment 'x', b) as select 1, 2", "snowflake", {"A": "", "B": ""}),
        ("create table t (like u)", "postgres", None),
    ],
)  # fmt: skip
def test_columns_that_a_definition_declares(sql: str, dialect: str, declared: dict[str, str] | None):
    (found,) = analyze(sql, dialect=dialect, columns=False)
    assert [dict(columns) for columns in found.declared.values()] == ([declared] if declared else [])


@pytest.mark.parametrize(
    ("sql", "effect", "renames"),
    [
        ("alter table d.s.a rename to b", "rename", [("D.S.A", "D.S.B")]),
        ("alter table a swap with b", "swap", [("A", "B"), ("B", "A")]),
        ("create table b clone a", "clone", [("A", "B")]),
    ],
)
def test_renames_and_swaps_have_pairs_of_names(sql: str, effect: str, renames: list[tuple[str, str]]):
    (found,) = analyze(sql, dialect="snowflake")
    assert found.effect == effect
    assert [(old.name, new.name) for old, new in found.renames] == renames


def test_a_procedure_is_connected_with_its_tables_and_writes_none():
    sql = "create procedure p() returns int language sql as $$ begin insert into a select * from b; return 1; end; $$"
    (found,) = analyze(sql, dialect="snowflake")
    assert (found.kind, found.effect) == ("misc", None)
    assert ([t.name for t in found.inputs], [t.name for t in found.outputs]) == (["B"], ["A"])


def test_a_template_makes_the_answer_partial():
    (found,) = analyze("select * from {{ ref('orders') }}", dialect="snowflake")
    assert found.confidence == "partial"


def test_results_of_a_chain_are_those_of_the_statements_before():
    first, second, third = analyze(
        "select * from a ->> select * from b ->> insert into c select * from $2", dialect="snowflake"
    )
    assert [t.name for t in third.inputs] == ["A"]
    assert [t.name for t in third.outputs] == ["C"]
    assert first.inputs != second.inputs


def test_rows_of_the_program_are_distinguished_from_tables():
    (found,) = analyze("create table t as select * from pandas_scan(0) f join u using (id)", dialect="duckdb")
    assert (found.from_program, [t.name for t in found.inputs]) == (True, ["u"])
    (found,) = analyze("create table t as select * from u", dialect="duckdb")
    assert not found.from_program


@pytest.mark.parametrize("stage", ["SNOWPARK_TEMP_STAGE_0OUBV5DLXB", "__WRITE_PANDAS_STAGE_0a1b"])
def test_a_frame_that_snowflakes_connector_uploaded_counts_as_rows_of_the_program(stage: str) -> None:
    (found,) = analyze(
        f"""copy into identifier('"T"') ("A") from (select $1:"A" from '@"DB"."S"."{stage}"') purge = true""",
        dialect="snowflake",
    )

    assert found.from_program
    assert [table.temporary for table in found.inputs] == [True]


def test_a_users_own_stage_does_not_count_as_rows_of_the_program() -> None:
    (found,) = analyze("copy into t from @db.s.my_stage", dialect="snowflake")

    assert (found.from_program, [table.temporary for table in found.inputs]) == (False, [False])


@pytest.mark.parametrize(
    ("sql", "may_find_nothing"),
    [
        ("drop table if exists t", True),
        ("drop materialized view if exists v", True),
        ("drop table t", False),
        ("create table if not exists t (a int)", False),
    ],
)
def test_a_drop_with_if_exists_may_have_found_nothing(sql: str, may_find_nothing: bool) -> None:
    assert [statement.if_exists for statement in analyze(sql, dialect="postgres")] == [may_find_nothing]
