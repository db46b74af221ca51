"""Tests of the statements that are parsed, and of those that are not."""

from __future__ import annotations

import logging
import subprocess
import sys
from inspect import getattr_static

import pytest
from sqlglot.dialects.dialect import Dialect

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.splitting.statements import split
from prefect_lineage_events.sql.tables import metered_parser
from prefect_lineage_events.sql.tables.parser import MAX_DEPTH, parse


def _parse(sql: str, dialect: str = "snowflake"):
    (piece,) = split(sql, dialect)
    assert piece.tokens is not None
    return parse(piece.tokens, piece.prepared, dialect)


def test_a_query_has_a_tree():
    tree, reason = _parse("select a from t")
    assert tree is not None
    assert reason == ""


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        pytest.param("select " + "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "nested", id="parentheses"),
        pytest.param(
            "select " + "case when a then " * (MAX_DEPTH + 1) + "1" + " end" * (MAX_DEPTH + 1), "nested", id="CASE"
        ),
        *(
            pytest.param(text * (MAX_DEPTH + 1), "nested", id=text)
            for text in (
                "from ",
                "from select a ",
                "from lateral ",
                "from describe ",
                "from t, ",
                "select a from t, ",
                "select a from t cross apply ",
            )
        ),
        pytest.param("select * from t" + " join t" * 30, "joins without conditions", id="joins without ON"),
        pytest.param(
            "select * from t" + " left join t using" * 30, "joins without conditions", id="USING without columns"
        ),
        pytest.param("select " + "array[" * 30 + "1" + "]" * 30, "types are nested", id="arrays in arrays"),
        pytest.param("select " + "decimal(" * 30 + "1" + ")" * 30, "types are nested", id="types as functions"),
        pytest.param("select a as b, " + "if " * 30 + "c as d from t", "IFs without", id="IF without parentheses"),
        pytest.param("select a, b from from from from t where where x = 1 group", "does not parse", id="no SQL"),
    ],
)
def test_texts_beyond_the_parsers_limits_are_refused_with_the_reason(sql: str, reason: str):
    tree, why = _parse(sql, "oracle")
    assert tree is None
    assert reason in why


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t0 " + " ".join(f"join t{i} on t{i}.k = t0.k" for i in range(1, 40)),
        "select * from t0 " + " ".join(f"join t{i} using (k)" for i in range(1, 40)),
        "select * from t0 " + " ".join(f"cross join t{i}" for i in range(1, 40)),
        "select " + ", ".join(f"decimal(a{i})" for i in range(40)) + " from t",
        "select " + ", ".join(f"if(a{i}, 1, 2)" for i in range(40)) + " from t",
    ],
)
def test_long_statements_do_not_count_as_deep(sql: str):
    tree, reason = _parse(sql)
    assert tree is not None, reason


def test_the_parser_never_writes_a_statement_to_the_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        assert _parse("create secure recursive view v copy grants as select 'secret' from t")[0] is None
    assert "secret" not in caplog.text
    assert not caplog.records


def test_the_parser_still_warns_other_callers(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, logger="sqlglot"):
        logging.getLogger("sqlglot").warning("for others")
    assert "for others" in caplog.text


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("update low_priority ignore t set a = 1", "mysql"),
        ("delete quick from t where a = 1", "mysql"),
        ("replace into t select * from s", "mysql"),
        ("update or replace t set a = 1", "sqlite"),
        ("delete top (5) percent from t", "tsql"),
        ("merge with schema evolution into t using s on t.a = s.a when matched then delete", "databricks"),
    ],
)
def test_options_between_a_verb_and_its_target_do_not_hide_the_target(sql: str, dialect: str):
    tree, _ = _parse(sql, dialect)
    assert tree is not None
    assert [t.name for t in tree.find_all(type(tree.this)) if t.name == "t"]


@pytest.mark.parametrize("chain", ["[1]", "['k']", "[a]"])
def test_a_parser_that_takes_too_long_is_stopped_and_the_words_are_read(chain: str) -> None:
    """A nested subscript costs sqlglot as much as all those before it."""
    (statement,) = analyze(f"insert into u select a{chain * 5_000} from t", dialect="postgres", schema="s")
    assert (statement.confidence, statement.reason) == ("recovered", "read from its words: the parser took too long")
    assert [t.name for t in (*statement.inputs, *statement.outputs)] == ["s.t", "s.u"]


