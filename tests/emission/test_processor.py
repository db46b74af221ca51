"""The events that the note processor makes of notes."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any, get_args
from uuid import uuid4

import prefect
import pytest
from pydantic import ValidationError

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission import emitter, processor
from prefect_lineage_events.emission.emitter import Emitter
from prefect_lineage_events.emission.notes import (
    ChildStartedNote,
    Connection,
    FailureNote,
    FileNote,
    FlushNote,
    LossNote,
    NotCapturedNote,
    Note,
    RecordNote,
    RowsNote,
    RunEndedNote,
    SampleNote,
    SeveralNote,
    StatementNote,
    TallyNote,
    TransactionNote,
)
from prefect_lineage_events.emission.queue import NoteQueue
from prefect_lineage_events.emission.row_samples import RowSample
from prefect_lineage_events.emission.transaction_processor import TransactionProcessor
from prefect_lineage_events.events import CountEvent, LineageEvent
from prefect_lineage_events.sql.model import Control
from prefect_lineage_events.stores import Store
from tests.emission.conftest import STARTED, Bench, ConnectionDriver, ScriptedSession, make_run, statement

ORACLE = Store("oracle", "oracle://db:1521")


def test_a_committed_write_becomes_one_event_with_its_inputs(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write shop.marts.sales from orders customers")
    db.step("commit")
    bench.advance()
    assert bench.names() == ["write shop.marts.sales < shop.public.orders shop.public.customers"]


def test_a_rolled_back_write_emits_nothing(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write sales from orders")
    db.step("rollback")
    bench.advance()
    assert bench.sent == []


def test_a_connection_lost_without_commit_wrote_nothing(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write sales from orders")
    db.step("lost")
    bench.advance()
    assert bench.sent == []


def test_a_read_counts_though_its_transaction_is_rolled_back(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("read from orders")
    db.step("rollback")
    bench.advance()
    assert bench.names() == ["read - < shop.public.orders"]


def test_an_autocommitted_write_counts_at_once(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write sales from orders", autocommit=True)
    db.step("rollback")
    bench.advance()
    assert bench.names() == ["write shop.public.sales < shop.public.orders"]


def test_begin_and_rollback_as_texts_hold_on_an_autocommit_connection(bench: Bench, db: ConnectionDriver) -> None:
    for sql in ("BEGIN", "write sales from orders", "ROLLBACK", "write kept from orders"):
        db.execute(sql, autocommit=True)
    bench.advance()
    assert bench.names() == ["write shop.public.kept < shop.public.orders"]


def test_a_session_that_switched_autocommit_off_holds_writes_in_any_mode_of_the_driver(
    bench: Bench, db: ConnectionDriver
) -> None:
    for sql in ("autocommit off", "write sales from orders"):
        db.execute(sql, autocommit=True)
    db.step("rollback")
    for sql in ("write kept from orders", "autocommit on", "write sales from orders"):
        db.execute(sql, autocommit=True)
    bench.advance()
    assert bench.names() == [
        "write shop.public.kept < shop.public.orders",
        "write shop.public.sales < shop.public.orders",
    ]


def test_ddl_commits_the_open_transaction_where_the_store_does_so(bench: Bench, run: Run) -> None:
    db = bench.connection(store=ORACLE)
    db.run = run
    db.execute("write sales from orders")
    db.execute("create other")
    db.execute("write undone from orders")
    db.step("rollback")
    bench.advance()
    assert bench.names() == ["write sales < orders", "create other"]


def test_ddl_is_rolled_back_where_the_store_does_so(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("create other")
    db.step("rollback")
    bench.advance()
    assert bench.sent == []


def test_ddl_that_names_no_dataset_commits_as_well(bench: Bench, run: Run) -> None:
    db = bench.connection(store=ORACLE)
    db.run = run
    db.execute("write sales from orders")
    db.execute("create")
    db.step("rollback")
    bench.advance()
    assert bench.names() == ["write sales < orders"]


def test_transaction_control_in_a_script_is_followed(bench: Bench, db: ConnectionDriver) -> None:
    bench.script["script"] = [
        statement("misc", sanitised="BEGIN", control=Control("begin")),
        statement("write", "sales", "orders"),
        statement("misc", sanitised="ROLLBACK", control=Control("rollback")),
        statement("write", "kept", "orders"),
    ]
    db.execute("script", autocommit=True)
    bench.advance()
    assert bench.names() == ["write shop.public.kept < shop.public.orders"]


def test_statements_outside_runs_change_the_session_and_emit_nothing(bench: Bench) -> None:
    db = bench.connection()
    db.execute("write sales from orders", autocommit=True)
    bench.advance()
    assert bench.sent == []


def test_a_statement_without_datasets_emits_nothing(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("read")
    db.execute("GRANT x TO y", autocommit=True)
    bench.advance()
    assert bench.sent == []


def test_a_failing_analyser_yields_a_partial_event(bench: Bench, db: ConnectionDriver) -> None:
    bench.script["broken"] = RuntimeError("secret")
    db.execute("broken", autocommit=True)
    bench.advance()
    (event,) = bench.statements()
    assert (event.operation, event.primary, event.statement.confidence) == ("misc", None, "partial")
    assert event.statement.reason == "the analyser failed"
    assert "secret" not in str(bench.sent)


def test_a_text_that_is_not_understood_is_partial(bench: Bench, db: ConnectionDriver) -> None:
    bench.script["huh"] = statement("misc", confidence="partial", reason="no parser understands it")
    db.execute("huh", autocommit=True)
    bench.advance()
    assert [(e.operation, e.statement.reason) for e in bench.statements()] == [("misc", "no parser understands it")]


def test_rows_of_a_read_that_arrive_later_are_reported(bench: Bench, db: ConnectionDriver) -> None:
    note = db.execute("read from orders")
    db.rows(note, 17)
    bench.advance()
    assert [e.statement.rows for e in bench.statements()] == [17]


def test_rows_that_arrive_with_their_read_are_reported(bench: Bench, db: ConnectionDriver) -> None:
    note = StatementNote(db.connection, "read from orders", db.run, STARTED, 0.25, False)
    assert note.add_rows(3, whole=True)
    bench.processor.process(note)
    assert not note.add_rows(4, whole=True)
    bench.advance()
    assert [e.statement.rows for e in bench.statements()] == [3]


def test_rows_of_equal_reads_add_up(bench: Bench, db: ConnectionDriver) -> None:
    for rows in (17, 4):
        db.rows(db.execute("read from orders"), rows)
    bench.advance()
    assert [(e.statement.executions, e.statement.rows) for e in bench.statements()] == [(2, 21)]


def test_rows_known_after_their_read_was_sent_are_sent_for_the_same_statement(
    bench: Bench, db: ConnectionDriver
) -> None:
    note = db.execute("read from orders")
    bench.advance()
    db.rows(note, 17)
    bench.advance()
    first, late = bench.statements()
    assert (first.statement.rows, first.statement.executions) == (None, 1)
    assert (late.statement.rows, late.statement.executions) == (17, 0)
    assert late.statement.id == first.statement.id


def test_one_event_per_output(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write a b from c", autocommit=True)
    bench.advance()
    assert bench.names() == ["write shop.public.a < shop.public.c", "write shop.public.b < shop.public.c"]
    assert len({e.statement.id for e in bench.statements()}) == 1


def test_more_than_85_inputs_are_split_into_events_of_one_statement(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("write wide from " + " ".join(f"t{i}" for i in range(100)), autocommit=True)
    bench.advance()
    first, second = bench.statements()
    assert (len(first.inputs), len(second.inputs)) == (85, 15)
    assert first.statement.id == second.statement.id
    assert [(e.statement.part, e.statement.parts) for e in (first, second)] == [(1, 2), (2, 2)]


def test_numbers_have_no_gap_and_determine_the_ids(bench: Bench, db: ConnectionDriver) -> None:
    for name in ("a", "b", "c"):
        db.execute(f"write {name} from orders", autocommit=True)
    bench.advance()
    events = bench.statements()
    assert [e.emitter.sequence for e in events] == [0, 1, 2]
    assert [e["id"] for e in bench.sent[:3]] == [e.emitter.event_id() for e in events]


def test_an_event_that_prefect_refuses_is_counted_and_leaves_no_gap(bench: Bench, db: ConnectionDriver) -> None:
    bench.refuse.append("lineage.write")
    db.execute("write a from orders", autocommit=True)
    db.execute("read from orders")
    bench.advance()
    (count,) = [e for e in bench.events() if isinstance(e, CountEvent)]
    assert [e.emitter.sequence for e in bench.statements()] == [0]
    assert (count.count, count.failed) == (1, 1)


def test_a_note_that_cannot_be_processed_is_counted_and_no_other_is_lost(bench: Bench, run: Run) -> None:
    good = RecordNote("write", Dataset("s3://out", "k"), (), run, STARTED)
    with pytest.raises(AttributeError):
        bench.processor.process(RecordNote("read", None, (object(),), run, STARTED))  # type: ignore[arg-type]
    bench.processor.process(good)
    bench.advance()
    assert bench.names() == ["write k"]
    assert [(e.count, e.dropped) for e in bench.events() if isinstance(e, CountEvent)] == [(1, 1)]


def test_an_event_that_cannot_be_made_is_counted_and_later_ones_are_sent(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    truncated = emitter.truncated
    monkeypatch.setattr(emitter, "truncated", lambda e: fails() if e.output.name == "bad" else truncated(e))
    for name in ("bad", "k"):
        bench.processor.process(RecordNote("write", Dataset("s3://out", name), (), run, STARTED))
    bench.advance()
    assert bench.names() == ["write k"]
    assert [(e.count, e.failed) for e in bench.events() if isinstance(e, CountEvent)] == [(1, 1)]


def test_a_note_that_makes_no_valid_event_is_counted_as_dropped(bench: Bench, run: Run) -> None:
    with pytest.raises(ValidationError):
        bench.processor.process(RecordNote("bogus", Dataset("s3://out", "k"), (), run, STARTED))  # type: ignore[arg-type]
    bench.processor.process(RecordNote("write", Dataset("s3://out", "k"), (), run, STARTED))
    bench.advance()
    assert bench.names() == ["write k"]
    assert [(e.count, e.dropped) for e in bench.events() if isinstance(e, CountEvent)] == [(1, 1)]


@pytest.mark.parametrize("rows", [float("nan"), -1, 2**80, "many"])
def test_rows_of_a_driver_that_are_no_number_are_left_out(bench: Bench, db: ConnectionDriver, rows: Any) -> None:
    db.execute("write a from orders", autocommit=True, rows=rows)
    db.execute("write b from orders", autocommit=True, rows=2)
    bench.advance()
    assert [e.statement.rows for e in bench.statements()] == [None, 2]


def test_a_quiet_emitter_sends_its_count_once(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("read from orders")
    bench.advance()
    bench.advance()
    assert [(e.closed, e.count) for e in bench.events() if isinstance(e, CountEvent)] == [(False, 1)]


def test_two_flow_runs_have_an_emitter_each(bench: Bench, db: ConnectionDriver) -> None:
    db.execute("read from orders")
    db.execute("read from orders", run=make_run(uuid4()))
    bench.advance()
    assert [e.emitter.sequence for e in bench.statements()] == [0, 0]
    assert len({e.emitter.id for e in bench.statements()}) == 2


def test_dropped_statements_are_reported_without_any_event(bench: Bench, run: Run) -> None:
    bench.queue._limit = 0
    bench.queue.put(RecordNote("read", None, (Dataset("s3://b", "k"),), run, STARTED))
    bench.advance()
    assert [(e.count, e.dropped) for e in bench.events() if isinstance(e, CountEvent)] == [(0, 1)]


def test_the_flow_run_and_the_task_run_stand_first_among_the_related(bench: Bench, db: ConnectionDriver) -> None:
    run = make_run(task="load")
    db.execute("write a from orders", autocommit=True, run=run)
    bench.advance()
    roles = [r["prefect.resource.role"] for r in bench.sent[0]["related"]]
    assert roles == ["flow-run", "task-run", "flow", "lineage-input"]


def test_a_record_becomes_an_event(bench: Bench, run: Run) -> None:
    note = RecordNote("write", Dataset("s3://out", "k.pdf"), (Dataset("s3://in", "k.csv"),), run, STARTED)
    bench.processor.process(note)
    bench.advance()
    (event,) = bench.statements()
    assert isinstance(event, LineageEvent)
    assert (event.output and event.output.uri, [d.uri for d in event.inputs]) == ("s3://out/k.pdf", ["s3://in/k.csv"])


def test_equal_statements_are_counted_into_few_events(bench: Bench, db: ConnectionDriver) -> None:
    for _ in range(10_000):
        db.execute("write sales from orders", autocommit=True)
        bench.clock.now += 0.01
        bench.processor.tick()
    bench.advance()
    assert sum(e.statement.executions for e in bench.statements()) == 10_000
    assert len(bench.sent) < 50


def test_a_mapped_task_is_counted_into_few_events_that_name_its_task_runs(bench: Bench, db: ConnectionDriver) -> None:
    runs = [make_run(task="load") for _ in range(1_000)]
    for run in runs:
        db.execute("write sales from orders", autocommit=True, run=run)
        bench.clock.now += 0.05
        bench.processor.tick()
    bench.advance()
    named = {e.run.task_run_id for e in bench.statements()} | {t for e in bench.statements() for t in e.task_runs}
    assert named == {r.info.task_run_id for r in runs}
    assert len(bench.sent) < 200


def test_a_long_transaction_holds_equal_statements_once(bench: Bench, db: ConnectionDriver) -> None:
    for _ in range(5_000):
        db.execute("write sales from orders")
    assert bench.sent == []
    db.step("commit")
    bench.advance()
    assert bench.names() == ["write shop.public.sales < shop.public.orders x5000"]


def test_a_password_in_a_recorded_dataset_does_not_leave(bench: Bench, run: Run) -> None:
    secret = (
        Dataset("postgres://etl:hunter2@h:5432", "db.s.t"),
        Dataset("https://api.example.org", "v1/x?token=hunter2"),
    )
    bench.processor.process(RecordNote("write", secret[0], secret[1:], run, STARTED))
    bench.advance()
    (event,) = bench.statements()
    assert [d.uri for d in (event.output, *event.inputs) if d] == [
        "postgres://h:5432/db/s/t",
        "https://api.example.org/v1/x",
    ]
    assert "hunter2" not in str(bench.sent)


def test_a_process_that_sees_no_end_retires_a_run_and_continues_its_numbers(bench: Bench, db: ConnectionDriver) -> None:
    elsewhere = make_run(detached=True)
    for _ in range(2):
        db.execute("read from orders", run=elsewhere)
        bench.advance()
        bench.advance()
        assert len(bench.processor._emitters) == 0
    assert [e.emitter.sequence for e in bench.statements()] == [0, 1]
    assert [e.count for e in bench.events() if isinstance(e, CountEvent)] == [1, 2]


class FlowRun:
    """The object on which Prefect's engine keeps the state of a run."""

    def __init__(self) -> None:
        self.ended = False

    @property
    def state(self) -> FlowRun:
        return self

    def is_final(self) -> bool:
        return self.ended


