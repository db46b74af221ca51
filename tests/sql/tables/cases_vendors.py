"""Cases of constructs of single stores, and of stores for which sqlglot has no dialect."""

from tests.sql.tables.case import Case, Cases

# https://www.postgresql.org/docs/current/sql-commands.html
POSTGRES: Cases = {
    "queries": [
        Case("a function's rows", "select * from a, lateral (select * from b where b.id = a.id) x, rows from (f(1), g(2)) as r", "a b", confidence="partial"),
        Case("FROM that names no table", "select extract(epoch from x), trim(both 'a' from y), a is distinct from b from t", "t"),
        Case("a cursor", "declare c cursor for select * from t", "t", confidence="recovered"),
    ],
    "changes": [
        Case("INTO several CTEs", "with d as (delete from a where x = 1 returning *), i as (insert into b select * from d returning id) update c set y = 1 from i where c.id = i.id", "a", "c a b", "write", "update"),
        Case("EXPLAIN ANALYZE runs", "explain (analyze, buffers) delete from t", "", "t", "write", "delete"),
        Case("REFRESH MATERIALIZED VIEW", "refresh materialized view concurrently v", "", "v", "write", "overwrite"),
    ],
    "definitions": [
        Case("a table of a foreign server", "create foreign table t (x int) server s options (table_name 'u')", "", "t", "create", "create"),
        Case("ALTER with a foreign key", "alter table if exists only t add column x int references u (y)", "", "t", "alter", "alter"),
    ],
    "no data": [
        Case("policies, rules and publications", "create policy p on t using (x); create publication p for table t", "", "", "misc misc"),
    ],
}  # fmt: skip

# https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html
REDSHIFT: Cases = {
    "queries": [
        Case("an array of a table is no table", "select * from t a, a.items i", "t"),
    ],
    "changes": [
        Case("MERGE REMOVE DUPLICATES", "merge into t using a on t.id = a.id remove duplicates", "a", "t", "write", "update"),
    ],
    "definitions": [
        Case("external table", "create external table s.t (x int) stored as parquet location 's3://b/c'", "", "s.t", "create", "create"),
    ],
}  # fmt: skip

# https://cloud.google.com/bigquery/docs/reference/standard-sql
BIGQUERY: Cases = {
    "queries": [
        Case("pipes", "from d.t |> where a > 1 |> join d.u using (id) |> union all (select * from d.w)", "d.t d.u d.w"),
        Case("a model is no table", "select * from ml.predict(model d.m, table d.t)", "d.t"),
        Case("a model and a table", "select * from ml.generate_embedding(model d.m, table d.t, struct(true as x))", "d.t"),
        Case("a model and a query", "select * from ml.generate_text(model d.m, (select a from d.t), struct(1 as x))", "d.t"),
        Case("a model and no table", "select * from ml.forecast(model d.m, struct(3 as horizon))", ""),
        Case("features are a table", "select * from ml.features_at_time(table d.t, time => current_timestamp())", "d.t"),
        Case("a forecast without a model", "select * from ai.forecast(table d.t, data_col => 'a', timestamp_col => 'b')", "d.t"),
        Case("a table as an argument", "select * from vector_search(table d.a, 'x', (select * from d.b), top_k => 1)", "d.a d.b"),
    ],
    "definitions": [
        Case("snapshot", "create snapshot table d.t clone d.a for system_time as of timestamp '2024-01-01'", "d.a", "d.t", "create", "clone"),
    ],
    "scripting": [
        Case("FOR over a query", "for r in (select * from d.t) do insert into d.u values (r.a); end for", "d.t", "d.u", "read write misc", confidence="recovered"),
        Case("an exception's handler", "begin select 1 from d.t; exception when error then insert into d.e select @@error.message; end", "d.t", "d.e", "read write misc"),
        Case("EXECUTE IMMEDIATE", "execute immediate 'select * from d.t where a = ?' using 1", "d.t"),
    ],
}  # fmt: skip

