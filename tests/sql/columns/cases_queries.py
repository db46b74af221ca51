"""Column lineage of queries, construct by construct."""

from tests.sql.columns.case import Case
from tests.sql.columns.cases_sources import SOURCES

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
        Case("COALESCE of two columns", "select coalesce(a, b) as x from t",
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
        Case("a name matches in any case and has the schema's spelling", 'select "ID" as x from t',
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
        Case("the set of a grouping is none", "select a, grouping__id as g from t group by a with rollup", "a <- t.a",
             dialect="hive"),
    ],
    "scalar aliases of a WITH (ClickHouse)": [
        Case("an aggregate of the query's own columns", "with sum(b) as s select a, s from t group by a",
             """a <- t.a
                s <- t.b AGGREGATION""", dialect="clickhouse"),
        Case("one of another", "with a + 1 as p, p * 2 as q select q from t", "q <- t.a TRANSFORMATION",
             dialect="clickhouse"),
        Case("of a query", "with (select max(c) from u) as m select m from t", "m <- u.c AGGREGATION",
             dialect="clickhouse"),
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
        Case("DECODE is a CASE", "select decode(a, 1, b, 2, c, d) as x from t",
             """X <- T.A CONDITIONAL
                X <- T.B TRANSFORMATION
                X <- T.C TRANSFORMATION
                X <- T.D TRANSFORMATION""", dialect="oracle"),
        Case("the values of DECODE may be columns that it compares with", "select decode(a, b, 'x', 'y') as x from t",
             """X <- T.A CONDITIONAL
                X <- T.B CONDITIONAL""", dialect="snowflake"),
        Case("NVL2 is a CASE", "select nvl2(a, b, c) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION
                x <- t.c TRANSFORMATION""", dialect="redshift"),
        Case("NULLIF takes its first value, unless the second one decides otherwise", "select nullif(a, b) as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.b CONDITIONAL"""),
        Case("ELT chooses by its first value (MySQL)", "select elt(a, b, c) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION
                x <- t.c TRANSFORMATION""", dialect="mysql"),
        Case("CHOOSE chooses by its first value (SQL Server)", "select choose(a, b, c) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION
                x <- t.c TRANSFORMATION""", dialect="tsql"),
        Case("multiIf is a CASE (ClickHouse)", "select multiIf(a > 1, b, c > 1, d, e) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b TRANSFORMATION
                x <- t.c CONDITIONAL
                x <- t.d TRANSFORMATION
                x <- t.e TRANSFORMATION""", dialect="clickhouse"),
        Case("a CASE in an aggregate", "select sum(case when a = 'x' then b end) as x from t",
             """x <- t.a CONDITIONAL
                x <- t.b AGGREGATION"""),
    ],
    "aggregates and windows": [
        Case("an aggregate", "select max(a) as x from t", "x <- t.a AGGREGATION"),
        Case("COUNT(*) depends on no column", "select count(*) as n, count(t.*) as m from t", "", known=True),
        Case("COUNT(DISTINCT a) does", "select count(distinct a) as n from t", "n <- t.a AGGREGATION"),
        Case("aggregates that the parser does not know", "select json_arrayagg(a) as x, my_agg(b) as y, first_value(c) as z from t",
             "x <- t.a AGGREGATION\ny <- t.b AGGREGATION\nz <- t.c TRANSFORMATION", dialect="mysql"),
        Case("an expression over an aggregate stays aggregated", "select round(sum(a + 1), 2) as x from t",
             "x <- t.a AGGREGATION"),
        Case("FILTER decides over an aggregate", "select count(*) filter (where a) as n from t", "n <- t.a CONDITIONAL",
             dialect="postgres"),
        Case("HAVING MAX chooses the rows of an aggregate", "select any_value(a having max b) as x from t",
             """x <- t.a AGGREGATION
                x <- t.b CONDITIONAL""", dialect="bigquery"),
        Case("MAX_BY takes the value of a chosen row", "select max_by(a, b) as x from t",
             """x <- t.a AGGREGATION
                x <- t.b CONDITIONAL""", dialect="trino"),
        Case("-If decides over an aggregate (ClickHouse)", "select sumIf(a, b > 1) as x, avgIfOrNull(c, d) as y from t",
             """x <- t.a AGGREGATION
                x <- t.b CONDITIONAL
                y <- t.c AGGREGATION
                y <- t.d CONDITIONAL""", dialect="clickhouse"),
        Case("-If decides over an aggregate with parameters (ClickHouse)", "select quantileIf(0.5)(a, b > 1) as x from t",
             """x <- t.a AGGREGATION
                x <- t.b CONDITIONAL""", dialect="clickhouse"),
        Case("other combinators aggregate (ClickHouse)", "select uniqState(a) as x from t", "x <- t.a AGGREGATION",
             dialect="clickhouse"),
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
        Case("a named window that is made of another",
             "select rank() over w as x from t window v as (partition by a), w as (v order by b)",
             """x <- t.a WINDOW
                x <- t.b WINDOW""", dialect="postgres"),
        Case("a window that is made of a named one", "select rank() over (w order by b) as x from t window w as (partition by a)",
             """x <- t.a WINDOW
                x <- t.b WINDOW""", dialect="postgres"),
        Case("named windows that are made of each other end", "select rank() over w as x from t window w as (w order by b)",
             "x <- t.b WINDOW", dialect="postgres"),
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
        Case("GROUP BY ALL means all outputs without an aggregation", "select a + b as x, max(c) as m from t group by all",
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
        Case("EXISTS as a value is decided by what decides over its rows",
             "select exists (select z from u where u.id = t.id) as x from t",
             """x <- t.id CONDITIONAL
                x <- u.id CONDITIONAL"""),
        Case("so is CASE WHEN EXISTS", "select case when exists (select 1 from u where u.id = t.id) then a end as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.id CONDITIONAL
                x <- u.id CONDITIONAL"""),
        Case("so is a number of rows", "select (select count(*) from u where u.id = t.id) as x from t",
             """x <- t.id CONDITIONAL
                x <- u.id CONDITIONAL"""),
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
        Case("a source that lists the column takes precedence over an unknown one",
             "with q as (select a, b from t) select a from q join u on q.b = u.b", "a <- t.a"),
        Case("known schemas decide", "select a, c from t join u on t.id = u.id",
             """a <- t.a
                c <- u.c""", known=True),
        Case("ambiguous, so there is no edge", "select a from t join u on t.x = u.y", "",
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
        Case("an alias of the same list does not count if the store has no such aliases", "select a as x, x as y from t",
             """x <- t.a
                y <- t.x""", dialect="postgres"),
        Case("a column takes precedence over an alias of its name", "select upper(b) as b, b as c from t",
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
        Case("a semi join's USING brings no column", "select * from u left semi join t using (id)",
             """id <- u.id
                c <- u.c""", """* <~ u.id JOIN
                * <~ t.id JOIN""", dialect="spark", known=True),
        Case("a semi join shows no columns", "select * from u left semi join t on t.id = u.id",
             """id <- u.id
                c <- u.c""", dialect="spark", known=True),
        Case("its USING gives no values either", "select id from u semi join t using (id)", "id <- u.id", dialect="duckdb"),
        Case("an anti join's columns do not either", "select * from u anti join t using (id)",
             """id <- u.id
                c <- u.c""", dialect="duckdb", known=True),
        Case("a name does not refer to columns of an anti join", "select id from u anti join t on t.id = u.id",
             "id <- u.id", dialect="duckdb", known=True),
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
        Case("columns that EXCEPT removes decide", "select a from t except select c from u",
             """a <- t.a
                a <- u.c FILTER"""),
        Case("UNION BY NAME", "select a, b from t union by name select b, c from u",
             """a <- t.a
                b <- t.b
                b <- u.b
                c <- u.c""", dialect="duckdb"),
        Case("columns that one side alone has are left out (BigQuery)",
             "select a, b from t left union all by name select a, c from u", "a <- t.a\nb <- t.b\na <- u.a", dialect="bigquery"),
        Case("columns that are not on both sides are left out (BigQuery)",
             "select a, b from t inner union all by name select c, a from u", "a <- t.a\na <- u.a", dialect="bigquery"),
        Case("columns that are not listed are left out (BigQuery)",
             "select a, b from t union all corresponding by (b) select b, a from u", "b <- t.b\nb <- u.b", dialect="bigquery"),
        Case("a WITH in a CTE that may be recursive hides it",
             "with q as (with q as (select c from u) select c from q union all select id from u) select c from q",
             "C <- U.C\nC <- U.ID", dialect="snowflake"),
        Case("its ORDER BY refers to its outputs", "select a from t union all select c from u order by a",
             """a <- t.a
                a <- u.c""",
             """* <~ t.a SORT
                * <~ u.c SORT"""),
        Case("one whose columns are unknown keeps them apart", "select a from t union all select * from q",
             """a <- t.a
                * <- q.*"""),
        Case("columns that differ in number: no store accepts it", "select a from t union all select b, c from u",
             """a <- t.a
                a <- u.b
                c <- u.c"""),
        Case("within a subquery", "select x from (select a as x from t union all select b from u) q",
             """x <- t.a
                x <- u.b"""),
    ],
    **SOURCES,
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
        Case("a cast is named like its column, which is not certain", "select a::int, j:p.q::text from t",
             """A <- T.A TRANSFORMATION
                Q <- T.J TRANSFORMATION""", dialect="snowflake", result=["", ""]),
        Case("a literal names nothing", "select o['k'], json_extract(j, '$.p') from t",
             """_1 <- t.o TRANSFORMATION
                _2 <- t.j TRANSFORMATION""", dialect="duckdb"),
        Case("Snowflake takes the text, which is uncertain here", "select max(a) from t", "_1 <- T.A AGGREGATION",
             dialect="snowflake", result=[""]),
    ],
}  # fmt: skip
