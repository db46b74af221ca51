"""Names in double quotes that SQLite takes for texts, and those that remain names."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from tests.sql.redaction.sanitised import sanitise


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "a", max("b") AS "c" FROM "t" JOIN "u" ON "t"."a" = "u"."b" GROUP BY "a"',
        'INSERT INTO "t" ("a", "b") SELECT "a", "b" FROM "u"',
        'CREATE TABLE "t" ("a" INTEGER, "b" TEXT, PRIMARY KEY ("a", "b"))',
        'WITH "c" ("a") AS (VALUES (?)), "d" ("b") AS (SELECT "x" FROM "y") SELECT "a" FROM "c", "d"',
    ],
)
def test_quoted_names_are_not_taken_for_texts(sql: str) -> None:
    assert sanitise(sql, "sqlite") == sql


def test_a_quoted_name_after_the_values_of_an_insert_is_no_text() -> None:
    sql = 'INSERT INTO t ("a") VALUES ("x"), ("y") ON CONFLICT ("a") DO UPDATE SET "b" = excluded."b"'
    assert (
        sanitise(sql, "sqlite") == 'INSERT INTO t ("a") VALUES (?) ON CONFLICT ("a") DO UPDATE SET "b" = excluded."b"'
    )


def test_a_text_in_double_quotes_is_no_column() -> None:
    (statement,) = analyze('INSERT INTO t SELECT a FROM u WHERE b = "text"', dialect="sqlite")
    assert {edge.source_column for edge in (*statement.columns, *statement.indirect)} == {"a", "b"}


def test_other_dialects_have_names_in_double_quotes() -> None:
    assert sanitise('SELECT a FROM t WHERE b = "c"', "postgres") == 'SELECT a FROM t WHERE b = "c"'
