"""Targets of events: none configured, or an HTTP server of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from prefect_lineage_events.settings import settings
from tests.delivery.backend import Backend, running


@pytest.fixture
def nothing_configured(monkeypatch, tmp_path) -> Iterator[None]:
    """Remove the configuration of the OpenLineage client: that of the developer and that of the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    settings.cache_clear()
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield


@pytest.fixture
def backend(monkeypatch) -> Iterator[Callable[..., Backend]]:
    """A function that starts an HTTP target, and sets `OPENLINEAGE_URL` to its address."""
    with ExitStack() as started:

        def start(*answer: Any) -> Backend:
            server = started.enter_context(running(*answer))
            monkeypatch.setenv("OPENLINEAGE_URL", server.url)
            return server

        yield start
