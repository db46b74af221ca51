"""A note processor driven by hand: without Prefect's server, with a sink that records and a scripted SQL session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import Connection, RowsNote, StatementNote, TransactionNote
from prefect_lineage_events.emission.processor import NoteProcessor
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.transactions import Transaction
from prefect_lineage_events.events import HistoryEvent, LineageEvent, RunInfo, parse
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import Statement, TableRef
from prefect_lineage_events.sql.transactions.control import control_of
from prefect_lineage_events.sql.transactions.rules import transaction_rules
from prefect_lineage_events.sql.words import from_text

STARTED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)


def table(name: str, *, temporary: bool = False) -> TableRef:
    return TableRef(tuple(name.split(".")), temporary=temporary)


def noting(notes: list[Any]) -> Callable[[Any], bool]:
    """A `worker.put` that keeps the notes of this test.

    A connection of an earlier test that is collected meanwhile puts a note, too: it is left out.
    """
    since = Connection(stores.sqlite("/since.db")).number

    def put(note: Any) -> bool:
        if not isinstance(note, TransactionNote) or note.connection.number > since:
            notes.append(note)
        return True

    return put


def statement(kind: str, outputs: str = "", inputs: str = "", **more: Any) -> Statement:
    """A statement of named tables; its text, kind and tables make its fingerprint."""
    text = more.pop("sanitised", f"{kind} {outputs} from {inputs}")
    return Statement(
        kind,  # type: ignore[arg-type]
        inputs=tuple(map(table, inputs.split())),
        outputs=tuple(map(table, outputs.split())),
        sanitised=text,
        fingerprint=more.pop("fingerprint", text),
        **more,
    )


class ScriptedSession:
    """A stand-in for the SQL session that returns the statements of a script by text.

    Other texts are read as `<kind> <output> [from <inputs>]`, the form that `statement` makes; `autocommit off` and `on`
    switch it.
    """

    database: str | None = None
    schema: str | None = None
    autocommit = True

    def __init__(self, script: dict[str, Any] | None = None, dialect: str = "postgres") -> None:
        self.script = script or {}
        self.dialect = dialect

    def analyze(
        self, sql: str, columns: bool = True, in_transaction: bool = False
    ) -> tuple[list[Statement], ScriptedSession]:
        found = self.script.get(sql)
        if isinstance(found, Exception):
            raise found
        if found is not None:
            return (list(found) if isinstance(found, list) else [found]), self
        kind, _, rest = sql.partition(" ")
        if kind == "autocommit":
            self.autocommit = rest == "on"
        if kind not in ("read", "write", "create", "alter", "drop"):
            words = from_text(sql)
            commits = kind == "GRANT" and "GRANT" in transaction_rules(self.dialect).committing
            return [
                Statement(
                    "misc", sanitised=sql, fingerprint=sql, control=control_of(words, self.dialect), commits=commits
                )
            ], self
        outputs, _, inputs = (" " + rest).partition(" from ")
        commits = kind in ("create", "alter", "drop") and kind.upper() in transaction_rules(self.dialect).committing
        return [statement(kind, outputs.strip(), inputs.strip(), commits=commits)], self

    def step(self, control: Any) -> ScriptedSession:
        return self

    failed = ended = lambda self: self


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """A processor with the queue, the clock and the sink of the test."""

    processor: NoteProcessor
    queue: NoteQueue
    clock: Clock
    sent: list[dict[str, Any]]
    script: dict[str, Any]
    refuse: list[str] = field(default_factory=list)

    def events(self, name: str = "") -> list[HistoryEvent]:
        parsed = [(e["event"], parse(e["event"], e["payload"])) for e in self.sent]
        return [e for n, e in parsed if e is not None and n.startswith(name or "lineage.")]

    def statements(self) -> list[LineageEvent]:
        return [e for e in self.events() if isinstance(e, LineageEvent)]

    def names(self) -> list[str]:
        """The event of each statement as `operation output < inputs`, and `xN` when it stands for several."""
        return [
            f"{e.operation} {e.output.name if e.output else '-'} < {' '.join(d.name for d in e.inputs)}".strip(" <")
            + (f" x{e.statement.executions}" if e.statement.executions > 1 else "")
            for e in self.statements()
        ]

    def connection(self, **more: Any) -> ConnectionDriver:
        store = more.pop("store", None) or stores.server("postgres", "db", None, "shop", "public")
        return ConnectionDriver(self, Connection(store, **more))

    def advance(self, seconds: float = 1000.0) -> None:
        """Advance the clock until everything pending is due, and process what is queued."""
        for _ in range(3):
            self.clock.now += seconds
            while (note := self.queue.get(0)) is not None:
                self.processor.process(note)
            self.processor.tick()


@dataclass
class ConnectionDriver:
    bench: Bench
    connection: Connection
    run: Run | None = None

    def execute(self, sql: str, *, autocommit: bool = False, run: Run | None = None, **more: Any) -> StatementNote:
        run = run or self.run
        note = StatementNote(self.connection, sql, run, STARTED, 0.25, autocommit, **more)
        self.bench.processor.process(note)
        return note

    def step(self, step: Any, name: str = "") -> None:
        self.bench.processor.process(TransactionNote(self.connection, step, name))

    def rows(self, note: StatementNote, rows: int) -> None:
        self.bench.processor.process(RowsNote(note, rows))


FLOW_RUN = UUID(int=1)


def make_run(
    flow_run_id: UUID = FLOW_RUN, task: str | None = None, task_run_id: UUID | None = None, **more: Any
) -> Run:
    info = RunInfo(
        flow_run_id=flow_run_id,
        flow_run_name="calm-crow",
        flow_id=UUID(int=9),
        flow_name="nightly",
        run_count=1,
        task_run_id=task_run_id or (uuid4() if task else None),
        task_run_name=task and f"{task}-0",
    )
    return Run(info, task_name=task, task_key=task or "", **more)


@pytest.fixture
def run() -> Run:
    return make_run()


@pytest.fixture
def values() -> LineageSettings:
    return LineageSettings()


@pytest.fixture
def bench(values: LineageSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    script: dict[str, Any] = {}
    monkeypatch.setattr(
        ConnectionState,
        "of",
        classmethod(
            lambda cls, connection: cls(
                connection.store,
                connection.number,
                ScriptedSession(script, connection.store.dialect),
                Transaction(connection.store.dialect),
            )
        ),
    )
    queue, clock, sent, refuse = NoteQueue(values.queue_size), Clock(), [], []

    def send(event: dict[str, Any], run: Run) -> bool:
        if event["event"] in refuse:
            return False
        sent.append(event)
        return True

    yield Bench(NoteProcessor(values, send, queue, clock), queue, clock, sent, script, refuse)


@pytest.fixture
def db(bench: Bench, run: Run) -> ConnectionDriver:
    """A connection whose statements belong to `run`."""
    driver = bench.connection()
    driver.run = run
    return driver
