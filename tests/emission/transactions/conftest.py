"""Real connections, the real analyser and a processor driven by the test, without Prefect."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.notes import AbandonedResultNote, FlushNote, Note
from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.events import CountEvent, LineageEvent, parse
from prefect_lineage_events.instrumentation import tracer
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import make_run
from tests.services.postgres import postgres

__all__ = ["postgres"]


@dataclass
class Capture:
    """All that one run reports. Notes are processed as they are put."""

    processor: NoteProcessor
    sent: list[dict[str, Any]]

    def events(self) -> list[LineageEvent]:
        """Remove and return the statements reported so far."""
        self.processor.process(FlushNote(threading.Event()))
        found = [parse(e["event"], e["payload"]) for e in self.sent]
        self.sent.clear()
        return [e for e in found if isinstance(e, LineageEvent)]

    def writes(self) -> list[str]:
        """`name` of each output that a statement wrote to, in order; `name?` where the statement is partial."""
        return [
            e.output.name + ("?" if e.statement.confidence == "partial" else "")
            for e in self.events()
            if e.output is not None and e.operation == "write"
        ]

    def counts(self) -> list[CountEvent]:
        self.processor.finish()
        found = [parse(e["event"], e["payload"]) for e in self.sent]
        return [e for e in found if isinstance(e, CountEvent)]


def capturing(patch: pytest.MonkeyPatch, *, schema_lookup: bool = True) -> Iterator[Capture]:
    values, sent = LineageSettings(schema_lookup=schema_lookup), []
    run: Run = make_run()

    def send(event: dict[str, Any], _: Run) -> bool:
        sent.append(event)
        return True

    thread = ThreadPoolExecutor(1)  # asyncpg's look-up needs one without an event loop
    processor = NoteProcessor(values, send, NoteQueue(values.queue_size))
    ahead: deque[Note] = deque()
    unread = NoteQueue(1)
    at_work = threading.local()

    def take() -> None:
        at_work.here = True
        while ahead:
            processor.process(ahead.popleft())

    def put(note: Note) -> bool:
        if not isinstance(note, AbandonedResultNote):
            ahead.append(note)
            if not hasattr(at_work, "here"):  # a connection may be collected in that very thread
                thread.submit(take).result()
        return True

    patch.setattr(worker, "put", put)
    patch.setattr(worker, "queue", lambda: unread)
    patch.setattr(tracer, "current_run", lambda *_: run)
    with thread:
        yield Capture(processor, sent)
    patch.setattr(worker, "put", lambda _: True)  # connections that are closed later


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    yield from capturing(monkeypatch)
