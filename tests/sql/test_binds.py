"""Binds of every driver's style: statements with them have the same answer as those with values."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze

EVERYWHERE = ["?", ":1", ":name", "%s", "%(name)s"]
# The styles of each store's drivers (peps.python.org/pep-0249, and what they have beside it).
STYLES = {
    "postgres": [*EVERYWHERE, "$1", "%b"],
    "redshift": [*EVERYWHERE, "$1"],
    "materialize": [*EVERYWHERE, "$1"],
    "duckdb": ["?", "$1", "$name", "?1"],
    "sqlite": ["?", "?1", ":name", "@name", "$name"],
    "mysql": ["?", "%s", "%(name)s", ":name"],
    "snowflake": EVERYWHERE,
    "bigquery": ["?", "@name", "%s", "%(name)s", "%(name:STRING)s", "%(name:ARRAY<INT64>)s", "%(:STRING)s"],
    "oracle": [":1", ":name"],
    "tsql": ["?", "@name", "%s", "%(name)s"],
    "clickhouse": ["{name:UInt8}", "{name:Array(String)}", "%s", "%(name)s", "$1"],
    "databricks": ["?", ":name", "%s", "%(name)s"],
    "trino": ["?", ":name", "%s"],
    "teradata": ["?"],
    "": [*EVERYWHERE, "$1", "@name"],
}
CASES = [(dialect, style) for dialect, styles in STYLES.items() for style in styles]


def lower(names: object) -> list[str]:
    return [str(name).lower() for name in names]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("dialect", "style"), CASES)
def test_values_that_are_inserted(dialect: str, style: str) -> None:
    (statement,) = analyze(f"insert into t (a,b) values ({style},{style})", dialect=dialect)
    assert (statement.confidence, lower(t.name for t in statement.outputs)) == ("exact", ["t"])
    assert lower(*statement.bound.values()) == ["a", "b"]


@pytest.mark.parametrize(("dialect", "style"), CASES)
def test_values_in_a_query(dialect: str, style: str) -> None:
    sql = f"select a,{style} as x from s where b={style} and c in ({style},{style}) and d between {style} and {style}"
    (statement,) = analyze(sql, dialect=dialect)
    assert statement.confidence == "exact"
    assert lower(f"{e.target_column} {e.source.name}.{e.source_column}" for e in statement.columns) == ["a s.a"]
    assert set(lower(e.source_column for e in statement.indirect)) == {"b", "c", "d"}


@pytest.mark.parametrize(("dialect", "style"), CASES)
def test_values_that_are_assigned(dialect: str, style: str) -> None:
    (statement,) = analyze(f"update t set a={style},b={style} where c={style}", dialect=dialect)
    assert (statement.confidence, lower(t.name for t in statement.outputs)) == ("exact", ["t"])
    assert not statement.columns


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "select a[1:2] as x, a[:2] as y from t"),
        ("duckdb", "select a[1:2] as x, {'k':1} as y, a[2 :3] as z from t"),
        ("postgres", "select $tag$ it's $1,$2 $tag$ as x, a from t"),
        ("postgres", "select $$ $1,$2 $$ as x, a from t where b = $1"),
        ("mysql", "select $1, a % s as x from t"),
    ],
)
def test_signs_that_are_no_binds_are_unchanged(dialect: str, sql: str) -> None:
    (statement,) = analyze(sql, dialect=dialect)
    assert (statement.confidence, [t.name for t in statement.inputs]) == ("exact", ["t"])
    assert "a" in {edge.source_column for edge in statement.columns}


@pytest.mark.parametrize("style", ["?", ":1", "$1,$2", "%s", "%(a:STRING)s"])
def test_binds_are_hidden(style: str) -> None:
    (statement,) = analyze(f"select a from t where b in ({style})", dialect="postgres")
    assert statement.sanitised in ("select a from t where b in (?)", "select a from t where b in (?,?)")
