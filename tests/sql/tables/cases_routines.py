"""Bodies, blocks, prepared statements and what they execute: tables, construct by construct."""

from tests.sql.tables.case import Case, Cases

POSTGRES: Cases = {
    "blocks": [
        Case("INTO sets a variable", "do $$ declare n int; begin select count(*) into n from orders; end $$", "orders", "", "misc read misc"),
        Case("INTO STRICT", "do $$ begin select a, b into strict x, y from orders; end $$", "orders", "", "read misc", confidence="recovered"),
        Case("INTO behind FROM", "do $$ declare r record; begin select * from orders into r; insert into t select r.a; end $$", "orders", "t", "misc read write misc", confidence="recovered"),
        Case("RETURNING INTO", "do $$ begin insert into t (a) values (1) returning id into n; delete from u returning * into strict r; end $$", "", "t u", "write write misc", confidence="recovered"),
        Case("GET STACKED DIAGNOSTICS", "do $$ begin delete from t; get diagnostics n = row_count; get stacked diagnostics m = message_text; end $$", "", "t", "write misc misc misc"),
        Case("EXECUTE of a text", "do $$ begin execute 'select count(*) from orders' into n; execute format('delete from t'); end $$", "orders", "t", "read write misc"),
        Case("EXECUTE of a text that is made when it runs", "do $$ begin execute format('delete from %I', x); end $$", "", "", "misc misc", confidence="partial"),
        Case("a loop over an executed text", "do $$ begin for r in execute 'select * from a' loop insert into t values (r.a); end loop; end $$", "a", "t", "read write misc misc"),
        Case("a loop over a text that is made when it runs", "do $$ begin for r in execute format('select * from %I', x) loop null; end loop; end $$", "", "", "misc misc misc misc", confidence="partial"),
        Case("cursors and results of executed texts", "do $$ begin open c for execute 'select * from a'; return query execute 'select * from b'; end $$", "a b", "", "read read misc"),
        Case("a temporary table of a block", "do $$ begin create temp table x as select * from a; insert into t select * from x; end $$", "a x", "x t", "create write misc"),
        Case("EXECUTE of a variable", "do $$ begin execute q; end $$", "", "", "misc misc", confidence="partial"),
        Case("another language", "do language plpython3u $$ select a into b from c $$", "", "", "misc"),
        Case("language behind the body", "do $$ begin select a into b from c; end $$ language 'plpgsql'", "c", "", "read misc"),
        Case("a procedure's variables", "create procedure p() language plpgsql as $$ begin select count(*) into n from orders; insert into t values (n); end $$", "orders", "t", "misc"),
        Case("SELECT INTO outside a block makes a table", "select a into v from orders", "orders", "v", "create", "create"),
    ],
    "locks": [
        Case("FOR UPDATE OF an alias", "select * from orders o join c on o.id = c.id for update of o, c skip locked", "orders c"),
        Case("FOR NO KEY UPDATE, FOR KEY SHARE", "select * from orders o for no key update of o; select * from x y for key share of y nowait", "orders x", "", "read read"),
        Case("in an INSERT", "insert into t select * from orders o for share of o", "orders", "t", "write"),
    ],
    "prepared statements": [
        Case("nothing runs at PREPARE", "prepare p as insert into x select * from t", "", "", "misc"),
        Case("EXECUTE runs it", "prepare p (int) as insert into x select * from t where a = $1; execute p(1)", "t", "x", "misc write"),
        Case("EXECUTE of one that is not known", "execute p(1)", "", "", "misc", confidence="partial"),
        Case("EXPLAIN ANALYZE of one", "prepare p as delete from t; explain (analyze) execute p", "", "t", "misc write"),
        Case("EXPLAIN ANALYZE of a definition", "explain analyze create table x as select * from t", "t", "x", "create", "create"),
        Case("DEALLOCATE ALL", "prepare p as delete from t; deallocate all; execute p", "", "", "misc misc misc", confidence="partial"),
        Case("CREATE TABLE AS EXECUTE", "prepare p as select a from t; create table x as execute p", "t", "x", "misc create"),
        Case("a transaction of two phases", "prepare transaction 'x'", "", "", "misc"),
    ],
    "values": [
        Case("functions without parentheses", "select * from current_date, current_user u, localtimestamp(3), t", "t"),
    ],
}  # fmt: skip

