"""A connection's state: each statement meets the state after the one before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.attach import Attached
from prefect_lineage_events.sql.context import Context, Effort
from prefect_lineage_events.sql.model import Statement
from prefect_lineage_events.sql.session import Session
from prefect_lineage_events.sql.splitting.statements import Piece
from tests.sql.redaction.test_sanitise import DIALECTS, texts

KINDS = {"read", "write", "create", "alter", "drop", "misc"}


def run(session: Session, *texts: str) -> tuple[Statement, Session]:
    """The last statement of the texts, and the session after it."""
    statements: tuple[Statement, ...] = ()
    for text in texts:
        statements, session = session.analyze(text)
    return statements[-1], session


def inputs(statement: Statement) -> list[str]:
    return [table.name for table in statement.inputs]


def edges(statement: Statement) -> set[tuple[str, str]]:
    return {(f"{e.source.name}.{e.source_column}", e.target_column) for e in statement.columns}


SNOWFLAKE = Session("snowflake", "DB", "PUBLIC")


@pytest.mark.parametrize(
    ("dialect", "text", "name"),
    [
        ("snowflake", "use schema s", "DB.S.T"),
        ("snowflake", "use database d", "D.PUBLIC.T"),
        ("snowflake", "use d.s", "D.S.T"),
        ("snowflake", "use database identifier('d')", "D.PUBLIC.T"),
        ("snowflake", "set d = 'other'; use database identifier($d)", "OTHER.PUBLIC.T"),
        ("snowflake", "set d = 'other'; create database if not exists identifier($d)", "OTHER.PUBLIC.T"),
        ("snowflake", "use role admin", "DB.PUBLIC.T"),
        ("snowflake", "use warehouse wh", "DB.PUBLIC.T"),
        ("snowflake", "alter session set query_tag = 'x'", "DB.PUBLIC.T"),
        ("postgres", "set search_path to s, public", "DB.s.t"),
        ("postgres", "set schema 's'", "DB.s.t"),
        ("databricks", "use schema s", "db.s.t"),
        ("databricks", "use catalog c", "c.default.t"),
        ("mysql", "use d", "d.t"),
        ("oracle", "alter session set current_schema = s", "DB.S.T"),
    ],
)
def test_names_are_completed_with_the_settings_of_use_and_set(dialect: str, text: str, name: str) -> None:
    session = Session(dialect, "DB", None if dialect == "mysql" else "PUBLIC")
    statement, _ = run(session, text, "select a from t")
    assert inputs(statement) == [name]


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("snowflake", "create schema identifier($unknown)"),
        ("snowflake", "use schema $unknown"),
        ("snowflake", "use identifier($unknown)"),
        ("databricks", "use schema identifier(:unknown)"),
        ("tsql", "use $(unknown)"),
    ],
)
def test_a_setting_that_is_known_only_at_run_time_names_no_table(dialect: str, text: str) -> None:
    statement, _ = run(Session(dialect, "DB", "PUBLIC"), text, "select a from t")
    assert not any(name.lower().endswith("db.public.t") for name in inputs(statement))


@pytest.mark.parametrize(
    ("dialect", "texts", "confidence"),
    [
        ("postgres", ["set search_path to s", "select a from t"], "exact"),
        ("postgres", ["set search_path to s, public", "select a from t"], "partial"),
        ("postgres", ["set search_path to s, public", "insert into t select 1"], "partial"),
        ("postgres", ["set search_path to s, public", "delete from only t"], "partial"),
        ("postgres", ["set search_path to s, public", "select t.a from public.t, information_schema.tables"], "exact"),
        ("postgres", ["set search_path to s, public", "select relname from pg_class"], "exact"),
        ("postgres", ["set search_path to s, public", "with t as (select 1 a) select a from t"], "exact"),
        ("postgres", ["set search_path to s, public", "create temp table t as select 1 a", "select a from t"], "exact"),
        ("postgres", ["create schema s", "set search_path to s, public", "create table t as select 1 a"], "exact"),
        ("postgres", ["create schema s", "set search_path to s, public", "select 1 a into t", "table t"], "exact"),
        ("postgres", ["begin", "set local search_path to s, public", "select a from t"], "partial"),
        ("postgres", ["begin", "set local search_path to s, public", "commit", "select a from t"], "exact"),
        ("postgres", ["set search_path to s, public", "reset search_path", "select a from t"], "exact"),
        ("postgres", ["select set_config('search_path', 's,public', false)", "select a from t"], "partial"),
        ("redshift", ["set search_path to s, public", "select a from t"], "partial"),
        ("vertica", ["set search_path to s, public", "select a from t"], "partial"),
        ("", ["set search_path to s, public", "select a from t"], "partial"),
        ("duckdb", ["use s", "select a from t"], "partial"),
        ("duckdb", ["use s.main", "select a from t"], "exact"),
        ("duckdb", ["attach 'x.db' as s", "use s", "select a from t"], "exact"),
        ("duckdb", ["create schema s", "use s", "create table t as select 1 a", "select a from t"], "exact"),
        ("duckdb", ["create schema s", "use s", "select a from t"], "partial"),
        ("duckdb", ["set search_path = 's,main'", "select a from t"], "partial"),
        ("snowflake", ["use schema s", "select a from t"], "exact"),
        ("trino", ["use c.s", "select a from t"], "exact"),
        ("databricks", ["use s", "select a from t"], "exact"),
        ("mysql", ["use s", "select a from t"], "exact"),
    ],
)
def test_a_name_that_may_be_in_several_schemas_is_a_guess(dialect: str, texts: list[str], confidence: str) -> None:
    statement, _ = run(Session(dialect, "db", "public"), *texts)
    assert statement.confidence == confidence


def test_use_in_the_same_text_counts_from_there_on() -> None:
    statements, _ = SNOWFLAKE.analyze("select a from t; use schema s; select a from t")
    assert [inputs(s) for s in statements if s.kind == "read"] == [["DB.PUBLIC.T"], ["DB.S.T"]]


@pytest.mark.parametrize(
    ("texts", "on"),
    [
        ([], True),
        (["alter session set autocommit = false"], False),
        (["alter session set AUTOCOMMIT=False", "select a from t"], False),
        (["alter session set autocommit = false", "alter session set autocommit = true"], True),
        (["alter session set autocommit = false", "alter session unset autocommit"], True),
        (["set autocommit = false"], True),
    ],
)
def test_autocommit_is_on_unless_a_statement_switched_it_off(texts: list[str], on: bool) -> None:
    _, session = run(SNOWFLAKE, *texts, "select 1")
    assert session.autocommit is on


def test_a_temporary_table_is_temporary_until_it_is_dropped() -> None:
    created, session = run(SNOWFLAKE, "create temporary table tmp as select a from src")
    assert [t.temporary for t in created.outputs] == [True]
    read, session = run(session, "insert into out select a from tmp")
    assert [t.temporary for t in read.inputs] == [True]
    dropped, session = run(session, "drop table tmp")
    assert [t.temporary for t in dropped.outputs] == [True]
    read, _ = run(session, "select a from tmp")
    assert [t.temporary for t in read.inputs] == [False]


def test_a_temporary_table_does_not_exist_in_another_session() -> None:
    run(SNOWFLAKE, "create temporary table tmp as select a from src")
    statement, _ = run(SNOWFLAKE, "select a from tmp")
    assert not statement.inputs[0].temporary


def test_a_temporary_table_that_is_renamed_stays_temporary() -> None:
    statement, _ = run(SNOWFLAKE, "create temp table a as select 1 x", "alter table a rename to b", "select x from b")
    assert statement.inputs[0].temporary


def test_a_star_is_expanded_with_columns_that_the_session_declared() -> None:
    statement, _ = run(
        SNOWFLAKE, "create table t (a int, b int)", "create view v as select a as x from t", "select * from v"
    )
    assert edges(statement) == {("DB.PUBLIC.V.X", "X")}
    assert statement.result_columns == ("X",)


def test_the_sessions_own_columns_take_precedence_over_those_of_the_call() -> None:
    _, session = run(SNOWFLAKE, "create table t (a int)")
    (statement,), _ = session.analyze(
        "select * from t, u", schemas={"DB.PUBLIC.T": {"OLD": ""}, "DB.PUBLIC.U": {"B": ""}}
    )
    assert edges(statement) == {("DB.PUBLIC.T.A", "A"), ("DB.PUBLIC.U.B", "B")}


def test_altered_columns_are_unknown() -> None:
    statement, _ = run(SNOWFLAKE, "create table t (a int)", "alter table t add column b int", "select * from t")
    assert ("DB.PUBLIC.T.*", "*") in edges(statement)


def test_columns_follow_a_rename() -> None:
    statement, session = run(SNOWFLAKE, "create table t (a int)", "alter table t rename to u", "select * from u")
    assert edges(statement) == {("DB.PUBLIC.U.A", "A")}
    statement, _ = run(session, "select * from t")
    assert edges(statement) == {("DB.PUBLIC.T.*", "*")}


def test_columns_are_exchanged_by_a_swap() -> None:
    made = ("create table t (a int)", "create table u (b int)", "alter table t swap with u")
    statement, session = run(SNOWFLAKE, *made, "select * from t")
    assert edges(statement) == {("DB.PUBLIC.T.B", "B")}
    statement, _ = run(session, "select * from u")
    assert edges(statement) == {("DB.PUBLIC.U.A", "A")}


def test_columns_are_copied_by_a_clone() -> None:
    statement, _ = run(SNOWFLAKE, "create table t (a int)", "create table u clone t", "select * from u")
    assert edges(statement) == {("DB.PUBLIC.U.A", "A")}


def test_a_variable_names_a_table() -> None:
    statement, _ = run(SNOWFLAKE, "set t = 'd.s.orders'", "select a from identifier($t)")
    assert inputs(statement) == ["D.S.ORDERS"]


def test_the_last_query_is_read_again() -> None:
    statement, session = run(SNOWFLAKE, "select a from orders", "select * from table(result_scan(last_query_id()))")
    assert inputs(statement) == ["DB.PUBLIC.ORDERS"]
    statement, _ = run(session, "show tables", "select * from table(result_scan(last_query_id()))")
    assert inputs(statement) == []


def test_a_query_before_the_last_one_is_not_known() -> None:
    statement, _ = run(
        SNOWFLAKE, "select a from t", "select a from u", "select * from table(result_scan(last_query_id(-2)))"
    )
    assert (inputs(statement), statement.confidence) == ([], "partial")


def test_the_result_of_a_create_table_is_its_status() -> None:
    statement, _ = run(
        SNOWFLAKE, "create table u as select a from t", "select * from table(result_scan(last_query_id()))"
    )
    assert inputs(statement) == []


def test_attached_files_are_known_by_their_names() -> None:
    _, session = run(Session("duckdb"), "attach 'data/sales.db' as s", "attach if not exists 'x/other.db'")
    assert session.state.attached == {"s": Attached(path="data/sales.db"), "other": Attached(path="x/other.db")}
    _, session = run(session, "detach s")
    assert session.state.attached == {"other": Attached(path="x/other.db")}


def test_a_statement_without_changes_returns_the_same_state() -> None:
    _, session = run(SNOWFLAKE, "select a from t", "insert into t select 1", "grant select on t to r")
    assert session.state is SNOWFLAKE.state


def test_a_repeated_statement_has_the_same_answer_and_changes_the_session() -> None:
    first, after = SNOWFLAKE.analyze("use schema elsewhere")
    again, after_again = SNOWFLAKE.analyze("use schema elsewhere")
    assert first is again
    assert after_again.schema == after.schema == "ELSEWHERE"


def test_an_answer_that_depends_on_the_last_query_is_not_cached() -> None:
    text = "select * from table(result_scan(last_query_id()))"
    one, _ = run(SNOWFLAKE, "select a from one", text)
    two, _ = run(SNOWFLAKE, "select a from two", text)
    assert (inputs(one), inputs(two)) == (["DB.PUBLIC.ONE"], ["DB.PUBLIC.TWO"])


def test_the_columns_of_a_session_are_bounded() -> None:
    session = SNOWFLAKE
    for i in range(255):
        session = session.after(Statement("create", effect="create", declared={f"T{i}": {"A": ""}}))
    assert len(session.state.columns) == 250
    assert "T254" in session.state.columns
    assert "T0" not in session.state.columns


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(DIALECTS))
def test_any_text_returns_a_session(text: str, dialect: str) -> None:
    statements, session = Session(dialect, "db", "s").analyze(text)
    assert session.dialect == dialect
    assert all(statement.kind in KINDS for statement in statements)


def test_values_of_variables_are_not_shown() -> None:
    _, session = run(SNOWFLAKE, "set pw = 'hunter2'")
    assert "hunter2" not in repr(session)


def test_a_script_beyond_its_effort_is_partial_and_its_end_is_read() -> None:
    writes = ";".join(f"insert into t{i} select a from s{i}" for i in range(12_000))
    *_, said, last = analyze(f"begin; {writes}; commit", dialect="postgres", columns=False)
    assert (said.confidence, said.reason) == ("partial", "the text is too long: its end was not read")
    assert last.sanitised == "commit"


def test_repeated_statements_of_a_script_meet_the_state_of_those_before() -> None:
    text = "insert into t select a from b; set search_path = x; insert into t select a from b"
    first, _, second = analyze(text, dialect="postgres", schema="s")
    assert [t.name for t in (*first.outputs, *second.outputs)] == ["s.t", "x.t"]


def test_statements_of_a_script_that_differ_in_values_only_are_analysed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def analyze_piece(piece: Piece, context: Context, effort: Effort) -> tuple[Statement, ...]:
        seen.append(piece.text)
        return ()

    monkeypatch.setattr("prefect_lineage_events.sql.script_reader.analyze_piece", analyze_piece)
    Session("postgres").analyze(";".join(f"insert into t values ({i}, 'x{i}')" for i in range(100)))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("tsql", "\n".join(f"insert into t{i} select a from s{i}" for i in range(8_000))),
        ("oracle", "begin\n" + "".join(f"insert into t{i} select a from s{i};\n" for i in range(8_000)) + "end;"),
        ("snowflake", "".join(f"select a{i};" for i in range(30_000))),
        ("snowflake", " ->> ".join(f"select a{i} from t" for i in range(10_000))),
    ],
)
def test_statements_within_a_statement_have_the_limit_of_a_script(dialect: str, text: str) -> None:
    found = analyze(text, dialect=dialect, columns=False)
    assert 100 < len(found) < 8_000
    assert {s.reason for s in found if s.confidence == "partial"} == {"the text is too long: its end was not read"}


def test_repeated_statements_do_not_hide_an_unread_end() -> None:
    *_, last = analyze("insert into a select b from c;\n" * 30_000, dialect="postgres", columns=False)
    assert (last.confidence, last.reason) == ("partial", "the text is too long: its end was not read")


@pytest.mark.parametrize(
    ("texts", "outputs", "confidence"),
    [
        (["create table if not exists t as select a from s"], ["t"], "partial"),
        (["create table if not exists t (a int)"], ["t"], "exact"),
        (["create table t (b int)", "create table if not exists t as select a from s"], [], "exact"),
        (["create temp table t (b int)", "create temp table if not exists t as select a from s"], [], "exact"),
        (["create table t (b int)", "drop table t", "create table if not exists t (a int)"], ["t"], "exact"),
        (["create table t (b int)", "create table if not exists u as select a from s"], ["u"], "partial"),
    ],
)
def test_create_if_not_exists_does_not_replace_a_known_table(
    texts: list[str], outputs: list[str], confidence: str
) -> None:
    statement, _ = run(Session("mysql"), *texts)
    assert ([t.name for t in statement.outputs], statement.confidence) == (outputs, confidence)
    assert outputs or not statement.inputs


def test_create_if_not_exists_keeps_known_columns() -> None:
    texts = ["create table t (b int)", "create table if not exists t (a int)", "create table u as select * from t"]
    statement, _ = run(Session("mysql"), *texts)
    assert edges(statement) == {("t.b", "b")}
