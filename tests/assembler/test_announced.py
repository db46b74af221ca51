"""Events about datasets are emitted where an automation reacts to them."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import get_client
from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.assembler import announced
from prefect_lineage_events.events import TABLE_WRITTEN_EVENT


def triggers(monkeypatch: pytest.MonkeyPatch, *expected: str) -> list[int]:
    """Let the API list one automation for each event; returns a list that grows with each request."""
    requests: list[int] = []

    def pages(*_: Any, **__: Any) -> Any:
        requests.append(1)
        yield [{"trigger": {"type": "event", "expect": [name]}} for name in expected]

    monkeypatch.setattr(announced.api, "pages", pages)
    return requests


@pytest.mark.parametrize(
    ("expected", "awaited"),
    [
        ((), False),
        (("prefect.flow-run.Completed", "lineage.write"), False),
        (("lineage.table-written.other",), False),
        (("prefect.flow-run.Completed", TABLE_WRITTEN_EVENT), True),
        (("lineage.*",), True),
    ],
)
def test_an_event_is_awaited_if_a_trigger_names_it(
    monkeypatch: pytest.MonkeyPatch, prefect_server: object, expected: tuple[str, ...], awaited: bool
) -> None:
    requests = triggers(monkeypatch, *expected)
    with get_client(sync_client=True) as client:
        assert announced.is_awaited(client, TABLE_WRITTEN_EVENT) is awaited
        assert announced.is_awaited(client, TABLE_WRITTEN_EVENT) is awaited
    assert len(requests) == 1


def test_an_api_that_lists_no_automations_counts_as_waiting(
    monkeypatch: pytest.MonkeyPatch, prefect_server: object
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise PrefectHTTPStatusError("forbidden", request=None, response=None)  # type: ignore[arg-type]

    monkeypatch.setattr(announced.api, "pages", refused)
    with get_client(sync_client=True) as client:
        assert announced.is_awaited(client, TABLE_WRITTEN_EVENT)


def test_a_server_without_automations_awaits_nothing(prefect_server: object) -> None:
    with get_client(sync_client=True) as client:
        texts = [str(row) for page in announced.api.pages(client, "/automations/filter", {}) for row in page]
        found = any(TABLE_WRITTEN_EVENT in text for text in texts)
        assert announced.is_awaited(client, TABLE_WRITTEN_EVENT) is found