def test_sqlglot_does_not_know_of_the_metered_dialects() -> None:
    before = dict(Dialect.classes)
    analyze("select a from t", dialect="drill")
    assert before == Dialect.classes
    assert Dialect.get_or_raise("drill").__class__ is Dialect.get("drill")


@pytest.mark.parametrize("attribute", metered_parser._ATTRIBUTES)
def test_sqlglots_dialects_have_the_metered_attributes(attribute: str) -> None:
    """An attribute that sqlglot removed would silently no longer count."""
    assert hasattr(Dialect, attribute)
    assert isinstance(getattr_static(type(metered_parser.parser("postgres", 1).dialect), attribute), property)


@pytest.mark.parametrize("text", ["SELECT a FROM t WHERE b = 1", "SELECT CAST(a AS INT) FROM t JOIN u USING (b)"])
def test_the_parser_reads_the_metered_attributes(text: str) -> None:
    parser = metered_parser.parser("postgres", 20)
    before = metered_parser._meter.left
    parser.parse(parser.dialect.tokenize(text), text)
    assert before - metered_parser._meter.left > 5


def test_the_time_limit_restarts_after_a_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1, 1_000))
    monkeypatch.setattr(metered_parser.time, "thread_time", lambda: float(next(clock)))
    collections = iter([0, 1, 2, 3])
    monkeypatch.setattr(metered_parser, "_collections", lambda: next(collections))
    metered_parser.parser("postgres", 1)
    for _ in range(4):
        metered_parser._meter.check()


@pytest.mark.parametrize("collected", [False, True])
def test_the_parser_is_stopped_despite_garbage_collections(monkeypatch: pytest.MonkeyPatch, *, collected: bool) -> None:
    clock, collections = iter(range(1, 1_000)), iter(range(1_000))
    monkeypatch.setattr(metered_parser.time, "thread_time", lambda: float(next(clock)))
    monkeypatch.setattr(metered_parser, "_collections", lambda: next(collections) if collected else 0)
    metered_parser.parser("postgres", 1)
    with pytest.raises(metered_parser.ParserStopped):
        for _ in range(10):
            metered_parser._meter.check()


@pytest.mark.parametrize(
    "chain",
    [
        *(prefix * 12_000 for prefix in ("NOT ", "- ", "~ ", "NOT - ", "EXISTS NOT ")),
        *(arrow * 1_000 for arrow in ("a -> ", "a ->> ", "a #> ", "a -> (b) -> ", "a -> f(1, 2) -> ")),
    ],
    ids=lambda chain: chain[:16],
)
def test_chains_crash_no_program_that_has_raised_the_recursion_limit(chain: str) -> None:
    program = (
        "import sys\n"
        "from prefect_lineage_events.sql import analyze\n"
        "sys.setrecursionlimit(1_000_000)\n"
        "print(*(one.reason for one in analyze(sys.stdin.read(), dialect='')))\n"
    )
    text = f"SELECT {chain} a FROM t"
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, "it is nested too deeply" in done.stdout) == (0, True), done.stderr[:500]


@pytest.mark.parametrize(
    ("sql", "dialect", "replaces"),
    [
        ("CREATE OR REPLACE TABLE t AS SELECT a FROM s", "duckdb", True),
        ("create or replace transient table t clone s", "snowflake", True),
        ("CREATE OR REPLACE EXTERNAL TABLE d.t (a INT64) OPTIONS (format = 'CSV')", "bigquery", True),
        ("CREATE TABLE t AS SELECT a FROM s", "duckdb", False),
        ("CREATE TABLE IF NOT EXISTS t (a int)", "snowflake", False),
        ("CREATE OR REPLACE VIEW v AS SELECT a FROM s", "postgres", False),
    ],
)
def test_a_statement_says_that_it_replaces_a_table(sql: str, dialect: str, replaces: bool) -> None:
    (statement,) = analyze(sql, dialect=dialect)
    assert statement.or_replace is replaces


@pytest.mark.parametrize("arrow", ["->", "->>", "#>"])
def test_many_short_chains_of_arrows_are_parsed(arrow: str) -> None:
    conditions = " AND ".join(f"doc {arrow} 'k{i}' {arrow} 'l' = '1'" for i in range(400))
    columns = ", ".join(f"f(doc {arrow} 'k{i}', doc {arrow} 'l') AS c{i}" for i in range(400))
    [statement] = analyze(f"SELECT {columns} FROM t WHERE {conditions}", dialect="postgres")
    assert (statement.confidence, len(statement.result_columns)) == ("exact", 400)
