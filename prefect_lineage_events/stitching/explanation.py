"""Evidence that a write took certain rows: columns, numbers of rows, and the order of reads and writes.

The inside of Python is not seen. Where one thing alone was read, what is written was made of it. Of several:
- rows of the same columns and the same number as those written are what was written;
- columns that one read alone has are of that read, and it is needed for them; where the needed ones have all columns
  that were written, they are the sources;
- what Python computed (a total, a new name) can be of each of them: of all, where nothing else was made of them;
- in a loop, what was read since the write before is what the next write takes, if it has the columns and enough rows;
- a single row is what another was made of where it has all of its columns, was given as a parameter, or has a value
  that was written (`LineageEvent.value_origins`); else it may be a watermark, and the other a row of a log.
What is left has no known source. A part is never taken for the whole: the others are named as candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from prefect_lineage_events.stitching.lifetimes import Lifetime
from prefect_lineage_events.stitching.model import Evidence
from prefect_lineage_events.stitching.rows_in_memory import Rows
from prefect_lineage_events.stitching.steps import Step

_TABLES = frozenset({"table", "view"})
# One message is sent of anything: a request, an event that says "done".
_MESSAGES = frozenset({"api", "topic"})
# Columns that tables have in common without having anything to do with each other.
_GENERIC_NAMES = frozenset({
    "id", "uuid", "key", "name", "status", "created_at", "updated_at", "loaded_at", "inserted_at", "ts", "timestamp",
})  # fmt: skip
_SOME = 2


@dataclass(frozen=True, slots=True)
class Written:
    """The rows of a write as far as they are known: columns (casefolded; none where not known), and their number.

    `single`: perhaps but one row a task run; `binds`: they were bound one by one, so that their values were compared
    with those of single rows that were read (`LineageEvent.value_origins`). `names` of a statement whose values stand
    in its text are those of its constants: `inlined`.
    """

    names: frozenset[str]
    counts: frozenset[int] = frozenset()
    count: int | None = None
    executions: int = 1
    single: bool = False
    binds: bool = False
    inlined: bool = False

    @property
    def is_row_by_row(self) -> bool:
        """At most one row at a time, however often."""
        return self.count is not None and self.count <= self.executions


@dataclass(slots=True)
class Possibility:
    """Rows that were read of the same datasets, however often; single rows by themselves.

    `fresh`: since the write before; `spent`: another write took exactly this; `given`: as a parameter, so that the task
    needs it; `weak`: to a task before, which read something itself.
    """

    sources: frozenset[Lifetime]
    rows: list[tuple[Rows, Evidence]] = field(default_factory=list)
    fresh: bool = False
    spent: bool = False
    given: bool = False
    weak: bool = False
    names: frozenset[str] = frozenset()
    counts: frozenset[int] = frozenset()
    sums: frozenset[int] = frozenset()
    total: int | None = None

    @property
    def is_scalar(self) -> bool:
        """At most one row at a time: a watermark, a count, a setting."""
        return all(one.is_scalar for one, _ in self.rows)

    def may_be_of_chance(self, written: Written) -> bool:
        """Is nothing but the order evidence for it that a row was made of another?"""
        if not (written.is_row_by_row and written.binds) or self.given:
            return False
        if is_telling(written.names) and written.names <= self.names:
            return False
        return all(
            one.is_row_by_row and one.read.step.evidence == "sql" and not one.read.step.handed for one, _ in self.rows
        )

    def is_exactly(self, written: Written, *, all_columns: bool = False) -> bool:
        """Had one of the reads these columns (all of them), and as many rows as were written?"""
        return self.has_number_of(written) and any(
            (one.names == written.names if all_columns else written.names <= one.names) and one.counts & written.counts
            for one, _ in self.rows
        )

    def has_number_of(self, written: Written) -> bool:
        """As many rows as were written, by one read where it was one write."""
        common = self.counts & written.counts
        if written.executions == 1:
            common -= self.sums
        return bool(common) and (max(common) > 1 or self.names == written.names)


@dataclass(frozen=True, slots=True)
class Explanation:
    """`chosen` fed the write; `perhaps` may have as well.

    `exactly`: it took what was read as it was; `stacked`: the rows of all chosen ones under each other.
    """

    chosen: Sequence[Possibility] = ()
    perhaps: Sequence[Possibility] = ()
    exactly: bool = False
    stacked: bool = False

    def having(self, name: str) -> list[Rows]:
        """The rows whose column of this name was written; none where it could be of several that were joined."""
        key = name.casefold()
        having = [p for p in (*self.chosen, *self.perhaps) if any(key in rows.relation.columns for rows, _ in p.rows)]
        if not self.stacked and len({p.sources for p in having}) != 1:
            return []
        return [rows for p in self.chosen for rows, _ in p.rows if key in rows.relation.columns]

    def and_of(self, more: Sequence[Possibility]) -> Explanation:
        """Rows that certainly fed the write, beside those that did as well."""
        known = {source for p in self.chosen for source in p.sources}
        chosen = [*self.chosen, *(p for p in more if not p.sources <= known)]
        known.update(source for p in chosen for source in p.sources)
        return replace(self, chosen=chosen, perhaps=[p for p in self.perhaps if not p.sources <= known])


def possibilities(
    rows: Iterable[tuple[Rows, Evidence]],
    spent: Collection[frozenset[Lifetime]],
    fresh: Collection[int],
    given: Collection[int] = (),
) -> list[Possibility]:
    """Rows by the datasets that they are from.

    `fresh` are the ids of those that were read since the write before, `given` of those that came as parameters.
    """
    found: dict[tuple[frozenset[Lifetime], bool], Possibility] = {}
    for one, evidence in rows:
        if one.sources:
            possibility = found.setdefault((one.sources, one.is_scalar), Possibility(one.sources))
            possibility.rows.append((one, evidence))
            possibility.fresh = possibility.fresh or id(one) in fresh
            possibility.given = possibility.given or id(one) in given
            possibility.weak = evidence == "task graph" and not possibility.given
    for possibility in found.values():
        possibility.spent = possibility.sources in spent
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
    """The rows that fed the write. `alone`: nothing else was made of them; `in_turn`: reads and writes took turns."""
    found = _explained(written, among, alone=alone, in_turn=in_turn)
    chosen = {source for possibility in found.chosen for source in possibility.sources}
    return replace(found, perhaps=[p for p in found.perhaps if not p.sources <= chosen])


def _explained(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    names = written.names
    if all(p.may_be_of_chance(written) for p in among):
        return Explanation(perhaps=among)
    if len(among) <= 1:
        too_little = [p for p in among if p.is_scalar and _is_more(written, p)]
        return Explanation(perhaps=too_little) if too_little else Explanation(among, exactly=True)
    has_all = [p for p in among if names and names <= p.names]
    if exact := [p for p in has_all if p.is_exactly(written)]:
        best = _narrowed(exact, written)
        return Explanation([best], exactly=True) if best else Explanation(perhaps=exact)
    if not names or not all(p.names for p in among):
        return _without_names(written, among, alone=alone, in_turn=in_turn)
    if len(has_all) > 1 and written.count and sum(p.total or 0 for p in has_all) == written.count:
        return Explanation(has_all, stacked=True)
    explained = names & frozenset().union(*(p.names for p in among))
    # Rows of one read, with columns more. A total by a table's key has as many rows as that table, but not its columns.
    widened = [p for p in among if p.has_number_of(written) and explained <= p.names]
    if len(widened) == 1 and explained == widened[0].names:
        return Explanation(widened, exactly=True)
    if explained == names:
        return _by_columns(written, among, alone=alone, in_turn=in_turn)
    return _computed(written, explained, among, alone=alone, in_turn=in_turn)


def _is_more(written: Written, scalar: Possibility) -> bool:
    """Are there more rows, or more columns beside its own, than a single row has?"""
    if written.names and written.names <= scalar.names:
        return False
    return (written.count or 0) > 1 or bool(written.names & scalar.names)


def _narrowed(exact: Sequence[Possibility], written: Written) -> Possibility | None:
    """The one that has no more columns than these; else the one that alone was read since the write before, where the
    others had been written by then. None where there are more.
    """
    if len(exact) == 1:
        return exact[0]
    same = [p for p in exact if p.is_exactly(written, all_columns=True)] or exact
    left = [p for p in same if p.fresh or not p.spent] if len(same) > 1 else same
    return left[0] if len(left) == 1 and (len(same) == 1 or left[0].fresh) else None


def _by_columns(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    """All columns that were written are columns of what was read. What a task is given, it needs."""
    needed = _needed(written.names, among)
    if alone:
        needed = [p for p in among if p in needed or (p.given and not p.is_scalar)]
    if written.names <= _names(needed):
        left = [p for p in among if p not in needed and not p.is_scalar]
        return Explanation(needed, [p for p in left if p.fresh or not in_turn])
    fresh = [p for p in among if p.fresh and written.names & p.names]
    if in_turn and fresh and written.names <= _names(fresh):
        needed = fresh if len(fresh) == 1 and _is_enough(fresh[0], written) else _needed(written.names, fresh)
        if needed and written.names <= _names(needed):
            return Explanation(needed, [p for p in fresh if p not in needed and not p.is_scalar])
    return Explanation(perhaps=[p for p in among if written.names & p.names])


def _computed(
    written: Written, explained: frozenset[str], among: Sequence[Possibility], *, alone: bool, in_turn: bool
) -> Explanation:
    """Some columns that were written are none of what was read: Python made them of something."""
    many, scalars = without_scalars(among)
    if all(p.is_scalar for p in many):
        return Explanation(perhaps=among)
    if len(many) == 1 and explained <= many[0].names and not many[0].weak:
        return Explanation(many, scalars)
    if alone and not written.single and not any(p.weak for p in many):
        return Explanation(many, scalars)
    fresh = [p for p in many if p.fresh]
    if in_turn and fresh and explained <= _names(fresh) and not written.single:
        return Explanation(fresh)
    return Explanation(perhaps=among)


def _without_names(written: Written, among: Sequence[Possibility], *, alone: bool, in_turn: bool) -> Explanation:
    """Columns are not known of all: numbers of rows and the order are left."""
    numbered = [p for p in among if p.counts & written.counts and max(p.counts & written.counts) > 1]
    if len(numbered) == 1:
        return Explanation(numbered)
    if alone and not all(p.is_scalar for p in among):
        return Explanation(*without_scalars(among))
    fresh = [p for p in among if p.fresh]
    if in_turn and len(fresh) == 1 and not fresh[0].may_be_of_chance(written):
        return Explanation(fresh)
    return Explanation(perhaps=among)


def without_scalars(among: Sequence[Possibility]) -> tuple[list[Possibility], list[Possibility]]:
    """Those of which there were many rows, and the others; all, where there is no such."""
    many = [p for p in among if not p.is_scalar]
    return (many, [p for p in among if p.is_scalar]) if many else (list(among), [])


def _needed(names: frozenset[str], among: Sequence[Possibility]) -> list[Possibility]:
    """Those that alone have one of these columns."""
    having = {name: [p for p in among if name in p.names] for name in names}
    alone = {id(some[0]) for some in having.values() if len(some) == 1}
    return [p for p in among if id(p) in alone]


def _names(among: Iterable[Possibility]) -> frozenset[str]:
    return frozenset().union(*(p.names for p in among))


def _is_enough(possibility: Possibility, written: Written) -> bool:
    """Can so many rows be a selection of these?"""
    return possibility.total is None or written.count is None or written.count <= possibility.total


def is_telling(names: frozenset[str]) -> bool:
    """Do these columns tell one table from another?"""
    return bool(names - _GENERIC_NAMES) or len(names) >= _SOME


def has_many_rows(step: Step) -> bool:
    """Did Python hand over more than a row a task run, as far as the driver tells? A file is data by itself."""
    if step.output is None or step.output.kind in _MESSAGES:
        return False
    if step.output.kind not in _TABLES or not step.info.dialect or step.info.from_program:
        return True
    return (step.info.rows or 0) > len(step.scopes)


def alike(read: frozenset[str], written: frozenset[str], *, single: bool, same_number: bool = False) -> bool:
    """Can a write of these columns be of a result with those? Names are casefolded; empty where they are not known.

    A `single` row must be of the result with all its columns: it may be the status of something. Of rows of the
    `same_number` one column in common says enough.
    """
    common = read & written
    if single:
        return common == written and len(common - _GENERIC_NAMES) >= _SOME
    return is_telling(common) or (bool(common) and (common == written or same_number))
