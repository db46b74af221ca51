"""One table has one name, by each store's rules."""

from __future__ import annotations

import pytest

from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.identifiers import complete, split_identifier


@pytest.mark.parametrize(
    ("dialect", "plain", "quoted"),
    [
        ("snowflake", "TAB", "Tab"),
        ("oracle", "TAB", "Tab"),
        ("postgres", "tab", "Tab"),
        ("redshift", "tab", "tab"),
        ("sqlite", "tab", "tab"),
        ("duckdb", "tab", "tab"),
        ("tsql", "tab", "tab"),
        ("trino", "tab", "tab"),
        ("databricks", "tab", "tab"),
        ("bigquery", "Tab", "Tab"),
        ("mysql", "Tab", "Tab"),
        ("a dialect that nobody knows", "Tab", "Tab"),
    ],
)
def test_a_name_is_in_the_case_in_which_the_store_keeps_it(dialect: str, plain: str, quoted: str):
    assert (fold("Tab", False, dialect), fold("Tab", True, dialect)) == (plain, quoted)


@pytest.mark.parametrize(
    ("context", "parts", "full"),
    [
        (Context("snowflake", "D", "S"), ("T",), ("D", "S", "T")),
        (Context("snowflake", "D", "S"), ("X", "T"), ("D", "X", "T")),
        (Context("snowflake", "D", "S"), ("C", "X", "T"), ("C", "X", "T")),
        (Context("snowflake", "D"), ("T",), ("D", "T")),
        (Context("snowflake", None, "S"), ("T",), ("S", "T")),
        (Context("snowflake"), ("D", "", "T"), ("D", "PUBLIC", "T")),
        (Context("tsql", "d", "dbo"), ("x", "", "t"), ("x", "dbo", "t")),
        (Context("tsql"), ("x", "", "t"), ("x", "t")),
        (Context("tsql", "Db", "Dbo"), ("t",), ("db", "dbo", "t")),
        (Context("mysql", "shop"), ("t",), ("shop", "t")),
        (Context("mysql", "shop"), ("other", "t"), ("other", "t")),
    ],
)
def test_missing_parts_of_a_name_come_from_the_connection(context: Context, parts: tuple, full: tuple):
    assert complete(parts, context) == full


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("t", ("T",)),
        ('db.sch."My T"', ("DB", "SCH", "My T")),
        ('"a""b".c', ('a"b', "C")),
        ('"a.b"', ("a.b",)),
        ("db..t", ("DB", "", "T")),
        ("", ()),
        ("a b", ()),
        ("a.", ()),
        ('"open', ()),
        ("select 1", ()),
    ],
)
def test_a_name_in_a_text_is_split_as_the_store_would(text: str, parts: tuple):
    assert split_identifier(text, "snowflake") == parts


@pytest.mark.parametrize(
    ("dialect", "name", "expected", "confidence"),
    [
        ("tsql", "db2..t", "db2.dbo.t", "exact"),
        ("tsql", "..t", "d.dbo.t", "exact"),
        ("tsql", "...t", "d.dbo.t", "exact"),
        ("tsql", "..s.t", "d.s.t", "exact"),
        ("tsql", "[db2]..[t]", "db2.dbo.t", "exact"),
        ("tsql", "srv.db2.s.t", "srv.db2.s.t", "exact"),
        ("tsql", "srv.db2..t", "srv.db2.dbo.t", "partial"),
        ("tsql", "srv..s.t", "", "partial"),
        ("tsql", "srv...t", "", "partial"),
        ("fabric", "srv...t", "", "partial"),
        ("snowflake", "db2..t", "DB2.PUBLIC.T", "exact"),
        ("snowflake", '"db2".."t"', "db2.PUBLIC.t", "exact"),
        ("snowflake", "identifier('db2..t')", "DB2.PUBLIC.T", "exact"),
        ("snowflake", "@db2..st/f", "@DB2.PUBLIC.ST/f", "exact"),
    ],
)
@pytest.mark.parametrize("text", ["select * from {}", "select 1 from {} where +"])
def test_parts_that_a_name_leaves_out(dialect: str, name: str, expected: str, confidence: str, text: str) -> None:
    database, schema = ("d", "dbo") if dialect != "snowflake" else ("D", "S")
    (statement,) = analyze(text.format(name), dialect=dialect, database=database, schema=schema, columns=False)
    doubt = "recovered" if "+" in text and confidence == "exact" else confidence
    assert ([t.name for t in statement.inputs], statement.confidence) == ([expected] if expected else [], doubt)
    assert bool(statement.reason) == (doubt != "exact")
