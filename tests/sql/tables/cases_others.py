"""Table lineage of constructs of some dialects."""

from tests.sql.tables.case import Case, Cases

# https://www.postgresql.org/docs/current/sql-commands.html
POSTGRES: Cases = {
    "queries": [
        Case("unquoted names are in lower case", 'select * from S.T, "S"."T"', "s.t S.T"),
        Case("LATERAL", "select * from a, lateral (select * from b where b.id = a.id) x", "a b"),
        Case("a function is no table", "select * from generate_series(1, 10) g", ""),
        Case("ONLY and a star for descendants", "select * from only a, b *", "a b"),
        Case("TABLE", "table a", "a"),
        Case("SELECT INTO", "select * into t from a", "a", "t", "create"),
        Case("DISTINCT ON", "select distinct on (x) * from a order by x", "a"),
    ],
    "changes": [
        Case("ON CONFLICT", "insert into t select * from a on conflict (id) do update set x = excluded.x", "a", "t", "write"),
        Case("RETURNING", "delete from t where x = 1 returning *", "", "t", "write", "delete"),
        Case("a CTE that changes data", "with moved as (delete from a returning *) insert into t select * from moved", "a", "a t", "write"),
        Case("UPDATE FROM", "update t set x = a.x from a where t.id = a.id", "a", "t", "write", "update"),
        Case("DELETE USING", "delete from t using a where t.id = a.id", "a", "t", "write", "delete"),
        Case("MERGE", "merge into t using a on t.id = a.id when matched then do nothing when not matched then insert values (a.id)", "a", "t", "write"),
        Case("TRUNCATE of several", "truncate table t, u cascade", "", "t u", "write", "truncate"),
        Case("TRUNCATE of several, each with its ONLY or *", "truncate t, only u, v *, only w cascade", "", "t u v w", "write", "truncate"),
        Case("TRUNCATE of a table called only", "truncate only, t", "", "only t", "write", "truncate"),
        Case("files are moved, no table is called all", "alter table all in tablespace a set tablespace b", "", "", "misc"),
    ],
    "loading and unloading": [
        Case("COPY FROM STDIN", "copy t (a, b) from stdin with (format csv)", "", "t", "write", "append"),
        Case("COPY FROM a file", "copy t from '/data/x.csv' csv", "/data/x.csv", "t", "write", "append"),
        Case("COPY TO STDOUT", "copy t to stdout", "t"),
        Case("COPY of a query", "copy (select * from a) to '/data/x.csv'", "a", "/data/x.csv", "write"),
    ],
    "definitions": [
        Case("temporary table", "create temp table t on commit drop as select * from a", "a", "t", "create"),
        Case("LIKE", "create table t (like a including all)", "a", "t", "create"),
        Case("partition", "create table t partition of a for values in (1)", "", "t", "create"),
        Case("materialised view", "create materialized view v as select * from a with no data", "a", "v", "create"),
        Case("RENAME", "alter table t rename to u", "t", "u", "alter", "rename"),
        Case("CREATE INDEX", "create index i on t (x)", "", "", "misc"),
        Case("a function is only defined", "create function f() returns int language sql as $$ insert into t select * from a returning 1 $$", "", "", "misc"),
        Case("DO", "do $$ begin insert into t select * from a; end $$", "a", "t", "write misc"),
    ],
    "no data": [
        Case("SET", "set search_path to s", kind="misc"),
        Case("VACUUM", "vacuum analyze t", kind="misc"),
        Case("EXPLAIN", "explain select * from t", kind="misc"),
        Case("LISTEN", "listen c", kind="misc"),
        Case("a transaction", "begin; savepoint s; release savepoint s; commit", kind="misc misc misc misc"),
    ],
}  # fmt: skip

