"""Samples of rows that a run reads or writes, taken in the user's thread for a comparison in ours (`row_comparison`).

A sample has the rows that can be taken in a few microseconds. Values stay in memory until our thread has made digests
of them; no value and no digest goes into an event or leaves the process.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from prefect_lineage_events.emission.notes import RecordNote, StatementNote

MAX_COLUMNS = 16
MAX_ROWS_READ = 256
_LARGE = 8_192  # characters or bytes of a row
_MAX_MUTABLE = 128  # rows read that have to be copied one by one
_FIRST, _LAST, _BETWEEN = 6, 3, 7  # rows of a write
# Rows of a read that are kept if they are large, or while many notes wait: so the rows that wait need little memory.
MAX_FEW = _FIRST + _LAST + _BETWEEN
_PLAIN = frozenset({str, int, float, bool, bytes, type(None), Decimal, dt.datetime, dt.date, dt.time, UUID})
# Modules whose objects need not be destroyed in the thread that made them.
_HARMLESS = frozenset({"builtins", "datetime", "decimal", "uuid", "numpy"})


@dataclass(frozen=True, slots=True)
class Origins:
    """The reads that an object of the program was derived from, by its library's own operations.

    `made`: the program made it of Python's objects, by no operation on what was read. `partial`: it was also derived
    from an object of unknown origins, such as one of another process or of a cache. `renamed` are pairs (column, a
    name that its values had when they were read).
    """

    reads: tuple[StatementNote | RecordNote, ...] = ()
    made: bool = False
    partial: bool = False
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RowSample:
    """Some rows of a read or a write. `columns` returns their values by column, in our thread.

    `whole`: all rows and columns are in it. `by_row`: `columns` returns rows instead. `selecting`: some of the values
    may only select the rows that are changed, so that a read which has them all need not be where they came from.
    """

    columns: Callable[[], Sequence[Sequence[Any]]]
    whole: bool = False
    by_row: bool = False
    selecting: bool = False


# Runs of which so many rows are stored that no more will be: those of further reads need not be kept.
full_runs: set[UUID] = set()
# The statements that are noted within a call that returns their rows as one object; None outside of such calls.
statements_in_call: ContextVar[list[StatementNote] | None] = ContextVar("lineage_statements_in_call", default=None)
# The origins of the object whose rows the current call writes by statements.
origins_in_call: ContextVar[Origins | None] = ContextVar("lineage_origins_in_call", default=None)


def positions(rows: int) -> Sequence[int]:
    """The positions of the sampled rows among those that are written: at the beginning, between, and at the end."""
    if rows <= MAX_FEW:
        return range(rows)
    step = (rows - _FIRST - _LAST) / (_BETWEEN + 1)
    between = (_FIRST + int(step * number) for number in range(1, _BETWEEN + 1))
    return (*range(_FIRST), *between, *range(rows - _LAST, rows))


def positions_read(rows: int, number: int = MAX_ROWS_READ) -> Sequence[int]:
    """The positions of the sampled rows among those that were read: the first ones, and those of a copy's sample."""
    return range(rows) if rows <= number else (*range(number), *(p for p in positions(rows) if p >= number))


def of_parameters(parameters: Any, sets: Any, *, selecting: bool = False) -> RowSample | None:
    """A sample of the rows that a statement binds: a single one, or some of many `sets`."""
    if sets is None:
        rows: list[Any] = [parameters]
    elif type(sets) in (list, tuple):
        rows = [sets[position] for position in positions(len(sets))]
    else:
        return None
    copied = [[plain(value) for value in islice(_values(row), MAX_COLUMNS)] for row in rows]
    return RowSample(lambda: copied, by_row=True, selecting=selecting) if any(copied) else None


def of_rows(rows: list[Any], *, whole: bool) -> RowSample | None:
    """A sample of rows that a driver returned (`kept_rows`)."""
    return RowSample(lambda: rows, whole, by_row=True) if rows else None


def kept_rows(rows: list[Any]) -> list[Any]:
    """Some rows of a driver's, as they are now; none if they hold objects of the user's."""
    first = rows[0]
    if not all(type(value).__module__ in _HARMLESS for value in islice(_values(first), MAX_COLUMNS)):
        return []
    if isinstance(first, list | dict):
        return [tuple(_values(row)) for row in rows[:_MAX_MUTABLE]]
    return rows


def is_large(rows: Sequence[Any]) -> bool:
    """Return whether rows hold long texts or binary values, as far as the first and the last one show it."""
    return any(
        sum(len(v) for v in islice(_values(row), MAX_COLUMNS) if type(v) in (str, bytes)) > _LARGE
        for row in (rows[0], rows[-1])
    )


def values_of(row: Any) -> Sequence[Any]:
    """The values of a row that `kept_rows` returned."""
    return row if isinstance(row, tuple) else tuple(_values(row))


def plain(value: Any) -> Any:
    """The value, if it is of a kind that rows of different libraries have in common; None otherwise."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind.__module__ == "numpy" and hasattr(value, "item"):
        return plain(value.item()) if getattr(value, "ndim", 1) == 0 else None
    if isinstance(value, dt.date) and kind.__module__.startswith("pandas"):
        return value.isoformat()
    return None


_ROWS_OF_DRIVERS = frozenset({("sqlite3", "Row"), ("asyncpg", "Record"), ("asyncpg.protocol.record", "Record")})


def _values(row: Any) -> Any:
    """The values of a row, if reading them runs no code of the user."""
    if isinstance(row, tuple):
        return tuple.__iter__(row)
    if isinstance(row, list):
        return list.__iter__(row)
    if isinstance(row, dict):
        return iter(dict.values(row))
    kind = type(row)
    return iter(tuple(row)) if (kind.__module__, kind.__name__) in _ROWS_OF_DRIVERS else iter(())
