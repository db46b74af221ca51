"""Lineage events as sentences."""

from __future__ import annotations

import pytest

from prefect_lineage_events.events import parse
from prefect_lineage_events.sentences import listed, sentence
from tests.by_hand import read, write
from tests.test_escaping import HOSTILE


@pytest.mark.parametrize(
    ("operation", "effect", "output", "inputs", "rows", "executions", "words"),
    [
        ("read", None, None, ["orders"], 7, 1, "orders was read: 7 rows"),
        ("read", None, None, ["a", "b"], None, 3, "a and b were read, in 3 executions"),
        ("read", None, None, ["a", "b", "c", "d", "e"], None, 1, "a, b, c and 2 more were read"),
        ("write", "append", "mart", ["a", "b"], 12_345, 1, "12,345 rows were written into mart from a and b"),
        ("write", None, "mart", [], None, 1, "Rows were written into mart"),
        ("write", "delete", "mart", ["mart"], 1, 1, "1 row was deleted from mart"),
        ("write", "truncate", "mart", [], None, 1, "mart was emptied"),
        ("write", "new-effect", "mart", [], 2, 1, "2 rows were written into mart"),
        ("create", None, "mart", ["a"], None, 1, "mart was created from a"),
        ("drop", None, "mart", [], None, 1, "mart was dropped"),
        ("misc", None, "mart", [], None, 1, "A statement concerned mart"),
        ("misc", None, None, [], None, 1, "A statement was not understood"),
    ],
)
def test_sentence_names_datasets_and_rows(operation, effect, output, inputs, rows, executions, words):
    assert sentence(operation, effect, output, inputs, rows, executions) == words


@pytest.mark.parametrize("hostile", HOSTILE)
def test_sentence_is_one_line(hostile):
    assert sentence("write", hostile, hostile, [hostile, f"{hostile}2"], 1, 1).isprintable()


def test_texts_beyond_the_limit_of_a_list_are_counted():
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(("a", "b"), 2) == "a, b"
    assert listed([]) == ""


def test_sentence_is_the_first_field_of_an_event_and_is_not_read_back():
    for event in (write("mart", "orders"), read("orders")):
        payload = event.to_prefect()["payload"]
        assert next(iter(payload)) == "summary"
        assert parse(f"lineage.{event.operation}", {**payload, "summary": ["edited"]}) == event