# https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
BIGQUERY: Cases = {
    "queries": [
        Case("a project with a dash", "select * from `my-project.d.t`, my-project.d.u", "my-project.d.t my-project.d.u"),
        Case("an array of a table is no table", "select * from t, unnest(t.items) i", "t"),
        Case("a path into the row is no table", "select * from d.t as x, x.items", "d.t"),
        Case("wildcard table", "select * from `d.events_*` where _table_suffix > '2024'", "d.events_*"),
        Case("time travel", "select * from d.t for system_time as of timestamp '2024-01-01'", "d.t"),
        Case("QUALIFY", "select * from t qualify row_number() over (order by x) = 1", "t"),
    ],
    "changes": [
        Case("MERGE", "merge d.t using d.a on t.id = a.id when not matched then insert row", "d.a", "d.t", "write"),
        Case("INSERT without INTO", "insert d.t (x) select x from d.a", "d.a", "d.t", "write", "append"),
        Case("DELETE without FROM", "delete d.t where true", "", "d.t", "write", "delete"),
    ],
    "definitions": [
        Case("CLONE", "create table d.t clone d.a", "d.a", "d.t", "create"),
        Case("COPY", "create table d.t copy d.a", "d.a", "d.t", "create"),
        Case("external table", "create external table d.t options (format = 'csv', uris = ['gs://b/x.csv'])", "", "d.t", "create"),
    ],
    "loading and unloading": [
        Case("EXPORT DATA", "export data options (uri = 'gs://b/*.csv', format = 'csv') as select * from d.t", "d.t", "gs://b/*.csv", "write"),
        Case("LOAD DATA", "load data into d.t from files (format = 'csv', uris = ['gs://b/x.csv'])", "gs://b/x.csv", "d.t", "write"),
    ],
    "scripting": [
        Case("IF", "if true then insert into d.t select * from d.a; end if", "d.a", "d.t", "write misc"),
        Case("DECLARE with a query", "declare x int64 default (select max(id) from d.a)", "d.a", "", "read", confidence="recovered"),
    ],
}  # fmt: skip

# https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html
REDSHIFT: Cases = {
    "loading and unloading": [
        Case("COPY", "copy t from 's3://b/p' iam_role 'arn' format as parquet", "s3://b/p", "t", "write", "append"),
        Case("UNLOAD", "unload ('select * from t') to 's3://b/p' iam_role 'arn'", "t", "s3://b/p", "write"),
    ],
    "changes": [
        Case("ALTER TABLE APPEND", "alter table t append from a", "a", "t", "write"),
        Case("DELETE USING", "delete from t using a where t.id = a.id", "a", "t", "write", "delete"),
    ],
    "definitions": [
        Case("CTAS with keys", "create table t distkey (id) sortkey (x) as select * from a", "a", "t", "create"),
        Case("late-binding view", "create view v as select * from s.a with no schema binding", "s.a", "v", "create"),
    ],
}  # fmt: skip

# https://docs.databricks.com/en/sql/language-manual/index.html
DATABRICKS: Cases = {
    "queries": [
        Case("a path table", "select * from delta.`/data/t`", "/data/t"),
        Case("time travel", "select * from t version as of 3", "t"),
        Case("read_files", "select * from read_files('s3://b/p', format => 'csv')", "s3://b/p"),
        Case("a stream of a table", "select * from stream(t)", "t"),
        Case("LATERAL VIEW", "select * from t lateral view explode(items) x as i", "t"),
        Case("a variable for a catalog", "select * from ${env}.s.t", "${env}.s.t", confidence="partial"),
    ],
    "changes": [
        Case("MERGE", "merge into t using a on t.id = a.id when not matched by target then insert * when not matched by source then delete", "a", "t", "write"),
        Case("INSERT OVERWRITE a partition", "insert overwrite table t partition (d = '2024') select * from a", "a", "t", "write", "overwrite"),
        Case("REPLACE WHERE", "insert into t replace where x > 1 select * from a", "a", "t", "write"),
        Case("COPY INTO", "copy into t from 's3://b/p' fileformat = parquet", "s3://b/p", "t", "write", "append"),
    ],
    "definitions": [
        Case("clone", "create table t shallow clone a", "a", "t", "create", "clone"),
        Case("streaming table", "create or refresh streaming table t as select * from stream(a)", "a", "t", "create"),
        Case("temporary view", "create temporary view v as select * from a", "a", "v", "create"),
    ],
    "no data": [
        Case("OPTIMIZE", "optimize t zorder by (x)", kind="misc"),
        Case("REFRESH", "refresh table t", kind="misc"),
    ],
}  # fmt: skip