REDSHIFT: Cases = {
    "routines": [
        Case("a procedure's variables", "create procedure p() as $$ begin select count(*) into n from orders; insert into t values (n); end $$ language plpgsql", "orders", "t", "misc"),
    ],
}  # fmt: skip

MYSQL: Cases = {
    "outer joins as ODBC has them": [Case("braces", "select * from { oj a left outer join b on a.x = b.x } where y = 1", "a b")],
    "deletes by USING": [
        Case("several tables", "delete from t, u using t join u join a where t.x = u.x", "a", "t u", "write", "delete"),
        Case("with stars", "delete quick from t.* using t, a where t.x = a.x", "a", "t", "write", "delete", "recovered"),
    ],
    "definitions": [
        Case("a procedure of one statement", "create procedure p(in x int) modifies sql data insert into t select * from a", "a", "t", "misc"),
        Case("a table of tables", "create table t (x int) engine = merge union = (a, db.b) insert_method = last", "a db.b", "t", "create", "create"),
    ],
    "locks": [Case("FOR UPDATE OF an alias", "select * from orders o for update of o skip locked", "orders")],
    "prepared statements": [
        Case("of a text", "prepare p from 'insert into x select * from t'; execute p using @a; deallocate prepare p", "t", "x", "misc write misc"),
        Case("of a variable", "prepare p from @sql; execute p", "", "", "misc misc", confidence="partial"),
    ],
    "no data": [
        Case("GET DIAGNOSTICS", "get diagnostics condition 1 @x = returned_sqlstate; get current diagnostics @n = number", "", "", "misc misc"),
    ],
    "changes": [
        Case("INSERT of a TABLE", "insert into t (a, b) table s as n (m, o) on duplicate key update b = n.o", "s", "t", "write"),
        Case("a portion of a period", "delete from t for portion of p from '2001-01-01' to '2002-01-01'", "", "t", "write", "delete", confidence="recovered"),
    ],
}  # fmt: skip

TRINO: Cases = {
    "prepared statements": [
        Case("of a statement", "prepare p from insert into x select * from t; execute p using 1", "t", "x", "misc write"),
    ],
    "inline functions": [
        Case("a function is no table", "with function f(x int) returns int return x * 2, function g(x int) returns int return x select f(a), g(a) from t", "t"),
        Case("in an INSERT", "insert into b with function f(x int) returns int return x select f(a) from t", "t", "b", "write", "append"),
    ],
    "definitions": [
        Case("LIKE among the columns", "create table t (a int, like s including properties, b int, like u)", "s u", "t", "create"),
    ],
}  # fmt: skip

DUCKDB: Cases = {
    "whole databases": [
        Case("COPY FROM DATABASE", "copy from database a to b", "", "", "misc", confidence="partial"),
        Case("its schema alone", "copy from database a to b (schema)", "", "", "misc"),
        Case("EXPORT and IMPORT", "export database 'd' (format parquet); import database 'd'", "", "", "misc misc", confidence="partial"),
    ],
    "files whose names are not in the text": [
        Case("a bind", "create table t as select * from read_csv(?)", "", "t", "create", confidence="partial"),
        Case("an expression", "insert into t select a from read_parquet('s3://b/' || getvariable('d'))", "", "t", "write", confidence="partial"),
        Case("one of a list", "insert into t select a from read_csv(['a.csv', ?])", "a.csv", "t", "write", confidence="partial"),
        Case("COPY FROM a bind", "copy t from ?", "", "t", "write", confidence="partial"),
        Case("COPY TO an expression", "copy t to (getvariable('f'))", "t", "", "read", confidence="partial"),
    ],
    "prepared statements": [Case("EXECUTE runs it", "prepare p as insert into x select * from t; execute p", "t", "x", "misc write")],
    "queries": [
        Case("the recurring table is the CTE", "with recursive r (a) using key (a) as (select 1 union select a from recurring.r join t using (a)) select * from r", "t"),
        Case("SHOW as a subquery", "select * from (show databases) d, (show tables)", ""),
        Case("a table called SHOW", "select * from show, (select * from show) s", "show"),
    ],
}  # fmt: skip

