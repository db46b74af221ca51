"""The family `databases`, switched on for a test, with tracers that record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prefect_lineage_events import instrument
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer, tracers
from tests.services.mariadb import mariadb

__all__ = ["mariadb", "tracers"]


@pytest.fixture
def instrumented(tracers: list[RecordingTracer]) -> Iterator[list[RecordingTracer]]:
    """The tracers of the connections that the test opens, in order."""
    instrument("databases")
    yield tracers
    uninstrument()