# https://dev.mysql.com/doc/refman/8.4/en/sql-statements.html
MYSQL: Cases = {
    "changes": [
        Case("REPLACE", "replace into t select * from a", "a", "t", "write"),
        Case("ON DUPLICATE KEY", "insert into t select * from a on duplicate key update x = values(x)", "a", "t", "write"),
        Case("UPDATE of a join", "update t join a on t.id = a.id set t.x = a.x", "a", "t", "write", "update"),
        Case("UPDATE of another table of a join", "update a join t on t.id = a.id set t.x = a.x", "a", "t", "write", "update"),
        Case("UPDATE of several tables", "update t x, db.u, a set x.b = a.b, db.u.c = 1", "a", "t db.u", "write", "update"),
        Case("UPDATE of a join, columns unqualified", "update t, a set x = y", "a", "t", "write", "update"),
        Case("UPDATE of two tables, one from the other", "update t join a on t.id = a.id set t.x = a.y, a.z = 1", "a", "t a", "write", "update"),
        Case("UPDATE of two tables, each from the other", "update t x, a y set x.c = y.c, y.d = upper(x.d) where x.i = y.i", "t a", "t a", "write", "update"),
        Case("UPDATE of two tables, each from itself", "update t x, a y set x.c = x.c + 1, y.d = y.d + 1", "", "t a", "write", "update"),
        Case("DELETE of a join", "delete t from t join a on t.id = a.id", "a", "t", "write", "delete"),
        Case("a comment that the server runs", "insert into t /*!50001 select * from a */", "a", "t", "write"),
        Case("a statement of comments that the server runs", "/*!50003 CREATE*/ /*!50017 DEFINER=`u`@`h`*/ /*!50001 VIEW t AS SELECT x FROM a */", "a", "t", "create"),
        Case("a comment that MariaDB runs", "insert into t select * from a /*M!100100 join b using (i) */", "a b", "t", "write"),
        Case("a comment for a version that no server has", "insert into t select * from a /*!999999 join b using (i) */", "a", "t", "write"),
        Case("a text that looks like a comment that runs", "insert into t select * from a where x = '/*! join b */'", "a", "t", "write"),
        Case("LOAD DATA", "load data local infile '/data/x.csv' into table t", "/data/x.csv", "t", "write"),
        Case("INTO OUTFILE", "select * from t into outfile '/data/x.csv'", "t", "/data/x.csv", "write", confidence="recovered"),
    ],
    "definitions": [
        Case("LIKE", "create table t like a", "a", "t", "create"),
        Case("CTAS without AS", "create table t select * from a", "a", "t", "create"),
        Case("RENAME TABLE", "rename table t to u", "t", "u", "alter", "rename"),
    ],
    "scripts": [
        Case("DELIMITER", "delimiter //\ncreate procedure p() begin insert into t select * from a; end//\ndelimiter ;\nselect * from b", "a b", "t", "misc read"),
    ],
    "queries": [Case("double quotes are strings", 'select "from x" from `t`', "t")],
}  # fmt: skip

# https://www.sqlite.org/lang.html
SQLITE: Cases = {
    "changes": [
        Case("INSERT OR REPLACE", "insert or replace into t select * from a", "a", "t", "write"),
        Case("UPDATE FROM", "update t set x = a.x from a where t.id = a.id", "a", "t", "write", "update"),
    ],
    "no data": [Case("PRAGMA", "pragma table_info(t)", kind="misc"), Case("ATTACH", "attach 'x.db' as x", kind="misc")],
}  # fmt: skip

