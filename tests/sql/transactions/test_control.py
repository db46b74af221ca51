"""Texts that control a transaction, by dialect."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.model import Control


def control(sql: str, dialect: str = "postgres") -> Control | None:
    [statement] = analyze(sql, dialect=dialect)
    return statement.control


@pytest.mark.parametrize(
    ("sql", "step", "name"),
    [
        ("BEGIN", "begin", ""),
        ("begin transaction;", "begin", ""),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "begin", ""),
        ("START TRANSACTION READ WRITE", "begin", ""),
        ("COMMIT", "commit", ""),
        ("END TRANSACTION", "commit", ""),
        ("commit work ;", "commit", ""),
        ("/* it is good */ COMMIT -- so", "commit", ""),
        ("ROLLBACK", "rollback", ""),
        ("ABORT", "rollback", ""),
        ("ROLLBACK TO SAVEPOINT a", "rollback_to", "a"),
        ('ROLLBACK TRANSACTION TO "A b"', "rollback_to", "A b"),
        ("ROLLBACK TO A", "rollback_to", "a"),
        ("SAVEPOINT a;", "savepoint", "a"),
        ('SAVEPOINT "it\'s"', "savepoint", "it's"),
        ("RELEASE a", "release", "a"),
        ("RELEASE SAVEPOINT a", "release", "a"),
        ("PREPARE TRANSACTION 'shop 7'", "prepare", "shop 7"),
        ("COMMIT PREPARED 'shop 7'", "commit_prepared", "shop 7"),
        ("ROLLBACK PREPARED 'shop 7'", "rollback_prepared", "shop 7"),
    ],
)
def test_transaction_control_is_recognised(sql: str, step: str, name: str) -> None:
    assert control(sql) == Control(step, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("sql", ["COMMIT AND CHAIN", "ROLLBACK WORK AND CHAIN", "END AND CHAIN"])
def test_chain_begins_the_next_transaction(sql: str) -> None:
    found = control(sql)
    assert found is not None
    assert found.chain


@pytest.mark.parametrize("sql", ["COMMIT AND NO CHAIN", "ROLLBACK AND NO CHAIN"])
def test_no_chain_begins_none(sql: str) -> None:
    found = control(sql)
    assert found is not None
    assert not found.chain


@pytest.mark.parametrize(
    ("dialect", "sql", "step", "name"),
    [
        ("sqlite", "BEGIN IMMEDIATE", "begin", ""),
        ("sqlite", "SAVEPOINT 'One'", "savepoint", "one"),
        ("tsql", "BEGIN TRAN load", "begin", ""),
        ("tsql", "SAVE TRANSACTION Here", "savepoint", "Here"),
        ("tsql", "ROLLBACK TRAN Here", "rollback", "Here"),
        ("tsql", "COMMIT TRANSACTION load", "commit", ""),
        ("mysql", "SAVEPOINT `One`", "savepoint", "one"),
        ("mysql", "ROLLBACK WORK TO one", "rollback_to", "one"),
        ("mysql", "XA START 'x'", "begin", ""),
        ("mysql", "XA PREPARE 'x'", "prepare", "x"),
        ("mysql", "XA COMMIT 'x'", "commit_prepared", "x"),
        ("mysql", "XA COMMIT 'x' ONE PHASE", "commit", ""),
        ("oracle", "SAVEPOINT one", "savepoint", "ONE"),
        ("snowflake", "BEGIN NAME t1", "begin", ""),
        ("teradata", "BT", "begin", ""),
        ("teradata", "ET", "commit", ""),
        ("duckdb", "ABORT", "rollback", ""),
    ],
)
def test_each_dialects_spelling_of_control_is_recognised(dialect: str, sql: str, step: str, name: str) -> None:
    assert control(sql, dialect) == Control(step, name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT 1"),
        ("postgres", "PREPARE p AS SELECT 1"),
        ("snowflake", "END"),
        ("oracle", "BEGIN"),
        ("oracle", "END"),
        ("tsql", "BEGIN"),
        ("mysql", "START REPLICA"),
        ("", "END IF"),
    ],
)
def test_statements_that_only_begin_like_control_are_none(dialect: str, sql: str) -> None:
    assert control(sql, dialect) is None


def test_begin_of_a_block_is_none() -> None:
    statements = analyze("BEGIN INSERT INTO t SELECT 1; END", dialect="snowflake")
    assert [s.control for s in statements] == [None] * len(statements)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "CREATE TABLE t (a INT)"),
        ("mysql", "CREATE INDEX i ON t (a)"),
        ("mysql", "DROP TABLE t"),
        ("mysql", "TRUNCATE t"),
        ("mysql", "RENAME TABLE a TO b"),
        ("mysql", "LOCK TABLES t WRITE"),
        ("mysql", "GRANT SELECT ON t TO u"),
        ("mysql", "SET autocommit = 1"),
        ("oracle", "CREATE GLOBAL TEMPORARY TABLE t (a INT)"),
        ("oracle", "COMMENT ON TABLE t IS 'x'"),
        ("oracle", "TRUNCATE TABLE t"),
        ("redshift", "TRUNCATE t"),
        ("snowflake", "CREATE TEMPORARY TABLE t (a INT)"),
        ("snowflake", "ALTER TABLE t ADD COLUMN b INT"),
    ],
)
def test_statements_that_commit_implicitly_are_recognised(dialect: str, sql: str) -> None:
    assert [s.commits for s in analyze(sql, dialect=dialect)] == [True]


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "CREATE TEMPORARY TABLE t (a INT)"),
        ("mysql", "DROP TEMPORARY TABLE t"),
        ("mysql", "INSERT INTO t SELECT 1"),
        ("mysql", "SET autocommit = 0"),
        ("oracle", "CREATE PRIVATE TEMPORARY TABLE ora$ptt_t (a INT)"),
        ("oracle", "ALTER SESSION SET CURRENT_SCHEMA = s"),
        ("postgres", "CREATE TABLE t (a INT)"),
        ("postgres", "TRUNCATE t"),
        ("snowflake", "ALTER SESSION SET QUERY_TAG = 'x'"),
        ("sqlite", "DROP TABLE t"),
        ("tsql", "DROP TABLE t"),
    ],
)
def test_other_statements_do_not_commit(dialect: str, sql: str) -> None:
    assert [s.commits for s in analyze(sql, dialect=dialect)] == [False]


@pytest.mark.parametrize(
    ("dialect", "sql", "may"),
    [
        ("oracle", "CALL load()", True),
        ("mysql", "CALL load()", True),
        ("tsql", "EXEC dbo.load @day = 1", True),
        ("postgres", "CALL load()", False),
        ("snowflake", "CALL load()", False),
    ],
)
def test_a_procedure_may_end_its_callers_transaction(dialect: str, sql: str, may: bool) -> None:
    assert [s.may_end_transaction for s in analyze(sql, dialect=dialect)] == [may]


@pytest.mark.parametrize(
    ("dialect", "text", "may"),
    [
        ("tsql", "exec p", True),
        ("tsql", "exec @r = dbo.p 1", True),
        ("tsql", "dbo.load_marts", True),
        ("tsql", "load_marts 1, 'x'", True),
        ("tsql", "print 'x'", False),
        ("tsql", "exec ('select 1')", False),
        ("oracle", "begin load_marts; end;", True),
        ("oracle", "begin etl.load_marts(1, 'x'); end;", True),
        ("oracle", "begin dbms_output.put_line('x'); end;", False),
        ("oracle", "declare n number; begin n := 1; end;", False),
        ("mysql", "call p()", True),
        ("postgres", "call p()", False),
        ("snowflake", "call p()", False),
    ],
)
def test_a_called_procedure_may_end_the_transaction(dialect: str, text: str, may: bool) -> None:
    assert any(s.may_end_transaction for s in analyze(text, dialect=dialect)) is may


@pytest.mark.parametrize("dialect", ["oracle", "snowflake", "databricks"])
@pytest.mark.parametrize("step", ["commit", "rollback"])
def test_a_statement_after_the_head_of_a_block_may_end_the_transaction(dialect: str, step: str) -> None:
    statements = analyze(f"begin {step}; end;", dialect=dialect)
    assert [s.control.step for s in statements if s.control is not None] == [step]
