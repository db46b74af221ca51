"""Guarantees of `column_edges` to its caller: an answer for any tree, in bounded time, with the reason of what is missing."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.columns import ColumnResult, column_edges, joined
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef


def resolve(table: exp.Table) -> TableRef | None:
    return TableRef(tuple(part.name for part in table.parts))


def columns(sql: str, dialect: str = "", **options: object) -> ColumnResult:
    tree = sqlglot.parse_one(sql, dialect=dialect or None)
    return column_edges(tree, resolve=resolve, dialect=dialect, **options)  # type: ignore[arg-type]


def pairs(result: ColumnResult) -> set[tuple[str, str]]:
    return {(f"{e.source.name}.{e.source_column}", e.target_column) for e in result.edges}


def test_a_statement_beyond_the_budget_has_no_edges_but_a_reason() -> None:
    sql = "select " + ", ".join(f"a{i} + b as c{i}" for i in range(100)) + " from t"
    assert columns(sql, budget=50) == ColumnResult(reason="columns: more than 50 steps")
    assert len(columns(sql).edges) == 200


def test_doubling_columns_at_each_level_ends_at_the_budget() -> None:
    ctes = ", ".join(f"c{i} as (select x.*, y.* from c{i - 1} x, c{i - 1} y)" for i in range(1, 60))
    result = columns(f"with c0 as (select a, b from t), {ctes} select * from c59")
    assert result.edges == ()
    assert "steps" in result.reason


def test_rows_of_literals_cost_little_of_the_budget() -> None:
    sql = "insert into n (a, b) values " + ", ".join("(1, 'x')" for _ in range(1000))
    assert columns(sql, budget=2500).reason == ""


def test_queries_a_thousand_deep_need_no_recursion() -> None:
    query: exp.Expr = sqlglot.parse_one("select a from t")
    for _ in range(1000):
        source = exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier("q")))
        query = exp.Select(expressions=[exp.column("a")], from_=exp.From(this=source))
    assert pairs(column_edges(query, resolve=resolve)) == {("t.a", "a")}


def test_an_expression_of_thousands_of_terms_needs_no_recursion() -> None:
    chain: exp.Expr = exp.column("c0")
    for i in range(1, 3000):
        chain = exp.DPipe(this=chain, expression=exp.column(f"c{i}"))
    tree = exp.Select(expressions=[exp.alias_(chain, "x")], from_=exp.From(this=exp.to_table("t")))
    assert len(column_edges(tree, resolve=resolve).edges) == 3000


def test_a_tree_of_an_unexpected_shape_yields_a_reason() -> None:
    tree = exp.Select(expressions=[exp.Window(this="not a node", partition_by=[1], order=7)], from_=exp.From(this=3))
    assert column_edges(tree, resolve=resolve).reason.startswith("columns: ")


def test_a_resolver_that_fails_does_not_fail_its_caller() -> None:
    def broken(table: exp.Table) -> TableRef | None:
        raise LookupError(table.name)

    assert column_edges(sqlglot.parse_one("select a from t"), resolve=broken).reason == "columns: LookupError"


def test_an_unresolved_table_has_no_columns() -> None:
    tree = sqlglot.parse_one("select a from t")
    assert column_edges(tree, resolve=lambda table: None).edges == ()


def test_the_tree_is_not_changed() -> None:
    tree = sqlglot.parse_one("insert into n (x) select a from t on duplicate key update x = values(x)", dialect="mysql")
    before = tree.copy()
    column_edges(tree, resolve=resolve, dialect="mysql")
    assert tree == before


def test_a_statement_without_columns_has_an_empty_result() -> None:
    assert columns("set x = 1") == columns("drop table t") == ColumnResult()


def test_schemas_are_found_in_any_case_and_may_be_lists() -> None:
    assert pairs(columns("select * from Db.T", schemas={"DB.t": ["A", "b"]})) == {("Db.T.A", "A"), ("Db.T.b", "b")}


def test_among_very_many_tables_a_name_needs_the_stores_spelling() -> None:
    many = {f"T{i}": {"a": ""} for i in range(1001)}
    assert pairs(columns("select * from T7", schemas=many)) == {("T7.a", "a")}
    assert pairs(columns("select * from t7", schemas=many)) == {("t7.*", "*")}


def test_an_empty_schema_is_an_unknown_one() -> None:
    assert pairs(columns("select * from t", schemas={"t": {}})) == {("t.*", "*")}


def test_a_query_that_is_written_elsewhere_belongs_to_the_statements_output() -> None:
    known = Statement("write", outputs=(TableRef(kind="file", path="s3://b/x"),))
    (edge,) = columns("select a from t", statement=known).edges
    assert edge.target == known.outputs[0]


def positions(sql: str, dialect: str = "", **options: object) -> list[tuple[str, int]]:
    return [(edge.source_column, edge.position) for edge in columns(sql, dialect, **options).edges]


def test_an_insert_without_a_list_of_columns_maps_by_position() -> None:
    assert positions("insert into n select a, b from t") == [("a", 1), ("b", 2)]
    assert positions("insert into n values (1, (select max(a) from t))") == [("a", 2)]
    merge = "merge into n using t on n.id = t.id when not matched then insert values (t.a, t.b)"
    assert positions(merge, "snowflake") == [("A", 1), ("B", 2)]


def test_a_position_after_a_star_counts_from_the_end() -> None:
    assert positions("insert into n select a, t.*, b from t") == [("a", 1), ("*", 2), ("b", -1)]


def test_columns_mapped_by_name_have_no_position() -> None:
    assert positions("insert into n (x) select a from t") == [("a", 0)]
    assert positions("insert into n select a from t", schemas={"n": ["x"]}) == [("a", 0)]
    assert positions("insert into n by name select a from t", "duckdb") == [("a", 0)]
    assert positions("create table n as select a from t") == [("a", 0)]


def test_the_query_of_a_cte_that_writes_is_the_result() -> None:
    known = Statement("write", outputs=(TableRef(("n",)),))
    sql = "with d as (insert into n (x) select a from t returning x) select x from d"
    result = columns(sql, "postgres", statement=known)
    assert {(edge.target and edge.target.name, edge.target_column) for edge in result.edges} == {
        ("n", "x"),
        (None, "x"),
    }


def test_decisions_over_a_cte_that_writes_do_not_apply_to_the_outer_query() -> None:
    sql = "with d as (insert into n (x) select a from t where b returning x) select x from d where x > 1"
    found = {(e.source_column, e.target and e.target.name) for e in columns(sql, "postgres").indirect}
    assert found == {("b", "n"), ("x", None)}


def test_results_of_several_statements_are_joined_without_their_declarations() -> None:
    t, n = TableRef(("t",)), TableRef(("n",))
    one = ColumnResult(edges=(ColumnEdge(t, "a", n, "x"),), declared={"n": {"x": ""}})
    two = ColumnResult(edges=(ColumnEdge(t, "a", n, "x"), ColumnEdge(t, "b", n, "y")), reason="why")
    assert joined([one, two]) == ColumnResult(edges=two.edges, reason="why")


@pytest.mark.parametrize(
    "sql",
    [
        "create table t as pivot o on region using sum(amount) group by id",
        "create table t as select * from (pivot o on region using sum(amount))",
        "create table t as select * from (summarize o)",
        "summarize o",
    ],
)
def test_columns_that_depend_on_the_data_are_said_to_be_missing(sql: str) -> None:
    (statement,) = analyze(sql, dialect="duckdb")
    assert statement.confidence == "partial"
    assert statement.reason.startswith("columns: ")