# https://duckdb.org/docs/stable/sql/introduction
DUCKDB: Cases = {
    "queries": [
        Case("a file is a table", "select * from 'data/x.parquet'", "data/x.parquet"),
        Case("read_parquet", "select * from read_parquet('s3://b/x.parquet')", "s3://b/x.parquet"),
        Case("read_csv of several", "select * from read_csv(['a.csv', 'b.csv'])", "a.csv b.csv"),
        Case("FROM first", "from t select x", "t"),
        Case("PIVOT", "pivot t on x using sum(y)", "t"),
        Case("CREATE TABLE AS PIVOT", "create table p as pivot t on x using sum(y)", "t", "p", "create", "create"),
        Case("CREATE VIEW AS UNPIVOT", "create view p as unpivot t on a, b into name n value v", "t", "p", "create", "create"),
        Case("a column called pivot", "create table p (pivot int)", "", "p", "create", "create"),
        Case("SUMMARIZE", "summarize t", "t"),
        Case("no credentials in a path", "select * from 's3://key:secret@b/x.parquet'", "s3://b/x.parquet"),
    ],
    "loading and unloading": [
        Case("COPY TO", "copy t to 'x.parquet' (format parquet)", "t", "x.parquet", "write"),
        Case("COPY of a query", "copy (select * from a) to 'x.csv'", "a", "x.csv", "write"),
        Case("COPY FROM", "copy t from 'x.csv'", "x.csv", "t", "write"),
    ],
    "changes": [Case("INSERT BY NAME", "insert into t by name select * from a", "a", "t", "write", "append")],
    "definitions": [Case("CREATE OR REPLACE", "create or replace table t as from a", "a", "t", "create")],
}  # fmt: skip

# https://learn.microsoft.com/en-us/sql/t-sql/language-reference
TSQL: Cases = {
    "queries": [
        Case("brackets", "select * from [my db].[dbo].[t]", "my db.dbo.t|"),
        Case("hints", "select * from t with (nolock)", "t"),
        Case("CROSS APPLY", "select * from t cross apply (select top 1 * from a where a.id = t.id) x", "t a"),
        Case("SELECT INTO", "select * into t from a", "a", "t", "create"),
        Case("a temporary table", "select * into #tmp from a", "a", "#tmp", "create"),
        Case("a table variable is a table of its own", "insert into @t select * from a", "a", "@t", "write"),
    ],
    "changes": [
        Case("UPDATE by alias", "update x set x.a = 1 from t as x join b on b.id = x.id", "b", "t", "write", "update"),
        Case("DELETE by alias", "delete x from t as x join b on b.id = x.id", "b", "t", "write", "delete"),
        Case("OUTPUT INTO", "delete from t output deleted.* into u where x = 1", "", "t u", "write"),
        Case("MERGE", "merge t as x using a on x.id = a.id when not matched then insert (id) values (a.id);", "a", "t", "write"),
    ],
    "scripts": [
        Case("GO", "insert into t select * from a\nGO\ndelete from u\nGO", "a", "t u", "write write"),
        Case("IF with BEGIN and END", "if exists (select 1 from a) begin insert into t select * from b end", "a b", "t", "read write", confidence="recovered"),
    ],
    "no data": [Case("EXEC", "exec dbo.p @x = 1", kind="misc", confidence="partial"), Case("DECLARE", "declare @x int = 1", kind="misc")],
}  # fmt: skip

# https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf
ORACLE: Cases = {
    "queries": [
        Case("CONNECT BY", "select * from t start with p is null connect by prior id = p", "T"),
        Case("outer join with a plus", "select * from a, b where a.id = b.id (+)", "A B"),
        Case("a database link", "select * from t@remote", "T@REMOTE"),
        Case("flashback", "select * from t as of timestamp systimestamp - 1", "T"),
    ],
    "changes": [
        Case("INSERT ALL", "insert all into t values (x) into u values (x) select x from a", "A", "T U", "write", "append"),
        Case("MERGE", "merge into t using a on (t.id = a.id) when matched then update set x = a.x", "A", "T", "write"),
    ],
    "scripts": [
        Case("an anonymous block", "begin\n insert into t select * from a;\nend;\n/\nselect * from b", "A B", "T", "write misc read"),
    ],
}  # fmt: skip

