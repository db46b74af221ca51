"""Texts that differ only in values share one answer, and an ambiguous literal is never replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events.sql.parameterised import NUMBER, TEXT, parameterised_text
from prefect_lineage_events.sql.session import Session
from tests.sql.columns.cases_queries import QUERIES
from tests.sql.columns.cases_statements import STATEMENTS
from tests.sql.tables.case import all_cases

CORPUS = Path(__file__).parents[3] / "shared" / "sqlbench" / "corpus"

ALIKE = [
    ("INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (27, 'it''s, (so)')"),
    ("insert into t values (1, -2.5), (?, NULL);", "insert into t values (7, -3), (?, NULL);"),
    ("UPDATE t SET a = 'x', b = 2 WHERE id = 3", "UPDATE t SET a = 'y y', b = 20 WHERE id = 30"),
    ("DELETE FROM t WHERE day BETWEEN '2026-01-01' AND '2026-01-31'", "DELETE FROM t WHERE day BETWEEN '1' AND '2'"),
    ("SELECT a FROM t WHERE b IN (1, 2) AND c LIKE 'a%'", "SELECT a FROM t WHERE b IN (3, 4) AND c LIKE '%b'"),
    (
        'INSERT INTO "O\'s" SELECT a FROM "it\'s" WHERE "b" <> 1 AND c >= 2',
        'INSERT INTO "O\'s" SELECT a FROM "it\'s" WHERE "b" <> 8 AND c >= 9',
    ),
]
APART = [
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE c = 1"),
    ("INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1)"),
    ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ('1')"),
    ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (NULL)"),
    ("SELECT a = 1 FROM t WHERE b = 1", "SELECT a = 2 FROM t WHERE b = 1"),  # the column may be called like that
    ("SELECT a FROM t WHERE b = 1 GROUP BY 1", "SELECT a FROM t WHERE b = 1 GROUP BY 2"),
    ("SELECT a FROM t WHERE b->>'x' = 1", "SELECT a FROM t WHERE b->>'y' = 1"),
]
LEFT_ALONE = [
    "SELECT \0n FROM t WHERE a = 1",
    "SELECT a FROM t",
    "SET search_path = 'x'",
    "CREATE TABLE t (a INT) LOCATION 's3://bucket/1'",
    "COPY INTO t FROM @stage FILE_FORMAT = 'csv'",
    "SELECT a FROM t -- where it's\nWHERE b = 1",
    "SELECT a FROM t WHERE b = 'it\\'s' AND c = 1",
    "SELECT a FROM t WHERE b = $$x$$ AND c = 1",
    "UPDATE t SET place = 's3://bucket/file.csv'",
    "INSERT INTO t VALUES (nextval('seq'))",
    "SELECT * FROM t PIVOT (SUM(a) FOR b IN ('x', 'y')) WHERE c = 1",
    "DELETE FROM t WHERE a = 1; DELETE FROM u WHERE a = 1",
    "SELECT a FROM read_csv('x.csv')",
    f"SELECT a FROM t WHERE b = 1 AND {' AND '.join(['c = d'] * 2_000)}",
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_texts_that_differ_in_values_are_one(one: str, other: str) -> None:
    assert parameterised_text(one, "postgres") == parameterised_text(other, "postgres") is not None


@pytest.mark.parametrize(("one", "other"), APART)
def test_texts_with_different_meanings_are_two(one: str, other: str) -> None:
    assert (parameterised_text(one, "postgres") or one) != (parameterised_text(other, "postgres") or other)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_a_text_with_ambiguous_literals_is_not_parameterised(text: str) -> None:
    assert parameterised_text(text, "postgres") is None


def test_calls_with_locations_after_an_equals_sign_are_not_parameterised() -> None:
    assert parameterised_text("SELECT a FROM s3(bucket, url = 'x') WHERE b = 1", "clickhouse") is None


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were not answered from the cache."""
    texts: list[str] = []
    analyze = Session._analyze

    def noted(self: Session, sql: str, *rest: Any) -> Any:
        texts.append(sql)
        return analyze(self, sql, *rest)

    monkeypatch.setattr(Session, "_analyze", noted)
    return texts


def test_an_answer_is_shared(analysed: list[str]) -> None:
    texts = [f"INSERT INTO shared_answers (a, b) VALUES ({i}, 'n{i}')" for i in range(100)]

    answers = [Session("sqlite").analyze(text)[0] for text in texts]

    assert analysed == texts[:1]
    assert all(answer is answers[0] for answer in answers)
    assert "n0" not in answers[0][0].sanitised


def test_a_doubtful_answer_is_not_shared(analysed: list[str]) -> None:
    texts = [f"SELECT a FROM not_shared JOIN WHERE b = {i}" for i in range(3)]

    for text in texts:
        Session("postgres").analyze(text)

    assert analysed == texts


def test_a_text_with_other_values_has_the_same_answer() -> None:
    """All values replaced, in every case of the tables, and in the corpus beside the repository if it exists."""
    texts = [(dialect, case.sql) for dialect, _, case in all_cases()]
    texts += [(case.dialect, case.sql) for table in (QUERIES, STATEMENTS) for group in table.values() for case in group]
    for corpus in sorted(CORPUS.glob("*.jsonl")):
        rows = map(json.loads, corpus.read_text(encoding="utf-8").splitlines())
        texts += [(row["dialect"], row["sql"]) for row in rows]
    patterns = [(dialect, text, p) for dialect, text in texts if (p := parameterised_text(text, dialect)) is not None]

    assert len(patterns) > 25
    for dialect, text, pattern in patterns:
        session = Session(dialect, "DB", "SCHEMA")
        like = pattern.replace(TEXT, "''").replace(NUMBER, "0")
        assert session._analyze(text, True, {})[0] == session._analyze(like, True, {})[0], text
