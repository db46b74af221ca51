"""Packed tokens equal the tokens that they were made of, and are few objects."""

from __future__ import annotations

import gc
from collections import Counter

import pytest
from sqlglot.expressions import Expr
from sqlglot.tokenizer_core import Token

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.lexer import lexical_rules, tokenize
from prefect_lineage_events.sql.packed_tokens import MAX_OBJECTS, PackedTokens, copy_of, empty_like

TEXT = "select /*+ broadcast(b) */ a, \"x y\"\nfrom b where c = 'it''s' -- no hint\n and d in (1, 2);"


def tokens_of(text: str) -> list[Token]:
    return lexical_rules("spark").tokenizer("spark").tokenize(text)


def fields(token: Token) -> tuple[object, ...]:
    return token.token_type, token.text, token.line, token.col, token.start, token.end


def test_packed_tokens_equal_the_original_ones() -> None:
    tokens = tokens_of(TEXT)
    packed = PackedTokens(tokens[:5])
    packed.extend(tokens[5:-1])
    packed.append(tokens[-1])
    assert len(packed) == len(tokens)
    assert [fields(token) for token in packed] == [fields(token) for token in tokens]
    assert [fields(packed[at]) for at in range(len(tokens))] == [fields(token) for token in tokens]
    assert fields(packed[-1]) == fields(tokens[-1])
    assert [fields(token) for token in packed[2:-3]] == [fields(token) for token in tokens[2:-3]]
    assert list(packed[5:2]) == []
    with pytest.raises(IndexError):
        packed[len(tokens)]


def test_a_part_with_a_hint_keeps_its_comments() -> None:
    tokens = tokens_of("select 1; " + TEXT)
    packed = PackedTokens(tokens)
    assert [token.comments for token in packed if token.text.startswith("/*+")] == [[" broadcast(b) "]]
    assert packed[3:][1].comments == packed[4].comments == [" broadcast(b) "]
    assert all(token.comments == [] for token in packed[5:])


def test_a_part_begins_at_its_own_position() -> None:
    tokens = tokens_of(TEXT)
    part = PackedTokens(tokens).part(2, 6, tokens[2].start)
    assert [token.start for token in part] == [token.start - tokens[2].start for token in tokens[2:6]]
    assert [token.end for token in part] == [token.end - tokens[2].start for token in tokens[2:6]]


def test_the_last_token_can_be_removed_and_any_replaced() -> None:
    tokens = tokens_of(TEXT)
    packed = PackedTokens(tokens)
    packed.pop()
    packed[0] = tokens[3]
    assert len(packed) == len(tokens) - 1
    assert (packed[0].text, packed[0].start) == (tokens[3].text, tokens[0].start)


def test_a_copy_can_be_changed_alone() -> None:
    packed = PackedTokens(tokens_of("a, " * MAX_OBJECTS))
    copy = copy_of(packed)
    copy.pop()
    assert len(copy) == len(packed) - 1
    assert isinstance(copy, PackedTokens)
    assert isinstance(empty_like(packed), PackedTokens)
    assert isinstance(copy_of(list(packed)), list)


def objects() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects())


@pytest.mark.parametrize("dialect", ["", "athena", "snowflake", "tsql"])
@pytest.mark.parametrize("unit", ["a.b = 1 and ", "f(a), ", "!", "select a from t;\n"])
def test_the_tokens_of_a_long_text_are_few_objects(unit: str, dialect: str) -> None:
    text = "select " + unit * 10_000
    tokenize(text, dialect)
    gc.collect()
    before = objects()
    tokens, _ = tokenize(text, dialect)
    assert tokens is not None
    assert len(tokens) >= 10_000
    assert (objects() - before).total() < 100


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("insert into t select a from b; select a from t join u on t.a = u.b;\n" * 50, "snowflake"),
        ("insert into t select a from b update u set a = 1 delete from t\n" * 50, "tsql"),
        ("select 1 ->> " * 50 + "select * from $1", "snowflake"),
        ("create table t as with a as (select b from c) select * from a;\n" * 50, "postgres"),
        ("a" + " as b" * 50, "postgres"),  # parsed, but no statement
        ("create procedure p() as $$ begin insert into t select a from b; end $$;\n" * 50, "snowflake"),
    ],
)
def test_an_analysed_text_leaves_no_tokens_and_trees_to_the_garbage_collector(text: str, dialect: str) -> None:
    analyze(text, dialect=dialect, columns=True)
    gc.collect()
    gc.disable()
    try:
        before = tokens_and_nodes()
        analyze(text + " ", dialect=dialect, columns=True)
        assert (tokens_and_nodes() - before).total() < 20, "what the parser drops itself is less than one a statement"
    finally:
        gc.enable()


def tokens_and_nodes() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, (Token, Expr)))
