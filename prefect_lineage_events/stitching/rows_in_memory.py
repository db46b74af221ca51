"""Rows that statements returned to Python, with the facts that identify them: columns, number, order and thread."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from prefect_lineage_events.stitching.lifetimes import Lifetime, ResolvedStep
from prefect_lineage_events.stitching.provenance import Provenance

# A time, and the position of the statement among those of the run.
Moment = tuple[dt.datetime, int]

ANY_THREAD = "*"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one read. `names` are its columns, casefolded; none if they are not all known.

    `count` is the number of rows of all `executions` together, None if the driver did not report it; `last` is the
    start of the last execution. `threads` are those in which it ran; none if another run read the rows.
    """

    provenance: Provenance
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
        object.__setattr__(self, "sources", frozenset(self.provenance.sources))
        object.__setattr__(self, "counts", counts_of(self.count, self.executions))

    @property
    def is_scalar(self) -> bool:
        """At most one row: a watermark, a count, a setting."""
        return self.count is not None and self.count <= 1

    @property
    def is_row_by_row(self) -> bool:
        """At most one row per execution."""
        return self.count is not None and self.count <= self.executions

    def within(self, thread: str) -> bool:
        """Return whether it was read in this thread of control, or in one that it started."""
        return not self.threads or any(is_below(own, thread) for own in self.threads)


def counts_of(count: int | None, executions: int) -> frozenset[int]:
    """The possible numbers of rows: of all executions together, and of a single one if that is more than one row."""
    if not count:
        return frozenset()
    each = count // executions if executions > 1 and count % executions == 0 else 0
    return frozenset({count, each} if each > 1 else {count})


def is_below(thread: str, above: str) -> bool:
    return not above or ANY_THREAD in (thread, above) or thread == above or thread.startswith(f"{above}.")


def levels(threads: Iterable[str]) -> list[str]:
    """The threads of control from the one in which something ran up to the run's own, which is empty.

    For several threads, or an unknown one, it is only the run's own.
    """
    paths = list(threads)
    if len(paths) != 1 or paths[0] in ("", ANY_THREAD):
        return [""]
    parts = paths[0].split(".")
    return [".".join(parts[:end]) for end in range(len(parts), -1, -1)]


def returns_rows(resolved: ResolvedStep) -> bool:
    """Return whether the statement returns rows to Python: rows that it reads, or (RETURNING) rows of its table."""
    step = resolved.step
    return (step.reads and not step.guessed) or (step.returns and resolved.target is not None)


def reads_transient(resolved: ResolvedStep) -> bool:
    """Return whether some of these rows are of transient tables."""
    return any(lifetime.transient for lifetime in ((resolved.target,) if resolved.target else resolved.sources))
