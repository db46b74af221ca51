"""Table lineage of constructs of every dialect. Each case holds in each dialect."""

from tests.sql.tables.case import Case, Cases

STANDARD: Cases = {
    "queries": [
        Case("a join", "select * from a join b on a.id = b.id", "a b"),
        Case("tables with commas between", "select * from a, b as x, c y", "a b c"),
        Case("qualified names", "select * from db.s.t", "db.s.t"),
        Case("a subquery", "select * from (select * from a) x where id in (select id from b)", "a b"),
        Case("a scalar subquery", "select (select max(id) from b) from a", "a b"),
        Case("EXISTS", "select * from a where exists (select 1 from b where b.id = a.id)", "a b"),
        Case("set operations", "select id from a union all (select id from b union all select id from c)", "a b c"),
        Case("no table at all", "select 1, current_date"),
    ],
    "common table expressions": [
        Case("a CTE is no table", "with x as (select * from a) select * from x join b on x.id = b.id", "a b"),
        Case("a CTE of a CTE", "with x as (select * from a), y as (select * from x) select * from y", "a"),
        Case("a recursive CTE", "with recursive x as (select id from a union all select a.id from a join x on a.p = x.id) select * from x", "a"),
        Case("a CTE with the name of the table that it reads", "with a as (select * from s.a) select * from a", "s.a"),
        Case("a CTE that is not read", "with x as (select * from a) select * from b", "a b"),
        Case("a CTE inside of a subquery", "select * from (with x as (select * from a) select * from x) y", "a"),
    ],
    "changes": [
        Case("INSERT of a query", "insert into t select * from a", "a", "t", "write", "append"),
        Case("INSERT of values", "insert into t (x) values (1)", "", "t", "write", "append"),
        Case("INSERT with a CTE", "insert into t with x as (select * from a) select * from x", "a", "t", "write", "append"),
        Case("UPDATE", "update t set x = 1 where y = 2", "", "t", "write", "update"),
        Case("UPDATE with a subquery", "update t set x = (select max(x) from a)", "a", "t", "write", "update"),
        Case("DELETE", "delete from t where id in (select id from a)", "a", "t", "write", "delete"),
    ],
    "definitions": [
        Case("CREATE TABLE", "create table t (id int, name varchar(10))", "", "t", "create", "create"),
        Case("CREATE TABLE AS", "create table t as select * from a", "a", "t", "create", "create"),
        Case("CREATE VIEW", "create view v as select * from a join b on a.id = b.id", "a b", "v", "create", "create"),
        Case("DROP TABLE", "drop table t", "", "t", "drop", "drop"),
        Case("DROP TABLE IF EXISTS", "drop table if exists t", "", "t", "drop", "drop"),
        Case("foreign keys are no reads", "create table t (id int references a (id))", "", "t", "create", "create"),
    ],
    "no data": [
        Case("GRANT", "grant select on t to r", kind="misc"),
        Case("COMMIT", "commit", kind="misc"),
        Case("ROLLBACK", "rollback", kind="misc"),
    ],
    "scripts": [
        Case("several statements", "insert into t select * from a; delete from b; select 1", "a", "t b", "write write read"),
        Case("comments and strings with semicolons", "select ';' from a -- ; from b\n; select 1 /* ; */ from c", "a c", "", "read read"),
    ],
    "what does not parse": [
        Case("an open parenthesis", "select * from a where (x = 1", "a", confidence="recovered"),
        Case("an unknown clause", "select * from a frobnicate by x from b join c", "a b c", confidence="recovered"),
    ],
}  # fmt: skip

BY_DIALECT = [("", STANDARD)]
