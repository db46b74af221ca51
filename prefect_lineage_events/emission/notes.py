"""Notes: small values that the user's thread puts on a queue for our thread.

A note copies only what cannot be known later. Making one and putting it on the queue is all that happens in the
user's thread.
"""

from __future__ import annotations

import datetime as dt
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.lookups import SchemaLookup
from prefect_lineage_events.emission.row_samples import Origins, RowSample
from prefect_lineage_events.events import Column, EventColumnEdge, RowVerdict
from prefect_lineage_events.stores import Store

Counted = Literal["affected", "returned", "fetched"]
"""The meaning of a number of rows: those that the server reports as read or written, all rows of a result, or the
fetched rows of a result, which need not be all.
"""
if TYPE_CHECKING:  # our thread imports the analyser, which takes long
    from prefect_lineage_events.sql.model import Step

_numbers = count(1)


@dataclass(eq=False)
class Connection:
    """A DB-API connection as lineage needs it. One object per connection: compared by identity.

    `number` distinguishes the connections of a process, and their temporary tables.
    """

    store: Store
    lookup: SchemaLookup | None = None
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(slots=True)
class StatementNote:
    """A statement that succeeded.

    `autocommit`: the driver commits each statement by itself at that moment. `rows` are read or written, None where the
    driver does not report them (a RowsNote may follow); `counted` is their meaning. An executemany is one statement.
    `run` is None where nothing is to be reported: outside runs, excluded, or switched off; then only the effect on the
    session counts. `aborted`: an earlier statement had failed the transaction, so that this one ended it (even a COMMIT
    rolls back) or returned to a savepoint. `thread` is the path of the thread of control that ran it
    (`context.threads`). `inlined`: the driver has written the values of binds into the text. `value_origins` are
    statements whose single row had a value that this one bound (`value_matching`). `sample` are some of the rows that
    it binds, `origins` those of the object that they come from, `renamed` the columns that this has renamed.

    Only our thread uses `countable` (whether one number of rows can be that of the noted text), `pending_events` (those
    made of the note, completed when the rows are known) and `compared` (reads, and the verdicts on their rows, by the
    ids of the notes: `row_comparison`). `add_rows` and `take_rows` alone use `fetched` and `waits`; `kept` are some of
    the rows that were fetched, set before.
    """

    connection: Connection
    sql: str
    run: Run | None
    started: dt.datetime
    duration: float
    autocommit: bool
    rows: int | None = None
    query_id: str | None = None
    result_columns: tuple[Column, ...] = ()
    aborted: bool = False
    thread: str = ""
    counted: Counted = "affected"
    inlined: bool = False
    value_origins: Sequence[StatementNote | RecordNote] = ()
    sample: RowSample | None = None
    origins: Origins | None = None
    renamed: Sequence[tuple[str, str]] = ()
    countable: bool = True
    pending_events: Sequence[Any] = ()
    compared: dict[int, tuple[StatementNote | RecordNote, RowVerdict]] = field(default_factory=dict)
    kept: RowSample | None = None
    fetched: tuple[int, bool] | None = None
    waits: list[None] = field(default_factory=lambda: [None])

    def add_rows(self, rows: int, whole: bool) -> bool:
        """Add the fetched rows to a note that still waits for our thread, once. Return False where it is too late.

        This replaces a `RowsNote`, which costs each thread as much as the statement's own note. The thread that removes
        the element of `waits` has come first: the removal is atomic, so that no lock is needed.
        """
        self.fetched = (rows, whole)
        return self._removed()

    def take_rows(self) -> tuple[int, bool] | None:
        """The rows that were added, in our thread; from then on `add_rows` is too late."""
        return None if self._removed() else self.fetched

    def _removed(self) -> bool:
        try:
            self.waits.pop()
        except IndexError:
            return False
        return True


@dataclass(slots=True)
class TransactionNote:
    """A step of a connection's transaction, taken by a method of the driver.

    `in_doubt`: the connection was lost during the step, so that it is not known whether it was taken. `run` is the run
    in which the connection was last used.
    """

    connection: Connection
    step: Step
    name: str = ""
    in_doubt: bool = False
    run: Run | None = None


@dataclass(slots=True)
class FailureNote:
    """A statement that failed. `ended`: its transaction is over. `codes` identify its error (SQLSTATE, number).

    `stays_open`: according to the driver, the transaction did not fail. `in_part`: it was an executemany, and the sets
    of parameters before the failed one may have been written. `rows` and `query_id` of the statement are unknown.
    """

    statement: StatementNote
    ended: bool = False
    codes: tuple[str, ...] = ()
    stays_open: bool = False
    in_part: bool = False


@dataclass(slots=True)
class RowsNote:
    """The number of rows of an earlier statement's result, which is exhausted, or was closed before (not `whole`)."""

    statement: StatementNote
    rows: int
    whole: bool = True


@dataclass(slots=True)
class SampleNote:
    """Some of the rows of an earlier statement's result, whose number is known."""

    statement: StatementNote
    sample: RowSample


if TYPE_CHECKING:
    _Reference = weakref.ref[Any]  # generic to type checkers only
else:
    _Reference = weakref.ref


class Counts(Protocol):
    """A counter of the rows of a result."""

    def rows_so_far(self) -> int:
        """The number of rows that were fetched when the result was abandoned; 0 where that is not known."""
        ...  # pragma: no cover

    def sample(self) -> RowSample | None:
        """Some of these rows."""
        ...  # pragma: no cover