ORACLE: Cases = {
    "locks": [
        Case("FOR UPDATE OF a column", "select * from orders o for update of o.amount nowait", "ORDERS"),
    ],
    "blocks": [
        Case("FORALL", "begin forall i in 1..x.count save exceptions insert into t values x(i); end;", "", "T", "write misc"),
        Case("FORALL over indices", "forall i in indices of x update t set a = x(i) where b = y(i)", "", "T", "write", "update"),
        Case("assignments, calls and declarations touch nothing", "declare n number; v t.a%type; begin n := n + 1; p; q.r(n); end;", "", "", "misc misc misc misc misc misc"),
        Case("an assignment of a query", "x := (select max(a) from t)", "T", "", "read", confidence="recovered"),
        Case("a cursor and types of a block", "declare cursor c is select * from a; type r is table of number; begin null; end;", "A", "", "read misc misc misc", confidence="recovered"),
    ],
    "routines": [
        Case("a package body", "create or replace package body p as procedure q is begin insert into t select * from a; end; function f return number is n number; begin select count(*) into n from b; return n; end; end p;", "A B", "T", "misc"),
        Case("a trigger's body", "create or replace trigger g before insert on t for each row declare n number; begin insert into audit_t values (:new.a); end;", "", "AUDIT_T", "misc"),
    ],
    "changes": [
        Case("INSERT through a query", "insert into (select a, b from t where a > 1 with check option) values (1, 2)", "", "T", "write", "append", confidence="recovered"),
        Case("LOG ERRORS INTO", "insert into t select * from s log errors into bad ('x') reject limit 10", "S", "T BAD", "write", "append", confidence="recovered"),
    ],
    "variables of the client": [
        Case("a whole name", "select * from &t", "", confidence="partial"),
        Case("a part of a name", "insert into &&s..t select * from a", "A", "", "write", confidence="partial"),
    ],
}  # fmt: skip

