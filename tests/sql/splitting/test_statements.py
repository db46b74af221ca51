"""Cuts of a text into statements, and the properties of each piece."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.dialects.dialect import Dialect

from prefect_lineage_events.sql.redaction.sanitise import DEFAULT_LIMIT
from prefect_lineage_events.sql.splitting.statements import split
from tests.sql.redaction.test_sanitise import DIALECTS, texts

CUTS = [
    ("one", "snowflake", "select 1", ["select 1"]),
    ("nothing", "snowflake", " \n ; -- x\n /* y */ ;", []),
    ("two, and what is around them", "snowflake", "\n-- a\nselect 1; ; select 2 -- b\n;", ["select 1", "select 2"]),
    ("quotes", "snowflake", "select ';' ; select \";\"", ["select ';'", 'select ";"']),
    ("comments", "snowflake", "select 1 /* ; */ + 2; select 3 // ;\n + 4", ["select 1 /* ; */ + 2", "select 3 // ;\n + 4"]),
    ("dollar quotes", "postgres", "do $$ a; b $$; select 1", ["do $$ a; b $$", "select 1"]),
    ("tagged dollar quotes", "postgres", "select $x$ ; $$ ; $x$; select 2", ["select $x$ ; $$ ; $x$", "select 2"]),
    ("anonymous block", "snowflake", "begin insert into t select 1; delete from u; end;",
     ["begin insert into t select 1", "delete from u", "end"]),
    ("transaction", "postgres", "begin; delete from t; commit", ["begin", "delete from t", "commit"]),
    ("body of a procedure", "snowflake", "create procedure p() as begin delete from t; if (x) then delete from u; end if; end; select 1",
     ["create procedure p() as begin delete from t; if (x) then delete from u; end if; end", "select 1"]),
    ("body with a case", "mysql", "create trigger g before insert on t for each row begin set a = case when b then 1 end; end; select 1",
     ["create trigger g before insert on t for each row begin set a = case when b then 1 end; end", "select 1"]),
    ("body with a case statement", "mysql", "create procedure p() begin case a when 1 then select 1; end case; end; select 2",
     ["create procedure p() begin case a when 1 then select 1; end case; end", "select 2"]),
    ("declarations before the body", "oracle", "create procedure p is n number; begin select 1 into n from t; end; select 2",
     ["create procedure p is n number; begin select 1 into n from t; end", "select 2"]),
    ("package", "oracle", "create package body p is procedure q is begin null; end; end p; select 2 from t",
     ["create package body p is procedure q is begin null; end; end p", "select 2 from t"]),
    ("type", "oracle", "create type t as object (a number); select 2 from t", ["create type t as object (a number)", "select 2 from t"]),
    ("body elsewhere", "oracle", "create function f return number as language c name 'x'; select 2 from t",
     ["create function f return number as language c name 'x'", "select 2 from t"]),
    ("body in quotes", "snowflake", "create function f() returns int as $$ begin; $$; select 1", ["create function f() returns int as $$ begin; $$", "select 1"]),
    ("a table is no routine", "snowflake", "create table t (begin int); select 1", ["create table t (begin int)", "select 1"]),
    ("a column named begin", "postgres", "select begin from t; select 1", ["select begin from t", "select 1"]),
    ("batches", "tsql", "create proc p as select 1; select 2\nGO\nselect 3\ngo 5\nselect 4", ["create proc p as select 1; select 2", "select 3", "select 4"]),
    ("go is a name elsewhere", "postgres", "select a\nfrom\ngo\nwhere b", ["select a\nfrom\ngo\nwhere b"]),
    ("slash lines", "oracle", "begin null; end;\n/\nselect a/b from t\n/\n", ["begin null", "end", "select a/b from t"]),
    ("delimiter", "mysql", "delimiter //\ncreate procedure p() begin select 1; end//\ndelimiter ;\nselect 2; select 3",
     ["create procedure p() begin select 1; end", "select 2", "select 3"]),
    ("delimiter as an option", "redshift", "copy t from 's3://b/k'\ndelimiter ','\ngzip; select 2",
     ["copy t from 's3://b/k'\ndelimiter ','\ngzip", "select 2"]),
    ("delimiter in quotes", "mysql", "DELIMITER $$\nselect '$$' $$\n", ["select '$$'"]),
    ("psql's commands", "postgres", "\\set x 'it\nselect 1;\n\\d t\nselect 2", ["select 1", "select 2"]),
    ("copy of the client", "postgres", "\\copy t from 'a.csv'\nselect 1", ["copy t from 'a.csv'", "select 1"]),
    ("rows of a dump", "postgres", "copy t (a) from stdin;\n1;2\n\\.\nselect 1", ["copy t (a) from stdin", "select 1"]),
    ("rows behind a semicolon on its own line", "postgres", "copy t from stdin\n;\n1;2\n\\.\nselect 1", ["copy t from stdin", "select 1"]),
    ("a delimiter that is a semicolon", "postgres", "copy t from stdin\ndelimiter ';';\n1;2\n\\.\nselect 1", ["copy t from stdin\ndelimiter ';'", "select 1"]),
    ("rows of a query over them", "clickhouse", "insert into t select a from input('a int') format CSV\n1;\n2",
     ["insert into t select a from input('a int') format CSV"]),
    ("a column called format", "clickhouse", "insert into t select a as format, (format b) from u; select 1",
     ["insert into t select a as format, (format b) from u", "select 1"]),
    ("a table called stdin", "postgres", "select a from stdin;\nselect 1", ["select a from stdin", "select 1"]),
    ("rows of an insert", "clickhouse", "insert into t (a) format CSV\n1,'x\n2,y", ["insert into t (a) format CSV"]),
    ("an open quote", "snowflake", "select 1; select 'a; select 2", ["select 1", "select 'a", "select 2"]),
    ("an open comment", "snowflake", "select 1; select 2 /* ; select 3", ["select 1", "select 2 /* ; select 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "sql", "expected"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS])
def test_texts_are_cut_into_statements(dialect: str, sql: str, expected: list[str]) -> None:
    assert [piece.text for piece in split(sql, dialect)] == expected


def test_a_statement_with_an_open_quote_has_no_tokens_and_the_others_have() -> None:
    pieces = split("select 1; select 'a; select 2", "snowflake")
    assert [piece.tokens is None for piece in pieces] == [False, True, False]


READABLE = [
    ("pyformat", "postgres", "select a from t where b = %(b)s and c in %s", "SELECT a FROM t WHERE b = ? AND c IN ?"),
    ("numbered bind", "sqlite", "select ?1 || b from t where c = ?23", "SELECT ? || b FROM t WHERE c = ?"),
    ("modulo stays", "postgres", "select a % b, a%s from t", "SELECT a % b, a % s FROM t"),
    ("doubled percent", "postgres", "select a %% 2 from t where b = %s", "SELECT a % 2 FROM t WHERE b = ?"),
    ("client variable as a schema", "snowflake", "select a from &env.t", 'SELECT a FROM "&env".t'),
    ("dbt ref", "snowflake", "select a from {{ ref('orders') }}", 'SELECT a FROM "orders"'),
    ("dbt ref in a package", "snowflake", "select a from {{ ref('shop', 'orders') }}", 'SELECT a FROM "orders"'),
    ("dbt source", "snowflake", "select a from {{ source('raw', \"orders\") }} o", 'SELECT a FROM "raw"."orders" AS o'),
    ("jinja blocks", "snowflake", "select a from t {% if x %} where b {% endif %}", "SELECT a FROM t WHERE b"),
    ("dbt config", "snowflake", "{{ config(materialized='table') }} select a from t", "SELECT a FROM t"),
    ("jinja variable as a schema", "snowflake", "select a from {{ env }}.t", 'SELECT a FROM "{{ env }}".t'),
    ("jinja with quotes", "snowflake", "select {{ x | replace(\"'\", '') }} from t", None),
    ("dollar variable", "databricks", "select a from ${catalog}.s.t", "SELECT a FROM `${catalog}`.s.t"),
    ("template in a literal", "snowflake", "select '{{ x }}' from t", "SELECT '{{ x }}' FROM t"),
    ("hint", "oracle", "select /*+ full(t) */ a from t", "SELECT /*+ full(t) */ a FROM t"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "sql", "expected"), [c[1:] for c in READABLE], ids=[c[0] for c in READABLE])
def test_placeholders_are_readable_for_the_parser(dialect: str, sql: str, expected: str | None) -> None:
    (piece,) = split(sql, dialect)
    assert piece.tokens is not None
    (tree,) = Dialect.get_or_raise(dialect).parser().parse(piece.tokens, piece.prepared)
    assert tree is not None
    if expected is not None:
        assert tree.sql(dialect) == expected


def test_a_piece_with_the_leftover_of_a_template_is_templated() -> None:
    assert split("select a from {{ t }}", "snowflake")[0].is_templated
    assert not split("put file:///tmp/x @s", "snowflake")[0].is_templated


def test_an_unquoted_address_is_one_literal() -> None:
    (piece,) = split("put file:///tmp/x.csv @s", "snowflake")
    assert piece.tokens is not None
    assert "file:///tmp/x.csv" in [token.text for token in piece.tokens]


def test_a_command_has_all_its_tokens() -> None:
    (piece,) = split("execute immediate 'select 1' using (a)", "snowflake")
    assert piece.tokens is not None
    assert [token.text for token in piece.tokens] == ["execute", "immediate", "select 1", "using", "(", "a", ")"]


def test_an_unknown_dialect_is_read_as_the_generic_one() -> None:
    (piece,) = split("select 1", "klingon")
    assert (piece.dialect, piece.sanitised) == ("", "select ?")


def rows(count: int) -> str:
    return ", ".join(f"({i}, 'it''s (row), {i}', now())" for i in range(count))


def test_long_value_lists_are_cut_and_the_text_after_them_is_kept() -> None:
    (piece, after) = split(f"insert into t values {rows(5_000)} on conflict do nothing; select 1", "postgres")
    assert piece.text == f"insert into t values {rows(10)} on conflict do nothing"
    assert after.text == "select 1"
    assert not piece.lost


def test_a_subquery_in_a_late_row_is_kept() -> None:
    (piece,) = split(
        f"insert into t values {rows(2_000)}, ((select max(a) from u), 'x', now()), {rows(2_000)}", "postgres"
    )
    assert piece.text == f"insert into t values {rows(10)}, ((select max(a) from u), 'x', now())"


def test_long_in_lists_are_cut() -> None:
    numbers = ", ".join(map(str, range(10_000)))
    (piece,) = split(f"select a from t where b in ({numbers}) and c = 1", "snowflake")
    assert piece.text == f"select a from t where b in ({', '.join(map(str, range(20)))}) and c = 1"


def test_a_list_inside_quotes_is_not_cut() -> None:
    text = "select 'values " + "(1), " * 10_000 + "' from t"
    assert split(text, "snowflake")[0].text == text


def test_a_list_that_never_closes_is_not_cut() -> None:
    text = "select a from t where b in (" + "1, " * 20_000
    assert split(text, "snowflake")[0].text == text.rstrip()


def test_select_lists_are_cut_in_extremely_long_texts_only() -> None:
    columns = ", ".join(f"some_table.column_{i} as c{i}" for i in range(5_000))
    (piece,) = split(f"select {columns} from a, b", "snowflake")
    assert not piece.lost
    columns = ", ".join(f"some_table.column_{i} as c{i}" for i in range(20_000))
    (piece,) = split(f"select {columns} from a, b", "snowflake")
    assert piece.lost
    assert piece.text.endswith("c3998, some_table.column_3999 as c3999 from a, b")


HOSTILE = ["{{", "{%", "<%", "$a$ ", "$a$ $b ", "${", "in (", "values (", "select a, ", "'x ", "/*", "("]


@pytest.mark.parametrize("opening", HOSTILE)
def test_lists_that_never_close_are_cut_in_extremely_long_texts(opening: str) -> None:
    """Work that grows with the square of the length would take many minutes; the runner's time limit is the bound."""
    pieces = split(opening * (250_000 // len(opening)), "snowflake")
    assert all(len(piece.sanitised) <= DEFAULT_LIMIT for piece in pieces)


def test_threads_do_not_disturb_each_other() -> None:
    statements = [(f"select a{i} from t{i} where b = '{'x' * i}'", DIALECTS[i % len(DIALECTS)]) for i in range(60)]
    alone = [split(sql, dialect)[0].sanitised for sql, dialect in statements]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda s: split(s[0], s[1])[0].sanitised, statements * 20))
    assert together == alone * 20


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(DIALECTS))
def test_offsets_are_valid_for_any_text(text: str, dialect: str) -> None:
    for piece in split(text, dialect):
        assert piece.text.strip()
        assert len(piece.prepared) == len(piece.text)
        assert all(0 <= t.start <= t.end < len(piece.prepared) for t in piece.tokens or ())
        assert len(piece.fingerprint) == 16
