"""The second pass: answers that are read from words alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.tables import parsing
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.tables.recovery import _MAX_FRAMES, _Scan, recover
from prefect_lineage_events.sql.words import Words, from_text
from tests.sql.tables.case import Case, all_cases

EXACT = [
    pytest.param(dialect, case, id=f"{dialect}: {construct}: {case.name}")
    for dialect, construct, case in all_cases()
    if case.confidence == "exact"
]


def _words(text: str) -> Words:
    return from_text(text)


def _recovered(text: str, dialect: str = "") -> StatementBuilder:
    words = _words(text)
    builder = StatementBuilder(Context(dialect))
    recover(words, 0, len(words), builder)
    return builder


def _names(tables) -> list[str]:
    return [t.name for t in tables]


@pytest.mark.parametrize(("dialect", "case"), EXACT)
def test_the_words_alone_give_the_same_tables_as_the_tree(dialect: str, case: Case, monkeypatch: pytest.MonkeyPatch):
    by_tree, _ = _tables(dialect, case.sql)
    monkeypatch.setattr(parsing, "parse", lambda *_: (None, "no parser"))
    by_words, is_partial = _tables(dialect, case.sql)
    assert by_words == by_tree or is_partial


def _tables(dialect: str, sql: str) -> tuple[tuple[set[str], set[str]], bool]:
    """Analyse without the cache of answers, which contains those of the parser."""
    from prefect_lineage_events.sql.session import Session

    session = Session(dialect)
    inputs: set[str] = set()
    outputs: set[str] = set()
    is_partial = False
    for found in session._analyze(sql, False, {})[0]:
        inputs.update(_names(found.inputs))
        outputs.update(_names(found.outputs))
        is_partial = is_partial or found.confidence == "partial"
    return (inputs, outputs), is_partial


@pytest.mark.parametrize(
    ("sql", "inputs"),
    [
        ("select extract(day from x), trim(both 'a' from y), substring(z from 2) from t", ["t"]),
        ("select a is distinct from b, c is not distinct from d from t", ["t"]),
        ("select nth_value(a, 2) from first over (order by b) from t", ["t"]),
        ("select * from rows from (f(1), g(2)) r, t", ["t"]),
        ("with a as (select * from t), b (x) as (select * from a) select * from b, u", ["t", "u"]),
        ("with t as (select * from t) select * from t", ["t"]),
        ("with recursive r as (select 1 union all select * from r) select * from r, t", ["t"]),
        ("select * from (a join (b join c on 1 = 1) on 1 = 1) x, d", ["a", "b", "c", "d"]),
        ("select * from f(x), lateral (select * from t) y", ["t"]),
        ("select * from [my db].[t] join `u`.`v` on 1 = 1", ["my db.t", "u.v"]),
        (
            "select a from b where c in (select d from e) and exists (select 1 from f) union select g from h",
            ["b", "e", "f", "h"],
        ),
        ("frobnicate select from t where", ["t"]),
    ],
)
def test_tables_of_a_query(sql: str, inputs: list[str]):
    builder = _recovered(sql)
    assert _names(builder.inputs) == inputs
    assert not builder.outputs


@pytest.mark.parametrize(
    ("sql", "inputs", "outputs", "effect"),
    [
        ("insert into t (a, b) select c, d from s", ["s"], ["t"], "append"),
        ("insert overwrite table t select * from s", ["s"], ["t"], "overwrite"),
        ("insert all into a values (1) into b select * from c", ["c"], ["a", "b"], "append"),
        ("upsert into t values (1)", [], ["t"], "append"),
        ("merge into t using s on 1 = 1 when matched then update set a = 1 when not matched then insert values (1)", ["s"], ["t"], "update"),
        ("update t set a = s.b from s where t.c in (select c from u)", ["s", "u"], ["t"], "update"),
        ("update x set a = 1 from real x join s on 1 = 1", ["s"], ["real"], "update"),
        ("update a join b on 1 = 1 set a.x = b.y", ["b"], ["a"], "update"),
        ("delete from t using s, u where t.a = s.a", ["s", "u"], ["t"], "delete"),
        ("delete x from real x join s on 1 = 1", ["s"], ["real"], "delete"),
        ("delete from t where a in (select a from t)", ["t"], ["t"], "delete"),
        ("select * from final table (insert into t select * from s)", ["s"], ["t"], "append"),
        ("insert into t select 1 on conflict (a) do update set b = 2", [], ["t"], "append"),
    ],
)  # fmt: skip
def test_tables_of_a_change(sql: str, inputs: list[str], outputs: list[str], effect: str):
    builder = _recovered(sql)
    assert (_names(builder.inputs), _names(builder.outputs), builder.effect) == (inputs, outputs, effect)


def test_answers_read_from_words_are_recovered():
    (found,) = analyze("select a b c from t1 where ((", dialect="postgres")
    assert found.confidence == "recovered"
    assert found.reason
    assert _names(found.inputs) == ["t1"]


def test_tables_of_a_text_with_an_open_quote_are_read():
    (found,) = analyze("select * from t where a = 'x", dialect="postgres")
    assert _names(found.inputs) == ["t"]
    assert found.confidence != "exact"


@settings(deadline=None, max_examples=20)
@given(st.integers(min_value=1, max_value=3_000))
def test_depth_does_not_stop_the_recovery(depth: int):
    builder = _recovered("select * from (" * depth + "select * from t" + ") x" * depth)
    assert _names(builder.inputs) == ["t"]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "(",
                ")",
                ",",
                ".",
                "from",
                "join",
                "select",
                "with",
                "as",
                "into",
                "insert",
                "update",
                "set",
                "delete",
                "using",
                "merge",
                "t",
                "'x'",
                "[",
                "]",
                "@",
                "$",
                "{",
                "}",
            ]
        )
    )
)
def test_no_order_of_words_makes_the_recovery_raise(words: list[str]):
    _recovered(" ".join(words), "snowflake")


@pytest.mark.parametrize("depth", [10, _MAX_FRAMES - 1, _MAX_FRAMES + 1, 5 * _MAX_FRAMES])
def test_very_deep_parentheses_hide_no_table(depth: int) -> None:
    text = f"insert into a select * from {'(' * depth} select x from b {')' * depth} c, d where e in (select f from g)"
    builder = _recovered(text)
    assert _names(builder.outputs) == ["a"]
    assert _names(builder.inputs) == ["b", "d", "g"]


def test_open_parentheses_are_few_frames() -> None:
    words = _words("select " + "(" * 5 * _MAX_FRAMES)
    scan = _Scan(words, len(words), StatementBuilder(Context("")), False)
    scan.run(0)
    assert scan._too_deep == 4 * _MAX_FRAMES