TSQL: Cases = {
    "predictions": [
        Case("the rows of PREDICT", "select p.* from predict(model = @m, data = dbo.t as d) with (x float) as p", "dbo.t", confidence="recovered"),
        Case("PREDICT of a CTE", "with d as (select * from dbo.t) select p.* from predict(model = @m, data = d as x) with (x float) as p", "dbo.t", confidence="recovered"),
        Case("PREDICT of one name, with a queried model", "select p.* from predict(model = (select m from dbo.models), data = t as d) with (x float) as p", "dbo.models t", confidence="recovered"),
        Case("a function PREDICT of the user's", "select * from dbo.predict(1)", "", confidence="partial"),
    ],
    "queries": [
        Case("APPLY of a table", "select * from a outer apply b cross apply dbo.c as x", "a b dbo.c"),
        Case("APPLY of a CTE", "with b as (select 1 as x) select * from a cross apply b", "a"),
        Case("the ELSE of a CASE starts no statement", "insert into t select case when x ~> 1 then 2 else 3 end as z from a join b on a.i = b.i", "a b", "t", "write", confidence="recovered"),
        Case("a search in a table", "select * from containstable(flags, *, 'x') k join freetexttable(dbo.tags, c, 'x') f on k.[key] = f.[key]", "flags dbo.tags"),
    ],
    "other servers": [
        Case("OPENQUERY", "select * from openquery(srv, 'select * from db.dbo.t')", "srv.db.dbo.t"),
        Case("OPENQUERY as a target", "insert openquery(srv, 'select a from db.dbo.t') values (1)", "", "srv.db.dbo.t", "write"),
        Case("DELETE through OPENQUERY", "delete from openquery(srv, 'select a from db.dbo.t')", "", "srv.db.dbo.t", "write", "delete"),
        Case("OPENROWSET of a provider", "select * from openrowset('MSOLEDBSQL', 'Server=s', db.dbo.t) x", "db.dbo.t"),
        Case("OPENDATASOURCE", "select * from opendatasource('MSOLEDBSQL', 'Data Source=s').db.dbo.t", "db.dbo.t"),
    ],
    "rows that are executed": [
        Case("INSERT of EXEC of a text", "insert into t exec ('select * from a')", "a", "t", "write", confidence="recovered"),
        Case("INSERT of sp_executesql", "insert into t exec sp_executesql N'select * from a'", "a", "t", "write", confidence="recovered"),
        Case("INSERT of a procedure", "insert into t exec dbo.p 1", "", "t", "write", confidence="partial"),
        Case("EXEC of a variable", "exec (@sql)", "", "", "misc", confidence="partial"),
        Case("EXECUTE on a linked server", "execute ('insert into t select * from a') at srv", "", "", "misc", confidence="partial"),
        Case("EXEC of a procedure", "exec @rc = dbo.p @a = 1", "", "", "misc", confidence="partial"),
    ],
    "routines": [
        Case("ALTER PROCEDURE", "alter procedure p as insert into t select * from a", "a", "t", "misc"),
        Case("a trigger sees the rows before and after", "create trigger g on t after insert, update as insert into log_t select i.a from inserted i join deleted d on i.k = d.k", "", "log_t", "misc"),
    ],
    "no data": [
        Case("an external data source", "create external data source s with (location = 'oracle://h:1')", "", "", "misc"),
        Case("a full-text index", "alter fulltext index on dbo.t start update population", "", "", "misc"),
    ],
}  # fmt: skip

SNOWFLAKE: Cases = {
    "no data": [Case("GET DIAGNOSTICS", "get diagnostics n = row_count", "", "", "misc")],
}  # fmt: skip

CLICKHOUSE: Cases = {
    "queries": [
        Case("a database by a bind", "select * from {db:Identifier}.t", "", confidence="partial"),
        Case("EXPLAIN as a table", "select * from (explain select * from t)", "", confidence="recovered"),
        Case("a dictionary as a table", "select * from dictionary('d.countries')", "d.countries"),
        Case("a lambda in APPLY", "select columns('a') apply(x -> x + 1) from t", "t"),
        Case("USING lists columns", "select * from a left asof outer join b using x, y join c using (z)", "a b c", confidence="recovered"),
    ],
    "definitions": [
        Case("a view that is refreshed into a table", "create materialized view v refresh every 1 hour append to d.t as select x from a", "a", "d.t", "create", "create"),
        Case("a mutation on a cluster", "alter table t on cluster '{c}' delete where x in (select x from a)", "a", "t", "write", "delete"),
        Case("another query of a view", "alter table v modify query select x from a", "a", "v", "alter", "alter"),
        Case("DROP of an empty thing", "drop table if empty d.t", "", "d.t", "drop", "drop"),
        Case("RESTORE under another name", "restore table t as u from disk('d', 'x')", "", "u", "write", "overwrite"),
        Case("a dictionary", "create dictionary d.x (a UInt8) primary key a source(null()) layout(flat()) lifetime(10); drop dictionary d.x", "", "d.x", "create drop"),
        Case("keys behind a location that is a bind are no files", "insert into t select * from s3({u:String}, 'AKIA', 'key', 'CSV')", "", "t", "write", confidence="partial"),
        Case("a named collection", "insert into t select * from s3(nc, filename = 'a.csv')", "", "t", "write", confidence="partial"),
        Case("several tables are exchanged", "exchange tables a and b, c and d", "a b c d", "a b c d", "alter", "swap"),
        Case("every table of a database", "truncate all tables from d", "", "", "write", "truncate", confidence="partial"),
    ],
}  # fmt: skip

