"""A worker without a thread: the notes of a test wait in its queue, from which the test takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.worker import Worker
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import make_run


class Idle(Worker):
    """A worker without a thread."""

    def _start(self) -> None:
        pass


@contextmanager
def idle_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Idle]:
    """A worker that receives the notes of the code in the block, as in a flow run."""
    idle = Idle(LineageSettings())
    monkeypatch.setattr(worker, "_worker", idle)
    monkeypatch.setattr("prefect_lineage_events.instrumentation.tracer.current_run", lambda known=None: make_run())
    yield idle
