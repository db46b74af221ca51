"""Rows that statements handed to Python, each with what tells them from others: columns, number, order and thread."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.provenance import Provenance

# A time, and the place of the statement among those of the run.
Moment = tuple[dt.datetime, int]

ANY_THREAD = "*"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one read. `names` are its columns, casefolded; none where they are not all known.

    `count` of them came by `executions` together; None where the driver did not say; `last` is when the last of these
    began. `threads` are those in which it ran; none where it was another run.
    """

    relation: Provenance
    names: frozenset[str]
    count: int | None
    executions: int
    began: Moment
    last: dt.datetime
    threads: frozenset[str]
    read: ResolvedStep

    sources: frozenset[Lifetime] = field(init=False)
    counts: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", frozenset(self.relation.sources))
        object.__setattr__(self, "counts", counts_of(self.count, self.executions))

    @property
    def is_scalar(self) -> bool:
        """At most one row: a watermark, a count, a setting."""
        return self.count is not None and self.count <= 1

    @property
    def is_row_by_row(self) -> bool:
        """At most one row at a time, however often."""
        return self.count is not None and self.count <= self.executions

    def within(self, thread: str) -> bool:
        """Was it read in this thread of control, or in one that it started?"""
        return not self.threads or any(is_below(own, thread) for own in self.threads)


def counts_of(count: int | None, executions: int) -> frozenset[int]:
    """The possible numbers of rows at a time: all, or those of one execution, where that is more than one."""
    if not count:
        return frozenset()
    each = count // executions if executions > 1 and count % executions == 0 else 0
    return frozenset({count, each} if each > 1 else {count})


def is_below(thread: str, above: str) -> bool:
    return not above or ANY_THREAD in (thread, above) or thread == above or thread.startswith(f"{above}.")


def levels(threads: Iterable[str]) -> list[str]:
    """From the thread of control in which something ran up to the run's own, the empty one.

    What ran in several of them, or in one that is not known, is of the run's own.
    """
    paths = list(threads)
    if len(paths) != 1 or paths[0] in ("", ANY_THREAD):
        return [""]
    parts = paths[0].split(".")
    return [".".join(parts[:end]) for end in range(len(parts), -1, -1)]


def hands_over(placed: ResolvedStep) -> bool:
    """Does the statement hand rows to Python: those that it reads, or those of its table that it returns?"""
    step = placed.step
    return (step.reads and not step.guessed) or (step.returns and placed.target is not None)


def passing(placed: ResolvedStep) -> bool:
    """Are some of these rows of tables that are gone when the run ends?"""
    return any(life.gone for life in ((placed.target,) if placed.target else placed.sources))
