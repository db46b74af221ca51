"""Tables that a function names in its arguments: read, or reported as unknown."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.model import Statement, TableRef

KNOWN = [
    ("duckdb", "postgres_scan('host=h dbname=shop user=u password=pw', 'public', 'ord')", "postgres://h:5432 shop.public.ord"),
    ("duckdb", "postgres_scan('postgresql://u:pw@h:5433/shop', 'public', 'ord')", "postgres://h:5433 shop.public.ord"),
    ("duckdb", "mysql_scan('host=h password=pw', 'shop', 'ord')", "mysql://h:3306 shop.ord"),
    ("duckdb", "sqlite_scan('/d/x.db?key=pw', 'ord')", "sqlite:///d/x.db ord"),
    ("duckdb", "bigquery_scan('p.d.ord')", "bigquery p.d.ord"),
    ("duckdb", "query_table('s.ord')", "s.ord"),
    ("duckdb", "query_table(['a', 'b'])", "a, b"),
    ("duckdb", "query('select x from a join b using (x)')", "a, b"),
    ("duckdb", "query('select x from query(''select x from a'')')", "a"),
    ("duckdb", "postgres_query('pg', 'select x from ord o join s.b on true')", "pg.public.ord, pg.s.b"),
    ("clickhouse", "remote('h:9000', db.t)", "clickhouse://h:8123 db.t"),
    ("clickhouse", "remote('h', 'db', 't', 'u', 'pw')", "clickhouse://h:8123 db.t"),
    ("clickhouse", "remoteSecure('h1,h2', db, t)", "clickhouse://h1:8123 db.t, clickhouse://h2:8123 db.t"),
    ("clickhouse", "cluster('c', db.t)", "db.t"),
    ("clickhouse", "clusterAllReplicas('c', 'db', 't')", "db.t"),
    ("clickhouse", "loop(db.t)", "db.t"),
    ("clickhouse", "dictionary('db.d')", "db.d"),
    ("clickhouse", "postgresql('h:5432', 'shop', 'ord', 'u', 'pw', 'sales')", "postgres://h:5432 shop.sales.ord"),
    ("clickhouse", "mysql('h:3306', 'shop', 'ord', 'u', 'pw')", "mysql://h:3306 shop.ord"),
    ("clickhouse", "mongodb('h:27017', 'shop', 'ord', 'u', 'pw')", "mongodb://h:27017 shop.ord"),
    ("clickhouse", "sqlite('/d/x.db', 'ord')", "sqlite:///d/x.db ord"),
    ("clickhouse", "hive('thrift://h:9083', 'db', 't', 'p Int', 'day')", "hive://h:10000 db.t"),
    ("postgres", "dblink('host=h dbname=shop password=pw', 'select x from s.ord') as t (x int)", "postgres://h:5432 shop.s.ord"),
    ("postgres", "crosstab('select r, c, v from a', 'select c from b') as t (r text, x int)", "a, b"),
    ("postgres", "connectby('tree', 'id', 'parent', '1', 0) as t (id int, p int)", "tree"),
    ("postgres", "ts_stat('select v from docs')", "docs"),
    ("trino", "table(pg.system.query(query => 'select x from public.ord'))", "pg.public.ord"),
    ("trino", "table(es.system.raw_query(schema => 's', index => 'ord', query => '{}'))", "es.s.ord"),
    ("tsql", "openrowset('MSOLEDBSQL', 'Server=h;Database=shop;PWD=pw', 'select x from dbo.ord') as o", "mssql://h:1433 shop.dbo.ord"),
    ("tsql", "opendatasource('SQLNCLI', 'Data Source=h').shop.dbo.ord", "mssql://h:1433 shop.dbo.ord"),
    ("databricks", "table_changes('db.t', 1)", "db.t"),
    ("databricks", "read_kafka(bootstrapServers => 'h:9092', subscribe => 'topic')", "kafka://h:9092 topic"),
    ("snowflake", "table('DB.S.T')", "DB.S.T"),
]  # fmt: skip
UNKNOWN = [
    ("duckdb", "postgres_scan('service=shop', 'public', 'ord')"),
    ("duckdb", "postgres_scan(getenv('PG'), 'public', 'ord')"),
    ("duckdb", "query_table(getvariable('t'))"),
    ("duckdb", "query('select * from ' || getvariable('t'))"),
    ("duckdb", "odbc_query('dsn', 'select x from ord')"),
    ("duckdb", "new_store_scan('somewhere')"),
    ("clickhouse", "merge('db', '^ord')"),
    ("clickhouse", "remote('h{1..3}', db.t)"),
    ("clickhouse", "postgresql(named_collection, password = 'pw')"),
    ("clickhouse", "jdbc('jdbc:mysql://h:3306/?user=u&password=pw', 'shop', 'ord')"),
    ("clickhouse", "executable('x.py', TabSeparated, 'a Int')"),
    ("postgres", "dblink('open_connection', 'select x from ord') as t (x int)"),
    ("postgres", "dblink('host=h', 'select x from ord') as t (x int)"),
    ("bigquery", "external_query('p.us.c', 'select x from ord')"),
    ("trino", "table(my.system.query(query => 'select x from ord'))"),
    ("tsql", "openrowset('MSDASQL', 'Driver=x;PWD=pw', 'select x from ord') as o"),
    ("databricks", "remote_query('c', database => 'shop', dbtable => 'ord')"),
    ("snowflake", "table(?)"),
]
NONE = [
    ("duckdb", "range(10)"),
    ("clickhouse", "numbers(10)"),
    ("clickhouse", "generateRandom('a Int')"),
    ("postgres", "generate_series(1, 10)"),
    ("snowflake", "table(generator(rowcount => 3))"),
    ("trino", "table(sequence(start => 1, stop => 3))"),
]


def named(table: TableRef) -> str:
    return f"{table.namespace} {table.name}".strip()


def only(sql: str, dialect: str) -> Statement:
    (statement,) = analyze(sql, dialect=dialect)
    return statement


@pytest.mark.parametrize(("dialect", "call", "tables"), KNOWN)
def test_tables_that_a_function_names_are_read(dialect: str, call: str, tables: str) -> None:
    statement = only(f"select * from {call}", dialect)
    assert sorted(map(named, statement.inputs)) == tables.split(", ")
    assert not statement.outputs
    assert statement.confidence == "exact" or statement.reason.startswith("columns: ")
    assert "pw" not in repr(statement)


@pytest.mark.parametrize(("dialect", "call"), UNKNOWN)
def test_unknown_tables_of_a_function_are_reported(dialect: str, call: str) -> None:
    statement = only(f"select * from {call}", dialect)
    assert (statement.inputs, statement.confidence) == ((), "partial")
    assert statement.reason
    assert "pw" not in repr(statement)


@pytest.mark.parametrize(("dialect", "call"), NONE)
def test_a_function_that_names_no_table_reads_none(dialect: str, call: str) -> None:
    statement = only(f"select * from {call}", dialect)
    assert (statement.inputs, statement.confidence) == ((), "exact")


@pytest.mark.parametrize(
    ("dialect", "call", "tables"),
    [
        ("clickhouse", "dictGet('db.d', 'x', id)", {"db.d", "t"}),
        ("clickhouse", "dictGetStringOrDefault(d, 'x', id, '')", {"d", "t"}),
        ("clickhouse", "joinGet('db.j', 'x', id)", {"db.j", "t"}),
        ("postgres", "query_to_xml('select x from a', true, false, '')", {"a", "t"}),
        ("postgres", "table_to_xml('s.a', true, false, '')", {"s.a", "t"}),
        ("oracle", "dbms_xmlgen.getxml('select x from a')", {"A", "T"}),
    ],
)
def test_a_function_in_an_expression_reads_too(dialect: str, call: str, tables: set[str]) -> None:
    assert {t.name for t in only(f"select {call} from t", dialect).inputs} == tables


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("clickhouse", "select * from remote('h', db.t) frobnicate x y z"),
        ("duckdb", "select * from postgres_scan('dbname=shop', 's', 't') frobnicate x y z"),
        ("postgres", "select * from dblink('dbname=shop', 'select 1 from s.t') as q (x int) frobnicate x y z"),
    ],
)
def test_tables_of_functions_are_read_from_words_of_texts_that_do_not_parse(dialect: str, sql: str) -> None:
    statement = only(sql, dialect)
    assert statement.confidence == "recovered"
    assert [table.parts[-1] for table in statement.inputs] == ["t"]


def test_a_table_of_another_store_is_written_too() -> None:
    statement = only(
        "insert into function postgresql('h:5432', 'shop', 'ord', 'u', 'pw') select a from x", "clickhouse"
    )
    assert ([named(t) for t in statement.outputs], [t.name for t in statement.inputs]) == (
        ["postgres://h:5432 shop.public.ord"],
        ["x"],
    )


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "select dblink_exec('dbname=shop', 'insert into z select 1 from y')"),
        ("duckdb", "call postgres_execute('pg', 'create table z as select 1')"),
    ],
)
def test_a_text_that_another_server_executes_is_reported_as_unknown(dialect: str, sql: str) -> None:
    statement = only(sql, dialect)
    assert (statement.inputs, statement.outputs, statement.confidence) == ((), (), "partial")


def test_the_columns_of_a_query_in_a_text_are_known() -> None:
    (edge,) = only("create table n as select * from query('select a as x from t')", "duckdb").columns
    assert (edge.source.name, edge.source_column, edge.target_column) == ("t", "a", "x")


def test_a_table_of_another_store_does_not_have_the_columns_of_a_namesake() -> None:
    sql = "select * from postgres_scan('dbname=shop', 'public', 'ord')"
    (statement,) = analyze(sql, dialect="duckdb", schemas={"shop.public.ord": {"a": "int"}})
    assert [edge.source_column for edge in statement.columns] == ["*"]
