"""Row counts that the driver does not give: rows fetched from a result, and rows written by `executemany`."""

from __future__ import annotations

import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sized
from typing import Any

from prefect_lineage_events.emission import worker
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import AbandonedResultNote, StatementNote
from prefect_lineage_events.emission.row_samples import (
    MAX_FEW,
    MAX_ROWS_READ,
    RowSample,
    full_runs,
    is_large,
    kept_rows,
    of_rows,
    positions,
    positions_read,
)
from prefect_lineage_events.emission.value_matching import store_row
from prefect_lineage_events.guard import guarded, is_suppressed
from prefect_lineage_events.instrumentation.frames import note_result
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

_LONGEST = 5_000  # characters of a text that is matched: this runs in the user's thread
_VALUES = r"\((?:[^()]|\([^()]*\))*\)"
# No match for ON CONFLICT, IGNORE, SELECT or a second row: they write fewer or more rows than sets of parameters.
_INSERT = rf"""\s*INSERT\s+INTO\s+[\w.$"`\[\]]+\s*(?:\([^()]*\)\s*)?VALUES\s*{_VALUES}\s*"""
_ONE_ROW = re.compile(rf"{_INSERT}(?:;\s*)?\Z", re.IGNORECASE)
# The list has no quotes and parentheses, so that the VALUES before it cannot end within a text or a comment.
_ONE_ROW_RETURNED = re.compile(rf"{_INSERT}RETURNING\s[\w\s.,*]+(?:;\s*)?\Z", re.IGNORECASE)


def executemany_rowcount(sql: str, sets: Any) -> int | None:
    """The rows that `sql` wrote, run once for each of the sets of parameters; None where that is not certain.

    Sets from a generator are not counted: only the driver may consume it.
    """
    is_plain = isinstance(sets, Sized) and len(sql) <= _LONGEST and _ONE_ROW.match(sql)
    return len(sets) if is_plain else None


def returns_one_row(sql: str) -> bool:
    """Has `INSERT INTO t VALUES (...) RETURNING ...` written one row if it returns one?"""
    return len(sql) <= _LONGEST and _ONE_ROW_RETURNED.match(sql) is not None


def may_be_partial(sets: Any) -> bool:
    """Can a failed call with these sets of parameters have written some of them?"""
    return not isinstance(sets, Sized) or len(sets) > 1


