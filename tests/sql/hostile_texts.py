"""Texts that cost a careless reader the square of their length, or more: every construct, again and again.

`build(unit, size)` repeats a unit until the text is about as long as asked for. Units are written down once: what
begins a construct and does not end it, what nests, what could be read in two ways, and ordinary lists and scripts that
are only long.
"""

from __future__ import annotations

from typing import NamedTuple


class Hostile(NamedTuple):
    """A text of `before`, as many `unit`s as fit the size, as many `closing`s, and `after`."""

    name: str
    unit: str
    before: str = "select "
    after: str = ""
    closing: str = ""
    dialects: tuple[str, ...] = ("", "snowflake", "postgres", "bigquery", "mysql", "tsql")

    def text(self, size: int) -> str:
        count = max(size // (len(self.unit) + len(self.closing)), 1)
        return self.before + self.unit * count + self.closing * count + self.after


_IN = "select a from t where b in ("
_ROW = "insert into t values (1), (1), (1), (1), (1), (1), (1), (1), (1), (1), (1), "
_DUMP = ("postgres", "sqlite", "mysql")

HOSTILE = [
    # quotes
    *(Hostile(f"quotes {q}", q) for q in ("'", '"', "`", "''", '""', "' ", '" ', "'a''b", "'\\'", '"\\"', "'''", '"""')),
    Hostile("one literal", "x", "select '", "' from t"),
    Hostile("one literal of doubled quotes", "''", "select '", "' from t"),
    Hostile("one literal of escaped quotes", "\\'", "select '", "' from t"),
    Hostile("one literal of backslashes", "\\\\", "select '", "' from t"),
    Hostile("one literal of new lines", "\n", "select '", "' from t"),
    Hostile("a literal that never closes", "x", "select '"),
    Hostile("doubled quotes that never close", "a''", "select '"),
    Hostile("one quoted name", "x", 'select "', '" from t'),
    Hostile("prefixed quotes", "e'a\\' n'b' ", dialects=("postgres", "oracle", "bigquery")),
    Hostile("q quotes", "q'[a' ", dialects=("oracle",)),
    Hostile("dollar quotes", "$a$ ", dialects=("", "postgres", "snowflake")),
    Hostile("dollar quotes of two tags", "$a$ $b ", dialects=("", "postgres", "snowflake")),
    Hostile("dollars", "$", dialects=("", "postgres", "snowflake")),
    # comments
    *(Hostile(f"comments {c!r}", c) for c in ("/*", "*/", "/* x */ ", "-- x\n", "--", "# x\n", "//", "/*+ x */", "/**/")),
    Hostile("nested comments", "/* ", closing=" */"),
    Hostile("one comment", "x", "select 1 /* ", " */ from t"),
    Hostile("a comment that never ends", "* /", "select 1 /* "),
    Hostile("comments between words", "a /* x */ + "),
    Hostile("line comments between words", "a -- it's\n, "),
    Hostile("comments in a list", "'x' -- it's\n , ", _IN, "'y')"),
    Hostile("a list behind comments", "-- it's\n", f"{_IN}'x'", "'y')"),
    Hostile("rows behind comments", "/* a */ (f(g(h(1)))), ", _ROW, "(2)"),
    # brackets
    *(Hostile(f"brackets {b}", b) for b in ("(", "[", "{", "()", "[]", "{}", ")", "]", "(((", "<", "a[", "f(", "array[")),
    *(Hostile(f"nested {o}", o, closing=c, after=" from t") for o, c in
      (("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("a[", "]"), ("array<", ">"), ("case when ", " end "), ("array[", "]"))),
    Hostile("subscripts", "[1]", "select a", " from t"),
    Hostile("subscripts of keys", "['k']", "select a", " from t"),
    Hostile("subqueries", "select * from (", "", "", ") x"),
    Hostile("parenthesised unions", "(select a from t) union all ", "", "(select b from u)"),
    Hostile("nested unions", "(select a from t union ", "", "select 1", ")"),
    # lists of data
    Hostile("an IN list", "1, ", _IN, "1)"),
    Hostile("an IN list of texts", "'it''s', ", _IN, "'x')"),
    Hostile("an IN list that never closes", "'it''s', ", _IN),
    Hostile("many IN lists", "b in (1, 2, 3) or ", "select a from t where "),
    Hostile("IN lists that never close", "b in ("),
    Hostile("rows", "(1, 'it''s', now(), -1.5), ", "insert into t values ", "(2)"),
    Hostile("nested rows", "(f(g(h(i(1)))), array[1, [2]], 'a''b'), ", "insert into t values ", "(2)"),
    Hostile("rows that name tables", "((select a from u where b = 'x')), ", "insert into t values ", "(2)"),
    Hostile("rows that never close", "(1, ", "insert into t values "),
    Hostile("many VALUES", "values (1), ", ""),
    Hostile("one long row", "1, ", "insert into t values (", "2)"),
    Hostile("an array", "1, ", "select array[", "1] from t"),
    Hostile("nested arrays", "[[[[1]]]], ", "select array[", "1] from t"),
    Hostile("a select list", "a, ", "select ", "b from t"),
    Hostile("a select list of calls", "coalesce(t.a, 'x') as c, ", "select ", "b from t"),
    Hostile("arguments", "a, ", "select f(", "b) from t"),
    # templates
    *(Hostile(f"templates {t}", t) for t in ("{{", "{%", "{#", "<%", "${", "&{", "{{ a }} ", "{% if a %}", "${a} ", "&a ", "{{ '")),
    Hostile("addresses", "s3://a/b ", "copy t from "),
    Hostile("colons", "://", "put file"),
    # scripts
    Hostile("statements", "insert into a select b, c from d where e = 'x';\n", "", dialects=("", "snowflake", "tsql", *_DUMP)),
    Hostile("rows, one statement each", "insert into t values (1, 'x');\n", "", dialects=("", *_DUMP)),
    Hostile("semicolons", ";", ""),
    Hostile("statements and a quote that never closes", "delete from t;\n", "", "select 'x"),
    Hostile("batches", "select a from t\nGO\n", "", dialects=("tsql", "oracle")),
    Hostile("statements without semicolons", "select a from t\n", "", dialects=("tsql",)),
    Hostile("blocks", "begin ", "", " end;"),
    Hostile("conditional blocks", "if a then insert into t select 1; ", "", "", "end if; "),
    Hostile("procedures", "create procedure p() as begin delete from t; ", "", "", "end; "),
    Hostile("routines that never end", "create function f() as begin select case ", ""),
    Hostile("dumps", "copy t from stdin;\n1\n\\.\n", "", dialects=("postgres",)),
    Hostile("client commands", "\\d t\n", "", dialects=("postgres", "")),
    Hostile("delimiters", "delimiter //\nselect 1//\n", "", dialects=("mysql",)),
    Hostile("from stdin", "from stdin ", "copy t \\ ", dialects=("postgres",)),
    Hostile("flow operators", "select 1 ->> ", "", "select * from $1", dialects=("snowflake",)),
    Hostile("calls without semicolons", "declare @a int = 1 set @a = 2 exec p @a\n", "", dialects=("tsql",)),
    Hostile("savepoints", "savepoint a; rollback to savepoint a;\n", "begin;", dialects=("postgres", "bigquery")),
    Hostile("transactions", "begin; insert into t values (1); commit;\n", "", dialects=_DUMP),
    Hostile("changes of tables", "create table t as select * from u; drop table t;\n", "", dialects=("spark", *_DUMP)),
    Hostile("empty texts in a row", "''", "select ", " from t", dialects=("bigquery", "mysql")),
    Hostile("loops", "for r in (select a from t) loop insert into u values (r.a); end loop; ", "begin ", "end;"),
    # clauses
    Hostile("unions", "select a from t union all ", "", "select b from u"),
    Hostile("common table expressions", "c as (select a from t), ", "with ", "d as (select 1) select * from c"),
    Hostile("joins", "join t on t.a = u.b ", "select * from u "),
    Hostile("joins without conditions", "join t ", "select * from u "),
    Hostile("joins by a column of all", "join t using (a) ", "select a from u "),
    Hostile("tables", "t, ", "select * from ", "u"),
    Hostile("half a query", "select from where join on ", ""),
    Hostile("selects", "select ", ""),
    Hostile("froms", "from t ", ""),
    Hostile("withs", "with a as ", ""),
    Hostile("group by", "group by ", "select a from t "),
    Hostile("windows", "sum(a) over (partition by b order by c), ", "select ", "1 from t"),
    # expressions
    *(Hostile(f"chain of {o}", f"a {o} ", after="b from t") for o in
      ("+", "-", "*", "/", "%", "||", "|", "&", "^", "=", "<", "and", "or", "->", "->>", ".", "::", ":", "like", "is", "in", "not in", "collate")),
    *(Hostile(f"signs {s}", s) for s in ("-", "+", "*", "~", "!", "?", "@", "#", "%", "&", "|", ":", "=", "<>", ",", ".", "\\", "::", ":a ", "@a ")),
    *(Hostile(f"words {w}", f"{w} ") for w in ("a", "not", "null", "case", "when", "end", "exists", "interval", "cast", "as", "between", "and", "if")),
    Hostile("casts", "::int", "select a", " from t"),
    Hostile("calls of cast", "cast(", closing=" as int)", after=" from t"),
    Hostile("cases", "case when a then 1 else ", closing=" end"),
    Hostile("branches", "when a = 1 then 'x' ", "select case ", "end from t"),
    Hostile("dotted names", "a.", after="b from t"),
    Hostile("one word", "a"),
    Hostile("one number", "1"),
    Hostile("blanks", " ", after="a from t"),
    Hostile("blanks before", " ", "", "select a from t"),
    Hostile("new lines", "\n", after="a from t"),
    Hostile("nul", "\x00"),
    Hostile("emoji", "\U0001f600"),
]  # fmt: skip
