"""Filters of flows, tasks and datasets, and patterns that are invalid."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from prefect_lineage_events import filters
from prefect_lineage_events.filters import Policy, disabled, lineage_disabled, parse
from prefect_lineage_events.settings import LineageSettings


def rules(**values: Any) -> Policy:
    return parse(LineageSettings(**values))


@pytest.mark.parametrize(
    ("values", "flow", "task", "captured"),
    [
        ({}, "nightly", "load", True),
        ({"include_flows": ["night*"]}, "nightly", None, True),
        ({"include_flows": ["day*"]}, "nightly", None, False),
        ({"exclude_flows": ["*ly"]}, "nightly", None, False),
        ({"include_flows": ["night*"], "exclude_flows": ["nightly"]}, "nightly", None, False),
        ({"include_tasks": ["load"]}, "nightly", "load", True),
        ({"include_tasks": ["load"]}, "nightly", "other", False),
        ({"include_tasks": ["load"]}, "nightly", None, True),
        ({"exclude_tasks": ["load"]}, "nightly", "load", False),
        ({"exclude_flows": ["Nightly"]}, "nightly", None, True),
    ],
)
def test_patterns_select_flows_and_tasks(values: dict[str, Any], flow: str, task: str | None, captured: bool) -> None:
    assert rules(**values).captures(flow, task) is captured


def test_our_own_flows_are_not_captured() -> None:
    assert not rules().captures("prefect-lineage-sweep", None)


@pytest.mark.parametrize(
    ("values", "uri", "reported"),
    [
        ({"exclude_datasets": ["s3://secret/*"]}, "s3://secret/a/b", False),
        ({"exclude_datasets": ["s3://secret/*"]}, "s3://open/a", True),
        ({"include_datasets": ["snowflake://*/PROD/*"]}, "snowflake://o-a/PROD/S/T", True),
        ({"include_datasets": ["snowflake://*/PROD/*"]}, "snowflake://o-a/DEV/S/T", False),
    ],
)
def test_patterns_select_datasets(values: dict[str, Any], uri: str, reported: bool) -> None:
    assert rules(**values).reports(uri) is reported


@pytest.mark.parametrize("pattern", ["", "  ", "night[ly", "[a]b[c", "^nightly", "nightly$"])
def test_invalid_pattern_is_logged_and_ignored(pattern: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        parsed = rules(include_flows=[pattern, "nightly"])
    assert parsed.captures("nightly", None)
    assert not parsed.captures("other", None)
    assert "include_flows" in caplog.text
    assert repr(pattern) in caplog.text


@pytest.mark.parametrize("pattern", ["orders", "PROD.SALES.*", "mart/orders*", "^s3://.*"])
def test_pattern_that_matches_no_uri_is_logged(pattern: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        rules(exclude_datasets=[pattern])
    assert "exclude_datasets" in caplog.text
    assert repr(pattern) in caplog.text


@pytest.mark.parametrize("pattern", ["*", "*/SALES/*", "snow*", "s3://b/*", "bigquery://p/*", "file:///data/[ab]?.csv"])
def test_valid_pattern_is_accepted(pattern: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        assert rules(include_datasets=[pattern]).datasets.include
    assert caplog.text == ""


def test_invalid_include_patterns_capture_nothing() -> None:
    parsed = rules(include_flows=["night[ly"])

    assert not parsed.captures("nightly", None)
    assert not parsed.captures("other", None)


@pytest.mark.parametrize(
    ("name", "captured"),
    [("night ly", True), ("nightly\n", True), ("Nightly", False), ("nächtlich", False), ("a[1]", True), ("!x", True)],
)
def test_odd_names_are_matched_as_a_whole(name: str, captured: bool) -> None:
    assert rules(include_flows=["night*", "a[[]1]", "[!a-z]x"]).captures(name, None) is captured


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("nightly", ["nightly"]),
        (" a , b*,", ["a", "b*"]),
        ('["a", "b,c"]', ["a", "b,c"]),
        ("[ab]*,c", ["[ab]*", "c"]),
        ("", []),
    ],
)
def test_variable_lists_patterns_as_json_or_with_commas(
    text: str, patterns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INCLUDE_FLOWS", text)
    assert LineageSettings().include_flows == patterns


def test_unreadable_settings_switch_capture_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_QUEUE_SIZE", "many")
    with caplog.at_level(logging.WARNING, "prefect_lineage_events"):
        assert not filters.current().enabled
    assert "QUEUE_SIZE=many" in caplog.text


def test_lineage_disabled_covers_its_block_and_asyncio_tasks_started_in_it() -> None:
    async def inside() -> bool:
        return await asyncio.create_task(asyncio.to_thread(disabled))

    with lineage_disabled():
        with lineage_disabled():
            assert disabled()
        assert disabled()
        assert asyncio.run(inside())
    assert not disabled()
