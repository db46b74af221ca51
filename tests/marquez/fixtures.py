"""Pytest fixtures for tests that need a Marquez. In a conftest: `from tests.marquez.fixtures import marquez_standin  # noqa: F401`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.marquez.standin import StandIn


@pytest.fixture
def marquez_standin() -> Iterator[str]:
    """The base URL of a fresh stand-in: the `OPENLINEAGE_URL` for senders, and the address to read the events from."""
    with StandIn() as standin:
        yield standin.url