class AbandonedResultNote(_Reference):
    """The reader of an earlier statement's result was garbage-collected before it was exhausted or closed.

    It is a weak reference whose callback, a C function, puts it on the queue: no Python code of ours runs in a
    finaliser, where Python swallows exceptions, including those of a user's signal handler (a time limit by SIGALRM).
    """

    __slots__ = ("counts", "statement")
    statement: StatementNote
    counts: Counts


class RecordColumns(NamedTuple):
    """The columns of a record, as `RecordNote` has them, where it takes a while to find them out."""

    columns: tuple[Column, ...]
    edges: tuple[EventColumnEdge, ...]
    input_columns: tuple[tuple[Column, ...], ...] | None


@dataclass(slots=True)
class RecordNote:
    """Datasets that a library's call has read or written, or that a block or a user recorded (`record_read`, ...).

    `columns` are those of the output, or of the only input of a read; `edges` those of the write, if they are known
    better than by equal names. `subset` are the parts of this dataset that were touched, `size` their bytes, `files`
    their number; `symlinks` are its other names; a write that `appends` keeps what was there. `input_columns` are those
    of each input; with them, `edges` are all edges. `later` computes these three in our thread. `description` names the
    call, or the operation of a `record_misc`. A write that moves or copies its input has this as its `effect`, and the
    paths from and to which a file was `moved`. `opening` is the read of an open file that this one replaces. `sample`,
    `origins`, `renamed`, `pending_events`, `compared`: as of a statement; the sample of a read has rows that were read.
    """

    operation: Literal["read", "write", "misc", "drop"]
    output: Dataset | None
    inputs: tuple[Dataset, ...]
    run: Run
    started: dt.datetime
    rows: int | None = None
    description: str = ""
    thread: str = ""
    columns: tuple[Column, ...] = ()
    edges: tuple[EventColumnEdge, ...] = ()
    subset: tuple[str, ...] = ()
    size: int | None = None
    files: int | None = None
    symlinks: tuple[Dataset, ...] = ()
    appends: bool = False
    input_columns: tuple[tuple[Column, ...], ...] | None = None
    later: Callable[[], RecordColumns] | None = None
    effect: str | None = None
    moved: tuple[Dataset, ...] = ()
    opening: RecordNote | None = None
    value_origins: Sequence[StatementNote | RecordNote] = ()
    sample: RowSample | None = None
    origins: Origins | None = None
    renamed: Sequence[tuple[str, str]] = ()
    pending_events: list[Any] = field(default_factory=list)
    compared: dict[int, tuple[StatementNote | RecordNote, RowVerdict]] = field(default_factory=dict)


@dataclass(slots=True)
class FileNote:
    """A call by which the program moved, copied or removed a file or directory of this machine.

    The paths are absolute; links in them are not resolved. `is_new`: it was made during the run. `by_user`: the user's
    own code made the call, no library. Whether it is data of the run is decided in our thread (`moved_files`).
    """

    operation: Literal["move", "copy", "remove"]
    source: str
    target: str
    run: Run
    started: dt.datetime
    description: str = ""
    thread: str = ""
    size: int | None = None
    is_directory: bool = False
    is_new: bool = False
    by_user: bool = False


class Tally(Protocol):
    """A number of messages that grows while its note waits (`tallies.Tally`)."""

    @property
    def run(self) -> Run:
        """The run that they belong to."""
        ...  # pragma: no cover

    def take(self) -> RecordNote | None:
        """A record of the messages since the last one; None if there are none."""
        ...  # pragma: no cover


@dataclass(slots=True)
class TallyNote:
    """Messages have been read from a topic, or written to it. Their number is taken when the note is processed."""

    tally: Tally

    @property
    def run(self) -> Run:
        return self.tally.run


@dataclass(slots=True)
class SeveralNote:
    """Records that our thread finds out, such as those of all tables of a copied database."""

    run: Run
    records: Callable[[], Iterable[RecordNote]]


@dataclass(slots=True)
class RunEndedNote:
    """A flow run ended in this process: its emitter is closed after the notes before this one.

    `elsewhere`: its tasks ran in other processes, which see no end; so a count is sent even if nothing was done here.
    """

    run: Run
    elsewhere: bool = False


@dataclass(slots=True)
class LossNote:
    """A loss of our own work in the user's thread, and the reason in a few words.

    `in_step`: a step of the connection's transaction is lost, or may be. `in_any_run`: the run is not known, so that
    the loss counts for all runs of the process.
    """

    reason: str
    run: Run | None
    connection: Connection | None = None
    in_step: bool = False
    in_any_run: bool = False


@dataclass(slots=True)
class NotCapturedNote:
    """A run has used a library whose calls are not captured."""

    library: str
    run: Run


@dataclass(slots=True)
class ChildStartedNote:
    """A run has started a process that sends lineage of its own, with the run as its parent."""

    run: Run


@dataclass(slots=True)
class FlushNote:
    """A thread waits for `done`, which is set when all earlier notes have been handed to Prefect."""

    done: threading.Event


Note = (
    FlushNote
    | StatementNote
    | FailureNote
    | TransactionNote
    | RowsNote
    | SampleNote
    | AbandonedResultNote
    | RecordNote
    | FileNote
    | TallyNote
    | SeveralNote
    | RunEndedNote
    | LossNote
    | NotCapturedNote
    | ChildStartedNote
)


def subject(note: Note) -> tuple[Run | None, Connection | None]:
    """The run and the connection that a note is about, as far as it is about any."""
    source = getattr(note, "statement", note)
    return getattr(source, "run", None), getattr(source, "connection", None)
