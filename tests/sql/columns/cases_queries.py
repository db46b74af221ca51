"""Column lineage of queries, construct by construct."""

from .case import Case

QUERIES: dict[str, list[Case]] = {
    "names and values": [
        Case("a plain column arrives unchanged", "select a from t", "a <- t.a", result=["a"]),
        Case("an alias renames and changes nothing", "select a as x from t", "x <- t.a", result=["x"]),
        Case("parentheses change nothing", "select (a) as x from t", "x <- t.a"),
        Case("a cast changes the value", "select cast(a as int) as x from t", "x <- t.a TRANSFORMATION"),
        Case("an expression is made of its columns", "select a + b as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.b TRANSFORMATION"""),
        Case("a constant comes from no column", "select 1 as one, 'x' as two, current_date as three from t", ""),
        Case("COALESCE takes a value of either", "select coalesce(a, b) as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.b TRANSFORMATION"""),
        Case("a column by the full name of its table", "select db.s.t.a from db.s.t", "a <- db.s.t.a"),
        Case("a full name reaches an aliased table", "select s.t.a from s.t as q", "a <- s.t.a"),
        Case("an alias hides the table of its name", "select u.a from t as u, u as t", "a <- t.a"),
        Case("unquoted names fold to the store's case", 'select A as X, "b" from t',
             """X <- T.A
                b <- T.b""", dialect="snowflake", result=["X", "b"]),
        Case("a quoted name is another column than the folded one", 'select "a" from (select a, b as "a" from t)',
             "a <- T.B", dialect="snowflake"),
        Case("a name is matched without regard to case and told as the schema spells it", 'select "ID" as x from t',
             "x <- t.id", dialect="duckdb", known=True),
        Case("a sequence's next value is no column", "select seq.nextval as n, a from t", "A <- T.A", dialect="snowflake"),
        Case("reserved words are values, unless they are quoted", 'select current_user, user, "user" as x, a from t',
             """x <- t.user
                a <- t.a""", dialect="postgres"),
        Case("LEVEL is a column like others, but where CONNECT BY makes one", "select level from t", "LEVEL <- T.LEVEL",
             dialect="snowflake"),
        Case("LEVEL of CONNECT BY comes from no column",
             "select level as l, a from t start with a = 1 connect by prior a = b", "A <- T.A", dialect="snowflake"),
        Case("pseudo-columns are none", "select rownum as n, level as l, a from t", "A <- T.A", dialect="oracle"),
    ],
    "conditions of a value": [
        Case("a CASE's conditions decide, its results go in", "select case when a > 1 then b else c end as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION
                x <- t.c TRANSFORMATION"""),
        Case("the operand of a CASE decides", "select case a when 1 then b end as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION"""),
        Case("IFF is a CASE", "select iff(a, b, 0) as x from t",
             """X <- T.A CONDITIONAL
                X <- T.B TRANSFORMATION""", dialect="snowflake"),
        Case("a CASE in an aggregate", "select sum(case when a = 'x' then b end) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b AGGREGATION"""),
    ],
    "aggregates and windows": [
        Case("an aggregate", "select max(a) as x from t", "x <- t.a AGGREGATION"),
        Case("COUNT(*) depends on no column", "select count(*) as n, count(t.*) as m from t", "", known=True),
        Case("COUNT(DISTINCT a) does", "select count(distinct a) as n from t", "n <- t.a AGGREGATION"),
        Case("an expression over an aggregate stays aggregated", "select round(sum(a + 1), 2) as x from t",
             "x <- t.a AGGREGATION"),
        Case("FILTER decides over an aggregate", "select count(*) filter (where a) as n from t", "n <- t.a FILTER",
             dialect="postgres"),
        Case("a window's keys decide", "select sum(a) over (partition by b order by c) as x from t",
             """x <- t.a AGGREGATION
                x <- t.b WINDOW
                x <- t.c WINDOW"""),
        Case("a rank has only its keys", "select row_number() over (order by a) as n from t", "n <- t.a WINDOW"),
        Case("LAG hands on a value, and aggregates none", "select lag(a) over (order by b) as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.b WINDOW"""),
        Case("a named window", "select sum(a) over w as x from t window w as (partition by b)",
             """x <- t.a AGGREGATION
                x <- t.b WINDOW""", dialect="postgres"),
        Case("LISTAGG sorts by the keys of its group", "select listagg(a, ',') within group (order by b) as x from t",
             """X <- T.A AGGREGATION
                X <- T.B SORT""", dialect="snowflake"),
        Case("a percentile is made of the keys of its group",
             "select percentile_cont(0.5) within group (order by a) as x from t", "x <- t.a AGGREGATION",
             dialect="postgres"),
    ],
    "what decides over rows": [
        Case("WHERE", "select a from t where b > 1", "a <- t.a", "* <~ t.b FILTER"),
        Case("JOIN", "select t.a from t join u on t.id = u.id", "a <- t.a",
             """* <~ t.id JOIN
                * <~ u.id JOIN"""),
        Case("GROUP BY, HAVING and ORDER BY", "select a, max(b) as m from t group by a having min(c) > 0 order by d",
             """a <- t.a
                m <- t.b AGGREGATION""",
             """* <~ t.a GROUP_BY
                * <~ t.c FILTER
                * <~ t.d SORT"""),
        Case("a number means the output at that position", "select a, b from t group by 1, 2 order by 2",
             """a <- t.a
                b <- t.b""",
             """* <~ t.a GROUP_BY
                * <~ t.b GROUP_BY
                * <~ t.b SORT"""),
        Case("GROUP BY ALL means what aggregates nothing", "select a + b as x, max(c) as m from t group by all",
             """X <- T.A TRANSFORMATION
                X <- T.B TRANSFORMATION
                M <- T.C AGGREGATION""",
             """* <~ T.A GROUP_BY
                * <~ T.B GROUP_BY""", dialect="snowflake"),
        Case("ORDER BY an alias", "select a + b as x from t order by x",
             """x <- t.a TRANSFORMATION
                x <- t.b TRANSFORMATION""",
             """* <~ t.a SORT
                * <~ t.b SORT"""),
        Case("QUALIFY filters by a window", "select a from t qualify row_number() over (partition by b order by c) = 1",
             "A <- T.A",
             """* <~ T.B FILTER
                * <~ T.C FILTER""", dialect="snowflake"),
        Case("DISTINCT ON groups", "select distinct on (a) b from t", "b <- t.b", "* <~ t.a GROUP_BY", dialect="postgres"),
        Case("conditions inside subqueries count as well", "select a from (select a from t where b = 1) q", "a <- t.a",
             "* <~ t.b FILTER"),
        Case("EXISTS asks for rows alone", "select a from t where exists (select z from u where u.id = t.id)", "a <- t.a",
             """* <~ t.id FILTER
                * <~ u.id FILTER"""),
        Case("IN takes values of a subquery", "select a from t where b in (select c from u)", "a <- t.a",
             """* <~ t.b FILTER
                * <~ u.c FILTER"""),
        Case("CONNECT BY joins", "select a from t start with b is null connect by prior c = d", "A <- T.A",
             """* <~ T.B JOIN
                * <~ T.C JOIN
                * <~ T.D JOIN""", dialect="oracle"),
    ],
    "which table a name means": [
        Case("the only source has it", "select a, b from t join (select c from u) q on true",
             """a <- t.a
                b <- t.b"""),
        Case("a source that lists it comes before one that is unknown",
             "with q as (select a, b from t) select a from q join u on q.b = u.b", "a <- t.a"),
        Case("known schemas decide", "select a, c from t join u on t.id = u.id",
             """a <- t.a
                c <- u.c""", known=True),
        Case("nobody can tell, so there is no edge", "select a from t join u on t.x = u.y", "",
             reason="a could come from several tables"),
        Case("an inner name is looked up inside first", "select (select max(a) from u where u.k = t.k) as x from t",
             "x <- u.a AGGREGATION"),
        Case("an outer name is found from inside", "select (select a from u) as x from t", "x <- t.a", known=True),
        Case("an alias of the same list, where no table has it", "select a as x, x + 1 as y from t",
             """x <- t.a
                y <- t.a TRANSFORMATION""", known=True),
        Case("an alias of the same list, of an unknown table", "select date_trunc('day', a) as d, d + 1 as e from t",
             """D <- T.A TRANSFORMATION
                E <- T.A TRANSFORMATION""", dialect="snowflake"),
        Case("an alias of the same list is not meant where the store knows none", "select a as x, x as y from t",
             """x <- t.a
                y <- t.x""", dialect="postgres"),
        Case("a column comes before an alias of its name", "select upper(b) as b, b as c from t",
             """B <- T.B TRANSFORMATION
                C <- T.B""", dialect="snowflake"),
        Case("a whole row used as a value", "select to_json(t) as j from t",
             """j <- t.id TRANSFORMATION
                j <- t.a TRANSFORMATION
                j <- t.b TRANSFORMATION""", dialect="postgres", known=True),
    ],
    "all columns": [
        Case("of a known table", "select * from u",
             """id <- u.id
                c <- u.c""", known=True, result=["id", "c"]),
        Case("of an unknown table stay together", "select * from t", "* <- t.*", result=["*"]),
        Case("of several unknown tables", "select * from t join u on t.id = u.id",
             """* <- t.*
                * <- u.*"""),
        Case("of one of them", "select u.*, t.a from t, u",
             """* <- u.*
                a <- t.a"""),
        Case("of a subquery that lists them", "select * from (select a, b + 1 as c from t) q",
             """a <- t.a
                c <- t.b TRANSFORMATION"""),
        Case("and one more behind them", "select *, a as x from (select * from t) q",
             """* <- t.*
                x <- t.a"""),
        Case("but for some", "select * exclude (a) from t",
             """ID <- T.ID
                B <- T.B""", dialect="snowflake", known=True),
        Case("but for some of an unknown table", "select a, b from (select * except (a) from t)", "b <- t.b",
             dialect="bigquery"),
        Case("with one replaced", "select * replace (a + 1 as a) from t",
             """id <- t.id
                a <- t.a TRANSFORMATION
                b <- t.b""", dialect="bigquery", known=True),
        Case("with one renamed", "select * rename (a as x) from t",
             """ID <- T.ID
                X <- T.A
                B <- T.B""", dialect="snowflake", known=True),
        Case("those like a pattern", "select * ilike '%d' from t", "ID <- T.ID", dialect="snowflake", known=True),
        Case("USING makes one column of two", "select * from t join u using (id)",
             """id <- t.id
                id <- u.id
                a <- t.a
                b <- t.b
                c <- u.c""", known=True, result=["id", "a", "b", "c"]),
        Case("so does a NATURAL JOIN", "select * from t natural join u",
             """id <- t.id
                id <- u.id
                a <- t.a
                b <- t.b
                c <- u.c""", known=True),
        Case("a column of USING without its table", "select id from t left join u using (id)",
             """id <- t.id
                id <- u.id"""),
        Case("a semi join shows no columns", "select * from u left semi join t on t.id = u.id",
             """id <- u.id
                c <- u.c""", dialect="spark", known=True),
        Case("inside a function", "select object_construct(*) as o from u",
             """O <- U.ID TRANSFORMATION
                O <- U.C TRANSFORMATION""", dialect="snowflake", known=True),
    ],
    "queries within queries": [
        Case("renames add up", "select c as d from (select b as c from (select a as b from t) x) y", "d <- t.a"),
        Case("transformations add up", "select y + 1 as z from (select sum(x) as y from (select a as x from t) p) q",
             "z <- t.a AGGREGATION"),
        Case("a CTE", "with q as (select a as x from t) select x from q", "x <- t.a"),
        Case("a CTE with column names", "with q (x, y) as (select a, b from t) select y from q", "y <- t.b"),
        Case("a CTE of a CTE", "with p as (select a from t), q as (select a as b from p) select b from q", "b <- t.a"),
        Case("a CTE called like the table it reads", "with t as (select a as x from t) select x from t", "x <- t.a"),
        Case("a second CTE of the same name hides the first",
             "with q as (select a from t), q as (select a as b from q) select b from q", "b <- t.a"),
        Case("a CTE inside a subquery", "select x from (with q as (select a as x from t) select x from q) p", "x <- t.a"),
        Case("an alias hides a CTE", "with q as (select a from t) select q.a from u as q", "a <- u.a"),
        Case("a recursive CTE, whose steps swap columns",
             "with recursive r (p, q) as (select a, b from t union all select q, p from r) select p from r",
             """p <- t.a
                p <- t.b"""),
        Case("recursion without the word", "with r as (select a, 1 as n from t union all select a, n + 1 from r) select a, n from r",
             "a <- t.a", dialect="tsql"),
        Case("a scalar subquery", "select (select max(c) from u) as x from t", "x <- u.c AGGREGATION"),
        Case("a derived table with column names", "select p from (select a, b from t) as q (p, r)", "p <- t.a"),
        Case("a scalar CTE", "with (select max(a) from t) as m select m + c as x from u",
             """x <- t.a AGGREGATION
                x <- u.c TRANSFORMATION""", dialect="clickhouse"),
        Case("an array of a subquery", "select array(select c from u) as x from t", "x <- u.c TRANSFORMATION",
             dialect="postgres"),
    ],
    "set operations": [
        Case("UNION adds by position", "select a, b from t union all select c, d from u",
             """a <- t.a
                a <- u.c
                b <- t.b
                b <- u.d"""),
        Case("UNION of all columns, known", "select * from t union all select id, c, c from u",
             """id <- t.id
                id <- u.id
                a <- t.a
                a <- u.c
                b <- t.b
                b <- u.c""", known=True),
        Case("UNION of all columns, unknown", "select x from (select * from t union select * from u) q",
             """x <- t.x
                x <- u.x"""),
        Case("what EXCEPT takes away decides", "select a from t except select c from u",
             """a <- t.a
                a <- u.c FILTER"""),
        Case("UNION BY NAME", "select a, b from t union by name select b, c from u",
             """a <- t.a
                b <- t.b
                b <- u.b
                c <- u.c""", dialect="duckdb"),
        Case("its ORDER BY means its outputs", "select a from t union all select c from u order by a",
             """a <- t.a
                a <- u.c""",
             """* <~ t.a SORT
                * <~ u.c SORT"""),
        Case("one whose columns are unknown keeps them apart", "select a from t union all select * from q",
             """a <- t.a
                * <- q.*"""),
        Case("one whose columns differ in number: no store takes it", "select a from t union all select b, c from u",
             """a <- t.a
                a <- u.b
                c <- u.c"""),
        Case("within a subquery", "select x from (select a as x from t union all select b from u) q",
             """x <- t.a
                x <- u.b"""),
    ],
    "structs, arrays, JSON": [
        Case("a field of a struct is a path", "select s.f.g from t", "g <- t.s.f.g", dialect="bigquery"),
        Case("a field of a struct behind its table", "select t.s.f from t", "f <- t.s.f", dialect="bigquery"),
        Case("a field of a composite", "select (t.s).f from t", "f <- t.s.f", dialect="postgres"),
        Case("a path through a CTE", "with q as (select s as r from t) select r.f from q", "f <- t.s.f", dialect="bigquery"),
        Case("an unknown qualifier where the store has no such paths", "select q.a from t", "", dialect="postgres"),
        Case("a path into JSON", "select j:a.b::string as x from t", "X <- T.J TRANSFORMATION", dialect="snowflake"),
        Case("a path deeper than a name has parts", "select t.s.f.g.h.i from t", "i <- t.s.f.g.h.i", dialect="bigquery"),
        Case("a field of what a function returns", "select (f(a)).g from t", "g <- t.a TRANSFORMATION", dialect="postgres"),
        Case("all fields of a struct", "select s.* from t", "* <- t.s.*", dialect="bigquery"),
        Case("a field of all the fields of a struct", "select f from (select s.* from t)", "f <- t.s.f", dialect="bigquery"),
        Case("an element of an array", "select arr[1] as x from t", "x <- t.arr TRANSFORMATION", dialect="postgres"),
        Case("a lambda's parameter is no column", "select transform(arr, e -> e + a) as x from t",
             """x <- t.arr TRANSFORMATION
                x <- t.a TRANSFORMATION""", dialect="spark"),
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
        Case("UNNEST of several arrays", "select x, y from t cross join unnest(t.p, t.q) as n (x, y)",
             """x <- t.p TRANSFORMATION
                y <- t.q TRANSFORMATION""", dialect="trino"),
        Case("LATERAL VIEW", "select a, c from t lateral view explode(arr) q as c",
             """a <- t.a
                c <- t.arr TRANSFORMATION""", dialect="hive"),
        Case("one expression, several columns", "select posexplode(arr) as (p, v) from t",
             """p <- t.arr TRANSFORMATION
                v <- t.arr TRANSFORMATION""", dialect="spark"),
        Case("Hive's TRANSFORM", "select transform (a, b) using 'x' as (p, q) from t",
             """p <- t.a TRANSFORMATION
                p <- t.b TRANSFORMATION
                q <- t.a TRANSFORMATION
                q <- t.b TRANSFORMATION""", dialect="hive"),
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
        Case("PIVOT for any value: what the data names, nobody knows",
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
        Case("columns by a pattern: which, nobody knows", "select columns('x.*') from t", "", dialect="duckdb"),
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
    "what the store calls an expression": [
        Case("PostgreSQL calls it like its function", "select max(a), a::text, a + 1 from t",
             """max <- t.a AGGREGATION
                a <- t.a TRANSFORMATION
                ?column? <- t.a TRANSFORMATION""", dialect="postgres", result=["max", "a", "?column?"]),
        Case("BigQuery counts", "select max(a), b, min(a) from t",
             """f0_ <- t.a AGGREGATION
                b <- t.b
                f1_ <- t.a AGGREGATION""", dialect="bigquery", result=["f0_", "b", "f1_"]),
        Case("Hive gives the position", "select a, max(b) from t",
             """a <- t.a
                _c1 <- t.b AGGREGATION""", dialect="hive"),
        Case("a cast is called like its column where nobody is certain", "select a::int, j:p.q::text from t",
             """A <- T.A TRANSFORMATION
                Q <- T.J TRANSFORMATION""", dialect="snowflake", result=["", ""]),
        Case("a literal names nothing", "select o['k'], json_extract(j, '$.p') from t",
             """_1 <- t.o TRANSFORMATION
                _2 <- t.j TRANSFORMATION""", dialect="duckdb"),
        Case("Snowflake takes the text, of which we are not certain", "select max(a) from t", "_1 <- T.A AGGREGATION",
             dialect="snowflake", result=[""]),
    ],
}  # fmt: skip
