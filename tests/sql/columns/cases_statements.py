"""Column lineage of statements that write, construct by construct."""

from tests.sql.columns.case import Case

STATEMENTS: dict[str, list[Case]] = {
    "insert": [
        Case("by position into the listed columns", "insert into n (x, y) select a, b from t",
             """n.x <- t.a
                n.y <- t.b"""),
        Case("by position into the columns of the schema", "insert into w select a, b from t",
             """w.x <- t.a
                w.y <- t.b""", known=True),
        Case("under the names of the query where nothing is known", "insert into n select a as p, b from t",
             """n.p <- t.a
                n.b <- t.b"""),
        Case("an expression without a name is identified by its position", "insert into n select a, a + b from t",
             """n.a <- t.a
                n._2 <- t.a TRANSFORMATION
                n._2 <- t.b TRANSFORMATION"""),
        Case("all columns of a known table", "insert into w select * from t",
             """w.x <- t.id
                w.y <- t.a
                w.z <- t.b""", known=True),
        Case("columns that a FROM list calls otherwise", "insert into n (x) select o.q from t as o (p, q)", "n.x <- t.a",
             dialect="postgres", known=True),
        Case("columns of a join that its alias calls otherwise", "insert into n (x) select j.s from (t cross join u) j (p, q, r, s)",
             "n.x <- u.id", dialect="postgres", known=True),
        Case("names for columns that are not known", "insert into n (x) select o.q from t as o (p, q)", "",
             dialect="postgres", reason="columns: "),
        Case("all columns of an unknown table", "insert into w select * from q", "w.* <- q.*", known=True),
        Case("columns behind unknown ones are placed from the end", "insert into w select q.*, t.a from q, t",
             """w.* <- q.*
                w.z <- t.a""", known=True),
        Case("a CTE before or behind INSERT", "with q as (select a from t) insert into n (x) select a from q", "n.x <- t.a"),
        Case("a union", "insert into n (x) select a from t union all select c from u",
             """n.x <- t.a
                n.x <- u.c"""),
        Case("VALUES with a subquery", "insert into n (x, y) values (1, (select max(a) from t))", "n.y <- t.a AGGREGATION"),
        Case("by name", "insert into w by name select a as z, b as x from t",
             """w.z <- t.a
                w.x <- t.b""", dialect="duckdb", known=True),
        Case("static partitions are no part of the query", "insert overwrite table w partition (z = 1) select a, b from t",
             """w.x <- t.a
                w.y <- t.b""", dialect="hive", known=True),
        Case("dynamic partitions come last", "insert into w partition (x) select a, b, id from t",
             """w.y <- t.a
                w.z <- t.b
                w.x <- t.id""", dialect="spark", known=True),
        Case("columns that decide over rows decide over the target", "insert into n (x) select a from t where b = 1", "n.x <- t.a",
             "n.* <~ t.b FILTER"),
        Case("ON CONFLICT writes values of the refused and of the old row",
             "insert into n (k, v) select a, b from t on conflict (k) do update set v = excluded.v, c = n.c + 1",
             """n.k <- t.a
                n.v <- t.b
                n.c <- n.c TRANSFORMATION""", dialect="postgres"),
        Case("the target's alias in ON CONFLICT",
             "insert into n as q (k, v) select a, b from t on conflict (k) do update set v = q.v + 1 where q.w > 0",
             """n.k <- t.a
                n.v <- t.b
                n.v <- n.v TRANSFORMATION""", "n.* <~ n.w FILTER", dialect="postgres"),
        Case("ON DUPLICATE KEY UPDATE sees the query's sources",
             "insert into n (k) select t.a from t on duplicate key update k = values(k), v = t.b",
             """n.k <- t.a
                n.v <- t.b""", dialect="mysql"),
        Case("VALUES inside of a value (MySQL)",
             "insert into n (k, v) select a, b from t on duplicate key update v = if(values(v) > 1, values(v), n.w + values(k))",
             """n.k <- t.a
                n.v <- t.b
                n.v <- t.b TRANSFORMATION
                n.v <- t.b CONDITIONAL
                n.v <- n.w TRANSFORMATION
                n.v <- t.a TRANSFORMATION""", dialect="mysql"),
        Case("the new row's alias in ON DUPLICATE KEY UPDATE",
             "insert into n (k, v) values (1, (select max(a) from t)) as r on duplicate key update v = r.v + n.w",
             """n.v <- t.a AGGREGATION
                n.v <- n.w TRANSFORMATION""", dialect="mysql"),
        Case("RETURNING names the columns of the result", "insert into n (x) select a from t returning x, y as z",
             "n.x <- t.a", dialect="postgres", result=["x", "z"]),
        Case("a CTE that changes data", "with d as (insert into n (x) select a from t returning x as y) select y from d",
             """n.x <- t.a
                y <- n.x""", dialect="postgres"),
        Case("INSERT ALL", "insert all into n (x) values (a) into m select a, b from t",
             """N.X <- T.A
                M.A <- T.A
                M.B <- T.B""", dialect="oracle"),
        Case("INSERT ALL with conditions",
             "insert all when b > 1 then into n (x) values (a) else into m select a, b from t",
             """N.X <- T.A
                M.A <- T.A
                M.B <- T.B""", "N.* <~ T.B FILTER", dialect="snowflake"),
        Case("one source, several INSERTs", "from t insert into n select a insert into m select b where c > 1",
             """n.a <- t.a
                m.b <- t.b""", "m.* <~ t.c FILTER", dialect="hive"),
    ],
    "update": [
        Case("from the row itself", "update t set a = b + 1 where c = 2", "t.a <- t.b TRANSFORMATION",
             "t.* <~ t.c FILTER"),
        Case("a constant writes no edge", "update t set a = 1, b = default, c = null", ""),
        Case("FROM", "update n set x = t.a from t where t.id = n.id", "n.x <- t.a",
             """n.* <~ t.id FILTER
                n.* <~ n.id FILTER""", dialect="postgres"),
        Case("a column that is assigned is one of the target", "update n set x = x + t.a from t",
             """n.x <- n.x TRANSFORMATION
                n.x <- t.a TRANSFORMATION""", dialect="postgres"),
        Case("a subquery", "update n set x = (select max(a) from t where t.id = n.id)", "n.x <- t.a AGGREGATION"),
        Case("several columns at once", "update n set (x, y) = (select a, b from t)",
             """n.x <- t.a
                n.y <- t.b""", dialect="postgres"),
        Case("several columns by values", "update n set (x, y) = (a, b + 1)",
             """n.x <- n.a
                n.y <- n.b TRANSFORMATION""", dialect="postgres"),
        Case("joined tables, both of them written", "update n join t on n.id = t.id set n.x = t.a, t.b = n.y",
             """n.x <- t.a
                t.b <- n.y""", dialect="mysql"),
        Case("the target by the alias of the FROM clause", "update q set q.x = t.a from n as q join t on q.id = t.id",
             "n.x <- t.a", dialect="tsql"),
        Case("an updatable CTE", "with q as (select x, y from n) update q set x = y", "n.x <- n.y", dialect="tsql"),
        Case("a field of a struct changes its column", "update n set s.f = t.a from t where true", "n.s <- t.a",
             dialect="bigquery"),
    ],
    "around a query": [
        Case("hints of an INSERT", "insert into n with (tablock, holdlock) (x) select a from t with (nolock)", "n.x <- t.a",
             dialect="tsql"),
        Case("OVERRIDING of generated values", "insert into n (x) overriding system value select a from t", "n.x <- t.a",
             dialect="postgres"),
        Case("hints of a MERGE", "merge d.n with (holdlock) q using t on q.k = t.k when matched then update set x = t.a",
             "d.n.x <- t.a", dialect="tsql"),
        Case("XMLNAMESPACES and query hints",
             "with xmlnamespaces ('http://x' as n), q as (select a from t) select a from q option (recompile, use hint('y'))",
             "a <- t.a", dialect="tsql"),
    ],
    "mutations (ClickHouse)": [
        Case("an UPDATE", "alter table if exists d.t on cluster q update a = b + 1, c = (select max(x) from w) where e = 1",
             """d.t.a <- d.t.b TRANSFORMATION
                d.t.c <- w.x AGGREGATION""", "d.t.* <~ d.t.e FILTER", dialect="clickhouse"),
        Case("a DELETE", "alter table t delete where a in (select c from u)", "",
             """t.* <~ t.a FILTER
                t.* <~ u.c FILTER""", dialect="clickhouse"),
        Case("one of a partition has no tree", "alter table t update a = b in partition 5 where c = 1", "", dialect="clickhouse"),
    ],
    "flows of changes (Databricks)": [
        Case("of a query", "create flow f as auto cdc into n from (select a, b + 1 as c from stream(t)) keys (a) sequence by c",
             """n.a <- t.a
                n.c <- t.b TRANSFORMATION""", dialect="databricks"),
    ],
    "merge": [
        Case("all columns by a star alone",
             "merge into n using t on n.k = t.k when matched then update * when not matched then insert *", "n.* <- t.*"),
        Case("each branch writes",
             "merge into n using t on n.k = t.k when matched and t.c > 0 then update set n.x = t.a, y = n.y + t.b "
             "when not matched then insert (k, x) values (t.k, a)",
             """n.x <- t.a
                n.y <- n.y TRANSFORMATION
                n.y <- t.b TRANSFORMATION
                n.k <- t.k""",
             """n.* <~ n.k JOIN
                n.* <~ t.k JOIN
                n.* <~ t.c FILTER"""),
        Case("VALUES come from no column",
             "merge into n using (values (1, 'x')) as s (k, v) on n.k = s.k when matched then update set v = s.v", "",
             "n.* <~ n.k JOIN", dialect="tsql"),
        Case("from a subquery", "merge into n using (select k, max(a) as m from t group by k) s on n.k = s.k "
             "when matched then update set x = s.m", "n.x <- t.a AGGREGATION"),
        Case("an INSERT without a list writes the columns of the schema",
             "merge into w using t on w.x = t.id when not matched then insert values (t.id, t.a, 1)",
             """w.x <- t.id
                w.y <- t.a""", known=True, dialect="postgres"),
        Case("DuckDB's USING, and every column by name", "merge into n using u using (id) when matched then update "
             "when not matched then insert by name",
             """n.id <- u.id
                n.c <- u.c""",
             """n.* <~ n.id JOIN
                n.* <~ u.id JOIN""", dialect="duckdb", known=True),
        Case("every column by name", "merge into n using u on n.id = u.id when matched then update set * "
             "when not matched then insert *",
             """n.id <- u.id
                n.c <- u.c""", dialect="databricks", known=True),
        Case("values without a list of columns (Redshift)",
             "merge into w using t on w.x = t.id when not matched then insert values (t.id, t.a, t.b + 1)",
             """w.x <- t.id
                w.y <- t.a
                w.z <- t.b TRANSFORMATION""", dialect="redshift", known=True),
        Case("REMOVE DUPLICATES takes every column (Redshift)", "merge into n using u on n.id = u.id remove duplicates",
             """n.id <- u.id
                n.c <- u.c""", dialect="redshift", known=True),
        Case("every column of an unknown source", "merge into n using q on n.id = q.id when not matched then insert row",
             "n.* <- q.*", dialect="bigquery"),
        Case("a branch for rows that are not in the target has the source alone",
             "merge into n using t on n.k = t.k when not matched and c > 0 then insert (k) values (k)", "n.k <- t.k",
             """n.* <~ n.k JOIN
                n.* <~ t.k JOIN
                n.* <~ t.c FILTER"""),
    ],
    "merge with conditions of its own": [
        Case("Oracle's DELETE WHERE behind UPDATE",
             "merge into n using t on (n.id = t.id) when matched then update set n.x = t.a where t.b = 1 delete where n.y = 2 "
             "when not matched then insert (id, x) values (t.id, t.a) where t.c > 1",
             """N.X <- T.A
                N.ID <- T.ID""",
             """N.* <~ N.ID JOIN
                N.* <~ T.ID JOIN
                N.* <~ T.B FILTER
                N.* <~ N.Y FILTER
                N.* <~ T.C FILTER""", dialect="oracle"),
    ],
    "insert into a file or a function": [
        Case("a directory",
             "insert overwrite local directory '/x' row format delimited fields terminated by ',' select a as p, b from t",
             """/x.p <- t.a
                /x.b <- t.b""", dialect="hive"),
        Case("a function that writes a file", "insert into function file('x.csv') select a as p, b from t",
             """x.csv.p <- t.a
                x.csv.b <- t.b""", dialect="clickhouse"),
        Case("a function that writes a table", "insert into function remote('h', d.n) select a from t",
             "d.n.a <- t.a", dialect="clickhouse"),
    ],
    "rows of OUTPUT that go into a table": [
        Case("of a MERGE, with a list of columns",
             "merge n as d using t as s on d.id = s.id when matched then update set d.x = s.a "
             "output $action, inserted.id, deleted.x, s.b into dbo.log (act, k, old, v);",
             """n.x <- t.a
                dbo.log.k <- n.id
                dbo.log.old <- n.x
                dbo.log.v <- t.b""", dialect="tsql"),
        Case("of an INSERT and an UPDATE",
             "insert into n (x) output inserted.id into dbo.log (k) select a from t; "
             "update d set d.x = s.a output deleted.x, s.b into [log] (old, v) from n d join t s on s.id = d.id",
             """n.x <- t.a
                dbo.log.k <- n.id
                n.x <- t.a
                log.old <- n.x
                log.v <- t.b""", dialect="tsql"),
        Case("of a DELETE",
             "delete from n output deleted.x into dbo.log (old) where k = 1; "
             "delete from n output deleted.x into @v (old) from n join t on t.id = n.id; "
             "delete n output deleted.x into #w (old)",
             """dbo.log.old <- n.x
                @v.old <- n.x
                #w.old <- n.x""", dialect="tsql"),
    ],
    "delete": [
        Case("puts no value anywhere", "delete from t where a in (select c from u)", "",
             """t.* <~ t.a FILTER
                t.* <~ u.c FILTER"""),
        Case("USING", "delete from t using u where t.id = u.id", "",
             """t.* <~ t.id FILTER
                t.* <~ u.id FILTER""", dialect="postgres"),
    ],
    "create": [
        Case("a table as a query", "create table n as select a as x, max(b) as y from t group by a",
             """n.x <- t.a
                n.y <- t.b AGGREGATION""", declared={"n": {"x": "", "y": ""}}),
        Case("a list of columns names them", "create table n (x int, y text) as select a, b from t",
             """n.x <- t.a
                n.y <- t.b""", dialect="postgres", declared={"n": {"x": "int", "y": "text"}}),
        Case("a view with a list", "create view v (x, y) as select a, b from t",
             """v.x <- t.a
                v.y <- t.b""", declared={"v": {"x": "", "y": ""}}),
        Case("of all columns of a known table", "create table n as select * from u",
             """n.id <- u.id
                n.c <- u.c""", known=True, declared={"n": {"id": "", "c": ""}}),
        Case("of all columns of an unknown table declares nothing", "create table n as select *, 1 as one from q",
             "n.* <- q.*", declared={}),
        Case("a literal without a name declares nothing", "create table n as select 'secret', a from t", "n.a <- t.a",
             dialect="mysql", declared={}),
        Case("a clone has the columns of its source", "create table n clone u",
             """N.ID <- U.ID
                N.C <- U.C""", dialect="snowflake", known=True),
        Case("a clone of an unknown table", "create table n clone q", "N.* <- Q.*", dialect="snowflake"),
        Case("SELECT INTO", "select a, b as x into n from t",
             """n.a <- t.a
                n.x <- t.b""", dialect="tsql", declared={"n": {"a": "", "x": ""}}),
        Case("a materialised view that writes into another table",
             "create materialized view mv to n (d Date) as select toDate(a) as d from t", "n.d <- t.a TRANSFORMATION",
             dialect="clickhouse"),
        Case("a later statement sees the columns that an earlier one made",
             "create table n as select a as x from t; insert into w select * from n",
             """n.x <- t.a
                w.x <- n.x""", known=True),
    ],
    "create with columns beside a query (MySQL)": [
        Case("a query adds its columns", "create table n (z int) select a, b as c from t", "n.a <- t.a\nn.c <- t.b",
             dialect="mysql", declared={"n": {"z": "int", "a": "", "c": ""}}),
        Case("or gives values to those of its names", "create table n (b int, a int) as select a, b from t",
             "n.a <- t.a\nn.b <- t.b", dialect="mysql", declared={"n": {"b": "int", "a": "int"}}),
        Case("a view's list names them by position", "create view n (b, a) as select a, b from t", "n.b <- t.a\nn.a <- t.b",
             dialect="mysql"),
    ],
    "procedures": [
        Case("tables of a body are connected",
             "create procedure p() as begin insert into n (x) select a from t; update m set y = z; end",
             """n.x <- t.a
                m.y <- m.z""", dialect="tsql"),
    ],
    "copy": [
        Case("columns of a staged file", "copy into w from (select $1, $2:p from @st/dir)",
             """W.X <- @ST/dir.$1
                W.Y <- @ST/dir.$2 TRANSFORMATION""", dialect="snowflake", known=True),
        Case("columns of a staged file, by a list", "copy into n (x, y) from (select t.$2, t.$1 from @st/dir t)",
             """N.X <- @ST/dir.$2
                N.Y <- @ST/dir.$1""", dialect="snowflake"),
        Case("a query in a text", "unload ('select a, b from t where c = 1') to 's3://bucket/x'",
             """s3://bucket/x.a <- t.a
                s3://bucket/x.b <- t.b""", dialect="redshift"),
        Case("all columns of a table into a file", "copy w to 'x.parquet'",
             """x.parquet.x <- w.x
                x.parquet.y <- w.y
                x.parquet.z <- w.z""", dialect="duckdb", known=True, declared={"x.parquet": {"x": "", "y": "", "z": ""}}),
        Case("listed columns of a table into a file", "copy t (a, b) to 'x.csv'",
             """x.csv.a <- t.a
                x.csv.b <- t.b""", dialect="duckdb", declared={"x.csv": {"a": "", "b": ""}}),
        Case("a query into a file", "copy (select a, b || c as d from t) to 'x.parquet'",
             """x.parquet.a <- t.a
                x.parquet.d <- t.b TRANSFORMATION
                x.parquet.d <- t.c TRANSFORMATION""", dialect="duckdb", declared={"x.parquet": {"a": "", "d": ""}}),
        Case("a table whose columns are not known, into a file", "copy q to 'x.parquet'", "x.parquet.* <- q.*",
             dialect="duckdb", declared={}),
        Case("unloading a table", "copy into @st/dir from t",
             """@ST/dir.ID <- T.ID
                @ST/dir.A <- T.A
                @ST/dir.B <- T.B""", dialect="snowflake", known=True),
        Case("unloading a query", "copy into @st/dir from (select a, b from t)",
             """@ST/dir.A <- T.A
                @ST/dir.B <- T.B""", dialect="snowflake"),
    ],
}  # fmt: skip
