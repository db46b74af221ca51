"""How many rows of a result were read: counted as they are fetched, and told once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sized
from typing import Any

from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.notes import AbandonedResultNote, StatementNote
from prefect_lineage_events.emission.value_matching import remember
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.tracer import ConnectionTracer

_LONGEST = 5_000  # characters of a text that is looked at: it is done in the user's thread
_VALUES = r"\((?:[^()]|\([^()]*\))*\)"
# No ON CONFLICT, IGNORE, SELECT nor second row: what leaves rows out, or makes more of them, has no match.
_INSERT = rf"""\s*INSERT\s+INTO\s+[\w.$"`\[\]]+\s*(?:\([^()]*\)\s*)?VALUES\s*{_VALUES}\s*"""
_ONE_ROW = re.compile(rf"{_INSERT}(?:;\s*)?\Z", re.IGNORECASE)
# The list has no quotes and parentheses, so that the VALUES before it cannot end within a text or a comment.
_ONE_ROW_RETURNED = re.compile(rf"{_INSERT}RETURNING\s[\w\s.,*]+(?:;\s*)?\Z", re.IGNORECASE)


def executemany_rowcount(sql: str, sets: Any) -> int | None:
    """The rows that `sql` wrote, run once for each of the sets of parameters; None where that is not certain.

    Sets that come out of a generator are not counted: it is the driver's to read.
    """
    is_plain = isinstance(sets, Sized) and len(sql) <= _LONGEST and _ONE_ROW.match(sql)
    return len(sets) if is_plain else None


def returns_one_row(sql: str) -> bool:
    """Has `INSERT INTO t VALUES (...) RETURNING ...` written one row if it returns one?"""
    return len(sql) <= _LONGEST and _ONE_ROW_RETURNED.match(sql) is not None


def may_be_in_part(sets: Any) -> bool:
    """Can a failed call with these sets of parameters have written some of them?"""
    return not isinstance(sets, Sized) or len(sets) > 1


class FetchedRows:
    """The result of a cursor's last statement. One per cursor, for one result after the other.

    `rows` is what was fetched of it so far, of `most` that it can have, if known. `on_first_fetch` is called once, when
    the first fetch succeeds: only then does an asynchronous statement count as having succeeded.
    """

    __slots__ = ("_note", "_single", "_tracer", "_watched", "most", "on_first_fetch", "rows")

    def __init__(self, tracer: ConnectionTracer) -> None:
        self._tracer = tracer
        self._note: StatementNote | None = None
        self._watched: AbandonedResultNote | None = None
        self._single: StatementNote | None = None
        self.on_first_fetch: Callable[[], None] | None = None
        self.rows = 0
        self.most: int | None = None

    @property
    def open(self) -> bool:
        """Is there a result whose rows are being counted?"""
        return self._note is not None

    def starts(self, note: StatementNote, reader: Any, most: int | None = None) -> None:
        """A result has begun whose number of rows is not known yet; `reader` is what the user holds of it. It is
        exhausted with its row number `most`."""
        self._unwatch()
        self._note, self.rows, self.most = note, 0, most
        self._watched = self._tracer.watch(reader, note, self)

    def may_be_single(self, note: StatementNote) -> None:
        """The result may be of one row, whose values later statements may bind."""
        self._single = note

    def _took_first(self, row: Any) -> None:
        single, self._single = self._single, None
        if single is not None:
            remember(single, row)

    def took_next(self, row: Any) -> Any:
        """An iteration gave this."""
        if self._single is not None:
            self._took_first(row)
        self.fetched(1)
        return row

    def fetched(self, rows: int) -> None:
        self.rows += rows
        if self.on_first_fetch is not None:
            self.arrives()
        if self.rows == self.most:
            self.ends(exhausted=True)

    def took_one(self, row: Any) -> Any:
        """`fetchone` gave this; None is the end."""
        if row is None:
            self.ends(exhausted=True)
            return row
        if self._single is not None:
            self._took_first(row)
        if self.on_first_fetch is None and self.most is None:
            self.rows += 1
        else:
            self.fetched(1)
        return row

    def took_some(self, rows: Any) -> Any:
        """`fetchmany` gave these; none at all is the end."""
        self._took_only(rows)
        self.fetched(len(rows))
        if not rows:
            self.ends(exhausted=True)
        return rows

    def fetched_all(self, rows: Any) -> Any:
        """`fetchall` gave these."""
        self._took_only(rows)
        self.fetched(len(rows))
        self.ends(exhausted=True)
        return rows

    def _took_only(self, rows: Any) -> None:
        if self._single is not None and type(rows) in (list, tuple):
            if len(rows) == 1:
                self._took_first(rows[0])
            self._single = None

    def arrives(self) -> None:
        on_first_fetch, self.on_first_fetch = self.on_first_fetch, None
        if on_first_fetch is not None:
            with guarded("telling of a statement", count_loss):
                on_first_fetch()

    def ends(self, *, exhausted: bool = False) -> None:
        """The result is exhausted or given up: tell its row count, if nobody has.

        A result given up with no row fetched may have been fetched by ways of the driver that we do not know.
        """
        if exhausted and self.on_first_fetch is not None:
            self.arrives()
        self._single = None
        note, self._note = self._note, None
        if note is None:
            return
        with guarded("counting rows"):
            self._unwatch()
            if exhausted or self.rows:
                self._tracer.rows(note, self.rows, whole=exhausted)

    def given_up(self) -> int:
        """Its reader is gone: what `ends` says of that, asked by our thread."""
        self._unwatch()
        self._note = None
        return self.rows

    def _unwatch(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            self._tracer.unwatch(watched)

    def counted(self, rows: Iterator[Any], cursor: Any = None) -> Iterator[Any]:
        """The same rows, counted, to the end or to where the iteration is given up.

        `cursor` lives as long: in `for row in connection.execute(...)` nobody else holds it, and its end would be the
        result's.
        """
        note, fetched, exhausted = self._note, 0, False
        try:
            for row in rows:
                fetched += 1
                if self._single is not None:
                    self._took_first(row)
                yield row
            exhausted = True
        finally:
            self._iterated(note, fetched, exhausted=exhausted)

    async def counted_async(self, rows: AsyncIterator[Any], cursor: Any = None) -> AsyncIterator[Any]:
        """The same for rows that are awaited."""
        note, fetched, exhausted = self._note, 0, False
        try:
            async for row in rows:
                fetched += 1
                if self._single is not None:
                    self._took_first(row)
                yield row
            exhausted = True
        finally:
            self._iterated(note, fetched, exhausted=exhausted)

    def _iterated(self, note: StatementNote | None, rows: int, *, exhausted: bool) -> None:
        # The cursor may have gone on to another statement before a forgotten iteration is collected.
        if self._note is note:
            self.fetched(rows)
            if exhausted:
                self.ends(exhausted=True)