class FetchedRows:
    """The number of rows fetched from the result of a cursor's last statement. One object per cursor.

    `rows` were fetched so far; the result has at most `max_rows`, if that is known. `on_first_fetch` is called once,
    when the first fetch succeeds: only then does an asynchronous statement count as having succeeded.
    """

    __slots__ = (
        "_kept",
        "_note",
        "_reader",
        "_sampled",
        "_single",
        "_tracer",
        "_watched",
        "max_rows",
        "on_first_fetch",
        "rows",
    )

    def __init__(self, tracer: ConnectionTracer) -> None:
        self._tracer = tracer
        self._note: StatementNote | None = None
        self._reader: weakref.ref[Any] | None = None
        self._watched: AbandonedResultNote | None = None
        self._single: StatementNote | None = None
        self._kept: list[Any] = []
        self._sampled: StatementNote | None = None
        self.on_first_fetch: Callable[[], None] | None = None
        self.rows = 0
        self.max_rows: int | None = None

    @property
    def open(self) -> bool:
        """Is there a result whose rows are being counted?"""
        return self._note is not None

    def start(self, note: StatementNote, reader: Any, max_rows: int | None = None) -> None:
        """Count the rows of a new result. The user fetches them from `reader`; row number `max_rows` is the last."""
        if self._watched is not None:
            self._unwatch()
        self._note, self.rows, self.max_rows = note, 0, max_rows
        self._reader = weakref.ref(reader)
        self.start_sample(note)

    def may_be_single(self, note: StatementNote) -> None:
        """Mark the result as one that may have a single row, whose values later statements may bind."""
        self._single = note

    def _remember_first(self, row: Any) -> None:
        single, self._single = self._single, None
        if single is not None:
            store_row(single, row)

    def after_next(self, row: Any) -> Any:
        """Count the row that an iteration step returned."""
        if self._single is not None:
            self._remember_first(row)
        self._keep_next(row)
        self.add(1)
        return row

    def add(self, rows: int) -> None:
        """Count rows that were fetched."""
        self.rows += rows
        if self.on_first_fetch is not None:
            self.call_on_first_fetch()
        if self.rows == self.max_rows:
            self.end(exhausted=True)
        elif self._watched is None and self._note is not None and rows:
            self._watch(self._note)

    def _watch(self, note: StatementNote) -> None:
        """Have the rows reported if the reader is collected before the end. A result without a fetched row is not."""
        reader = self._reader() if self._reader is not None else None
        if reader is not None:
            self._watched = self._tracer.watch(reader, note, self)

    def after_fetchone(self, row: Any) -> Any:
        """Count the row that `fetchone` returned; None is the end of the result."""
        if row is None:
            self.end(exhausted=True)
            return row
        if self._single is not None:
            self._remember_first(row)
        self._keep_next(row)
        is_watched = self._watched is not None or self._note is None
        if is_watched and self.on_first_fetch is None and self.max_rows is None:
            self.rows += 1
        else:
            self.add(1)
        return row

    def after_fetchmany(self, rows: Any) -> Any:
        """Count the rows that `fetchmany` returned; an empty list is the end of the result."""
        if self._single is not None:
            self._remember_only(rows)
        self.keep(rows)
        self.add(len(rows))
        if not rows:
            self.end(exhausted=True)
        return rows

    def after_fetchall(self, rows: Any) -> Any:
        """Count the rows that `fetchall` returned, and end the result."""
        if self._single is not None:
            self._remember_only(rows)
        self.keep(rows)
        self.rows += len(rows)
        self.end(exhausted=True)
        return rows

    def start_sample(self, note: StatementNote) -> None:
        """Keep some of the rows of a new result, for the comparison with rows that are written."""
        self._sampled, self._kept = note, []

    def keep(self, rows: Any) -> None:
        """Keep some of the rows that were fetched."""
        room = MAX_ROWS_READ - len(self._kept)
        if room > 0 and self._sampled is not None and type(rows) in (list, tuple):
            self._kept += (
                rows if len(rows) <= room else [rows[position] for position in positions_read(len(rows), room)]
            )

    def keep_frame(self, result: Any) -> None:
        """Keep some of the rows of a frame or a table that was fetched, and that it was read."""
        if self._sampled is not None:
            note_result(result, self._sampled)

    def _keep_next(self, row: Any) -> None:
        if len(self._kept) < MAX_ROWS_READ and self._sampled is not None:
            self._kept.append(row)

    def sample(self, *, whole: bool = False) -> RowSample | None:
        """Some of the rows that were fetched; these are all, if so many are the `whole`."""
        kept, note, self._kept, self._sampled = self._kept, self._sampled, [], None
        if note is not None and note.run is not None and note.run.key in full_runs:
            return None
        if len(kept) > MAX_FEW and (worker.queue().is_long() or is_large(kept)):
            kept = [kept[position] for position in positions(len(kept))]
        return of_rows(kept_rows(kept), whole=whole and len(kept) == self.rows) if kept else None

    def _remember_only(self, rows: Any) -> None:
        if type(rows) in (list, tuple):
            if len(rows) == 1:
                self._remember_first(rows[0])
            self._single = None

    def call_on_first_fetch(self) -> None:
        """Call `on_first_fetch`, once."""
        on_first_fetch, self.on_first_fetch = self.on_first_fetch, None
        if on_first_fetch is not None:
            with guarded("noting a statement", count_loss):
                on_first_fetch()

    def end(self, *, exhausted: bool = False) -> None:
        """Report the row count of a result that is exhausted or abandoned. Later calls do nothing.

        An abandoned result without a fetched row is not reported: it may have been fetched by untraced methods.
        """
        if exhausted and self.on_first_fetch is not None:
            self.call_on_first_fetch()
        self._single = None
        note, self._note = self._note, None
        if note is None:
            self._end_sample(exhausted=exhausted)
            return
        try:
            if self._watched is not None:
                self._unwatch()
            if exhausted or self.rows:
                note.kept = self.sample(whole=exhausted)
                self._tracer.rows(note, self.rows, whole=exhausted)
        except Exception as error:
            if not is_suppressed("counting rows", error):
                raise

    def _end_sample(self, *, exhausted: bool) -> None:
        """Report the sample of a result whose number of rows was known before."""
        sampled = self._sampled
        if sampled is not None:
            with guarded("keeping rows"):
                self.rows = len(self._kept)
                if (sample := self.sample(whole=exhausted and sampled.rows == self.rows)) is not None:
                    self._tracer.sampled(sampled, sample)

    def rows_so_far(self) -> int:
        """The rows fetched until the reader was garbage-collected. Called in our thread, instead of `end`."""
        self._unwatch()
        self._note = None
        return self.rows

    def _unwatch(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            self._tracer.unwatch(watched)

    def counted(self, rows: Iterator[Any], cursor: Any = None) -> Iterator[Any]:
        """Yield the same rows, and count them to the end or to where the iteration is abandoned.

        The generator keeps a reference to `cursor`: in `for row in connection.execute(...)` there is no other one, and
        the result would end when the cursor is collected.
        """
        note, add, exhausted, sampled = self._note, 0, False, self._sampled
        try:
            for row in rows:
                add += 1
                if self._single is not None:
                    self._remember_first(row)
                if self._sampled is sampled:
                    self._keep_next(row)
                yield row
            exhausted = True
        finally:
            self._iterated(note, add, exhausted=exhausted)

    async def counted_async(self, rows: AsyncIterator[Any], cursor: Any = None) -> AsyncIterator[Any]:
        """`counted`, for rows that are awaited."""
        note, add, exhausted, sampled = self._note, 0, False, self._sampled
        try:
            async for row in rows:
                add += 1
                if self._single is not None:
                    self._remember_first(row)
                if self._sampled is sampled:
                    self._keep_next(row)
                yield row
            exhausted = True
        finally:
            self._iterated(note, add, exhausted=exhausted)

    def _iterated(self, note: StatementNote | None, rows: int, *, exhausted: bool) -> None:
        # The cursor may have run another statement before an abandoned iteration is collected.
        if self._note is note:
            self.add(rows)
            if exhausted:
                self.end(exhausted=True)
