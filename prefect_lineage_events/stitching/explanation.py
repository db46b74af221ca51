"""Heuristics that decide which rows a write took: by columns, numbers of rows, and the order of reads and writes.

The inside of Python is not visible. If only one thing was read, it is the source of the write. Of several:
- Rows with the same columns and the same number as those written are the rows that were written.
- A column that only one read has comes from that read, which is needed for it. If the needed reads have all columns
  that were written, they are the sources.
- A column that Python computed (a total, a new name) can come from each read: from all, if no other write took them.
- In a loop, the next write takes the rows read since the write before, if they have the columns and enough rows.
- A single row is the source of another if it has all of its columns, came as a parameter, or has a value that was
  written (`LineageEvent.value_origins`). Otherwise it may be a watermark, and the other a row of a log.
All other writes have no known source. A part of the sources is never taken for all: the others become candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from prefect_lineage_events.stitching.lifetimes import Lifetime
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.rows_in_memory import Rows
from prefect_lineage_events.stitching.steps import Step

_TABLES = frozenset({"table", "view"})
# A message does not show that there were rows: a request, an event that says "done".
_MESSAGES = frozenset({"api", "topic"})
# Columns that unrelated tables have in common.
_GENERIC_NAMES = frozenset({
    "id", "uuid", "key", "name", "status", "created_at", "updated_at", "loaded_at", "inserted_at", "ts", "timestamp",
})  # fmt: skip
_ENOUGH_NAMES = 2
_DERIVED: Evidence = "same task"


@dataclass(frozen=True, slots=True)
class Written:
    """The rows of a write as far as they are known: columns (casefolded; none if not known), and their number.

    `single`: perhaps only one row per task run; `binds`: they were bound one by one, so their values were compared with
    those of single rows that were read (`LineageEvent.value_origins`). `inlined`: the values are in the statement's
    text, and `names` are the columns of its constants. `alike` are reads whose rows are these, as those of others are.
    """

    names: frozenset[str]
    counts: frozenset[int] = frozenset()
    count: int | None = None
    executions: int = 1
    single: bool = False
    binds: bool = False
    inlined: bool = False
    alike: frozenset[UUID] = frozenset()

    @property
    def is_row_by_row(self) -> bool:
        """At most one row at a time, however often."""
        return self.count is not None and self.count <= self.executions


@dataclass(slots=True)
class Possibility:
    """Rows that were read of the same datasets, by any number of reads; single rows are a possibility of their own.

    `fresh`: read since the write before; `used`: another write took exactly these; `is_parameter`: they came as a
    parameter, so the task needs them; `weak`: a task before received them, which read something itself.
    """

    sources: frozenset[Lifetime]
    rows: list[tuple[Rows, Evidence]] = field(default_factory=list)
    fresh: bool = False
    used: bool = False
    is_parameter: bool = False
    weak: bool = False
    names: frozenset[str] = frozenset()
    counts: frozenset[int] = frozenset()
    sums: frozenset[int] = frozenset()
    total: int | None = None

    @property
    def is_scalar(self) -> bool:
        """At most one row at a time: a watermark, a count, a setting."""
        return all(one.is_scalar for one, _ in self.rows)

    @property
    def is_recorded_without_number(self) -> bool:
        """Return whether these are rows that a library's call read, which did not report how many there were."""
        return self.total is None and all(one.read.step.evidence == "recorded" for one, _ in self.rows)

    def is_of(self, reads: Collection[UUID]) -> bool:
        """Return whether all of its rows are of these reads."""
        return all(rows.read.step.info.id in reads for rows, _ in self.rows)

    def may_be_coincidence(self, written: Written) -> bool:
        """Return whether only the order suggests that these rows are the source."""
        if not (written.is_row_by_row and written.binds) or self.is_parameter:
            return False
        if is_distinctive(written.names) and written.names <= self.names:
            return False
        return all(
            one.is_row_by_row and one.read.step.is_sql and not one.read.step.from_related_run for one, _ in self.rows
        )

    def is_exactly(self, written: Written, *, all_columns: bool = False) -> bool:
        """Return whether a read had these columns (`all_columns`: and no others), and as many rows as were written."""
        return self.has_number_of(written) and any(
            (one.names == written.names if all_columns else written.names <= one.names) and one.counts & written.counts
            for one, _ in self.rows
        )

    def has_number_of(self, written: Written) -> bool:
        """Return whether there were as many rows as were written; for one write, in one read."""
        common = self.counts & written.counts
        if written.executions == 1:
            common -= self.sums
        return bool(common) and (max(common) > 1 or self.names == written.names)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The sources of a write: `chosen` are certain, `candidates` are possible.

    `exactly`: the rows were written as they were read; `stacked`: the rows of all chosen reads were concatenated.
    `different`: reads that have no value in common with the write, and so no part in its columns.
    """

    chosen: Sequence[Possibility] = ()
    candidates: Sequence[Possibility] = ()
    exactly: bool = False
    stacked: bool = False
    different: frozenset[UUID] = frozenset()

    def having(self, name: str) -> list[Rows]:
        """The rows whose column of this name was written; none if it could come from several that were joined."""
        key = name.casefold()
        possible = (*self.chosen, *(p for p in self.candidates if not p.is_of(self.different)))
        having = [p for p in possible if any(key in rows.provenance.columns for rows, _ in p.rows)]
        if not self.stacked and len({p.sources for p in having}) != 1:
            return []
        return [rows for p in self.chosen for rows, _ in p.rows if key in rows.provenance.columns]

    def with_more(self, more: Sequence[Possibility]) -> Explanation:
        """The explanation with these rows chosen too."""
        known = {source for p in self.chosen for source in p.sources}
        chosen = [*self.chosen, *(p for p in more if not p.sources <= known)]
        known.update(source for p in chosen for source in p.sources)
        return replace(self, chosen=chosen, candidates=[p for p in self.candidates if not p.sources <= known])


def with_unknown(found: Explanation | None, derived: Iterable[Rows]) -> Explanation | None:
    """The explanation of a write that was derived from these rows: their unknown sources are unknown ones of it."""
    unknown = [(one, _DERIVED) for one in derived if not one.sources]
    if not unknown:
        return found
    found = found or Explanation()
    return replace(found, chosen=[*found.chosen, Possibility(frozenset(), unknown)])


def possibilities(
    rows: Iterable[tuple[Rows, Evidence]],
    used: Collection[frozenset[Lifetime]],
    fresh: Collection[int],
    parameters: Collection[int] = (),
) -> list[Possibility]:
    """Possibilities, by the datasets that the rows are from.

    Rows of unknown sources are a possibility too: those of a file that Python made, and that is gone.
    `fresh` are the ids of rows that were read since the write before, `parameters` of rows that came as parameters.
    """
    found: dict[tuple[frozenset[Lifetime], bool], Possibility] = {}
    for one, evidence in rows:
        if one.sources or one.provenance.incomplete:
            possibility = found.setdefault((one.sources, one.is_scalar), Possibility(one.sources))
            possibility.rows.append((one, evidence))
            possibility.fresh = possibility.fresh or id(one) in fresh
            possibility.is_parameter = possibility.is_parameter or id(one) in parameters
            possibility.weak = evidence == "task graph" and not possibility.is_parameter
    for possibility in found.values():
        possibility.used = possibility.sources in used
        _sum_up(possibility, [one for one, _ in possibility.rows])
    return list(found.values())


def _sum_up(possibility: Possibility, of: Sequence[Rows]) -> None:
    if len(of) == 1 and of[0].executions == 1:
        possibility.names, possibility.counts, possibility.total = of[0].names, of[0].counts, of[0].count
        return
    known = all(one.names for one in of)
    possibility.names = frozenset().union(*(one.names for one in of)) if known else frozenset()
    numbers = [one.count for one in of if one.count is not None]
    possibility.total = sum(numbers) if len(numbers) == len(of) else None
    whole = frozenset({possibility.total} if possibility.total else ())
    possibility.counts = whole.union(*(one.counts for one in of))
    possibility.sums = whole.union(one.count for one in of if one.count and one.executions > 1)


def explain(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool = False) -> Explanation:
    """The sources of the write. `alone`: no other write took them; `in_turn`: reads and writes alternate."""
    found = _explained(written, among, alone=alone, in_turn=in_turn)
    chosen = {source for possibility in found.chosen for source in possibility.sources}
    return replace(found, candidates=[p for p in found.candidates if not p.sources <= chosen])


def _explained(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    names = written.names
    if all(p.may_be_coincidence(written) for p in among):
        return Explanation(candidates=among)
    if len(among) <= 1:
        too_little = [p for p in among if p.is_scalar and _is_more(written, p)]
        return Explanation(candidates=too_little) if too_little else Explanation(among, exactly=True)
    has_all = [p for p in among if names and names <= p.names]
    # A recorded read of unknown size (a dataset of files that was opened) may have been of that number too.
    may_be_exact = [p for p in has_all if p.is_recorded_without_number]
    exact = [p for p in has_all if p.is_exactly(written)]
    may_be_selection = [p for p in has_all if p not in exact and _has_selection(p, written)]
    if exact and not may_be_exact and not may_be_selection:
        best = _narrowed(exact, written)
        return Explanation([best], exactly=True) if best else Explanation(candidates=exact)
    if not names or not all(p.names for p in among):
        return _without_names(written, among, alone=alone, in_turn=in_turn)
    totals = [p.total for p in has_all if p.total is not None]
    if len(totals) == len(has_all) > 1 and written.count and sum(totals) == written.count:
        return Explanation(has_all, stacked=True)
    explained = names & frozenset().union(*(p.names for p in among))
    # Rows of one read with more columns. A total by a table's key has as many rows as that table, but not its columns.
    widened = [p for p in among if p.has_number_of(written) and explained <= p.names]
    if len(widened) == 1 and explained == widened[0].names and not may_be_selection:
        return Explanation(widened, exactly=True)
    if explained == names:
        return _by_columns(written, among, alone=alone, in_turn=in_turn)
    return _computed(written, explained, among, alone=alone, in_turn=in_turn)


def without_different(found: Explanation, different: Collection[UUID]) -> Explanation:
    """The explanation without a choice of rows of which none has anything in common with those that were written.

    Python may have computed the latter from them, or made them of nothing that was read.
    """
    if not all(p.is_of(different) for p in found.chosen):
        return found
    return Explanation(candidates=[*found.chosen, *found.candidates])


def _has_selection(possibility: Possibility, written: Written) -> bool:
    """Return whether the rows may be some of a longer read, as many as another one has by a join or by chance.

    Rows that have been written as they are count no more, unless the values of several reads are equal.
    """
    total = possibility.total
    if possibility.used and not possibility.fresh and not written.alike:
        return False
    return total is None or written.count is None or total > written.count


def _is_more(written: Written, scalar: Possibility) -> bool:
    """Return whether more was written than the single row: more rows, or other columns beside its own."""
    if written.names and written.names <= scalar.names:
        return False
    return (written.count or 0) > 1 or bool(written.names & scalar.names)


def _narrowed(exact: Sequence[Possibility], written: Written) -> Possibility | None:
    """The only one with exactly these columns; else the only one read since the write before, if the others had been
    written by then. None if there are several.
    """
    if len(exact) == 1:
        return exact[0]
    same = [p for p in exact if p.is_exactly(written, all_columns=True)] or exact
    left = [p for p in same if p.fresh or not p.used] if len(same) > 1 else same
    return left[0] if len(left) == 1 and (len(same) == 1 or left[0].fresh) else None


def _by_columns(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    """The explanation if all columns that were written are columns of reads. A task needs its parameters."""
    needed = _needed(written.names, among)
    if alone:
        needed = [p for p in among if p in needed or (p.is_parameter and not p.is_scalar)]
    if written.names <= _names(needed):
        left = [p for p in among if p not in needed and not p.is_scalar]
        return Explanation(needed, [p for p in left if p.fresh or not in_turn])
    fresh = [p for p in among if p.fresh and written.names & p.names]
    if in_turn and fresh and written.names <= _names(fresh):
        needed = fresh if len(fresh) == 1 and _is_enough(fresh[0], written) else _needed(written.names, fresh)
        if needed and written.names <= _names(needed):
            return Explanation(needed, [p for p in fresh if p not in needed and not p.is_scalar])
    return Explanation(candidates=[p for p in among if written.names & p.names])


def _computed(
    written: Written, explained: frozenset[str], among: Sequence[Possibility], *, alone: bool, in_turn: bool
) -> Explanation:
    """The explanation if some columns that were written are in no read: Python computed them."""
    many, scalars = without_scalars(among)
    if all(p.is_scalar for p in many):
        return Explanation(candidates=among)
    if len(many) == 1 and explained <= many[0].names and not many[0].weak:
        return Explanation(many, scalars)
    if alone and not written.single and not any(p.weak for p in many):
        return Explanation(many, scalars)
    fresh = [p for p in many if p.fresh]
    if in_turn and fresh and explained <= _names(fresh) and not written.single:
        return Explanation(fresh)
    return Explanation(candidates=among)


def _without_names(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    """The explanation by numbers of rows and the order, if columns of some reads are not known."""
    numbered = [p for p in among if p.counts & written.counts and max(p.counts & written.counts) > 1]
    if len(numbered) == 1:
        return Explanation(numbered)
    if alone and not all(p.is_scalar for p in among):
        return Explanation(*without_scalars(among))
    fresh = [p for p in among if p.fresh]
    if in_turn and len(fresh) == 1 and not fresh[0].may_be_coincidence(written):
        return Explanation(fresh)
    return Explanation(candidates=among)


def without_scalars(among: Sequence[Possibility]) -> tuple[list[Possibility], list[Possibility]]:
    """The possibilities with many rows, and those with a single row; all are the former if all have a single row."""
    many = [p for p in among if not p.is_scalar]
    return (many, [p for p in among if p.is_scalar]) if many else (list(among), [])


def _needed(names: frozenset[str], among: Sequence[Possibility]) -> list[Possibility]:
    """The possibilities that alone have one of these columns."""
    having = {name: [p for p in among if name in p.names] for name in names}
    alone = {id(some[0]) for some in having.values() if len(some) == 1}
    return [p for p in among if id(p) in alone]


def _names(among: Iterable[Possibility]) -> frozenset[str]:
    return frozenset().union(*(p.names for p in among))


def _is_enough(possibility: Possibility, written: Written) -> bool:
    """Return whether the rows that were written can be a selection of these."""
    return possibility.total is None or written.count is None or written.count <= possibility.total


def is_distinctive(names: frozenset[str]) -> bool:
    """Return whether these columns distinguish one table from another."""
    return bool(names - _GENERIC_NAMES) or len(names) >= _ENOUGH_NAMES


def has_many_rows(step: Step) -> bool:
    """Return whether Python wrote more than one row per task run, as far as is reported.

    A file counts if its number of rows is not known: a report of one row is one row.
    """
    if step.output is None or step.output.kind in _MESSAGES:
        return False
    if step.output.kind not in _TABLES and step.info.rows is not None and not step.info.dialect:
        return step.info.rows > len(step.scopes)
    if step.output.kind not in _TABLES or not step.info.dialect or step.info.from_program:
        return True
    return (step.info.rows or 0) > len(step.scopes)


def inlined_from(possibility: Possibility, written: Written) -> bool:
    """Return whether rows in a statement's text are those of a read: all written columns, or as many rows with all its
    columns (a loader adds columns of its own).
    """
    if columns_match(possibility.names, written.names, single=True):
        return True
    has_all = bool(possibility.names) and possibility.names <= written.names
    return (
        has_all
        and is_distinctive(possibility.names)
        and (written.count or 0) > 1
        and possibility.has_number_of(written)
    )


def columns_match(read: frozenset[str], written: frozenset[str], *, single: bool, same_number: bool = False) -> bool:
    """Return whether a write of some columns can take a result with others. Names are casefolded; empty if not known.

    A `single` row must have all its columns from the result: it may be a status row. For rows of the `same_number`, one
    column in common is enough.
    """
    common = read & written
    if single:
        return common == written and len(common - _GENERIC_NAMES) >= _ENOUGH_NAMES
    return is_distinctive(common) or (bool(common) and (common == written or same_number))
