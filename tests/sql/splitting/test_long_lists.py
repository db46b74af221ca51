"""Parts that are cut out of long texts before they are read, and parts that are always kept."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.splitting.long_lists import (
    LONG_TEXT,
    LONGEST_LITERAL,
    LOST_LITERAL,
    UNREAD,
    cut_long_lists,
)

COMMENTS = "-- it's a note\n" * 2_000
ITEMS = ", ".join(f"'it''s {i}'" for i in range(3_000))

DOUBLED = "''" * 30
WORDY = ", ".join(f"({i}, 'from a')" for i in range(3_000))

CUT = [
    ("comments", f"select a {COMMENTS} from t", "select a"),
    ("a hint stays", "select /*+ full(t) */ a from t /* " + "x" * LONG_TEXT + " */", "select /*+ full(t) */ a from t"),
    ("an IN list", f"select a from t where b in ({ITEMS}) and c", "'it''s 19') and c"),
    ("an IN list with comments", f"select a from t where b in ('x' {COMMENTS}, {ITEMS}) and c", "'it''s 18') and c"),
    ("an IN list of doubled quotes", f"select a from t where b in ({ITEMS}, '{DOUBLED}')", "'it''s 19')"),
    ("an array", f"select array[{ITEMS}] from t", "'it''s 19'] from t"),
    ("unnested", f"select * from unnest([{ITEMS}]) a", "'it''s 19']) a"),
    ("rows", f"insert into t values {', '.join(f'({i}, -1.5, now())' for i in range(3_000))}", "(9, -1.5, now())"),
    ("rows of calls", f"insert into t values {', '.join(f'({i}, f(g(h(1))))' for i in range(3_000))}", "(9, f(g(h(1))))"),
    ("MySQL's rows", f"insert into t values {', '.join(f'row({i}, 1)' for i in range(3_000))}", "row(9, 1)"),
    ("a word within a text", f"insert into t values {WORDY}", "(9, 'from a')"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [c[1:] for c in CUT], ids=[c[0] for c in CUT])
def test_long_lists_are_cut(text: str, expected: str) -> None:
    found = cut_long_lists(text, "snowflake")
    assert expected in found.text
    assert len(found.text) < 1_000 or COMMENTS in text
    assert found.is_whole


@pytest.mark.parametrize("query", ["(select max(a) from u)", "(table u)"])
def test_parts_that_name_a_table_are_kept(query: str) -> None:
    (statement,) = analyze(f"select a from t where b in ({ITEMS}, {query})", dialect="postgres", schema="s")
    assert [t.name for t in statement.inputs] == ["s.t", "s.u"]


def test_a_huge_literal_is_cut_as_data() -> None:
    (statement,) = analyze("insert into t select '" + "x''" * 300_000 + "', a from u", dialect="postgres", schema="s")
    assert (statement.confidence, [t.name for t in statement.inputs]) == ("exact", ["s.u"])


def test_cut_of_a_huge_literal_that_may_run_is_reported() -> None:
    body = "select 1; " * (LONGEST_LITERAL // 10) + "delete from t;"
    *_, statement = analyze(f"do $$ {body} $$", dialect="postgres")
    assert (statement.confidence, statement.reason) == ("partial", LOST_LITERAL)


def test_parts_that_are_not_read_are_reported() -> None:
    *_, statement = analyze(
        "insert into a select b from c where d in (e, f);" * 20_000, dialect="postgres", columns=False
    )
    assert (statement.confidence, statement.reason) == ("partial", UNREAD)


def test_end_of_a_transaction_is_read_after_unread_parts() -> None:
    text = "begin;" + "insert into a select b from c where d in (e, f);" * 20_000 + "commit;"
    statements = analyze(text, dialect="postgres", columns=False)
    assert statements[-1].sanitised == "commit"
    assert statements[-2].reason == UNREAD