# https://docs.databricks.com/en/sql/language-manual
DATABRICKS: Cases = {
    "queries": [
        Case("several path tables", "select * from delta.`/mnt/x`, parquet.`s3://a/b`, csv.`/c.csv`", "/mnt/x s3://a/b /c.csv"),
        Case("IDENTIFIER of an expression", "select * from identifier('a.' || :x)", "", confidence="partial"),
    ],
    "changes": [
        Case("INSERT into IDENTIFIER", "insert into identifier('s.t') select x from u; insert overwrite table identifier('s.`t`') select x from u", "u", "s.t", "write write"),
        Case("INSERT with columns into IDENTIFIER", "with c as (select x from u) insert into identifier('s.t') (y) select x from c", "u", "s.t", "write", "append"),
        Case("INSERT into IDENTIFIER of a bind or an expression", "insert into identifier(:t) select x from u; insert into identifier('s.' || :t) select x from u", "u", "", "write write", confidence="partial"),
        Case("MERGE WITH SCHEMA EVOLUTION", "merge with schema evolution into t using u on t.id = u.id when matched then update set *", "u", "t", "write", "update"),
        Case("many INSERTs from one table", "from t insert overwrite table a select x insert into b select y where z = 1", "t", "a b", "write", "overwrite"),
        Case("APPLY CHANGES", "apply changes into live.t from stream(live.u) keys (a) sequence by b", "live.u", "live.t", "write", "update"),
        Case("RESTORE", "restore table t to version as of 1", "", "t", "write", "overwrite"),
    ],
    "no data": [
        Case("a function's body", "create function f(x int) returns table (a int) return select * from t", "", "", "misc"),
    ],
}  # fmt: skip

# https://dev.mysql.com/doc/refman/8.4/en/sql-statements.html
MYSQL: Cases = {
    "queries": [
        Case("hints and partitions", "select * from a partition (p0) as x join b use index (i1) on 1 = 1 straight_join c", "a b c"),
        Case("JSON_TABLE", "select * from a, json_table(a.j, '$[*]' columns (x int path '$.x')) as jt", "a"),
    ],
    "changes": [
        Case("options before the target", "update low_priority a, b set a.x = b.y where a.id = b.id", "b", "a", "write", "update"),
        Case("INSERT SET", "insert into a set x = 1, y = (select max(z) from c)", "c", "a", "write", "append"),
    ],
    "definitions": [
        Case("CREATE with a column list and a query", "create table a (id int primary key auto_increment, key k (id)) engine = innodb as select * from b", "b", "a", "create", "create"),
        Case("a view with a definer", "create algorithm = merge definer = `u`@`localhost` sql security invoker view v as select * from t with check option", "t", "v", "create", "create"),
        Case("EXCHANGE PARTITION", "alter table a exchange partition p with table b", "b", "a", "write", "overwrite"),
    ],
    "no data": [
        Case("an event and a trigger are connected with their tables", "create event e on schedule every 1 day do delete from t; create trigger g after insert on u for each row insert into v select * from w", "w", "t v", "misc misc"),
        Case("a trigger that touches no table", "create trigger g before insert on t for each row set new.x = 1", "", "", "misc"),
    ],
}  # fmt: skip

# https://sqlite.org/lang.html
SQLITE: Cases = {
    "changes": [
        Case("UPDATE OR", "update or replace t set a = 1", "", "t", "write", "update"),
    ],
    "queries": [
        Case("table-valued functions", "select * from t, json_each(t.j), pragma_table_info('t')", "t"),
    ],
    "definitions": [
        Case("a trigger's body is not run, but connected", "create trigger tr after insert on t begin insert into log values (1); delete from u; end; select * from z", "z", "log u", "misc read"),
    ],
    "no data": [
        Case("pragmas and attached files", "attach 'x.db' as y; pragma foreign_keys = on; vacuum", "", "", "misc misc misc"),
    ],
}  # fmt: skip

# https://duckdb.org/docs/stable/sql/introduction
DUCKDB: Cases = {
    "queries": [
        Case("one spelling for every case", 'select * from MyTable, "MyTable"', "mytable"),
        Case("DESCRIBE and SUMMARIZE", "summarize t; describe t", "t", "", "read misc"),
    ],
    "changes": [
        Case("INSERT BY NAME", "insert or replace into t by name select * from u", "u", "t", "write", "append"),
    ],
    "no data": [
        Case("a macro's body", "create macro f(a) as table select * from t where x = a", "", "", "misc"),
    ],
}  # fmt: skip

