"""Properties of any query: laws of SQL that lineage must obey, and guarantees to the caller."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.errors import SqlglotError

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.columns import column_edges
from prefect_lineage_events.sql.model import DIRECT, TableRef
from tests.sql.columns.case import Case, written
from tests.sql.columns.cases_queries import QUERIES
from tests.sql.columns.cases_statements import STATEMENTS
from tests.sql.columns.cases_structs import STRUCTS

ALL = [case for table in (QUERIES, STRUCTS, STATEMENTS) for cases in table.values() for case in cases]
# Queries that may stand in parentheses, with every output named and known, so that all of it can be asked for again.
CLOSED = [
    case
    for cases in (*QUERIES.values(), *STRUCTS.values())
    for case in cases
    if case.sql.startswith(("select", "with"))
    and all(name and name != "*" for statement in case.analyse() for name in statement.result_columns)
]


def edges(case: Case, sql: str) -> set[str]:
    """The edges of a text in a case's dialect and schemas."""
    statements = analyze(sql, dialect=case.dialect, schemas=case.schemas or None, columns=True)
    return {line for statement in statements for line in written(statement.columns, "<-")}


@pytest.mark.parametrize("case", CLOSED, ids=lambda case: case.name)
@pytest.mark.parametrize(
    "around",
    [
        lambda sql: f"select * from ({sql}) q_",
        lambda sql: f"select q_.* from ({sql}) as q_",
        lambda sql: f"with q_ as ({sql}) select * from q_",
        lambda sql: f"({sql})",
    ],
    ids=["subquery", "qualified", "CTE", "parentheses"],
)
def test_a_query_around_a_query_changes_no_edge(case: Case, around: Callable[[str], str]) -> None:
    assert edges(case, around(case.sql)) == edges(case, case.sql)


@pytest.mark.parametrize("case", CLOSED, ids=lambda case: case.name)
def test_a_union_with_itself_changes_no_edge(case: Case) -> None:
    assert edges(case, f"({case.sql}) union all ({case.sql})") == edges(case, case.sql)


@pytest.mark.parametrize("case", [c for c in CLOSED if c.dialect != "tsql"], ids=lambda case: case.name)
def test_a_query_in_place_of_a_table_has_the_same_edges(case: Case) -> None:
    made = {
        line.removeprefix("made_.").removeprefix("MADE_.") for line in edges(case, f"create table made_ as {case.sql}")
    }
    assert made == edges(case, case.sql)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_edges_name_only_tables_of_the_statement(case: Case) -> None:
    for statement in case.analyse():
        tables = {*statement.inputs, *statement.outputs, None}
        for edge in (*statement.columns, *statement.indirect):
            assert edge.source in tables
            assert edge.target in tables


def parsed(sql: str, dialect: str) -> list[exp.Expr | None]:
    try:
        return list(sqlglot.parse(sql, dialect=dialect or None))
    except (SqlglotError, RecursionError, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return []  # not ours: the parser


def resolve(table: exp.Table) -> TableRef | None:
    return TableRef((table.name,)) if table.name else None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.randoms(use_true_random=False))
def test_a_mutilated_tree_raises_nothing(case: Case, chance: random.Random) -> None:
    for tree in parsed(case.sql, case.dialect):
        if tree is None:
            continue
        nodes = list(tree.walk())
        for _ in range(chance.randint(1, 4)):
            node = chance.choice(nodes)
            if node.args:
                key = chance.choice(list(node.args))
                node.args[key] = chance.choice(
                    [None, [], "x", chance.choice(nodes).copy(), [chance.choice(nodes).copy()]]
                )
        result = column_edges(tree, resolve=resolve, schemas=case.schemas, dialect=case.dialect)
        assert result.edges == tuple(dict.fromkeys(result.edges))


words = st.sampled_from(
    [
        "select",
        "from",
        "where",
        "t",
        "u",
        "a",
        "b",
        "*",
        ",",
        "(",
        ")",
        "as",
        "x",
        "y",
        "join",
        "on",
        "=",
        "using",
        "with",
        "union",
        "all",
        "insert",
        "into",
        "values",
        "set",
        "update",
        "t.a",
        "u.*",
        "group",
        "by",
        "order",
        "1",
        "case",
        "when",
        "then",
        "end",
        "over",
        "partition",
        "max",
        "count",
        "merge",
        "matched",
        "not",
        "returning",
        "lateral",
        "unnest",
        "flatten",
        "pivot",
        "for",
        "in",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=25), st.sampled_from(["", "snowflake", "bigquery", "postgres", "tsql", "spark"]))
def test_words_in_any_order_raise_nothing(text: list[str], dialect: str) -> None:
    for tree in parsed("select " + " ".join(text), dialect):
        if tree is not None:
            column_edges(tree, resolve=resolve, dialect=dialect)


names = st.sampled_from(["a", "b", "c"])


@st.composite
def queries(draw: st.DrawFn, depth: int = 3) -> tuple[str, dict[str, set[str]]]:
    """A query over known tables, and the columns of `t` in each of its outputs x, y, computed beside it."""
    if depth == 0:
        first, second = draw(names), draw(names)
        return f"select {first} as x, {second} as y from t", {"x": {first}, "y": {second}}
    sql, made = draw(queries(depth=depth - 1))
    other, made_too = draw(queries(depth=depth - 1))
    shape = draw(st.integers(0, 5))
    if shape == 0:
        return f"select y as x, x as y from ({sql}) q", {"x": made["y"], "y": made["x"]}
    if shape == 1:
        return f"select x + y as x, 1 as y from ({sql}) q", {"x": made["x"] | made["y"], "y": set()}
    if shape == 2:
        return f"({sql}) union all ({other})", {k: made[k] | made_too[k] for k in "xy"}
    if shape == 3:
        return f"with q as ({sql}), r as ({other}) select q.x, r.y from q join r on q.x = r.x", {
            "x": made["x"],
            "y": made_too["y"],
        }
    if shape == 4:
        return f"select max(x) as x, (select max(y) from ({other}) r) as y from ({sql}) q", {
            "x": made["x"],
            "y": made_too["y"],
        }
    return f"select * from ({sql}) q", made


@settings(max_examples=200, deadline=None)
@given(queries())
def test_a_generated_query_has_the_edges_it_was_made_with(query: tuple[str, dict[str, set[str]]]) -> None:
    sql, made = query
    found: dict[str, set[str]] = {"x": set(), "y": set()}
    for statement in analyze(sql, dialect="postgres", schemas={"t": {"a": "", "b": "", "c": ""}}, columns=True):
        for edge in statement.columns:
            if edge.transformation in DIRECT:  # the rows of a subquery decide over a constant
                found[edge.target_column].add(edge.source_column)
    assert found == made
