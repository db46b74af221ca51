"""Comparison of the values of single rows that a run has read with those that a later statement binds.

A watermark that was read and a row of a log that is written after it have no value in common; a total that is read and
written has. Only salted digests of the latest rows' values are kept, in memory: no value, and no digest, goes into a
note or leaves the process. The comparison runs in the user's thread: it takes a few microseconds, and the number of
comparisons is bounded.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from prefect_lineage_events.guard import guarded

if TYPE_CHECKING:
    from prefect_lineage_events.emission.notes import StatementNote

# Limits of a run: rows whose digests are stored, statements that are compared, digests that are kept, and rows that
# are compared as a whole.
_MAX_ROWS = 1_000
_MAX_COMPARED = 1_000
_MAX_DIGESTS = 400
_MAX_WHOLE = 8
_MAX_VALUES = 16  # of a row, or of what is bound
_MAX_RUNS = 200
_MAX_LENGTH = 1_000  # characters of a text

_SALT = int.from_bytes(os.urandom(7), "big")
_NUMBERS = (int, float, Decimal)
_TIMES = (dt.datetime, dt.date, dt.time)
_ROWS_OF_DRIVERS = frozenset({("sqlite3", "Row"), ("asyncpg", "Record"), ("asyncpg.protocol.record", "Record")})


class _Row(NamedTuple):
    """The digests of all values of a row that was read, and their number."""

    note: StatementNote
    digests: frozenset[int]
    values: int


@dataclass(slots=True)
class _RunRows:
    """The rows of one run. `by_value`: the statement that read a rare value, None where several did."""

    by_value: dict[int, StatementNote | None] = field(default_factory=dict)
    whole: deque[_Row] = field(default_factory=lambda: deque(maxlen=_MAX_WHOLE))
    stored: int = 0
    compared: int = 0


_runs: OrderedDict[UUID, _RunRows] = OrderedDict()


def store_row(note: StatementNote, row: Any) -> None:
    """Store digests of the first row of a statement's result, as the program has it."""
    key = note.run.key if note.run is not None else None
    run = _run_rows(key) if key is not None else None
    if run is None or run.stored >= _MAX_ROWS:
        return
    with guarded("storing a row's digests"):
        run.stored += 1
        whole: list[int] = []
        values = list(_values(row))
        for value in values:
            digests = _digests(value)
            whole += digests
            if _is_rare(value):
                for digest in digests:
                    known = run.by_value.setdefault(digest, note)  # another thread may have put one meanwhile
                    if known is not note:
                        run.by_value.pop(digest, None)  # so that it is the latest one
                        run.by_value[digest] = note if known is not None and known.sql == note.sql else None
        run.whole.append(_Row(note, frozenset(whole), len(values)))
        while len(run.by_value) > _MAX_DIGESTS:
            run.by_value.pop(next(iter(run.by_value)), None)


def origins(run_key: UUID | None, parameters: Any, parameter_sets: Any = None) -> tuple[StatementNote, ...]:
    """The statements that read a row with a value among these parameters, or among those of the only set.

    Values that are often equal by chance count only where one row has all bound values, and these are several, or all
    that the row has.
    """
    run = _runs.get(run_key) if run_key is not None else None
    if run is None or run.compared >= _MAX_COMPARED:
        return ()
    with guarded("comparing values"):
        if parameter_sets is not None:
            parameters = (
                parameter_sets[0] if type(parameter_sets) in (list, tuple) and len(parameter_sets) == 1 else None
            )
        run.compared += 1
        bound = [_digests(value) for value in _values(parameters)]
        known = [run.by_value[digest] for digests in bound for digest in digests if digest in run.by_value]
        if found := {id(note): note for note in known if note is not None}:
            return tuple(found.values())
        if bound and not known and all(bound):
            return _of_one_row(bound, list(run.whole))
    return ()


def discard(run_key: UUID | None) -> None:
    """Discard the digests of a run that has ended."""
    if run_key is not None:
        _runs.pop(run_key, None)


def _run_rows(key: UUID) -> _RunRows:
    run = _runs.get(key)
    if run is None:
        run = _runs[key] = _RunRows()
        if len(_runs) > _MAX_RUNS:
            _runs.popitem(last=False)
    return run


def _of_one_row(bound: list[tuple[int, ...]], rows: list[_Row]) -> tuple[StatementNote, ...]:
    different = len(set(bound))
    found = {
        row.note.sql: row.note
        for row in rows
        if (different > 1 or row.values == 1) and all(not row.digests.isdisjoint(digests) for digests in bound)
    }
    return tuple(found.values()) if len(found) == 1 else ()


def _values(row: Any) -> Iterable[Any]:
    """The values of a row or of parameters, if reading them runs no code of the user."""
    kind = type(row)
    if isinstance(row, tuple):
        found: Iterator[Any] = tuple.__iter__(row)
    elif isinstance(row, list):
        found = list.__iter__(row)
    elif isinstance(row, dict):
        found = iter(dict.values(row))
    elif (kind.__module__, kind.__name__) in _ROWS_OF_DRIVERS:
        found = iter(tuple(row))
    else:
        return ()
    return islice(found, _MAX_VALUES)


def _digests(value: Any) -> tuple[int, ...]:
    """Digests of a value in the forms in which programs pass it on; none of an empty or a very long value."""
    kind = type(value)
    if kind is str or kind is bytes:
        return (hash((_SALT, value)),) if 0 < len(value) <= _MAX_LENGTH else ()
    if kind in _NUMBERS:
        if not (value.is_finite() if kind is Decimal else kind is int or math.isfinite(value)):
            return ()
        return (hash((_SALT, value)), hash((_SALT, str(value))))
    if kind in _TIMES:
        return (hash((_SALT, value)), hash((_SALT, str(value))), hash((_SALT, value.isoformat())))
    return (hash((_SALT, str(value))),) if kind is UUID else ()


def _is_rare(value: Any) -> bool:
    """Return whether the value is rarely equal to another by chance: a run's own date may be that of the latest row."""
    kind = type(value)
    if kind in _NUMBERS:
        return (value.is_finite() if kind is Decimal else True) and bool(abs(value) > 1)
    if kind is str or kind is bytes:
        return len(value) > 1 and not (len(value) in (8, 10) and value in _today())
    return kind is not dt.date or bool(value != dt.date.today())


def _today() -> tuple[str, str]:
    today = dt.date.today()
    return today.isoformat(), today.strftime("%Y%m%d")