# https://learn.microsoft.com/sql/t-sql/statements/statements
TSQL: Cases = {
    "queries": [
        Case("FOR SYSTEM_TIME, APPLY, hints", "select * from a for system_time as of '2024-01-01' as x cross apply f(x.y) g outer apply (select top 1 * from c) d join b (nolock) on 1 = 1", "a b c", confidence="partial"),
        Case("OPENROWSET", "select * from openrowset(bulk 'https://acc.dfs.core.windows.net/c/x.parquet', format = 'parquet') as r", "https://acc.dfs.core.windows.net/c/x.parquet", confidence="recovered"),
    ],
    "changes": [
        Case("through a CTE", "with c as (select * from t) delete from c where x = 1", "", "t", "write", "delete"),
        Case("OUTPUT of a MERGE", "merge into a using b on a.x = b.x when matched then update set y = 1 output $action, inserted.* into log;", "b", "a log", "write", "update"),
        Case("TOP before the target", "delete top (5) percent from t where a = 1", "", "t", "write", "delete"),
        Case("BULK INSERT", "bulk insert t from 'c:\\x.csv' with (fieldterminator = ',')", "c:\\x.csv", "t", "write", "append"),
        Case("partitions that move", "alter table a switch partition 1 to b partition 2", "a", "b", "write", "append"),
    ],
    "scripts": [
        Case("no semicolons at all", "select a from t update u set a = 1 from v where v.id = u.id delete from w declare @y int = 3 select case when a = 1 then 2 end from q", "t v q", "u w", "read write write read"),
        Case("TRY and CATCH", "begin try insert into a select * from b end try begin catch select error_message() end catch", "b", "a", "write read", "append"),
        Case("sp_executesql", "exec sp_executesql N'select * from t where a = @a', N'@a int', 1", "t"),
    ],
    "no data": [
        Case("statistics, synonyms, types", "update statistics t; create synonym s for t; create type u as table (a int)", "", "", "misc misc misc"),
    ],
}  # fmt: skip

# https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf
ORACLE: Cases = {
    "queries": [
        Case("links, partitions, hierarchies", "select * from t@link a, u partition (p1) sample (10) start with a is null connect by prior b = a", "T@LINK U"),
        Case("joins with (+) and MINUS", "(select * from a, b where a.id = b.id (+)) minus (select * from c)", "A B C"),
    ],
    "changes": [
        Case("through a query", "delete from (select * from t where a = 1)", "", "T", "write", "delete"),
        Case("MERGE with DELETE", "merge into a t using b s on (t.id = s.id) when matched then update set t.x = s.x delete where t.y = 1", "B", "A", "write", "update"),
    ],
    "definitions": [
        Case("external words in a view", "create or replace force editionable view s.v (a, b) bequeath definer as select 1, 2 from t with read only", "T", "S.V", "create", "create"),
        Case("FLASHBACK", "flashback table t to before drop", "", "T", "create", "create"),
    ],
    "scripts": [
        Case("a loop over a query", "begin for r in (select * from t) loop insert into u values (r.a); end loop; end;", "T", "U", "read write misc misc", confidence="recovered"),
        Case("current schema", "alter session set current_schema = hr; select * from emp", "HR.EMP", "", "misc read"),
    ],
    "no data": [
        Case("logs, links and indexes", "create materialized view log on t; create index i on t (a); create sequence s", "", "", "misc misc misc"),
    ],
}  # fmt: skip

# https://trino.io/docs/current/sql.html
TRINO: Cases = {
    "queries": [
        Case("a table as an argument", "select * from table(exclude_columns(input => table(orders), columns => descriptor(a)))", "orders"),
    ],
    "definitions": [
        Case("CTAS with properties", "create table if not exists c.s.t with (format = 'ORC') as select * from u with no data", "u", "c.s.t", "create", "create", "partial"),
    ],
    "scripts": [
        Case("USE", "use c.s; select * from t", "c.s.t", "", "misc read"),
    ],
    "no data": [
        Case("sessions and statistics", "show stats for t; set session a = 1; analyze t", "", "", "misc misc misc"),
    ],
}  # fmt: skip

# https://clickhouse.com/docs/sql-reference
CLICKHOUSE: Cases = {
    "queries": [
        Case("array joins, settings, formats", "select * from t final prewhere a = 1 array join arr as x settings max_threads = 1 format JSON", "t"),
        Case("file functions", "select * from url('http://a/b.csv'), numbers(10)", "http://a/b.csv"),
    ],
    "changes": [
        Case("INSERT into a function", "insert into table function s3('https://x/y.csv', 'CSV') select * from t", "t", "https://x/y.csv", "write", "append"),
        Case("mutations", "alter table t delete where a in (select a from u)", "u", "t", "write", "delete"),
        Case("partitions", "alter table t replace partition 1 from u", "u", "t", "write", "overwrite"),
    ],
    "definitions": [
        Case("AS takes the structure", "create table t as u engine = Distributed(c, d, e)", "u d.e", "t", "create", "create"),
        Case("EXCHANGE TABLES", "exchange tables a and b", "a b", "a b", "alter", "swap"),
        Case("columns of a cluster's table", "create table t on cluster c (a Int, m Map(String, Int)) engine = Memory", "", "t", "create", "create"),
    ],
}  # fmt: skip

