"""What the user's thread leaves behind: small values for our thread to work on.

A note copies only what cannot be known later. Making one and putting it on the queue is all that happens in the
user's thread.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import Column, RunInfo

TransactionStep = Literal["begin", "commit", "rollback", "savepoint", "rollback_to", "release", "lost"]


@dataclass(slots=True)
class StatementNote:
    """A statement that succeeded.

    `connection` is the number the tracer gave the connection; `autocommit`: the driver commits each statement by
    itself at that moment; `rows`: read or written, None when the driver does not say; `executions`: how many times it
    ran in this one call is not counted here, an executemany is one.
    """

    connection: int
    sql: str
    run: RunInfo
    started: dt.datetime
    duration: float
    autocommit: bool
    rows: int | None = None
    query_id: str | None = None
    result_columns: tuple[Column, ...] = ()


@dataclass(slots=True)
class TransactionNote:
    """A step of a connection's transaction. `lost`: the connection went away without a commit."""

    connection: int
    step: TransactionStep
    name: str = ""


@dataclass(slots=True)
class RowsNote:
    """The rows of an earlier statement's result are known now (exhausted or closed)."""

    statement: StatementNote
    rows: int


@dataclass(slots=True)
class RecordNote:
    """What a block or a user said by `record_read`, `record_write`, `record_misc`."""

    operation: Literal["read", "write", "misc"]
    output: Dataset | None
    inputs: tuple[Dataset, ...]
    run: RunInfo
    started: dt.datetime
    rows: int | None = None
    description: str = ""


@dataclass(slots=True)
class RunEndedNote:
    """A flow run ended in this process: close its emitter."""

    run: RunInfo


Note = StatementNote | TransactionNote | RowsNote | RecordNote | RunEndedNote