# https://trino.io/docs/current/sql.html
TRINO: Cases = {
    "queries": [
        Case("UNNEST", "select * from t cross join unnest(items) as x (i)", "t"),
        Case("names of three parts", "select * from hive.s.t", "hive.s.t"),
    ],
    "definitions": [Case("CTAS with properties", "create table t with (format = 'orc') as select * from a", "a", "t", "create")],
    "changes": [Case("DELETE", "delete from c.s.t where x = 1", "", "c.s.t", "write", "delete")],
}  # fmt: skip

# https://clickhouse.com/docs/sql-reference
CLICKHOUSE: Cases = {
    "queries": [
        Case("FINAL and SAMPLE", "select * from t final sample 0.1", "t"),
        Case("ARRAY JOIN", "select * from t array join items as i", "t"),
        Case("s3()", "select * from s3('https://b/x.csv', 'key', 'secret', 'CSV')", "https://b/x.csv"),
        Case("GLOBAL IN", "select * from a where id global in (select id from b)", "a b"),
        Case("urlCluster()", "select * from urlCluster('c', 'https://h/x.csv', 'CSV')", "https://h/x.csv"),
        Case("s3Cluster() of a name", "select * from s3Cluster(c, 's3://b/x.csv')", "s3://b/x.csv"),
        Case("a cluster that does not parse", "select a,, from hdfsCluster('c', 'hdfs://h/x') where where", "hdfs://h/x", confidence="recovered"),
    ],
    "changes": [
        Case("INSERT with a format", "insert into t format CSV\n1,2\n3,4", "", "t", "write", "append", "recovered"),
        Case("container and path of Azure", "select * from azureBlobStorage('https://a.blob.core.windows.net', 'raw', 'x.csv', 'key', 'hunter2')",
             "https://a.blob.core.windows.net/raw/x.csv"),
        Case("INSERT into a container of Azure", "insert into function azureBlobStorageCluster('c', 'https://a.blob.core.windows.net?sig=hunter2', 'raw', 'x.csv') select * from a",
             "a", "https://a.blob.core.windows.net/raw/x.csv", "write", "append"),
        Case("INSERT into a cluster's files", "insert into function s3Cluster('c', 's3://b/x') select * from a", "a", "s3://b/x", "write", "append"),
        Case("ALTER DELETE", "alter table t delete where x = 1", "", "t", "write", "delete"),
    ],
    "definitions": [Case("a view that writes to a table", "create materialized view v to t as select * from a", "a", "t", "create")],
}  # fmt: skip

# https://spark.apache.org/docs/latest/sql-ref-syntax.html, https://hive.apache.org
SPARK: Cases = {
    "queries": [
        Case("a path table", "select * from parquet.`s3://b/x`", "s3://b/x"),
        Case("hints name aliases", "select /*+ broadcast(x), merge(a, y) */ a.* from a join b x on a.id = x.id", "a b"),
        Case("FROM first", "from a insert overwrite table t select * insert into u select x", "a", "t u", "write"),
    ],
    "changes": [
        Case("INSERT OVERWRITE DIRECTORY", "insert overwrite directory 's3://b/p' using parquet select * from a", "a", "s3://b/p", "write", confidence="recovered"),
        Case("a directory with a row format", "insert overwrite local directory '/x' row format delimited fields terminated by ',' select b from a; insert into t select * from c", "a c", "/x t", "write write"),
        Case("a partition", "insert into t partition (d = '2024') select * from a", "a", "t", "write", "append"),
        Case("LOAD DATA", "load data inpath 's3://b/p' into table t", "s3://b/p", "t", "write"),
    ],
    "no data": [Case("CACHE", "cache table t", kind="misc"), Case("MSCK", "msck repair table t", kind="misc")],
}  # fmt: skip

BY_DIALECT = [
    ("postgres", POSTGRES), ("bigquery", BIGQUERY), ("redshift", REDSHIFT), ("databricks", DATABRICKS), ("mysql", MYSQL), ("sqlite", SQLITE),
    ("duckdb", DUCKDB), ("tsql", TSQL), ("oracle", ORACLE), ("trino", TRINO), ("clickhouse", CLICKHOUSE), ("spark", SPARK),
]  # fmt: skip
