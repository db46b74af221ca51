"""Column lineage of the sources in FROM, construct by construct."""

from tests.sql.columns.case import Case

SOURCES: dict[str, list[Case]] = {
    "structs, arrays, JSON": [
        Case("a field of a struct is a path", "select s.f.g from t", "g <- t.s.f.g", dialect="bigquery"),
        Case("a field of a struct behind its table", "select t.s.f from t", "f <- t.s.f", dialect="bigquery"),
        Case("a field of a composite", "select (t.s).f from t", "f <- t.s.f", dialect="postgres"),
        Case("a field of a composite without its table", "select (s).f.g, (s).h as x from t", "g <- t.s.f.g\nx <- t.s.h",
             dialect="postgres"),
        Case("a path through a CTE", "with q as (select s as r from t) select r.f from q", "f <- t.s.f", dialect="bigquery"),
        Case("an unknown qualifier where the store has no such paths", "select q.a from t", "", dialect="postgres"),
        Case("a path into JSON", "select j:a.b::string as x from t", "X <- T.J TRANSFORMATION", dialect="snowflake"),
        Case("a path deeper than a name has parts", "select t.s.f.g.h.i from t", "i <- t.s.f.g.h.i", dialect="bigquery"),
        Case("a field of a function's result", "select (f(a)).g from t", "g <- t.a TRANSFORMATION", dialect="postgres"),
        Case("all fields of a struct", "select s.* from t", "* <- t.s.*", dialect="bigquery"),
        Case("a field of all the fields of a struct", "select f from (select s.* from t)", "f <- t.s.f", dialect="bigquery"),
        Case("an element of an array", "select arr[1] as x from t", "x <- t.arr TRANSFORMATION", dialect="postgres"),
        Case("a lambda's parameter is no column", "select transform(arr, e -> e + a) as x from t",
             """x <- t.arr TRANSFORMATION
                x <- t.a TRANSFORMATION""", dialect="spark"),
        Case("an element of a list comprehension is no column", "select [x.f + a + i for x, i in l if x.g > b] as c, x from t",
             """c <- t.l TRANSFORMATION
                c <- t.a TRANSFORMATION
                c <- t.b FILTER
                x <- t.x""", dialect="duckdb"),
        Case("FLATTEN", "select id, f.value:x as v, index from t, lateral flatten(input => t.j) f",
             """ID <- T.ID
                V <- T.J TRANSFORMATION
                INDEX <- T.J TRANSFORMATION""", dialect="snowflake"),
        Case("FLATTEN of a known table", "select a, value from t, table(flatten(t.b)) f",
             """A <- T.A
                VALUE <- T.B TRANSFORMATION""", dialect="snowflake", known=True),
        Case("UNNEST in BigQuery names the element", "select e, e.f, o from t, unnest(t.arr) as e with offset as o",
             """e <- t.arr TRANSFORMATION
                f <- t.arr TRANSFORMATION""", dialect="bigquery"),
        Case("a correlated array", "select e.f from t, t.arr as e", "f <- t.arr TRANSFORMATION", dialect="bigquery"),
        Case("a function's alias is its value", "select e->>'k' as k, id from t, jsonb_array_elements(t.doc) as e",
             """k <- t.doc TRANSFORMATION
                id <- t.id""", dialect="postgres"),
        Case("UNNEST of several arrays", "select x, y from t cross join unnest(t.p, t.q) as n (x, y)",
             """x <- t.p TRANSFORMATION
                y <- t.q TRANSFORMATION""", dialect="trino"),
        Case("LATERAL VIEW", "select a, c from t lateral view explode(arr) q as c",
             """a <- t.a
                c <- t.arr TRANSFORMATION""", dialect="hive"),
        Case("one expression, several columns", "select posexplode(arr) as (p, v) from t",
             """p <- t.arr TRANSFORMATION
                v <- t.arr TRANSFORMATION""", dialect="spark"),
        Case("stack makes rows of columns", "select a, stack(2, 'p', b, 'q', c) as (k, v) from t",
             """a <- t.a
                v <- t.b
                v <- t.c""", dialect="spark"),
        Case("stack in a LATERAL VIEW", "select k, v from t lateral view stack(2, 'p', b, 'q', c) s as k, v",
             """v <- t.b
                v <- t.c""", dialect="hive"),
        Case("stack of a number of rows that is not in the text", "select stack(n, a, b) as (k, v) from t",
             """k <- t.n TRANSFORMATION
                k <- t.a TRANSFORMATION
                k <- t.b TRANSFORMATION
                v <- t.n TRANSFORMATION
                v <- t.a TRANSFORMATION
                v <- t.b TRANSFORMATION""", dialect="spark"),
        Case("a stream of a table", "select s.a from stream(d.t) as s where b = 1", "a <- d.t.a", "* <~ d.t.b FILTER",
             dialect="databricks"),
        Case("the positions of an array's elements (Redshift)", "select o.id, i.sku, n from o, o.items as i at n",
             """id <- o.id
                sku <- o.items TRANSFORMATION""", dialect="redshift"),
        Case("aliases that differ in case", 'select "Q".a as x, q.a as y from t as "Q" join u as q on true',
             """x <- t.a
                y <- u.a""", dialect="postgres"),
        Case("a TABLE in the place of a query", "with q as (table u) select c from q union all select id from (table u) r",
             """C <- U.C
                C <- U.ID""", dialect="snowflake", known=True),
        Case("versions of tables", "select p.a, q.b from t@v12 p join u@20240101000000000 q on true",
             """a <- t.a
                b <- u.b""", dialect="databricks"),
        Case("Hive's TRANSFORM", "select transform (a, b) using 'x' as (p, q) from t",
             """p <- t.a TRANSFORMATION
                p <- t.b TRANSFORMATION
                q <- t.a TRANSFORMATION
                q <- t.b TRANSFORMATION""", dialect="hive"),
        Case("an array of a source of the query around", "select (select max(i.v) from t.items as i) as m from t",
             "m <- t.items AGGREGATION", dialect="bigquery"),
        Case("files that are read together", "select a from read_csv(['p.csv', 'q.csv'])",
             """a <- p.csv.a
                a <- q.csv.a""", dialect="duckdb"),
        Case("all columns of tables that are read together", "select r.* from query_table(['p', 'q']) as r join t using (id)",
             """* <- p.*
                * <- q.*""", dialect="duckdb"),
        Case("ARRAY JOIN", "select a, e from t array join arr as e",
             """a <- t.a
                e <- t.arr TRANSFORMATION""", dialect="clickhouse"),
        Case("JSON_TABLE lists its columns", "select id, p from t, json_table(j, '$[*]' columns (p int path '$.p')) as q",
             """id <- t.id
                p <- t.j TRANSFORMATION""", dialect="mysql"),
        Case("OPENJSON lists its columns", "select o.p from t cross apply openjson(t.j) with (p int '$.p') o",
             "p <- t.j TRANSFORMATION", dialect="tsql"),
        Case("a table function's columns have its arguments' lineage",
             "select t.id, j.value from t, jsonb_each(t.doc) as j",
             """id <- t.id
                value <- t.doc TRANSFORMATION""", dialect="postgres"),
        Case("a function's one column is called like its alias", "select id, g from t, lateral f(t.a) g",
             """id <- t.id
                g <- t.a TRANSFORMATION""", dialect="postgres"),
    ],
    "lateral joins": [
        Case("a LATERAL subquery sees the sources before it",
             "select q.x from t, lateral (select t.a + u.c as x from u) q",
             """x <- t.a TRANSFORMATION
                x <- u.c TRANSFORMATION""", dialect="postgres"),
        Case("OUTER APPLY", "select o.c from t outer apply (select c from u where u.id = t.id) o", "c <- u.c",
             """* <~ t.id FILTER
                * <~ u.id FILTER""", dialect="tsql"),
        Case("rows made of columns", "select v.x from t cross apply (values (t.a), (t.b)) v (x)",
             """x <- t.a
                x <- t.b""", dialect="tsql"),
    ],
    "pivots and patterns": [
        Case("PIVOT", "select id, \"'x'\" as x from t pivot (sum(a) for b in ('x', 'y'))",
             """ID <- T.ID
                X <- T.A AGGREGATION
                X <- T.B CONDITIONAL""", dialect="snowflake"),
        Case("PIVOT of known columns uses some up", "select * from t pivot (sum(a) for b in ('x')) as p (i, x)",
             """I <- T.ID
                X <- T.A AGGREGATION
                X <- T.B CONDITIONAL""", dialect="snowflake", known=True, result=["I", "X"]),
        Case("PIVOT for any value: its columns depend on the data",
             'select p.q from t pivot (sum(a) for b in (any)) as p', "", dialect="snowflake"),
        Case("UNPIVOT", "select * from t unpivot (v for k in (a, b))",
             """ID <- T.ID
                V <- T.A
                V <- T.B""", dialect="snowflake", known=True, result=["ID", "K", "V"]),
        Case("UNPIVOT of several columns at once", "select p, q from t unpivot ((p, q) for k in ((a, b), (c, d)))",
             """p <- t.a
                p <- t.c
                q <- t.b
                q <- t.d""", dialect="bigquery"),
        Case("DuckDB's PIVOT statement", "pivot t on a using sum(b) group by c", "c <- t.c", dialect="duckdb"),
        Case("DuckDB's PIVOT as a table", "create table p as pivot t on a using sum(b) group by c",
             "p.c <- t.c", dialect="duckdb"),
        Case("DuckDB's PIVOT of listed values",
             "select \"p_x\" as p, \"q_max(d)\" as q from (pivot t on a in ('p', 'q') using sum(b) as x, max(d) group by c)",
             """p <- t.b AGGREGATION
                p <- t.a CONDITIONAL
                q <- t.d AGGREGATION
                q <- t.a CONDITIONAL""", dialect="duckdb"),
        Case("DuckDB's PIVOT of listed values of several columns",
             "with n as (pivot t on a in (p), b in (q, r) using sum(c)) select p_r from n",
             """p_r <- t.c AGGREGATION
                p_r <- t.a CONDITIONAL
                p_r <- t.b CONDITIONAL""", dialect="duckdb"),
        Case("DuckDB's PIVOT with a GROUP BY of its own", "select * from w pivot (sum(y) for z in (p) group by x)",
             """x <- w.x
                p <- w.y AGGREGATION
                p <- w.z CONDITIONAL""", dialect="duckdb", known=True, result=["x", "p"]),
        Case("DuckDB's UNPIVOT statement", "unpivot t on a, b into name n value v",
             """id <- t.id
                v <- t.a
                v <- t.b""", dialect="duckdb", known=True),
        Case("MATCH_RECOGNIZE",
             "select * from t match_recognize (partition by a order by b measures last(y.c) as l one row per match "
             "pattern (x y+) define y as d > 1)",
             """A <- T.A
                L <- T.C AGGREGATION""",
             """* <~ T.A WINDOW
                * <~ T.D FILTER""", dialect="snowflake"),
    ],
    "other sources": [
        Case("columns of a staged file by position", "select $1 as x, t.$2:p::int as y from @st/dir t",
             """X <- @ST/dir.$1
                Y <- @ST/dir.$2 TRANSFORMATION""", dialect="snowflake"),
        Case("columns of a table by position", "select $1 as x from u", "X <- U.ID", dialect="snowflake", known=True),
        Case("a bind is no column", "select a from t where b = $1", "a <- t.a", "* <~ t.b FILTER", dialect="postgres"),
        Case("a table by a text", "select q.a from table('s.t') as q", "A <- S.T.A", dialect="snowflake"),
        Case("a template may be any column", "select {{ column }} as x, a, {{ star() }} from t", "a <- t.a",
             result=["x", "a", "*"]),
        Case("VALUES come from no column", "select x from (values (1), (2)) v (x)", ""),
        Case("a table with FINAL", "select a from t final prewhere b = 1", "a <- t.a", "* <~ t.b FILTER",
             dialect="clickhouse"),
        Case("columns by a pattern, of a table whose columns are not known", "select columns('x.*') from t",
             "* <- t.*", dialect="duckdb"),
        Case("every column by COLUMNS", "select columns(*) from u",
             """id <- u.id
                c <- u.c""", dialect="duckdb", known=True),
        Case("FROM alone", "from u",
             """id <- u.id
                c <- u.c""", dialect="duckdb", known=True),
        Case("pipes", "from t |> where a > 1 |> aggregate sum(b) as s group by c",
             """c <- t.c
                s <- t.b AGGREGATION""", dialect="bigquery"),
        Case("a semantic view", "select m from semantic_view(sv metrics m)", "M <- SV.M", dialect="snowflake"),
        Case("a join in parentheses", "select q.a from ((t as q join u on q.id = u.id))", "a <- t.a"),
    ],
}  # fmt: skip
