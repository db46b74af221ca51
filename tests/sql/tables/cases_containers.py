"""Containers, functions and statements that are not understood: tables, construct by construct."""

from .case import Case, Cases

STANDARD: Cases = {
    "not understood": [
        Case("a misspelled word for a kind", "create tabel x as select * from y group by z", "", "", "misc", confidence="partial"),
        Case("a misspelled word of ALTER and DROP", "alter tabel x add y int; drop tabel x", "", "", "misc misc", confidence="partial"),
        Case("no word for a kind", "create or replace x as select * from y", "", "", "misc", confidence="partial"),
        Case("a verb alone", "create; insert; copy", "", "", "misc write read", confidence="partial"),
        Case("a name behind the table of TRUNCATE", "truncate tabel x", "", "tabel", "write", "truncate", confidence="partial"),
        Case("UPDATE without SET", "update form x", "", "form", "write", "update", confidence="partial"),
        Case("EXPLAIN of a text", 'explain "SELEC * FORM x"', "", "", "misc", confidence="partial"),
        Case("EXPLAIN of no statement", "explain hello there, you", "", "", "misc", confidence="partial"),
    ],
    "understood": [
        Case("kinds that hold no data", "create user u; create role r; drop index i; alter sequence s restart; create type t as (x int)", "", "", "misc misc misc misc misc"),
        Case("options of TRUNCATE", "truncate table a, b restart identity cascade", "", "a b", "write", "truncate"),
    ],
}  # fmt: skip

POSTGRES: Cases = {
    "understood": [
        Case("EXPLAIN of a statement", "explain select a from t; explain verbose delete from t", "", "", "misc misc"),
    ],
    "containers": [
        Case("a schema gets another name", "alter schema stg rename to mart", "", "", "misc", confidence="partial"),
        Case("a database gets another name", "alter database a rename to b", "", "", "misc", confidence="partial"),
        Case("a database is copied", "create database b template a", "", "", "misc", confidence="partial"),
        Case("a schema is dropped with its tables", "drop schema if exists stg cascade", "", "", "misc", confidence="partial"),
        Case("a schema that must be empty", "drop schema stg", "", "", "misc"),
        Case("owners and settings", "alter schema stg owner to o; alter database a set timezone to 'UTC'; create database b template template0", "", "", "misc misc misc"),
    ],
    "not understood": [
        Case("DELETE without FROM", "delete form x", "", "form", "write", "delete", confidence="partial"),
        Case("INSERT without INTO", "insert t select * from y", "y", "t", "write", "append", confidence="partial"),
    ],
}  # fmt: skip

SNOWFLAKE: Cases = {
    "containers": [
        Case("schemas and databases are swapped", "alter schema a swap with b; alter database c swap with d", "", "", "misc misc", confidence="partial"),
        Case("a schema is cloned", "create or replace schema b clone a at (offset => -60)", "", "", "misc", confidence="partial"),
        Case("tables are swapped", "alter table a swap with b", "A B", "A B", "alter", "swap"),
        Case("properties of a schema", "alter schema a set data_retention_time_in_days = 1; create schema b", "", "", "misc misc"),
    ],
    "not understood": [
        Case("EXPLAIN of a text", 'explain "hello world"', "", "", "misc", confidence="partial"),
        Case("INSERT without INTO", "insert t values (1)", "", "T", "write", "append", confidence="partial"),
    ],
}  # fmt: skip

CLICKHOUSE: Cases = {
    "containers": [
        Case("a database gets another name", "rename database a to b", "", "", "misc", confidence="partial"),
        Case("a database is dropped", "drop database if exists a", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

DUCKDB: Cases = {
    "containers": [
        Case("databases of a service", "attach 'md:'; attach 'md:sales' as s", "", "", "misc misc", confidence="partial"),
        Case("a file", "attach 'x.duckdb' as x", "", "", "misc"),
    ],
}  # fmt: skip

EXASOL: Cases = {
    "containers": [
        Case("a schema gets another name", "rename schema a to b", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

MYSQL: Cases = {
    "understood": [
        Case("INSERT and EXPLAIN", "insert t select * from y; explain t", "y", "t", "write misc", "append"),
    ],
}  # fmt: skip

TSQL: Cases = {
    "containers": [
        Case("a database gets another name", "alter database a modify name = b; exec sp_renamedb 'c', 'd'", "", "", "misc misc", confidence="partial"),
        Case("by the procedure of tables", "exec sp_rename 'a', 'b', 'DATABASE'", "", "", "misc", confidence="partial"),
    ],
    "not understood": [
        Case("a name behind the table of DELETE", "delete form x", "", "form", "write", "delete", confidence="partial"),
    ],
    "understood": [
        Case("INSERT and DELETE without a second word", "insert t select * from y; delete t where x = 1", "y", "t", "write write", "append"),
    ],
    "names": [
        Case("a temporary table whose name begins with a digit", "select * into #3 from a; insert into c select x.* from #3 x join ##4x y on x.i = y.i", "a #3 ##4x", "#3 c", "create write", "create"),
        Case("a temporary table whose name begins with @", "create table #@t (x int); insert into #@t select * from a", "a", "#@t #@t", "create write", "create"),
        Case("columns of such a table", "insert into c select #5.x from #5 where #5.y = 1", "#5", "c", "write", "append"),
        Case("semicolons between the arguments of OPENROWSET", "insert into c select * from openrowset('MSOLEDBSQL', 'h';'u';'p', 'select * from shop.dbo.t') x; delete from d", "shop.dbo.t", "c d", "write write", "append", confidence="recovered"),
        Case("a table behind semicolons in OPENROWSET", "select * from openrowset('MSOLEDBSQL', 'h';'u';'p', shop.dbo.t)", "shop.dbo.t", confidence="recovered"),
    ],
}  # fmt: skip

BY_DIALECT = [
    ("", STANDARD),
    ("postgres", POSTGRES),
    ("snowflake", SNOWFLAKE),
    ("clickhouse", CLICKHOUSE),
    ("duckdb", DUCKDB),
    ("exasol", EXASOL),
    ("mysql", MYSQL),
    ("tsql", TSQL),
]
