"""Words with a rule of their own in this room are names of tables if a store allows them, as the store itself shows."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import duckdb
import pytest

from prefect_lineage_events import sql
from prefect_lineage_events.sql import analyze

STATEMENTS = [
    "create table {w} (a int)",
    "create table {w} as select * from src",
    "create view {w} as select * from src",
    "insert into {w} select * from src",
    "insert into {w} values (1)",
    "select * from {w}",
    "select a from src join {w} on src.a = {w}.a",
    "select * from (select * from {w} where a = 1) z",
    "update {w} set a = 1",
    "delete from {w} where a = 1",
    "drop table if exists {w}",
    "alter table {w} add column b int",
    "create table tgt as select * from {w} where a > 1",
]
# Names that are read as something else where they stand alone; no table has such a name.
EXCEPTIONS = {"UNNEST", "VALUES", "OUTER", "LATERAL", "WITH", "ONLY", "DESCRIBE", "FETCH", "QUALIFY", "TABLESAMPLE"}


def special_words() -> list[str]:
    """Every word in capitals in the room's code."""
    sources = [path.read_text(encoding="utf-8") for path in Path(sql.__file__).parent.rglob("*.py")]
    return sorted({word for source in sources for word in re.findall(r'"([A-Z][A-Z_]+)"', source)} - EXCEPTIONS)


@lru_cache(maxsize=1)
def allowed_by_duckdb() -> list[str]:
    words = []
    with closing(duckdb.connect()) as connection:
        for word in special_words():
            try:
                connection.execute(f"create table {word} (a int)")
                connection.execute(f"select * from {word}")
                words.append(word)
            except duckdb.Error:
                continue
    return words


@lru_cache(maxsize=1)
def allowed_by_sqlite() -> list[str]:
    words = []
    with closing(sqlite3.connect(":memory:")) as connection:
        for word in special_words():
            try:
                connection.execute(f"create table {word} (a int)")
                connection.execute(f"select * from {word}")
                words.append(word)
            except sqlite3.Error:
                continue
    return words


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
def test_a_word_is_a_name_if_the_store_accepts_it_as_one(dialect: str, statement: str) -> None:
    words = allowed_by_duckdb() if dialect == "duckdb" else allowed_by_sqlite()
    assert len(words) > 200
    wrong = {}
    for word in words:
        found = {
            t.name.lower()
            for s in analyze(statement.format(w=word.lower()), dialect=dialect, columns=False)
            for t in (*s.inputs, *s.outputs)
        }
        expected = {word.lower(), *re.findall(r"\b(?:src|tgt)\b", statement)}
        if found != expected:
            wrong[word] = found
    assert not wrong
