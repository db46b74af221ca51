"""Writes held until commit, dropped by rollback, in nested savepoints, by the rules of each store."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from prefect_lineage_events.emission import transactions
from prefect_lineage_events.emission.coalescer import Coalescer
from prefect_lineage_events.emission.pending import PendingEvent
from prefect_lineage_events.emission.transactions import PreparedTransactions, Transaction
from prefect_lineage_events.events import EventDataset, StatementInfo, UnnumberedEvent
from prefect_lineage_events.sql.model import Control
from tests.emission.conftest import STARTED, make_run


def pending(name: str) -> PendingEvent:
    statement = StatementInfo(id=uuid4(), started=STARTED, fingerprint=name)
    output = EventDataset(namespace="sqlite:///x", name=name)
    return PendingEvent(make_run(), UnnumberedEvent(operation="write", statement=statement, output=output))


def names(pending_events: list[PendingEvent]) -> list[str]:
    return [p.event.output.name for p in pending_events if p.event.output]


def test_commit_returns_held_writes_in_order() -> None:
    transaction = Transaction()
    for name in ("a", "b"):
        transaction.hold(pending(name))
    assert names(transaction.step(Control("commit"))) == ["a", "b"]
    assert transaction.step(Control("commit")) == []


@pytest.mark.parametrize("step", ["rollback", "lost"])
def test_rollback_and_loss_drop_held_writes(step: str) -> None:
    transaction = Transaction()
    transaction.hold(pending("a"))
    assert transaction.step(Control(step)) == []  # type: ignore[arg-type]
    assert transaction.step(Control("commit")) == []


def test_rollback_to_a_savepoint_undoes_only_later_writes() -> None:
    transaction = Transaction()
    transaction.hold(pending("kept"))
    transaction.step(Control("savepoint", "s"))
    transaction.hold(pending("undone"))
    transaction.step(Control("savepoint", "inner"))
    transaction.hold(pending("undone too"))
    transaction.step(Control("rollback_to", "s"))
    transaction.hold(pending("after"))
    assert names(transaction.step(Control("commit"))) == ["kept", "after"]


def test_a_savepoint_can_be_rolled_back_to_more_than_once() -> None:
    transaction = Transaction()
    transaction.step(Control("savepoint", "s"))
    for _ in range(2):
        transaction.hold(pending("undone"))
        transaction.step(Control("rollback_to", "s"))
    assert transaction.step(Control("commit")) == []


def test_releasing_a_savepoint_adds_its_writes_to_those_before_it() -> None:
    transaction = Transaction()
    transaction.step(Control("savepoint", "outer"))
    transaction.step(Control("savepoint", "inner"))
    transaction.hold(pending("a"))
    transaction.step(Control("release", "inner"))
    transaction.step(Control("rollback_to", "outer"))
    assert transaction.step(Control("commit")) == []


def test_an_unseen_savepoint_was_set_before_all_held_writes() -> None:
    transaction = Transaction()
    transaction.hold(pending("undone"))
    transaction.step(Control("rollback_to", "unseen"))
    assert transaction.step(Control("commit")) == []


def test_releasing_an_unseen_savepoint_keeps_everything() -> None:
    transaction = Transaction()
    transaction.hold(pending("kept"))
    transaction.step(Control("release", "unseen"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_second_savepoint_of_a_name_hides_the_first_in_postgres() -> None:
    transaction = Transaction("postgres")
    for name in ("kept", "undone", "undone too"):
        transaction.hold(pending(name))
        transaction.step(Control("savepoint", "s"))
    transaction.step(Control("rollback_to", "s"))
    transaction.step(Control("release", "s"))
    transaction.step(Control("release", "s"))
    transaction.step(Control("rollback_to", "s"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_second_savepoint_of_a_name_replaces_the_first_in_mysql() -> None:
    transaction = Transaction("mysql")
    for name in ("kept", "kept too"):
        transaction.hold(pending(name))
        transaction.step(Control("savepoint", "s"))
    transaction.hold(pending("undone"))
    transaction.step(Control("rollback_to", "s"))
    assert names(transaction.step(Control("commit"))) == ["kept", "kept too"]


def test_return_to_an_outer_savepoint_removes_the_inner_ones() -> None:
    transaction = Transaction("postgres")
    transaction.step(Control("savepoint", "outer"))
    transaction.hold(pending("undone"))
    transaction.step(Control("savepoint", "inner"))
    transaction.step(Control("rollback_to", "outer"))
    transaction.hold(pending("kept"))
    transaction.step(Control("release", "inner"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_commit_of_a_failed_transaction_keeps_nothing() -> None:
    transaction = Transaction("duckdb")
    transaction.step(Control("begin"))
    transaction.hold(pending("undone"))
    transaction.failed()
    assert transaction.step(Control("commit")) == []
    transaction.hold(pending("kept"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_return_to_a_savepoint_ends_the_failure_of_a_transaction() -> None:
    transaction = Transaction("postgres")
    transaction.hold(pending("kept"))
    transaction.step(Control("savepoint", "s"))
    transaction.failed()
    transaction.step(Control("rollback_to", "s"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_release_of_the_savepoint_that_began_the_transaction_commits_in_sqlite() -> None:
    transaction = Transaction("sqlite")
    transaction.step(Control("savepoint", "outer"))
    transaction.hold(pending("kept"))
    transaction.step(Control("savepoint", "inner"))
    assert transaction.step(Control("release", "inner")) == []
    assert names(transaction.step(Control("release", "outer"))) == ["kept"]
    assert not transaction.begun


def test_nested_begin_commits_the_open_transaction_in_mysql() -> None:
    transaction = Transaction("mysql")
    transaction.step(Control("begin"))
    transaction.hold(pending("kept"))
    assert names(transaction.step(Control("begin"))) == ["kept"]
    transaction.hold(pending("undone"))
    assert transaction.step(Control("rollback")) == []


def test_only_the_outermost_commit_commits_in_tsql() -> None:
    transaction = Transaction("tsql")
    for _ in range(2):
        transaction.step(Control("begin"))
    transaction.hold(pending("kept"))
    assert transaction.step(Control("commit")) == []
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_rollback_by_a_savepoints_name_is_a_return_to_it_in_tsql() -> None:
    transaction = Transaction("tsql")
    transaction.step(Control("begin"))
    transaction.hold(pending("kept"))
    transaction.step(Control("savepoint", "Here"))
    transaction.hold(pending("undone"))
    transaction.step(Control("rollback", "Here"))
    assert names(transaction.step(Control("commit"))) == ["kept"]


def test_chained_commit_begins_the_next_transaction() -> None:
    transaction = Transaction("postgres")
    transaction.hold(pending("kept"))
    assert names(transaction.step(Control("commit", chain=True))) == ["kept"]
    assert transaction.begun


def test_doubt_makes_held_writes_partial_however_the_transaction_ends() -> None:
    for step in ("commit", "rollback"):
        transaction = Transaction("oracle")
        transaction.hold(pending("perhaps"))
        transaction.doubt("a procedure was called")
        [found] = transaction.step(Control(step))  # type: ignore[arg-type]
        assert (found.event.statement.confidence, found.event.statement.reason) == ("partial", "a procedure was called")


@pytest.mark.parametrize("bound", ["_MAX_PREPARED", "_MAX_PREPARED_EVENTS"])
def test_prepared_transactions_beyond_the_bound_are_reported_in_doubt(
    monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(transactions, bound, 2)
    prepared = PreparedTransactions()
    beyond = [prepared.put("s", name, [pending(name)]) for name in "abc"]
    assert [names(pending_events) for pending_events in beyond] == [[], [], ["a"]]
    assert beyond[2][0].event.statement.confidence == "partial"
    assert prepared.take("s", "a") is None
    assert names(prepared.take("s", "c") or []) == ["c"]


def test_the_size_follows_every_step() -> None:
    transaction = Transaction("postgres")
    sizes = []
    for word in ["a", "+s", "b", "+t", "c", "-t", "d", "+t", "e", "~s", "f", "~x", "g", "+u", "h"]:
        name = word[1:]
        if word[0] in "+-~":
            step: Any = {"+": "savepoint", "-": "release", "~": "rollback_to"}[word[0]]
            transaction.step(Control(step, name))
        else:
            transaction.hold(pending(word))
        assert transaction.size == len(transaction.held)
        sizes.append(transaction.size)
    assert max(sizes) == 5
    transaction.step(Control("commit"))
    assert transaction.size == 0


def test_the_size_takes_no_loop_over_savepoints(monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Transaction("postgres")
    for number in range(100):
        transaction.hold(pending(str(number)))
        transaction.step(Control("savepoint", f"s{number}"))
    asked: list[Any] = []
    monkeypatch.setattr(Coalescer, "__len__", lambda self: asked.append(self) or 0)  # type: ignore[func-returns-value]
    assert transaction.size == 100
    assert len(asked) == 1