SQLITE: Cases = {
    "queries": [
        Case("a text is a name", "select * from 'orders' join \"c\" using (id)", "orders c"),
        Case("an index is no table", "select * from a join t indexed by by_id on a.x = t.x", "a t"),
        Case("of a target", "update t indexed by by_id set a = 1 where b = 2; delete from u not indexed where b = 2", "", "t u", "write write"),
    ],
}  # fmt: skip

BIGQUERY: Cases = {
    "arrays of sources": [
        Case("of an element of another", "select * from d.t, unnest(arr) a, a.items, unnest(a.others)", "d.t"),
        Case("of a source of the query around", "select (select max(v) from t.items i) from d.t where exists (select 1 from t.others)", "d.t"),
        Case("deeper in a struct", "select * from d.t as x left join x.s.items i on true", "d.t"),
        Case("of a CTE", "with c as (select arr from d.t) select * from c as x, x.arr y, y.items", "d.t"),
        Case("a dataset of another name", "select * from d.t a join b.items on true", "d.t b.items"),
        Case("a query among the sources sees none of them", "select * from d.t as a, (select max(v) from a.items)", "d.t a.items"),
        Case("a table after it is no source yet", "select * from a.items, d.t as a", "a.items d.t"),
    ],
    "queries": [
        Case("a partition of a table", "insert into d.t$20240101 select * from `p.d.s$20240101`", "p.d.s", "d.t", "write"),
    ],
}  # fmt: skip

ATHENA: Cases = {
    "prepared statements": [
        Case("of a statement", "prepare p from insert into x select * from t; execute p using 1", "t", "x", "misc write"),
    ],
    "queries": [
        Case("a function of one's own", "using external function f(a varchar) returns varchar lambda 'x' select f(a) from t", "t"),
    ],
}  # fmt: skip

DATABRICKS: Cases = {
    "routines": [
        Case("a flow of changes of a query", "create flow f as auto cdc into t from (select * from stream(s)) keys (k)", "s", "t", "misc"),
        Case("a flow of changes", "create flow f as auto cdc into t from stream(s) keys (k)", "s", "t", "misc"),
    ],
}  # fmt: skip

# In every dialect
STANDARD: Cases = {
    "text that is no statement": [
        Case("misspelled words", "selec * form x", "", "", "misc", confidence="partial"),
        Case("a misspelled INSERT", "insrt into t values (1)", "", "", "misc", confidence="partial"),
    ],
}  # fmt: skip

EXASOL: Cases = {
    "queries": [
        Case("statements among the tables", "select * from t, (explain virtual select * from v) e", "T", confidence="recovered"),
        Case("an import among the tables", "select * from (import into (v varchar(1)) from exa at c table s.d) join t on true", "T", confidence="partial"),
    ],
    "no data": [Case("audit logs", "truncate audit logs keep last month", "", "", "misc")],
}  # fmt: skip

SPARK: Cases = {
    "changes": [
        Case("a directory by its options", "insert overwrite directory using parquet options (path = '/tmp/x', a = 1) select a from t", "t", "/tmp/x", "write", "overwrite", confidence="recovered"),
        Case("a partition's field is no table", "alter table c.d.t replace partition field y with days(ts)", "", "c.d.t", "alter"),
    ],
}  # fmt: skip

BY_DIALECT = [
    ("exasol", EXASOL),
    ("spark", SPARK),
    ("", STANDARD),
    ("athena", ATHENA),
    ("databricks", DATABRICKS),
    ("postgres", POSTGRES),
    ("redshift", REDSHIFT),
    ("mysql", MYSQL),
    ("trino", TRINO),
    ("duckdb", DUCKDB),
    ("oracle", ORACLE),
    ("tsql", TSQL),
    ("snowflake", SNOWFLAKE),
    ("clickhouse", CLICKHOUSE),
    ("sqlite", SQLITE),
    ("bigquery", BIGQUERY),
]