# https://spark.apache.org/docs/latest/sql-ref.html
SPARK: Cases = {
    "changes": [
        Case("INSERT from a CTE first", "with a as (select * from t) from a insert into b select * insert into c select *", "t", "b c", "write", "append"),
    ],
    "queries": [
        Case("LATERAL VIEW with several columns", "select * from p lateral view inline(x) e n, m, s", "p", confidence="recovered"),
    ],
    "definitions": [
        Case("partitions change places", "alter table a exchange partition (d = '1') with table b", "b", "a", "write", "overwrite"),
    ],
}  # fmt: skip

# https://docs.teradata.com
TERADATA: Cases = {
    "queries": [
        Case("LOCKING and SEL", "locking row for access sel top 5 * from db.t", "db.t"),
    ],
    "changes": [
        Case("DEL and INS", "del from t all; ins into t sel * from u", "u", "t", "write write", "delete"),
        Case("UPDATE FROM first", "update a from t a, u b set x = b.y where a.id = b.id", "u", "t", "write", "update"),
    ],
    "definitions": [
        Case("volatile table", "create multiset volatile table t as (select * from u) with data primary index (a) on commit preserve rows", "u", "t", "create", "create"),
        Case("REPLACE VIEW", "replace view v as locking row for access select * from t", "t", "v", "create", "create"),
        Case("options behind commas", "create set table t, no fallback, no journal (a integer) primary index (a)", "", "t", "create", "create"),
    ],
}  # fmt: skip

# https://docs.exasol.com
EXASOL: Cases = {
    "loading and unloading": [
        Case("IMPORT and EXPORT", "import into t from jdbc at c statement 'select 1'; export (select * from u) into csv at 'http://x' file 'y.csv'", "U", "T", "write write", "append"),
    ],
    "scripts": [
        Case("OPEN SCHEMA", "open schema s; select * from t", "S.T", "", "misc read"),
    ],
}  # fmt: skip

# https://docs.aws.amazon.com/athena
ATHENA: Cases = {
    "loading and unloading": [
        Case("UNLOAD", "unload (select * from t) to 's3://b/c' with (format = 'PARQUET')", "t", "s3://b/c", "write", "append", confidence="recovered"),
    ],
}  # fmt: skip

# https://docs.starrocks.io
STARROCKS: Cases = {
    "loading and unloading": [
        Case("LOAD LABEL", "load label d.l (data infile('hdfs://x') into table t) with broker", "hdfs://x", "t", "write", "append"),
    ],
}  # fmt: skip

# https://materialize.com/docs/sql
MATERIALIZE: Cases = {
    "definitions": [
        Case("sources and sinks", "create source s from kafka connection c (topic 't'); create sink k from s into kafka connection c (topic 'x')", "s", "s k", "create create", "create"),
    ],
}  # fmt: skip

DB2: Cases = {
    "queries": [
        Case("a changed table", "select * from final table (insert into t select * from u)", "U", "T", "write", "append", confidence="recovered"),
    ],
    "definitions": [
        Case("temporary table", "declare global temporary table session.t as (select * from u) with data", "U", "SESSION.T", "create", "create"),
    ],
}  # fmt: skip

IMPALA: Cases = {
    "queries": [
        Case("join hints", "select straight_join a from t join [shuffle] u on t.a = u.a", "t u", confidence="recovered"),
    ],
}  # fmt: skip

VERTICA: Cases = {
    "changes": [
        Case("partitions that move", "select swap_partitions_between_tables('a', 1, 2, 't')", "a", "t", "write", "append"),
    ],
}  # fmt: skip

HANA: Cases = {
    "changes": [
        Case("UPSERT", "upsert into t select * from u", "u", "t", "write", "append", confidence="recovered"),
    ],
}  # fmt: skip

BY_DIALECT = [
    ("postgres", POSTGRES),
    ("redshift", REDSHIFT),
    ("bigquery", BIGQUERY),
    ("databricks", DATABRICKS),
    ("mysql", MYSQL),
    ("sqlite", SQLITE),
    ("duckdb", DUCKDB),
    ("tsql", TSQL),
    ("oracle", ORACLE),
    ("trino", TRINO),
    ("clickhouse", CLICKHOUSE),
    ("spark", SPARK),
    ("teradata", TERADATA),
    ("exasol", EXASOL),
    ("athena", ATHENA),
    ("starrocks", STARROCKS),
    ("materialize", MATERIALIZE),
    ("db2", DB2),
    ("impala", IMPALA),
    ("vertica", VERTICA),
    ("hana", HANA),
]
