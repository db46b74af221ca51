"""Begins and ends of quotes and comments, dialect by dialect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.tokenizer_core import Token

from prefect_lineage_events.sql.chunks import CHUNK, chunks
from prefect_lineage_events.sql.lexer import lexical_rules, tokenize
from prefect_lineage_events.sql.scanner import Scanner
from tests.sql.redaction.test_sanitise import DIALECTS, texts

FOUND = [
    ("a text", "snowflake", "a 'b' c", ["'b'"]),
    ("a doubled quote goes on", "postgres", "'a''b' c", ["'a''b'"]),
    ("a backslash escapes where the dialect says so", "mysql", r"'a\'b' c", [r"'a\'b'"]),
    ("a backslash is a character elsewhere", "postgres", r"'a\' b 'c'", [r"'a\'", "'c'"]),
    ("a backslash escapes in an E text", "postgres", r"e'a\'b' c", [r"'a\'b'"]),
    ("three quotes", "bigquery", '"""a "b" c""" d', ['"""a "b" c"""']),
    ("Oracle's q quotes", "oracle", "q'[it's]' || 'x'", ["'[it's]'", "'x'"]),
    ("a name", "snowflake", '"a b" \'c\'', ['"a b"', "'c'"]),
    ("a name in brackets", "tsql", "[it's] 'c'", ["[it's]", "'c'"]),
    ("brackets of an array", "postgres", "a['x']", ["'x'"]),
    ("a quote that nothing closes is none", "postgres", "it's \"a\"", ['"a"']),
    ("a dollar quote", "postgres", "$$ it's $$ 'x'", ["$$ it's $$", "'x'"]),
    ("a dollar quote with a tag", "postgres", "$a$ $$ ' $a$ 'x'", ["$a$ $$ ' $a$", "'x'"]),
    ("a tag that nothing closes is none", "postgres", "$a$ 'x'", ["'x'"]),
    ("a tag within a word is none", "postgres", "a$b$ 'x' $b$", ["'x'"]),
    ("a line comment", "postgres", "a -- it's\n'x'", ["-- it's", "'x'"]),
    ("a dash comment without a blank", "mysql", "1--'x'", ["'x'"]),
    ("a hash comment", "mysql", "a # it's\n'x'", ["# it's", "'x'"]),
    ("no hash comment elsewhere", "postgres", "a # 'x'", ["'x'"]),
    ("a slash comment", "snowflake", "a // it's\n'x'", ["// it's", "'x'"]),
    ("a comment", "postgres", "a /* it's */ 'x'", ["/* it's */", "'x'"]),
    ("a comment within a comment", "postgres", "/* /* ' */ ' */ 'x'", ["/* /* ' */ ' */", "'x'"]),
    ("comments that do not nest", "mysql", "/* /* ' */ 'x'", ["/* /* ' */", "'x'"]),
    ("a comment that never ends", "postgres", "a /* 'x'", ["/* 'x'"]),
    ("a comment in a text", "postgres", "'/* -- ' || 'x'", ["'/* -- '", "'x'"]),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text", "expected"), [c[1:] for c in FOUND], ids=[c[0] for c in FOUND])
def test_quoted_texts_and_comments_are_found(dialect: str, text: str, expected: list[str]) -> None:
    assert [text[span.start : span.end] for span in Scanner(text, dialect)] == expected


def test_stops_count_outside_quotes_only() -> None:
    assert [span.start for span in Scanner("(')', /* ( */ [)", "postgres", "()") if span.kind == "stop"] == [0, 15]


def test_a_delimiter_takes_precedence_over_a_quote() -> None:
    text = "a $$ b 'it$$ed' $$"
    assert [span.start for span in Scanner(text, "mysql", delimiter="$$") if span.kind == "stop"] == [2, 16]


def test_a_scan_ends_with_its_steps() -> None:
    scanner = Scanner("'a' " * 100, "postgres", steps=10)
    assert len(list(scanner)) == 10
    assert scanner.exhausted
    assert scanner.position < 50


@settings(max_examples=200, deadline=None)
@given(texts, st.sampled_from(DIALECTS))
def test_spans_are_in_order_and_within_the_text(text: str, dialect: str) -> None:
    at = 0
    for span in Scanner(text, dialect, "()"):
        assert at <= span.start < span.end <= len(text)
        at = span.end


LONG = [
    "select " + ", ".join(f"coalesce(t.a{i}, 'it''s; {i}', \"x y\") as c{i}" for i in range(1_000)) + " from t",
    "insert into a select b from c where d = 'x' -- it's\n;\n" * 800,
    "select a from t where " + " and ".join(f"b{i} is not null" for i in range(3_000)) + " group by a order by a",
    "create function f() returns int as $$ " + "select 1; " * 3_000 + "$$ language sql; select 2",
]


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "athena", "oracle"])
def test_chunks_have_the_tokens_of_the_whole(text: str, dialect: str) -> None:
    assert len(list(chunks(text, dialect))) > 1 or "$$" in text
    whole = lexical_rules(dialect).tokenizer(dialect).tokenize(text)
    in_chunks, read = tokenize(text, dialect)
    assert in_chunks is not None
    assert read == len(text)
    assert [_as_tuple(t) for t in in_chunks] == [_as_tuple(t) for t in whole]


def _as_tuple(token: Token) -> tuple[object, ...]:
    return token.token_type, token.text, token.start, token.end, token.line


def test_no_more_tokens_than_asked_for_are_made() -> None:
    tokens, read = tokenize("a, " * 100_000, "postgres", 10_000)
    assert tokens is not None
    assert 10_000 <= len(tokens) < 10_000 + CHUNK
    assert read < 300_000


@given(texts, st.sampled_from(DIALECTS))
@settings(max_examples=300, deadline=None)
def test_skipped_runs_of_texts_hide_nothing_else(text: str, dialect: str) -> None:
    every = [span for span in Scanner(text, dialect, "(),") if span.kind != "text"]
    assert [span for span in Scanner(text, dialect, "(),", runs=True) if span.kind != "text"] == every


@pytest.mark.parametrize("text", ["'a''b', " * 1_000, "'" + "it''s " * 1_000 + "'", "'x', -1, 2/3, " * 1_000])
def test_many_texts_are_few_steps(text: str) -> None:
    scanner = Scanner(text, "postgres", steps=100, runs=True)
    list(scanner)
    assert not scanner.exhausted


def test_texts_that_touch_are_read_in_chunks_as_well() -> None:
    text = "''''''" * 20_000
    assert max(end - start for start, end in chunks(text, "bigquery")) < 8 * CHUNK
