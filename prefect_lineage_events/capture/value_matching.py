"""Comparison of the values of single rows that a run has read with those that a later statement binds.

A watermark that was read and a row of a log that is written after it have no value in common; a total that is read and
written has. Only salted digests of the latest rows' values are kept, in memory: no value, and no digest, goes into a
note or leaves the process.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from prefect_lineage_events.capture.log import softly

if TYPE_CHECKING:
    from prefect_lineage_events.capture.notes import StatementNote

# Bounds of a run: rows that are remembered, statements that are compared, values of a row or of a statement's binds.
_MAX_ROWS = 50
_MAX_COMPARED = 2_000
_MAX_VALUES = 16
_MAX_RUNS = 200
_MAX_LENGTH = 1_000  # characters of a text that is hashed in the user's thread

_SALT = os.urandom(16)
_NUMBERS = (int, float, Decimal)
_TIMES = (dt.datetime, dt.date, dt.time)
_ROWS_OF_DRIVERS = frozenset({("sqlite3", "Row"), ("asyncpg", "Record"), ("asyncpg.protocol.record", "Record")})


class _Row(NamedTuple):
    """Digests of the values of a row: of those that are rarely equal to others by chance, and of all."""

    note: StatementNote
    rare: frozenset[int]
    all: frozenset[int]


@dataclass(slots=True)
class _RunRows:
    rows: deque[_Row] = field(default_factory=lambda: deque(maxlen=_MAX_ROWS))
    compared: int = 0


_runs: OrderedDict[UUID, _RunRows] = OrderedDict()


def remember(note: StatementNote, row: Any) -> None:
    """The first row of a statement's result, as the program has it."""
    with softly("remembering a row"):
        key = note.run.key if note.run is not None else None
        if key is None:
            return
        values = [(_forms(value), _is_rare(value)) for value in _values(row)]
        known = frozenset().union(*(forms for forms, _ in values))
        if not known:
            return
        run = _runs.get(key)
        if run is None:
            run = _runs[key] = _RunRows()
            if len(_runs) > _MAX_RUNS:
                _runs.popitem(last=False)
        run.rows.append(_Row(note, frozenset().union(*(forms for forms, rare in values if rare)), known))


def origins(run_key: UUID | None, parameters: Any, sets: Any = None) -> tuple[StatementNote, ...]:
    """The statements that gave the latest rows with a value among these parameters, or among the one set of these.

    A value that may be equal by chance counts where no other is bound.
    """
    run = _runs.get(run_key) if run_key is not None else None
    if run is None or run.compared >= _MAX_COMPARED:
        return ()
    with softly("comparing values"):
        if sets is not None:
            parameters = sets[0] if type(sets) in (list, tuple) and len(sets) == 1 else None
        run.compared += 1
        values = [(_forms(value), _is_rare(value)) for value in _values(parameters)]
        rare = frozenset().union(*(forms for forms, rare in values if rare))
        found = {
            id(row.note): row.note for row in tuple(run.rows) if not rare.isdisjoint(row.rare) or _whole(values, row)
        }
        return tuple(found.values())
    return ()


def _values(row: Any) -> Iterable[Any]:
    """The values of a row or of parameters, if reading them runs no code of the user's."""
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


def _whole(values: Sequence[tuple[frozenset[int], bool]], row: _Row) -> bool:
    """Is all that is bound of the row?"""
    return bool(values) and all(not forms.isdisjoint(row.all) for forms, _ in values)


def _forms(value: Any) -> frozenset[int]:
    """Digests of a value in the forms in which programs hand it on; none of a value that says nothing."""
    kind = type(value)
    if kind in _NUMBERS:
        if not (value.is_finite() if kind is Decimal else kind is int or math.isfinite(value)):
            return frozenset()
        return frozenset(hash((_SALT, form)) for form in (value, str(value)))
    if kind is str or kind is bytes:
        return frozenset([hash((_SALT, value))]) if 0 < len(value) <= _MAX_LENGTH else frozenset()
    if kind in _TIMES:
        return frozenset(hash((_SALT, form)) for form in (value, value.isoformat(), str(value)))
    return frozenset([hash((_SALT, str(value)))]) if kind is UUID else frozenset()


def _is_rare(value: Any) -> bool:
    """Is it seldom equal to another by chance? A run's own date may well be that of the latest row."""
    kind = type(value)
    if kind in _NUMBERS:
        return (kind is not Decimal or value.is_finite()) and bool(abs(value) > 1)
    if kind is str or kind is bytes:
        today = dt.date.today()
        return len(value) > 1 and value not in (today.isoformat(), today.strftime("%Y%m%d"))
    return kind is not dt.date or bool(value != dt.date.today())


def forget(run_key: UUID | None) -> None:
    """The run is over."""
    if run_key is not None:
        _runs.pop(run_key, None)
