"""Comparison of the values of single rows that a run has read with those that a later statement binds.

A watermark that was read and a row of a log that is written after it have no value in common; a total that is read and
written has. Only salted digests of the latest rows' values are kept, in memory: no value, and no digest, goes into a
note or leaves the process.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any
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


@dataclass(slots=True)
class _RunRows:
    rows: deque[tuple[StatementNote, frozenset[int]]] = field(default_factory=lambda: deque(maxlen=_MAX_ROWS))
    compared: int = 0


_runs: OrderedDict[UUID, _RunRows] = OrderedDict()


def remember(note: StatementNote, row: Any) -> None:
    """The first row of a statement's result, as the program has it."""
    with softly("remembering a row"):
        key = note.run.key if note.run is not None else None
        digests = frozenset(_digests(_values(row))) if key is not None else frozenset()
        if key is None or not digests:
            return
        run = _runs.get(key)
        if run is None:
            run = _runs[key] = _RunRows()
            if len(_runs) > _MAX_RUNS:
                _runs.popitem(last=False)
        run.rows.append((note, digests))


def origins(run_key: UUID | None, parameters: Any, sets: Any = None) -> tuple[StatementNote, ...]:
    """The statements that gave the latest rows with a value among these parameters, or among the one set of these."""
    run = _runs.get(run_key) if run_key is not None else None
    if run is None or run.compared >= _MAX_COMPARED:
        return ()
    with softly("comparing values"):
        if sets is not None:
            parameters = sets[0] if type(sets) in (list, tuple) and len(sets) == 1 else None
        run.compared += 1
        bound = frozenset(_digests(_values(parameters)))
        if bound:
            return tuple({id(note): note for note, known in tuple(run.rows) if not bound.isdisjoint(known)}.values())
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


def _digests(values: Iterable[Any]) -> Iterator[int]:
    """Of each value that is rarely equal to another by chance, in the forms in which programs hand it on."""
    today = dt.date.today()
    for value in values:
        kind = type(value)
        if kind in _NUMBERS:
            if kind is Decimal and not value.is_finite():
                continue
            if abs(value) > 1:
                yield hash((_SALT, value))
                yield hash((_SALT, str(value)))
        elif kind is str or kind is bytes:
            if 1 < len(value) <= _MAX_LENGTH and not _is_of_today(value, today):
                yield hash((_SALT, value))
        elif kind in _TIMES:
            if kind is not dt.date or value != today:
                yield hash((_SALT, value))
                yield hash((_SALT, value.isoformat()))
                yield hash((_SALT, str(value)))
        elif kind is UUID:
            yield hash((_SALT, str(value)))


def _is_of_today(value: str | bytes, today: dt.date) -> bool:
    """A run's own date may well be that of the latest row."""
    return value in (today.isoformat(), today.strftime("%Y%m%d"))


def forget(run_key: UUID | None) -> None:
    """The run is over."""
    if run_key is not None:
        _runs.pop(run_key, None)
