"""Repeated statements are counted without being analysed again, and their events are the same as with it."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission import analysis, repeats
from prefect_lineage_events.emission.notes import Connection, RowsNote, StatementNote, TransactionNote
from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.repeats import Repeats
from prefect_lineage_events.events import Column, LineageEvent, parse
from prefect_lineage_events.settings import LineageSettings
from tests.emission.conftest import Clock, make_run

NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone.utc)
STATEMENTS = (
    "SELECT id, amount FROM orders",
    "SELECT id, amount FROM orders WHERE id = ?",
    "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id",
    "INSERT INTO sales (id) SELECT id FROM orders",
    "INSERT INTO sales (id) VALUES (?)",
    "UPDATE sales SET id = id + 1",
    "CREATE TABLE sales (id int)",
    "CREATE TEMP TABLE scratch AS SELECT id FROM orders",
    "INSERT INTO sales (id) SELECT id FROM scratch",
    "DROP TABLE sales",
    "TRUNCATE TABLE sales",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SET search_path TO other",
    "SELECT 1",
    "SELECT RESULT FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))",
)


class Program:
    """A program's notes on two connections, processed as they come."""

    def __init__(self, dialect: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.clock = Clock()
        self.processor = NoteProcessor(
            LineageSettings(), lambda event, _: self.sent.append(event) or True, NoteQueue(1000), self.clock
        )
        store = stores.server(dialect, "db", None, "shop", "public")
        self.connections = [Connection(store), Connection(store)]

    def run(self, seed: int, run: Run, other: Run) -> None:
        chance = random.Random(seed)
        for number in range(60):
            connection = self.connections[chance.random() < 0.3]
            if chance.random() < 0.1:
                step = chance.choice(["commit", "rollback", "savepoint", "rollback_to"])
                self.processor.process(TransactionNote(connection, step, "s", run=run))
                continue
            note = StatementNote(
                connection,
                chance.choice(STATEMENTS[: chance.randint(2, len(STATEMENTS))]),
                other if chance.random() < 0.1 else run,
                NOON + dt.timedelta(seconds=number),
                0.5,
                autocommit=chance.random() < 0.8,
                rows=chance.choice([None, 3]),
                thread=chance.choice(["", "", "", "2"]),
                aborted=chance.random() < 0.03,
            )
            is_counted, rows = note.rows is None and chance.random() < 0.8, chance.randint(0, 5)
            is_early = is_counted and chance.random() < 0.5 and note.add_rows(rows, whole=True)
            self.processor.process(note)
            if is_counted and not is_early:
                self.processor.process(RowsNote(note, rows))
            if chance.random() < 0.1:
                self.clock.now += chance.choice([0.2, 1000.0])
                self.processor.tick()
        self.processor.finish()

    def events(self) -> list[dict[str, Any]]:
        """The events without their ids."""
        return [_without_ids(event) for event in self.sent]


def _without_ids(event: dict[str, Any]) -> dict[str, Any]:
    parsed = parse(event["event"], event["payload"])
    if not isinstance(parsed, LineageEvent):
        return {"event": event["event"], **{name: event["payload"].get(name) for name in ("count", "dropped")}}
    found = parsed.model_dump(mode="json", exclude={"emitter", "run", "value_origins"})
    del found["statement"]["id"]
    return {"event": event["event"], **found}


@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "mysql"])
@pytest.mark.parametrize("seed", range(25))
def test_events_are_those_of_an_analysis_each_time(dialect: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_lineage_events.emission.connection_state.process_token", lambda: "process")
    run, other = make_run(task="load"), make_run(task="other")
    counted = []
    count = Repeats.count

    def noted(*args: Any) -> bool:
        counted.append(count(*args))
        return counted[-1]

    monkeypatch.setattr(repeats.Repeats, "count", noted)
    with_repeats = Program(dialect)
    with_repeats.run(seed, run, other)
    monkeypatch.setattr(repeats.Repeats, "count", lambda *_: False)
    without = Program(dialect)
    without.connections = [
        Connection(c.store, number=w.number) for c, w in zip(without.connections, with_repeats.connections, strict=True)
    ]
    without.run(seed, run, other)
    assert with_repeats.events() == without.events()
    assert len(with_repeats.events()) > 3


def test_repeated_statement_is_not_analysed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    program, run, analysed = Program("postgres"), make_run(), []
    original = analysis.analyse
    monkeypatch.setattr(
        "prefect_lineage_events.emission.transaction_processor.analyse",
        lambda note, *args, **more: analysed.append(note.sql) or original(note, *args, **more),
    )
    columns = (Column(name="id"),)
    for text in ("SELECT id FROM orders", "INSERT INTO sales (id) VALUES (?)") * 10:
        note = StatementNote(program.connections[0], text, run, NOON, 0.1, True, result_columns=columns)
        program.processor.process(note)
    program.processor.finish()
    assert len(analysed) < 6
    events = [parse(e["event"], e["payload"]) for e in program.sent]
    assert [e.statement.executions for e in events if isinstance(e, LineageEvent)] == [10, 10]
