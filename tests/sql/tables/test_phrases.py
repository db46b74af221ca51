from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze


def columns(sql: str) -> set[tuple[str, str]]:
    (statement,) = analyze(sql, dialect="teradata", columns=True)
    assert statement.confidence == "exact"
    return {(f"{edge.source.name}.{edge.source_column}", edge.target_column) for edge in statement.columns}


@pytest.mark.parametrize(
    ("projection", "name"),
    [
        ("b (title 'x')", "b"),
        ("b (format '999')", "b"),
        ("b (named c)", "c"),
        ("b (format '999', title 'x', named c)", "c"),
        ("b (named c, title 'x')", "c"),
        ("max(b) (title 'x', named c)", "c"),
    ],
)
def test_a_phrase_after_a_value_changes_its_display_and_its_name(projection: str, name: str) -> None:
    assert columns(f"select a, {projection} from t") == {("t.a", "a"), ("t.b", name)}


def test_a_phrase_in_a_view() -> None:
    assert columns("create view v as select a (title 'x') from t") == {("t.a", "a")}


def test_a_call_with_a_column_of_that_name_is_no_phrase() -> None:
    assert columns("select f(title) as x, g(title, a) as y from t") == {
        ("t.title", "x"),
        ("t.title", "y"),
        ("t.a", "y"),
    }


def test_phrases_with_unclosed_brackets_are_left_to_the_parser() -> None:
    (statement,) = analyze("select a (title 'x' from t", dialect="teradata", columns=True)
    assert statement.confidence != "exact"
