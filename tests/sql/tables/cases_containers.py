"""Containers, functions and statements that are not understood: tables, construct by construct."""

from tests.sql.tables.case import Case, Cases

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
    "misspelled verbs": [
        Case("of changes", "upadte t; delte from t; inser t values (1); isnert into t values (1)", "", "", "misc misc misc misc", confidence="partial"),
        Case("of queries", "selct * from t; slect a into b from c", "", "", "misc misc", confidence="partial"),
        Case("of definitions", "crate table t as select * from s; dorp table t; tuncate table t", "", "", "misc misc misc", confidence="partial"),
        Case("words that are no SQL", "hello world", "", "", "misc", confidence="partial"),
        Case("words in parentheses", "(hello world)", "", "", "read", confidence="partial"),
    ],
    "understood": [
        Case("kinds that hold no data", "create user u; create role r; drop index i; alter sequence s restart; create type t as (x int)", "", "", "misc misc misc misc misc"),
        Case("options of TRUNCATE", "truncate table a, b restart identity cascade", "", "a b", "write", "truncate"),
    ],
}  # fmt: skip

POSTGRES: Cases = {
    "functions": [
        Case("a function of a query", "create function f() returns setof a as $$ select * from a $$ language sql; insert into b select * from f()", "a", "b", "misc write"),
        Case("a function in another language", "create function f() returns setof a as $$ plpy $$ language plpython3u; insert into b select * from f()", "", "b", "misc write", confidence="partial"),
        Case("a series", "insert into b select * from generate_series(1, 3), jsonb_to_recordset('[]') as x(a int)", "", "b", "write", "append"),
    ],
    "understood": [
        Case("aggregates", "create aggregate f (int) (sfunc = g, stype = int); alter aggregate f (int) rename to h; drop aggregate if exists h (int)", "", "", "misc misc misc"),
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
    "functions": [
        Case("a table function of the session", "create function f() returns table (x int) as $$ select x from a $$; insert into b select * from table(f())", "A", "B", "misc write"),
        Case("a function of another schema", "insert into b select * from table(d.s.f(1))", "", "B", "write", "append", confidence="partial"),
        Case("an expression as a function's body", "create function f(x int) returns int as $$ x + 1 $$; insert into b select f(x) from a", "A", "B", "misc write"),
        Case("a subquery within such an expression", "create function f(x int) returns int as 'case when x > 0 then (select max(y) from c) end'; insert into b select f(x) from a", "A C", "B", "misc write"),
        Case("a body that begins with a function called like a verb", "create function f(x text) returns text as $$ /* - */ replace(x, 'a', 'b') $$; insert into b select f(x) from a", "A", "B", "misc write"),
        Case("the store's own functions", "insert into b select * from table(generator(rowcount => 3)), table(information_schema.query_history()), lateral flatten(input => '[]')", "", "B", "write", "append"),
        Case("an anonymous procedure", "with p as procedure () returns int language sql as $$ begin insert into b select * from a; end $$ call p()", "A", "B", "write misc"),
        Case("an anonymous procedure in another language", "with p as procedure () returns int language python runtime_version = '3.11' handler = 'h' packages = ('x') as $$ x $$ call p()", "", "", "misc", confidence="partial"),
        Case("a query for the values of PIVOT", "insert into b select * from a pivot(sum(x) for y in (select distinct y from c))", "A C", "B", "write", "append"),
    ],
    "containers": [
        Case("a role of a database", "create database role d.r; drop database role d.r", "", "", "misc misc"),
        Case("schemas and databases are swapped", "alter schema a swap with b; alter database c swap with d", "", "", "misc misc", confidence="partial"),
        Case("a schema is cloned", "create or replace schema b clone a at (offset => -60)", "", "", "misc", confidence="partial"),
        Case("tables are swapped", "alter table a swap with b", "A B", "A B", "alter", "swap"),
        Case("properties of a schema", "alter schema a set data_retention_time_in_days = 1; create schema b", "", "", "misc misc"),
    ],
    "not understood": [
        Case("IDENTIFIER of a text with a client's variable", "create table identifier('&{d}.s.t') as select x from a", "A", "", "create", confidence="partial"),
        Case("IDENTIFIER of such a text in a query", "select x from identifier('&{d}.s.t')", "", "", confidence="partial"),
        Case("EXPLAIN of a text", 'explain "hello world"', "", "", "misc", confidence="partial"),
        Case("INSERT without INTO", "insert t values (1)", "", "T", "write", "append", confidence="partial"),
    ],
}  # fmt: skip

CLICKHOUSE: Cases = {
    "functions": [
        Case("statements side by side", "insert into a select * from b parallel with insert into c select * from d", "b d", "a c", "write write"),
        Case("a query on a cluster", "select * from cluster('c', view(select * from a.t))", "a.t"),
        Case("a pattern on a cluster", "select * from clusterAllReplicas('c', merge(a, '^t'))", "", confidence="partial"),
        Case("a query on another server", "select * from remote('h', view(select * from a.t))", "", confidence="partial"),
        Case("numbers of another server", "select * from remote('h', numbers(10))", ""),
        Case("a view with parameters", "select * from v(x = 1)", "", confidence="partial"),
    ],
    "containers": [
        Case("a database gets another name", "rename database a to b", "", "", "misc", confidence="partial"),
        Case("a database is dropped", "drop database if exists a", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

DUCKDB: Cases = {
    "functions": [
        Case("a table macro that the session made", "create macro f(x) as table select * from a where y = x; insert into b select * from f(1)", "a", "b", "misc write"),
        Case("a macro with a query as its value", "create or replace temp macro top(x) as (select max(y) from a); insert into b select top(1)", "a", "b", "misc write"),
        Case("a macro that is dropped", "create macro f() as table from a; drop macro table f; insert into b from f()", "", "b", "misc misc write", confidence="partial"),
        Case("a macro of another session", "insert into b select * from f(1)", "", "b", "write", "append", confidence="partial"),
        Case("rows of arguments alone", "insert into b select * from range(3), unnest([1]), json_each('[]')", "", "b", "write", "append"),
        Case("a macro of an expression", "create macro plus(x, y) as x + y; insert into b select plus(c, 1) from a", "a", "b", "misc write"),
    ],
    "containers": [
        Case("databases of a service", "attach 'md:'; attach 'md:sales' as s", "", "", "misc misc", confidence="partial"),
        Case("a file", "attach 'x.duckdb' as x", "", "", "misc"),
    ],
}  # fmt: skip

BIGQUERY: Cases = {
    "functions": [
        Case("a table function of the session", "create table function d.f(x int64) as select * from d.a where y = x; insert into d.b select * from d.f(1)", "d.a", "d.b", "misc write"),
        Case("an unknown one", "insert into d.b select * from d.g(1)", "", "d.b", "write", "append", confidence="partial"),
    ],
}  # fmt: skip

SPARK: Cases = {
    "functions": [
        Case("a cached query", "cache lazy table c options ('storageLevel' 'DISK_ONLY') as select * from a; insert into b select * from c", "a c", "c b", "create write"),
        Case("a cached query without AS", "cache table c select * from a", "a", "c", "create", "create"),
        Case("a cached table", "cache table a; uncache table a", "", "", "misc misc"),
        Case("a function of a query", "create function f() returns table (x int) return select x from a; insert into b select * from f()", "a", "b", "misc write"),
    ],
}  # fmt: skip

ORACLE: Cases = {
    "functions": [
        Case("a function of a package", "insert into b select * from table(p.f(1))", "", "B", "write", "append", confidence="partial"),
        Case("the store's own functions", "select * from table(dbms_xplan.display), table(sys.odcinumberlist(1, 2))", ""),
    ],
    "misspelled verbs": [
        Case("within a block", "begin delte t; end;", "", "", "misc misc", confidence="partial"),
    ],
    "understood": [
        Case("links to databases", "drop public database link x; drop database link y", "", "", "misc misc"),
        Case("declarations, assignments and calls of a block", "declare v number; e exception; begin v := 1; p.q; r(v); end;", "", "", "misc misc misc misc misc misc"),
        Case("declarations behind a label", "begin <<l>> declare x int; y int; begin x := y; end; end;", "", "", "misc misc misc misc misc"),
        Case("statements of administrators", "noaudit select table; administer key management set keystore open", "", "", "misc misc"),
    ],
}  # fmt: skip

EXASOL: Cases = {
    "containers": [
        Case("a schema gets another name", "rename schema a to b", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

TERADATA: Cases = {
    "understood": [
        Case("statements of administrators", "modify user u as x; begin logging on each all; .logon h/u", "", "", "misc misc misc"),
    ],
    "misspelled verbs": [
        Case("of a change", "updat t set a = 1", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

MYSQL: Cases = {
    "understood": [
        Case("an account in quotes as the definer", "create or replace definer = 'u'@'%' view v as select x from t", "t", "v", "create"),
        Case("CURRENT_USER() as the definer", "create definer = current_user() sql security invoker view v as select x from t", "t", "v", "create"),
        Case("a definer of an event and a procedure", "create definer = 'u'@'h' event e on schedule every 1 hour do insert into a select x from t", "t", "a", "misc"),
        Case("a view with another definer", "alter definer = `u`@`%` view v as select x from t", "t", "v", "alter"),
        Case("INSERT and EXPLAIN", "insert t select * from y; explain t", "y", "t", "write misc", "append"),
    ],
}  # fmt: skip

TSQL: Cases = {
    "functions": [
        Case("a table function of the session", "create function dbo.f(@x int) returns table as return (select * from a)\ngo\ninsert into b select * from dbo.f(1)", "a", "b", "misc write"),
        Case("an unknown one behind APPLY", "insert into b select * from a cross apply dbo.g(a.x) y", "a", "b", "write", "append", confidence="partial"),
        Case("rows of arguments alone", "insert into b select * from a cross apply string_split(a.x, ',') y cross apply a.z.nodes('/q') as n(c)", "a", "b", "write", "append"),
    ],
    "containers": [
        Case("a database gets another name", "alter database a modify name = b; exec sp_renamedb 'c', 'd'", "", "", "misc misc", confidence="partial"),
        Case("by the procedure of tables", "exec sp_rename 'a', 'b', 'DATABASE'", "", "", "misc", confidence="partial"),
    ],
    "not understood": [
        Case("a name behind the table of DELETE", "delete form x", "", "form", "write", "delete", confidence="partial"),
        Case("a procedure called by its name alone", "dbo.p @a = 1", "", "", "misc", confidence="partial"),
        Case("a misspelled verb behind a statement", "insert into a select * from b; updat t set x = 1", "b", "a", "write misc misc", "append", confidence="partial"),
    ],
    "understood": [
        Case("what ALTER drops", "alter table t alter column a drop sparse alter role r drop member m alter fulltext index on t drop (a)", "", "t", "alter"),
        Case("things within a database", "drop database scoped credential c; drop database audit specification a; drop database encryption key", "", "", "misc misc misc"),
        Case("a label and statements of administrators", "done: print 'x'; dbcc checkdb; revert", "", "", "misc misc misc"),
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
    ("bigquery", BIGQUERY),
    ("databricks", SPARK),
    ("oracle", ORACLE),
    ("exasol", EXASOL),
    ("teradata", TERADATA),
    ("mysql", MYSQL),
    ("tsql", TSQL),
]
