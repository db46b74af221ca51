"""Encoded values fit every store, and different names stay different."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events import Dataset, encoding
from prefect_lineage_events.emission.limits import split_inputs
from prefect_lineage_events.events import (
    Column,
    CountEvent,
    EmitterInfo,
    EventColumnEdge,
    EventDataset,
    LineageEvent,
    RunInfo,
    SchemaEvent,
    StatementInfo,
    parse,
)

ANY_TEXT = st.text(
    st.one_of(st.sampled_from("\x00\ud800\udfff%~0ab/.é\U0001f600"), st.characters(blacklist_categories=())),
    max_size=12,
)
EMITTER = EmitterInfo(id=UUID(int=7), sequence=3)


def unstorable(value: Any) -> Iterator[Any]:
    """The parts of a value that some store or reader refuses."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from unstorable(key) if isinstance(key, str) else [key]
            yield from unstorable(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from unstorable(item)
    elif isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield value
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield value
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield value


@given(ANY_TEXT)
def test_encoded_text_is_storable_and_encoding_is_idempotent(value: str) -> None:
    once = encoding.text(value)
    assert not list(unstorable(once))
    assert encoding.text(once) == once


@given(st.lists(ANY_TEXT, unique=True, min_size=2, max_size=8))
def test_different_names_stay_different(values: list[str]) -> None:
    encoded = [encoding.name(value) for value in values]
    assert len(set(encoded)) == len(values)
    assert [encoding.name(value) for value in encoded] == encoded
    assert not list(unstorable(encoded))


@pytest.mark.parametrize("value", ["orders", "a%00b.csv", "a%2500b", "é", "a~b", "\U0001f600", "tab\tand\nline"])
def test_storable_name_is_unchanged(value: str) -> None:
    assert encoding.name(value) is value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\x00b", "a%00b"),
        ("a\x00b", "ab"),
        ("a\ud800", "a\ud801"),
        ("x" * 2_001, "x" * 2_002),
        ("x" * 400_000 + "a", "x" * 400_000 + "b"),
    ],
)
def test_names_with_equal_encoded_text_stay_different(one: str, other: str) -> None:
    assert encoding.name(one) != encoding.name(other)
    assert len(encoding.name(one)) <= encoding.MAX_NAME


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0), (7, 7), (2**63 - 1, 2**63 - 1), (2**63, None), (-1, None), (True, None), (1.5, None), ("3", None)],
)
def test_count_is_an_integer_within_64_bits(given: object, kept: int | None) -> None:
    assert encoding.count(given) == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, None])
def test_invalid_duration_is_left_out(value: float | None) -> None:
    assert encoding.seconds(value) is None


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime.max,
        dt.datetime.min,
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))),
        dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-12))),
        dt.datetime(2026, 1, 1),
    ],
)
def test_time_is_clamped_to_the_supported_range(value: dt.datetime) -> None:
    moment = encoding.moment(value)
    assert moment.tzinfo is dt.timezone.utc
    assert moment + dt.timedelta(days=365) > moment - dt.timedelta(days=365)


ANY_JSON = st.recursive(
    st.one_of(ANY_TEXT, st.none(), st.booleans(), st.floats(), st.integers(), st.datetimes(), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(ANY_TEXT, st.integers()), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_any_value_becomes_storable_json(value: Any) -> None:
    encoded = encoding.json_value(value)
    assert not list(unstorable(encoded))
    json.dumps(encoded, allow_nan=False).encode()


@pytest.mark.parametrize("value", [[10**5_000], {2**70: 10**400}, {"a": {3: float("nan")}}], ids=range(3))
def test_unreadable_numbers_become_text_or_null(value: Any) -> None:
    assert not list(unstorable(encoding.json_value(value)))


def test_recursive_value_is_cut() -> None:
    value: list[Any] = []
    value.append(value)
    assert "..." in json.dumps(encoding.json_value(value))


def hostile(text: str) -> list[LineageEvent | SchemaEvent | CountEvent]:
    """An event of each kind, with this text in each text field."""
    dataset = EventDataset(
        namespace=f"s3://{text}", name=f"k{text}", kind=text, columns=(Column(name=text, type=text),)
    )
    run = RunInfo(
        flow_run_id=UUID(int=1),
        flow_run_name=text,
        flow_id=UUID(int=2),
        flow_name=text,
        task_run_id=UUID(int=3),
        task_run_name=text,
    )
    statement = StatementInfo(
        id=UUID(int=4),
        sql=text,
        effect=text,
        reason=text,
        renames=((text, text),),
        query_id=text,
        dialect=text,
        database=text,
        schema_name=text,
        fingerprint=text,
    )
    edge = EventColumnEdge(column=text, source=text, source_column=text, transformation=text)
    return [
        LineageEvent(
            operation="write",
            statement=statement,
            output=dataset,
            inputs=(dataset,),
            columns=(edge,),
            result_columns=(Column(name=text, type=text),),
            run=run,
            emitter=EMITTER,
        ),
        SchemaEvent(datasets=(dataset,), run=run, emitter=EMITTER),
        CountEvent(closed=True, emitter_id=EMITTER.id, count=1, reason=text, run=run),
    ]


@settings(max_examples=50)
@given(ANY_TEXT)
def test_every_field_of_an_event_is_storable(text: str) -> None:
    for event in hostile(text):
        sent = event.to_prefect()
        assert not list(unstorable({**sent, "id": 0, "occurred": 0}))
        assert parse(sent["event"], sent["payload"]) == event


def test_long_names_fit_into_one_event_each() -> None:
    inputs = [Dataset("s3://b", f"{number}" + "n" * 400_000) for number in range(120)]
    portions = split_inputs([EventDataset(namespace=d.namespace, name=d.name) for d in inputs])
    assert sum(map(len, portions)) == 120
    assert max(sum(len(d.name) for d in portion) for portion in portions) < 100_000
