"""The family `databases`, switched on for a test, with tracers that record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prefect_lineage_events import instrument
from prefect_lineage_events.instrumentation.instrument import uninstrument
from tests.instrumentation.drivers.conftest import RecordingTracer, tracers
from tests.services.mariadb import mariadb
from tests.services.postgres import postgres
from tests.services.snowflake import snowflake_server

__all__ = ["mariadb", "postgres", "snowflake_server", "tracers"]
Tracers = list[RecordingTracer]


@pytest.fixture
def instrumented(tracers: Tracers) -> Iterator[Tracers]:
    """The tracers of the connections that the test opens, in order."""
    instrument("databases")
    yield tracers
    uninstrument()


def statements(tracers: Tracers) -> list[str]:
    """The statements of all connections, in the order in which these were opened."""
    return [sql for tracer in tracers for sql in tracer.statements]
