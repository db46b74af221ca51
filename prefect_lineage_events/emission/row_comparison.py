"""Comparison of the rows that a run writes with those that it has read, in our thread.

Digests of the values of rows that were read are kept until the run ends, within limits. The rows of a write are looked
up among them:
- `equal`: these rows, or some of their columns, are among those that were written, and in no read of other datasets.
  All rows of the sample were found in some read.
- `alike`: they are among those that were written, and so are rows of another read, or may be: of a read without a
  sample, whose rows are not known, that is all there is to say.
- `different`: the rows that were written have nothing in common with these.
- `derived` needs no comparison: the object that was written was derived from the one that was read (`Origins`). If it
  has other origins, which are unknown, the rows are compared, and the known reads are a part of the sources.
A read of which neither is certain has no verdict. The values of an UPDATE, some of which may only select the rows that
it changes, are different or have none. Small numbers and short texts are equal by chance, so they decide only where all
values of a column, or all of a row, were read.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple
from uuid import UUID

from prefect_lineage_events.emission.notes import RecordNote, StatementNote
from prefect_lineage_events.emission.row_samples import MAX_COLUMNS, RowSample, full_runs, plain, values_of
from prefect_lineage_events.events import RowVerdict
from prefect_lineage_events.guard import guarded

# Limits: digests of a read and of a run, reads, reads without a sample and comparisons of a run, rows kept for a value,
# runs.
_MAX_OF_READ = 4_000
_MAX_OF_RUN = 100_000
_MAX_READS = 200
_MAX_UNSEEN = 100
_MAX_COMPARED = 2_000
_MAX_SAME = 16
_MAX_RUNS = 100
_MAX_LENGTH = 1_000  # characters of a text
_SALT = int.from_bytes(os.urandom(7), "big")
_VERDICTS: tuple[RowVerdict, ...] = ("derived", "equal", "alike", "different")
_SMALL = 1_000
_SHORT = 3

ReadNote = StatementNote | RecordNote
_Verdict = tuple[ReadNote, RowVerdict]


class _Cell(NamedTuple):
    """A value that was written. `telling`: it is rarely equal to another by chance."""

    digest: int
    telling: bool


@dataclass(slots=True, eq=False)
class _Read:
    """The rows of one read. `by_digest` has the numbers of the rows with a value; `whole`: no row is missing."""

    note: ReadNote
    rows: list[frozenset[int]] = field(default_factory=list)
    by_digest: dict[int, list[int]] = field(default_factory=dict)
    whole: bool = False

    def common(self, row: Sequence[_Cell]) -> int:
        """The largest number of these values that are in one row."""
        numbers = {number for cell in row for number in self.by_digest.get(cell.digest, ())}
        return max((sum(cell.digest in self.rows[n] for cell in row) for n in numbers), default=0)

    def has_rare_value(self, row: Sequence[_Cell]) -> bool:
        """Return whether a row has a value that is rare here, and rarely equal to another by chance."""
        return any(cell.telling and 0 < len(self.by_digest.get(cell.digest, ())) < _MAX_SAME for cell in row)


@dataclass(slots=True)
class _RunRows:
    """The rows of one run. `unseen` are reads, by the ids of their notes, of which there is no sample, or not yet."""

    reads: list[_Read] = field(default_factory=list)
    unseen: dict[int, ReadNote] = field(default_factory=dict)
    stored: int = 0
    compared: int = 0


class RowComparison:
    """The rows that runs have read, and their comparison with rows that are written. Only our thread uses it."""

    def __init__(self) -> None:
        self._runs: OrderedDict[UUID, _RunRows] = OrderedDict()

    def store(self, note: ReadNote, sample: RowSample | None) -> None:
        """Store digests of rows that were read."""
        run = self._run_rows(note)
        if sample is None or run is None:
            return
        with guarded("storing digests of rows"):
            if len(run.reads) < _MAX_READS and run.stored < _MAX_OF_RUN:
                run.unseen.pop(id(note), None)
                run.reads.append(read := _stored(note, sample))
                run.stored += sum(map(len, read.rows))
                if (len(run.reads) >= _MAX_READS or run.stored >= _MAX_OF_RUN) and (key := note.run and note.run.key):
                    full_runs.add(key)

    def expect(self, note: ReadNote) -> None:
        """Store that there was a read, whose rows may be any until there is a sample of them."""
        run = self._run_rows(note)
        if run is not None and len(run.unseen) <= _MAX_UNSEEN:
            run.unseen[id(note)] = note

    def withdraw(self, note: ReadNote) -> None:
        """Forget a read that another one replaces."""
        run = self._run_rows(note)
        if run is not None:
            run.unseen.pop(id(note), None)

    def _run_rows(self, note: ReadNote) -> _RunRows | None:
        key = note.run.key if note.run is not None else None
        if key is None:
            return None
        run = self._runs.setdefault(key, _RunRows())
        if len(self._runs) > _MAX_RUNS:
            full_runs.discard(self._runs.popitem(last=False)[0])
        return run

    def compare(self, note: ReadNote) -> None:
        """Compare the rows of a write with all that its run has read before, and set `note.compared`."""
        key = note.run.key if note.run is not None else None
        sample, origins = note.sample, note.origins
        note.sample = note.origins = None
        if key is None or (sample is None and origins is None):
            return
        with guarded("comparing rows"):
            if origins is not None and origins.reads and origins.partial:
                own = (read for read in origins.reads if read.run is not None and read.run.key == key)
                note.value_origins = (*note.value_origins, *own)
            elif origins is not None and origins.reads:
                if all(read.run is not None and read.run.key == key for read in origins.reads):
                    note.compared = {id(read): (read, "derived") for read in origins.reads}
                return
            run = self._runs.get(key)
            if run is None or sample is None or run.compared >= _MAX_COMPARED:
                return
            run.compared += 1
            verdicts = _compared(_cells(_rows(sample)), run.reads, made=origins is not None and origins.made)
            if sample.selecting:
                verdicts = [one for one in verdicts if one[1] == "different"]
            note.compared = {id(read.note): (read.note, verdict) for read, verdict in verdicts}
            # A statement on the catalogue, such as PRAGMA table_info, reads no dataset.
            if unseen := {id_: read for id_, read in run.unseen.items() if read.pending_events}:
                note.compared = _beside_unseen(note.compared, unseen)

    def without_rows(self, note: ReadNote) -> None:
        """Store that a read returned no row, so that none of its rows are in a write."""
        run = self._run_rows(note)
        if run is not None:
            run.unseen.pop(id(note), None)

    def discard(self, key: UUID | None) -> None:
        """Discard the digests of a run that has ended."""
        if key is not None:
            self._runs.pop(key, None)
            full_runs.discard(key)


def _beside_unseen(compared: dict[int, _Verdict], unseen: dict[int, ReadNote]) -> dict[int, _Verdict]:
    """The verdicts if there were reads without a sample: the rows that were written may be theirs as well."""
    found: dict[int, _Verdict] = {}
    for key, (read, verdict) in compared.items():
        if verdict == "different" or len(unseen) <= _MAX_UNSEEN:
            found[key] = (read, "alike" if verdict == "equal" else verdict)
    if any(verdict == "alike" for _, verdict in found.values()):
        found |= {key: (read, "alike") for key, read in unseen.items()}
    return found


def _stored(note: ReadNote, sample: RowSample) -> _Read:
    read, number = _Read(note, whole=sample.whole), 0
    for values in _rows(sample):
        if number + len(values) > _MAX_OF_READ:
            read.whole = False
            break
        number += len(values)
        digests = frozenset(cell.digest for value in values if (cell := _cell(value)) is not None)
        for digest in digests:
            rows = read.by_digest.setdefault(digest, [])
            if len(rows) < _MAX_SAME:
                rows.append(len(read.rows))
        read.rows.append(digests)
    return read


def _rows(sample: RowSample) -> Iterable[Sequence[Any]]:
    found = sample.columns()
    if sample.by_row:
        return (values_of(row)[:MAX_COLUMNS] if not isinstance(row, list) else row for row in found)
    return zip(*found, strict=False)


def _cells(rows: Iterable[Sequence[Any]]) -> list[list[_Cell | None]]:
    return [[_cell(value) for value in row] for row in rows]


def _compared(rows: list[list[_Cell | None]], reads: Sequence[_Read], *, made: bool) -> list[tuple[_Read, RowVerdict]]:
    varying = _varying(rows)
    if len(rows) > 1 and not varying:
        rows = rows[:1]
    if len(rows) == 1:
        varying = range(len(rows[0]))
    known = [[cell for j in varying if j < len(row) and (cell := row[j]) is not None] for row in rows]
    known = [row for row in known if row]
    if not known:
        return []
    found_in = [[read for read in reads if _is_part_of(row, read)] for row in known]
    shared = _shared(rows, varying, reads, made=made, single=len(rows) == 1)
    if not all(found_in):
        return [(read, "different") for read in reads if id(read) not in shared and (read.whole or made)]
    possible = {id(read) for some in found_in for read in some}
    cut = sum(not read.whole for read in reads)
    sources = {
        id(read)
        for row, some in zip(known, found_in, strict=True)
        if _are_of_the_same(some)
        for read in some
        if cut == sum(not one.whole for one in some) or read.has_rare_value(row)
    }
    verdicts: list[tuple[_Read, RowVerdict]] = []
    for read in reads:
        if id(read) in possible:
            verdicts.append((read, "equal" if id(read) in sources else "alike"))
        elif id(read) not in shared and read.whole:
            verdicts.append((read, "different"))
    return verdicts


def _are_of_the_same(reads: Sequence[_Read]) -> bool:
    """Return whether all of these read the same datasets."""
    if len(reads) == 1:
        return True
    first, *others = (_datasets(read.note) for read in reads)
    return bool(first) and all(other == first for other in others)


def _datasets(note: ReadNote) -> frozenset[str]:
    if isinstance(note, RecordNote):
        return frozenset(dataset.uri for dataset in note.inputs)
    events = (pending.coalesced().event for pending in note.pending_events)
    return frozenset(dataset.uri for event in events for dataset in event.inputs)


def _varying(rows: Sequence[Sequence[_Cell | None]]) -> Sequence[int]:
    """The columns that do not have one and the same value in all rows."""
    width = max(map(len, rows), default=0)
    return [j for j in range(width) if len({row[j].digest for row in rows if j < len(row) and row[j]}) > 1]  # type: ignore[union-attr]


def _is_part_of(row: Sequence[_Cell], read: _Read) -> bool:
    """Return whether all values of a written row are in one row that was read, and this is hardly by chance."""
    telling = len(row) > 1 or any(cell.telling for cell in row)
    return telling and all(cell.digest in read.by_digest for cell in row) and read.common(row) == len(row)


def _shared(
    rows: Sequence[Sequence[_Cell | None]], varying: Sequence[int], reads: Sequence[_Read], *, made: bool, single: bool
) -> set[int]:
    """The ids of the reads that have something in common with the rows that were written."""
    shared: set[int] = set()
    for cell in (cell for row in rows for cell in row if cell is not None and (cell.telling or (single and not made))):
        shared.update(id(read) for read in reads if cell.digest in read.by_digest)
    for column in varying if not made else ():
        digests = {known.digest for row in rows if column < len(row) and (known := row[column]) is not None}
        having = [(read, sum(digest in read.by_digest for digest in digests)) for read in reads]
        if all(any(digest in read.by_digest for read in reads) for digest in digests):
            shared.update(id(read) for read, number in having if number)
    return shared


def _cell(value: Any) -> _Cell | None:
    form, telling = _form(value)
    return None if form is None else _Cell(hash((_SALT, form)), telling)


def _form(value: Any) -> tuple[Any, bool]:
    """The form of a value that it has in every library, and whether it is telling; None for a value of no use.

    A number is equal to the text of it, and texts are equal whatever their case.
    """
    kind = type(value)
    if kind is str:
        return _form_of_text(value)
    if kind is bool or value is None:
        return None, False
    if kind is int:
        return value, not -_SMALL < value < _SMALL
    if kind is float or kind is Decimal:
        number = float(value)
        return (number, number % 1 != 0 or abs(number) >= _SMALL) if isfinite(number) else (None, False)
    if isinstance(value, dt.datetime):
        return _form_of_text(value.isoformat(sep=" "))
    if kind is dt.date or kind is dt.time or kind is UUID:
        return str(value), True
    if kind is bytes:
        return (value, len(value) >= _SHORT) if 0 < len(value) <= _MAX_LENGTH else (None, False)
    other = plain(value)
    return (None, False) if other is None or other is value else _form(other)


def _form_of_text(value: str) -> tuple[Any, bool]:
    if len(value) > _MAX_LENGTH or not (text := value.strip().casefold()):
        return None, False
    if text[0] in "+-.0123456789":
        if len(text) >= 19 and text[4] == "-" and text[10] in "t ":
            return f"{text[:10]} {text[11:]}".removesuffix(" 00:00:00").removesuffix("t00:00:00"), True
        try:
            return _form(float(text))
        except ValueError:
            pass
    return text, len(text) >= _SHORT


def rows_compared(note: ReadNote) -> tuple[tuple[UUID, RowVerdict], ...]:
    """The verdicts on the rows of reads, by the ids of their statements: the best one of several executions."""
    found: dict[UUID, RowVerdict] = {}
    for read, verdict in note.compared.values():
        for pending in read.pending_events:
            id_ = pending.coalesced().event.statement.id
            found[id_] = min(verdict, found.get(id_, verdict), key=_VERDICTS.index)
    return tuple(found.items())


def ids_of_reads(notes: Iterable[ReadNote]) -> tuple[UUID, ...]:
    """The ids of the statements of these reads."""
    events = (pending.coalesced().event for note in notes for pending in note.pending_events)
    return tuple(dict.fromkeys(event.statement.id for event in events if event.operation == "read"))
