"""Held until commit, undone by rollback, savepoints nest; and the texts that say so."""

from __future__ import annotations

import pytest

from prefect_lineage_events.capture.drafts import Draft
from prefect_lineage_events.capture.transactions import Transaction, control
from prefect_lineage_events.events import EventDataset

from .conftest import STARTED, make_run


def draft(name: str) -> Draft:
    return Draft(make_run(), "write", EventDataset(namespace="sqlite:///x", name=name), (), STARTED, fingerprint=name)


def names(drafts: list[Draft]) -> list[str]:
    return [d.output.name for d in drafts if d.output]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN", ("begin", "")),
        ("begin transaction;", ("begin", "")),
        ("BEGIN IMMEDIATE", ("begin", "")),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", ("begin", "")),
        ("START TRANSACTION READ WRITE", ("begin", "")),
        ("BEGIN TRAN", ("begin", "")),
        ("COMMIT", ("commit", "")),
        ("END TRANSACTION", ("commit", "")),
        ("commit work ;", ("commit", "")),
        ("ROLLBACK", ("rollback", "")),
        ("ABORT", ("rollback", "")),
        ("rollback and chain", ("rollback", "")),
        ("ROLLBACK TO SAVEPOINT a", ("rollback_to", "a")),
        ('ROLLBACK TRANSACTION TO "a"', ("rollback_to", "a")),
        ("SAVEPOINT a;", ("savepoint", "a")),
        ("SAVE TRANSACTION a", ("savepoint", "a")),
        ("RELEASE a", ("release", "a")),
        ("RELEASE SAVEPOINT a", ("release", "a")),
    ],
)
def test_transaction_control_is_recognised(sql: str, expected: tuple[str, str]) -> None:
    assert control(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN INSERT INTO t SELECT 1; END",
        "BEGIN\n  LET x := 1;\nEND",
        "COMMIT PREPARED 'x'",
        "SELECT 1",
        "END IF",
        "",
        "BEGIN " + "x" * 500,
    ],
)
def test_what_only_begins_like_it_is_none(sql: str) -> None:
    assert control(sql) is None


def test_commit_gives_what_was_held_in_order() -> None:
    transaction = Transaction()
    for name in ("a", "b"):
        transaction.hold(draft(name))
    assert names(transaction.step("commit")) == ["a", "b"]
    assert transaction.step("commit") == []


@pytest.mark.parametrize("step", ["rollback", "lost"])
def test_rollback_and_loss_drop_what_was_held(step: str) -> None:
    transaction = Transaction()
    transaction.hold(draft("a"))
    assert transaction.step(step) == []  # type: ignore[arg-type]
    assert transaction.step("commit") == []


def test_rollback_to_a_savepoint_undoes_only_what_came_after_it() -> None:
    transaction = Transaction()
    transaction.hold(draft("kept"))
    transaction.step("savepoint", "S")
    transaction.hold(draft("undone"))
    transaction.step("savepoint", "inner")
    transaction.hold(draft("undone too"))
    transaction.step("rollback_to", "s")
    transaction.hold(draft("after"))
    assert names(transaction.step("commit")) == ["kept", "after"]


def test_a_savepoint_can_be_rolled_back_to_more_than_once() -> None:
    transaction = Transaction()
    transaction.step("savepoint", "s")
    for _ in range(2):
        transaction.hold(draft("undone"))
        transaction.step("rollback_to", "s")
    assert transaction.step("commit") == []


def test_releasing_a_savepoint_makes_its_work_part_of_what_was_before() -> None:
    transaction = Transaction()
    transaction.step("savepoint", "outer")
    transaction.step("savepoint", "inner")
    transaction.hold(draft("a"))
    transaction.step("release", "inner")
    transaction.step("rollback_to", "outer")
    assert transaction.step("commit") == []


def test_a_savepoint_announced_twice_counts_once() -> None:
    """SQLAlchemy announces it as an event, and its text passes the cursor as well."""
    transaction = Transaction()
    transaction.hold(draft("kept"))
    for _ in range(2):
        transaction.step("savepoint", "s")
    transaction.hold(draft("undone"))
    for _ in range(2):
        transaction.step("rollback_to", "s")
    for _ in range(2):
        transaction.step("release", "s")
    assert names(transaction.step("commit")) == ["kept"]


def test_a_savepoint_nobody_saw_was_set_before_anything_was_held() -> None:
    transaction = Transaction()
    transaction.hold(draft("undone"))
    transaction.step("rollback_to", "unseen")
    assert transaction.step("commit") == []


def test_releasing_an_unseen_savepoint_keeps_everything() -> None:
    transaction = Transaction()
    transaction.hold(draft("kept"))
    transaction.step("release", "unseen")
    assert names(transaction.step("commit")) == ["kept"]