def test_a_run_that_has_ended_is_closed_with_its_count(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = FlowRun()
    monkeypatch.setattr(Run, "live", lambda self: live)
    db.execute("read from orders")
    bench.advance(1.0)
    assert not [e for e in bench.events() if isinstance(e, CountEvent)]
    live.ended = True
    bench.advance(1.0)
    assert [(e.closed, e.count) for e in bench.events() if isinstance(e, CountEvent)] == [(True, 1)]


def test_a_run_whose_state_is_gone_before_its_first_event_is_processed_is_closed(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "live", lambda self: FlowRun())
    run = make_run()
    monkeypatch.setattr(Run, "live", lambda self: None)
    db.execute("read from orders", run=run)
    bench.advance(1.0)
    assert [(e.closed, e.count) for e in bench.events() if isinstance(e, CountEvent)] == [(True, 1)]


@pytest.mark.parametrize(("elsewhere", "words"), [(True, ["lineage.closed"]), (False, [])])
def test_a_run_whose_tasks_ran_in_other_processes_is_closed_without_any_event(
    bench: Bench, run: Run, elsewhere: bool, words: list[str]
) -> None:
    bench.queue.put(RunEndedNote(run, elsewhere=elsewhere))
    bench.advance()
    assert [event["event"] for event in bench.sent] == words


def test_events_after_the_end_are_sent_with_a_higher_count(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = FlowRun()
    live.ended = True
    monkeypatch.setattr(Run, "live", lambda self: live)
    db.execute("read from orders")
    bench.advance(1.0)
    monkeypatch.setattr(Run, "live", lambda self: None)
    db.execute("read from customers")
    bench.advance(1.0)
    assert [(e.closed, e.count) for e in bench.events() if isinstance(e, CountEvent)] == [(True, 1), (True, 2)]
    assert [e.emitter.sequence for e in bench.statements()] == [0, 1]


@pytest.mark.parametrize("goes_on", [False, True], ids=["task over", "task going on"])
def test_a_process_that_sees_no_end_sends_its_count_after_its_task(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    monkeypatch.setattr(Run, "is_running", lambda self: goes_on)
    db.execute("read from orders", run=make_run(detached=True))
    bench.advance(0.1)
    counts = [e.count for e in bench.events() if isinstance(e, CountEvent)]
    assert counts == ([] if goes_on else [1])


def test_a_process_of_very_many_tasks_does_not_send_its_count_after_each(bench: Bench, db: ConnectionDriver) -> None:
    for number in range(100):
        db.execute(f"read from t{number}", run=make_run(detached=True))
        bench.advance(0.1)
    assert len([e for e in bench.events() if isinstance(e, CountEvent)]) < 20


@pytest.mark.parametrize("at_rest", [False, True], ids=["at work", "at rest"])
def test_a_process_that_sees_no_end_sends_a_final_checkpoint_at_its_exit(
    bench: Bench, db: ConnectionDriver, at_rest: bool
) -> None:
    db.execute("read from orders", run=make_run(detached=True))
    for seconds in (1000, 1000) if at_rest else (20,):
        bench.advance(seconds)
    assert bool(bench.processor._emitters) is not at_rest
    bench.processor.finish()
    counts = [e for e in bench.events() if isinstance(e, CountEvent)]
    assert [(e.closed, e.final, e.count) for e in counts] == [(False, False, 1), (False, True, 1)]
    assert len({e["id"] for e in bench.sent}) == len(bench.sent)


def test_state_of_a_collected_connection_is_released(bench: Bench, run: Run) -> None:
    db = bench.connection()
    db.execute("write sales from orders", run=run)
    db.step("lost")
    bench.advance()
    gone = weakref.ref(db.connection)
    del db
    gc.collect()

    assert gone() is None
    assert len(bench.processor._connections) == 0


def test_a_process_without_time_left_sends_true_events_and_counts_the_others(
    bench: Bench, db: ConnectionDriver, run: Run
) -> None:
    db.execute("write counts from orders", autocommit=True)
    for number in range(3):
        db.execute("write held from orders", rows=number)  # its commit waits in the queue
    bench.queue.put(TransactionNote(db.connection, "commit"))
    bench.queue.put(StatementNote(db.connection, "write waiting from orders", run, STARTED, 0.1, True))

    bench.processor.abandon("no time")

    assert bench.names() == ["write shop.public.counts < shop.public.orders"]
    (count,) = bench.events("lineage.closed")
    assert isinstance(count, CountEvent)
    assert (count.count, count.dropped, count.reason) == (1, 4, "no time")
    assert count.engine_version == prefect.__version__


def test_the_statement_at_which_the_analyser_hangs_is_counted(bench: Bench, db: ConnectionDriver) -> None:
    def hang(sql: str, columns: bool = True, in_transaction: bool = False) -> Any:
        bench.processor.abandon("no time")  # what the process's end does meanwhile
        return ScriptedSession().analyze("write late from orders")

    db.execute("read from orders")
    bench.processor._state(db.connection).session.analyze = hang  # type: ignore[method-assign]

    db.execute("write late from orders", autocommit=True)

    assert bench.names() == ["read - < shop.public.orders"]
    (count,) = bench.events("lineage.closed")
    assert isinstance(count, CountEvent)
    assert (count.count, count.dropped) == (1, 1)


def make_notes(connection: Connection, run: Run) -> list[Note]:
    """One note of every kind."""
    noted = StatementNote(connection, "write other from orders", run, STARTED, 0.1, True)
    noted.pending_events = ["not an event"]
    forgotten = NoteQueue(1).watch(make_notes, noted, AllRead())
    return [
        FlushNote(threading.Event()),
        StatementNote(connection, "poison", run, STARTED, 0.1, False),
        FailureNote(StatementNote(connection, "poison", run, STARTED, 0.1, False)),
        TransactionNote(connection, "commit", run=run),
        RowsNote(noted, 3),
        SampleNote(noted, RowSample(lambda: [[1]])),
        forgotten,
        RecordNote("write", Dataset("s3://bucket", "key"), (), run, STARTED),
        SeveralNote(run, lambda: [RecordNote("write", Dataset("s3://bucket", "key"), (), run, STARTED)]),
        FileNote("move", "/data/a.csv", "/data/b.csv", run, STARTED, by_user=True),
        TallyNote(Counted(RecordNote("read", None, (Dataset("kafka://b:9092", "t"),), run, STARTED))),
        RunEndedNote(run),
        LossNote("a loss", run, connection),
        NotCapturedNote("pymongo", run),
        ChildStartedNote(run),
    ]


class Counted:
    """A tally that has a record."""

    def __init__(self, record: RecordNote) -> None:
        self.record = record
        self.run = record.run

    def take(self) -> RecordNote:
        return self.record


class AllRead:
    def rows_so_far(self) -> int:
        return 3


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("poison")


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in get_args(Note)
        # Without a sample, rows are attributed by weaker evidence.
        if kind not in (FlushNote, LossNote, NotCapturedNote, ChildStartedNote, SampleNote)
    ],
)
def test_an_error_in_a_note_of_any_kind_is_counted_and_loses_that_note_only(
    kind: type[Any], bench: Bench, db: ConnectionDriver, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.execute("write before from orders", autocommit=True)
    (note,) = (note for note in make_notes(db.connection, run) if type(note) is kind)
    with monkeypatch.context() as broken, pytest.raises((RuntimeError, AttributeError)):
        broken.setattr(TransactionProcessor, "statement", fails)
        broken.setattr(TransactionProcessor, "failed", fails)
        broken.setattr(TransactionProcessor, "step", fails)
        broken.setattr(processor, "from_record", fails)
        broken.setattr(Emitter, "retire", fails)
        bench.processor.process(note)
    db.execute("write after from orders", autocommit=True)
    bench.advance()
    bench.processor.finish()
    assert [name.partition(" <")[0] for name in bench.names()] == [
        "write shop.public.before",
        "write shop.public.after",
    ]
    counts = [event for event in bench.events() if isinstance(event, CountEvent)]
    assert max(event.dropped for event in counts) == 1


def test_every_kind_of_note_is_tested(db: ConnectionDriver, run: Run) -> None:
    assert {type(note) for note in make_notes(db.connection, run)} == set(get_args(Note))


@pytest.mark.parametrize("step", ["commit", "rollback", "lost"])
def test_a_lost_end_of_a_transaction_leaves_its_writes_in_doubt(
    step: Any, bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.execute("write held from orders")
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr(TransactionProcessor, "step", fails)
        db.step(step)  # says no run: that of what is held is counted
    db.execute("write next from orders")
    db.step("commit")
    db.execute("write sure from orders")
    db.step("commit")
    bench.advance()
    bench.processor.finish()
    assert [event.statement.confidence for event in bench.statements()] == ["partial", "partial", "exact"]
    assert {event.dropped for event in bench.events() if isinstance(event, CountEvent)} == {1}


def test_a_lost_begin_leaves_later_writes_in_doubt(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr(TransactionProcessor, "step", fails)
        db.step("begin")
    db.execute("write undone from orders", autocommit=True)
    bench.advance()
    assert [event.statement.confidence for event in bench.statements()] == ["partial"]


def test_a_run_that_cannot_be_flushed_delays_no_other_run_and_no_waiting_thread(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, note = make_run(uuid4()), make_run(uuid4()), FlushNote(threading.Event())
    for run in (first, second):
        db.execute("write t from orders", autocommit=True, run=run)
    flush = Emitter.flush
    monkeypatch.setattr(Emitter, "flush", lambda self: fails() if self.run is first else flush(self))
    bench.processor.process(note)
    assert note.done.is_set()
    assert [event.run.flow_run_id for event in bench.statements()] == [second.key]
    bench.processor.finish()
    counted = [event for event in bench.events() if isinstance(event, CountEvent)]
    assert {event.run.flow_run_id: event.dropped > 0 for event in counted} == {first.key: True, second.key: False}


def test_an_event_that_cannot_be_reported_is_counted_and_no_other_is_lost(
    bench: Bench, db: ConnectionDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "poison", "b"):
        db.execute(f"write {name} from orders")
    add = Emitter.add

    def picky(self: Emitter, pending: Any, now: float) -> None:
        fails() if pending.event.output.name.endswith("poison") else add(self, pending, now)

    monkeypatch.setattr(Emitter, "add", picky)
    db.step("commit")
    bench.advance()
    bench.processor.finish()
    assert [event.primary.name for event in bench.statements() if event.primary] == ["shop.public.a", "shop.public.b"]
    assert {event.dropped for event in bench.events() if isinstance(event, CountEvent)} == {1}


def test_the_statements_of_a_text_are_copied_a_bounded_number_of_times(bench: Bench, db: ConnectionDriver) -> None:
    copies = {}
    for size in (200, 400):
        bench.script["script"] = [statement("write", f"t{number}", "orders") for number in range(size)]
        note = CountingNote(db.connection, "script", db.run, STARTED, 0.1, False)
        bench.processor.process(note)
        assert len(note.pending_events) == size
        copies[size] = note.copied
    assert copies[400] <= 2.5 * copies[200]


class CountingNote(StatementNote):
    """Counts the pending events that are assigned to the note."""

    copied = 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "pending_events" and value is not getattr(self, "pending_events", None):
            self.copied += 1 + len(value)
        super().__setattr__(name, value)
