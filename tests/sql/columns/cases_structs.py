"""Stars within and beside expressions, and fields of rows and structs."""

from __future__ import annotations

from tests.sql.columns.case import Case

_UNKNOWN = "which columns a * stands for is not known"

STRUCTS: dict[str, list[Case]] = {
    "a star inside an expression": [
        Case("OBJECT_CONSTRUCT without a column", "select object_construct(* exclude (b)) as doc from t",
             """DOC <- T.ID TRANSFORMATION
                DOC <- T.A TRANSFORMATION""", dialect="snowflake", known=True),
        Case("HASH of a table's columns that a pattern matches", "select hash(q.* ilike 'I%') as h from t q",
             "H <- T.ID TRANSFORMATION", dialect="snowflake", known=True),
        Case("an object literal", "select {* exclude (a, b)} as doc from t", "DOC <- T.ID TRANSFORMATION",
             dialect="snowflake", known=True),
        Case("a struct without a column", "select to_json(struct(q.* except (b))) as doc from t q",
             """doc <- t.id TRANSFORMATION
                doc <- t.a TRANSFORMATION""", dialect="databricks", known=True),
        Case("REPLACE puts another value in", "select to_json_string((select as struct q.* replace (1 as b))) d from t q",
             """d <- t.id TRANSFORMATION
                d <- t.a TRANSFORMATION""", dialect="bigquery", known=True),
        Case("a column is left out of one of two tables",
             "select hash(* exclude (q.id)) as h from t q join u on true",
             """h <- t.a TRANSFORMATION
                h <- t.b TRANSFORMATION
                h <- u.id TRANSFORMATION
                h <- u.c TRANSFORMATION""", dialect="duckdb", known=True),
        Case("a removed field of a struct removes no column", "select * except (a.b) from t",
             """id <- t.id
                a <- t.a
                b <- t.b""", dialect="databricks", known=True),
        Case("keys that are taken out of an object again", "select object_delete(object_construct(*), 'B') as d from t",
             """D <- T.ID TRANSFORMATION
                D <- T.A TRANSFORMATION""", dialect="snowflake", known=True),
        Case("a key that is taken out of a row as JSON", "select to_jsonb(t) - 'b' as d from t",
             """d <- t.id TRANSFORMATION
                d <- t.a TRANSFORMATION""", dialect="postgres", known=True),
        Case("of a table whose columns are not known", "select hash(* exclude (b)) as h from t", "",
             dialect="snowflake", reason=_UNKNOWN),
    ],
    "COLUMNS, APPLY and LIKE": [
        Case("an expression for each column", "select max(columns(* exclude (id))) from t",
             """a <- t.a AGGREGATION
                b <- t.b AGGREGATION""", dialect="duckdb", known=True, result=["a", "b"]),
        Case("a regular expression", "select columns('^i|b') from t",
             """id <- t.id
                b <- t.b""", dialect="duckdb", known=True),
        Case("a regular expression that may take long is not tried", "select columns('(a+)+$') from t", "",
             dialect="duckdb", known=True, reason=_UNKNOWN, result=["*"]),
        Case("a list of names", "select columns(['id', 'a']) + 1 from t",
             """id <- t.id TRANSFORMATION
                a <- t.a TRANSFORMATION""", dialect="duckdb", known=True),
        Case("a lambda over names", "select columns(lambda c: c like 'i%' or c = 'b') from t",
             """id <- t.id
                b <- t.b""", dialect="duckdb", known=True),
        Case("a list comprehension over names", "select columns([c for c in (*) if c not in ('a', 'b')]) from t",
             "id <- t.id", dialect="duckdb", known=True),
        Case("a lambda that only the data can answer", "select columns(lambda c: f(c)) from t", "", dialect="duckdb",
             known=True, reason=_UNKNOWN),
        Case("columns as the arguments of one call", "select coalesce(*columns(* exclude (id))) as x from t",
             """x <- t.a TRANSFORMATION
                x <- t.b TRANSFORMATION""", dialect="duckdb", known=True),
        Case("names for the kinds of matches", r"select max(columns(*)) as 'm_\0' from u",
             """m_id <- u.id AGGREGATION
                m_c <- u.c AGGREGATION""", dialect="duckdb", known=True),
        Case("LIKE chooses columns", "select * like 'i%' from t", "id <- t.id", dialect="duckdb", known=True),
        Case("NOT LIKE chooses the others", "select q.* not ilike 'I%' from t q",
             """a <- t.a
                b <- t.b""", dialect="duckdb", known=True),
        Case("a condition over columns", "select id from t where columns(* exclude (b)) is not null", "id <- t.id",
             """* <~ t.id FILTER
                * <~ t.a FILTER""", dialect="duckdb", known=True),
        Case("UNPIVOT of columns but one", "unpivot t on columns(* exclude (id)) into name n value v",
             """id <- t.id
                v <- t.a
                v <- t.b""", dialect="duckdb", known=True),
        Case("UNPIVOT's list of columns but one", "select * from t unpivot (v for n in (columns(* exclude (id))))",
             """id <- t.id
                v <- t.a
                v <- t.b""", dialect="duckdb", known=True),
        Case("APPLY makes a column of each", "select * except (id) apply (sum) from t",
             """sum(a) <- t.a AGGREGATION
                sum(b) <- t.b AGGREGATION""", dialect="clickhouse", known=True, result=["sum(a)", "sum(b)"]),
        Case("APPLY of a lambda", "select * apply (x -> x + 1) from u",
             """_1 <- u.id TRANSFORMATION
                _2 <- u.c TRANSFORMATION""", dialect="clickhouse", known=True, result=["", ""]),
        Case("APPLY without parentheses, and of a function with parameters",
             "select columns('c') apply max, columns('id') apply (quantile(0.9)) from u",
             """max(c) <- u.c AGGREGATION
                _2 <- u.id AGGREGATION""", dialect="clickhouse", known=True),
        Case("a table's columns by a regular expression", "select q.columns('d|b'), tuple(columns('a')) as x from t q",
             """id <- t.id
                b <- t.b
                x <- t.a TRANSFORMATION""", dialect="clickhouse", known=True),
        Case("columns left out by a regular expression", "select * except ('a|b') from t", "id <- t.id",
             dialect="clickhouse", known=True),
    ],
    "a field of a row": [
        Case("of one of many rows (BigQuery)", "select array_agg(q order by b limit 1)[offset(0)].a as m from t as q",
             """m <- t.a AGGREGATION
                m <- t.b SORT""", dialect="bigquery", known=True),
        Case("of any row", "select any_value(q).a as m from t as q", "m <- t.a AGGREGATION", dialect="bigquery",
             known=True),
        Case("of the row with the greatest value (DuckDB)", "select arg_max(t, b).a as m, arg_max(a, b) as n from t",
             """m <- t.a AGGREGATION
                m <- t.b CONDITIONAL
                n <- t.a AGGREGATION
                n <- t.b CONDITIONAL""", dialect="duckdb", known=True),
        Case("of a row (PostgreSQL)", "select (q).a, ((array_agg(q))[1]).b from t q group by 1",
             """a <- t.a
                b <- t.b AGGREGATION""", dialect="postgres", known=True),
        Case("of a row as JSON",
             "select to_jsonb(q) ->> 'a' x, to_json(q) #>> '{b}' y, jsonb_extract_path_text(to_jsonb(q), 'id') z from t q",
             """x <- t.a TRANSFORMATION
                y <- t.b TRANSFORMATION
                z <- t.id TRANSFORMATION""", dialect="postgres", known=True),
        Case("by a key in the data", "select to_jsonb(q) ->> q.b as x from t q",
             """x <- t.id TRANSFORMATION
                x <- t.a TRANSFORMATION
                x <- t.b TRANSFORMATION""", dialect="postgres", known=True),
        Case("of a table whose columns are not known", "select any_value(q).a as m from t as q", "m <- t.a AGGREGATION",
             dialect="bigquery"),
        Case("a row of a table whose columns are not known", "select to_json_string(q) as x from t as q", "",
             dialect="bigquery", reason=f"columns: {_UNKNOWN}"),
        Case("such a row by the name of the table itself", "select row_to_json(v) as x, id from v", "id <- v.id",
             dialect="postgres", reason=f"columns: {_UNKNOWN}"),
        Case("such a row of an outer query, in order", "select (select json_agg(v order by v.a)) as x from v",
             "x <- v.a SORT", dialect="postgres", reason=f"columns: {_UNKNOWN}"),
        Case("a column with the name of the table", "select to_json(v) as x from (select v from w) v",
             "x <- w.v TRANSFORMATION", dialect="postgres"),
        Case("an element of an array with the name of its function", "select to_jsonb(e) as x "
             "from v, jsonb_array_elements(v.items) e", "x <- v.items TRANSFORMATION", dialect="postgres"),
        Case("all fields of one of many rows", "select q.* from (select array_agg(o order by b limit 1)[offset(0)] q "
             "from t o group by a)",
             """id <- t.id AGGREGATION
                id <- t.b SORT
                a <- t.a AGGREGATION
                a <- t.b SORT
                b <- t.b AGGREGATION
                b <- t.b SORT""", dialect="bigquery", known=True, result=["id", "a", "b"]),
        Case("SELECT AS VALUE", "select as value any_value(q) from u q group by id",
             """id <- u.id AGGREGATION
                c <- u.c AGGREGATION""", dialect="bigquery", known=True, result=["id", "c"]),
        Case("a row in its own column", "select (s.r).a, s.r from (select q as r from t q) s",
             """a <- t.a
                r <- t.id TRANSFORMATION
                r <- t.a TRANSFORMATION
                r <- t.b TRANSFORMATION""", dialect="postgres", known=True),
        Case("of either of two rows", "select if(id > 1, q, null).a as m from t q",
             """m <- t.a TRANSFORMATION
                m <- t.id CONDITIONAL""", dialect="bigquery", known=True),
        Case("of a window's first row", "select first_value(q) over (partition by id).a as m from t q",
             """m <- t.a TRANSFORMATION
                m <- t.id WINDOW""", dialect="bigquery", known=True),
        Case("of a row as rows", "select unnest(q) from u q",
             """id <- u.id TRANSFORMATION
                c <- u.c TRANSFORMATION""", dialect="duckdb", known=True, result=["id", "c"]),
    ],
    "methods of a value": [
        Case("of XML", "select doc.value('(/a)[1]', 'int') v, t.doc.query('/b').value('.', 'int') w, dbo.f(t.b) as f from t",
             """v <- t.doc TRANSFORMATION
                w <- t.doc TRANSFORMATION
                f <- t.b TRANSFORMATION""", dialect="tsql"),
        Case("rows of XML", "select x.n.value('@k', 'int') as k from d.t as q cross apply q.doc.nodes('/r') as x(n)",
             "k <- d.t.doc TRANSFORMATION", dialect="tsql"),
        Case("of a place", "select max(geo.STArea()) as s from t", "s <- t.geo AGGREGATION", dialect="tsql"),
        Case("of an object", "select q.doc.getClobVal() as c, p.f(q.a) as f from t q",
             """C <- T.DOC TRANSFORMATION
                F <- T.A TRANSFORMATION""", dialect="oracle"),
    ],
    "a field of a struct of the text's own": [
        Case("a struct's", "select struct(a as x, b as y).x from t", "x <- t.a", dialect="spark"),
        Case("named_struct", "select named_struct('x', a, 'y', b).y as m from t", "m <- t.b", dialect="spark"),
        Case("the greatest struct: a field depends on those before it", "select max(struct(a, b, c)).b as m from t",
             """m <- t.b AGGREGATION
                m <- t.a SORT""", dialect="spark"),
        Case("all fields of the greatest struct", "select s.* from (select max(struct(a, b)) as s from t group by c)",
             """a <- t.a AGGREGATION
                b <- t.b AGGREGATION
                b <- t.a SORT""", dialect="spark"),
        Case("a struct in a struct", "with s as (select struct(struct(a as x, b as y) as i) as o from t) "
             "select o.i.y from s", "y <- t.b", dialect="bigquery"),
        Case("a literal's", "select {'x': a, 'y': b}.x, {'x': a, 'y': b}['y'] as z, row(a, b)[2] as w from t",
             """x <- t.a
                z <- t.b
                w <- t.b""", dialect="duckdb"),
        Case("by an alias given before", "select struct_pack(x := a, y := b) as s, s.x as m from t",
             """s <- t.a TRANSFORMATION
                s <- t.b TRANSFORMATION
                m <- t.a""", dialect="duckdb"),
        Case("an object's", "select object_construct('x', a, 'y', b):x::int as m, max_by({'x': a, 'y': b}, c):y as n from t",
             """M <- T.A TRANSFORMATION
                N <- T.B AGGREGATION
                N <- T.C CONDITIONAL""", dialect="snowflake"),
        Case("a tuple's by its position", "select argMax((a, b), c).2 as m, tupleElement(tuple(a, b), 1) as n from t",
             """m <- t.b AGGREGATION
                m <- t.c CONDITIONAL
                n <- t.a TRANSFORMATION""", dialect="clickhouse"),
        Case("a row's by the names of its type", "select cast(row(a, b) as row(x int, y int)).y as m from t",
             "m <- t.b TRANSFORMATION", dialect="trino"),
        Case("a map's by its key", "select map('x', a, 'y', b)['y'] as m from t", "m <- t.b", dialect="spark"),
        Case("of the elements of an array", "with s as (select array_agg(struct(a, b)) as items from t) "
             "select i.a from s, unnest(s.items) as i", "a <- t.a AGGREGATION", dialect="bigquery"),
        Case("of exploded elements", "select i.b from (select collect_list(struct(a, b)) as items from t) "
             "lateral view explode(items) x as i", "b <- t.b AGGREGATION", dialect="spark"),
        Case("of flattened elements", "select f.value:x as m from (select array_agg({'x': a, 'y': b}) as items from t) c, "
             "lateral flatten(input => c.items) f", "M <- T.A AGGREGATION", dialect="snowflake"),
        Case("of an element by ARRAY JOIN", "select e.2 as m from (select groupArray((a, b)) as items from t) "
             "array join items as e", "m <- t.b AGGREGATION", dialect="clickhouse"),
        Case("a function may make a field of anything", "select f(struct(a as x, b as y)).x as m from t",
             """m <- t.a TRANSFORMATION
                m <- t.b TRANSFORMATION""", dialect="spark"),
    ],
}  # fmt: skip
