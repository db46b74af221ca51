"""The notes of messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prefect_lineage_events import instrument, uninstrument
from tests.instrumentation.recording import RecordedNotes, recorded_notes
from tests.services.kafka import brokers

__all__ = ["brokers"]


@pytest.fixture
def cluster(brokers: str) -> str:
    """The namespace of the cluster's topics."""
    return f"kafka://{brokers.replace('127.0.0.1', 'localhost')}"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedNotes]:
    instrument("messages")
    with recorded_notes(monkeypatch) as recorded:
        yield recorded
    uninstrument()
