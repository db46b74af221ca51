"""Coalescing of equal statements, never across two lifetimes of a dataset."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

from prefect_lineage_events.emission.coalescer import Coalescer
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.events import EventDataset, StatementInfo, UnnumberedEvent
from tests.emission.conftest import STARTED, make_run

RUN = make_run()


def dataset(name: str) -> EventDataset:
    return EventDataset(namespace="sqlite:///x", name=name)


def pending(operation: str, output: str, source: str = "", **more: Any) -> PendingEvent:
    run = more.pop("run", RUN)
    about = {name: more.pop(name) for name in list(more) if name in StatementInfo.model_fields}
    fields = {"id": uuid4(), "started": STARTED, "fingerprint": f"{operation} {output} {source}"} | about
    inputs = (dataset(source),) if source else ()
    event = UnnumberedEvent(
        operation=operation,  # type: ignore[arg-type]
        statement=StatementInfo(**fields),
        output=dataset(output),
        inputs=inputs,
        run=run.info,
        **more,
    )
    return PendingEvent(run, event)


def counted(coalescer: Coalescer) -> list[str]:
    return [f"{d.event.operation} {d.event.output and d.event.output.name} x{d.executions}" for d in coalescer.take()]


def test_rows_and_durations_of_equal_statements_add_up() -> None:
    coalescer = Coalescer()
    later = STARTED + dt.timedelta(seconds=9)
    coalescer.add(pending("write", "a", rows=2, duration=0.5))
    coalescer.add(pending("write", "a", rows=3, duration=0.25, started=later))
    (only,) = coalescer.take()
    assert (only.executions, only.rows, only.duration, only.started, only.last) == (2, 5, 0.75, STARTED, later)


def test_other_datasets_or_shapes_stay_apart() -> None:
    coalescer = Coalescer()
    for other in (
        pending("write", "a"),
        pending("write", "b"),
        pending("write", "a", "s"),
        pending("write", "a", fingerprint="z"),
    ):
        coalescer.add(other)
    assert len(coalescer) == 4


def test_tasks_stay_apart_but_runs_of_one_task_count_together() -> None:
    coalescer = Coalescer()
    first, second = make_run(task="load"), make_run(task="load")
    for run in (first, second, make_run(task="other")):
        coalescer.add(pending("write", "a", run=run))
    loaded, other = coalescer.take()
    assert (loaded.executions, loaded.task_runs) == (2, [second.info.task_run_id])
    assert other.executions == 1


def test_threads_of_coalesced_statements_are_kept_up_to_a_limit() -> None:
    coalescer = Coalescer()
    for thread in ("", "1", "2.3", "1"):
        coalescer.add(pending("write", "a", threads=(thread,)))
    for number in range(100):
        coalescer.add(pending("write", "b", threads=(str(number),)))
    assert [d.threads for d in coalescer.take()] == [("", "1", "2.3"), ("*",)]


def test_statements_that_bind_other_columns_stay_apart() -> None:
    coalescer = Coalescer()
    for bound in (("id",), ("id", "flag"), ("id",)):
        coalescer.add(pending("write", "a", bound_columns=bound))
    assert counted(coalescer) == ["write a x2", "write a x1"]


def test_a_write_after_truncate_is_not_counted_with_the_one_before() -> None:
    coalescer = Coalescer()
    for one in (pending("write", "a", "s"), pending("write", "a", effect="truncate"), pending("write", "a", "s")):
        coalescer.add(one)
    assert counted(coalescer) == ["write a x1", "write a x1", "write a x1"]


def test_a_table_created_again_by_another_statement_is_another_one() -> None:
    coalescer = Coalescer()
    for source in ("x", "y", "x"):
        coalescer.add(pending("create", "tmp", source))
        coalescer.add(pending("write", "out", "tmp"))
    assert counted(coalescer) == ["create tmp x1", "write out x1"] * 3


def test_the_same_create_or_replace_over_and_over_is_one() -> None:
    coalescer = Coalescer()
    for _ in range(100):
        coalescer.add(pending("create", "a", "s"))
    assert counted(coalescer) == ["create a x100"]


def test_events_of_a_loop_that_creates_and_drops_are_bounded() -> None:
    coalescer = Coalescer()
    for _ in range(1_000):
        for one in (pending("create", "tmp", "s"), pending("write", "out", "tmp"), pending("drop", "tmp")):
            coalescer.add(one)
    assert len(coalescer) < 30
    assert sum(d.executions for d in coalescer.take()) == 3_000


def test_late_rows_are_added_to_the_event_that_counts_the_statement() -> None:
    coalescer = Coalescer()
    coalescer.add(pending("write", "a", rows=1))
    second = pending("write", "a")
    coalescer.add(second)
    second.coalesced().add_rows(4)
    assert [d.rows for d in coalescer.take()] == [5]


def test_late_rows_wait_for_the_next_execution_and_count_with_it() -> None:
    coalescer = Coalescer()
    sent_before = pending("write", "a", rows=4)
    coalescer.add(sent_before.late_rows())
    follower = pending("write", "a", rows=2)
    assert coalescer.add(follower) is follower
    (only,) = coalescer.take()
    assert (only.executions, only.rows, only.event.statement.id) == (1, 6, follower.event.statement.id)


def test_late_rows_count_with_what_waits_already() -> None:
    coalescer = Coalescer()
    coalescer.add(pending("write", "a", rows=2))
    coalescer.add(pending("write", "a", rows=4).late_rows())
    assert [(d.executions, d.rows, d.last) for d in coalescer.take()] == [(1, 6, None)]


def test_late_rows_begin_no_lifetime_of_their_dataset() -> None:
    coalescer = Coalescer()
    coalescer.add(pending("write", "a", "s"))
    coalescer.add(pending("write", "a", effect="overwrite", rows=4).late_rows())
    coalescer.add(pending("write", "a", "s"))
    assert [d.executions for d in coalescer.take()] == [2, 0]


def test_more_task_runs_than_one_event_holds_go_into_another() -> None:
    coalescer = Coalescer()
    for _ in range(2_500):
        coalescer.add(pending("write", "a", run=make_run(task="load", task_run_id=uuid4())))
    pending_events = coalescer.take()
    assert sum(d.executions for d in pending_events) == 2_500
    assert all(len(d.task_runs) <= 2_000 for d in pending_events)


FILE = EventDataset(namespace="file", name="/tmp/x.csv", kind="file", temporary=True)


def copied(coalescer: Coalescer, source: str, target: str) -> None:
    """A table is read, written to the temporary file, read from there and written to another table."""

    def note(operation: Any, fingerprint: str, **datasets: Any) -> None:
        statement = StatementInfo(
            id=uuid4(), started=STARTED, fingerprint=fingerprint, effect="overwrite" if "output" in datasets else None
        )
        event = UnnumberedEvent(operation=operation, statement=statement, run=RUN.info, **datasets)
        coalescer.add(PendingEvent(RUN, event))

    note("read", "sql", inputs=(dataset(source),))
    note("write", "to_csv", output=FILE)
    note("read", "read_csv", inputs=(FILE,))
    coalescer.add(pending("write", target))


def uses_of_the_file(coalescer: Coalescer) -> list[tuple[str, int]]:
    return [(p.event.operation, p.executions) for p in coalescer.take() if FILE in p.event.datasets]


def test_a_temporary_file_holds_other_rows_after_another_read() -> None:
    coalescer = Coalescer()
    for source in ("a", "b", "a"):
        copied(coalescer, source, f"{source}_copy")
    assert uses_of_the_file(coalescer) == [("write", 1), ("read", 1)] * 3


def test_each_of_many_tables_passes_a_temporary_file_alone() -> None:
    coalescer = Coalescer()
    for number in range(30):
        copied(coalescer, f"t{number}", f"t{number}_copy")
    assert uses_of_the_file(coalescer) == [("write", 1), ("read", 1)] * 30


def test_a_loop_over_the_same_tables_makes_few_events() -> None:
    same, in_turn = Coalescer(), Coalescer()
    for number in range(1000):
        copied(same, "a", "b")
        copied(in_turn, ("a", "b")[number % 2], "c")
    assert uses_of_the_file(same) == [("write", 1000), ("read", 1000)]
    assert len(in_turn) <= 20
