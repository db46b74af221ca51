"""What became of many runs: for a sweep, for a part of a backfill, for all of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.escaping import line
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.openlineage.errors import without_credentials
from prefect_lineage_events.stitching.model import Reanalysis


class SweepError(RuntimeError):
    """Runs could not be delivered; the next sweep takes them up again."""


@dataclass(slots=True)
class Summary:
    """What became of the runs.

    `assembled` were looked at, by a dry run too; `already_done` had nothing left to do. `failed` could not be delivered
    now; `broken` could not be put together, by what is in their history or by a fault of ours; `left` were not tried,
    target or API being away; `busy` were being delivered by another assembler; `incomplete` were published with what
    had arrived; `stale` have not ended, and gave no sign of life for long. `gone`: their events were deleted by
    Prefect's retention, whose history begins at `history_begins`.
    """

    assembled: list[AssemblyResult] = field(default_factory=list)
    already_done: int = 0
    failed: list[tuple[FlowRun, str]] = field(default_factory=list)
    broken: list[tuple[FlowRun, str]] = field(default_factory=list)
    left: list[FlowRun] = field(default_factory=list)
    busy: list[FlowRun] = field(default_factory=list)
    incomplete: list[FlowRun] = field(default_factory=list)
    stale: list[FlowRun] = field(default_factory=list)
    gone: list[FlowRun] = field(default_factory=list)
    history_begins: dt.datetime | None = None

    @property
    def reanalysis(self) -> Reanalysis:
        return sum((a.reanalysis for a in self.assembled), Reanalysis())

    def add(self, other: Summary) -> None:
        """What became of other runs."""
        self.already_done += other.already_done
        self.history_begins = self.history_begins or other.history_begins
        for name in ("assembled", "failed", "broken", "left", "busy", "incomplete", "stale", "gone"):
            getattr(self, name).extend(getattr(other, name))

    def take_early(self) -> set[UUID]:
        """Take out the runs whose time has not come, which are looked at again soon. Returns their ids."""
        early = {a.flow_run_id for a in self.assembled if a.outcome in ("too early", "not ended")}
        early |= {run.id for run in self.busy}
        self.assembled = [a for a in self.assembled if a.flow_run_id not in early]
        self.incomplete = [run for run in self.incomplete if run.id not in early]
        self.busy = []
        return early

    def outcomes(self) -> Iterator[tuple[UUID, str, str]]:
        """Each run by id and flow name, and what became of it; what needs a look first."""
        yield from ((r.id, r.flow_name, f"failed: {without_credentials(reason)}") for r, reason in self.failed)
        yield from (
            (r.id, r.flow_name, f"could not be put together: {without_credentials(reason)}")
            for r, reason in self.broken
        )
        yield from ((r.id, r.flow_name, "left for the next time") for r in self.left)
        yield from ((r.id, r.flow_name, "in another assembler's hands") for r in self.busy)
        yield from ((r.id, r.flow_name, "its events are gone") for r in self.gone)
        for assembled in self.assembled:
            words = [assembled.outcome, *(["incomplete"] if not assembled.complete else [])]
            words += [f"{len(assembled.rejected)} events refused"] if assembled.rejected else []
            yield assembled.flow_run_id, assembled.flow_name, ", ".join(words)

    def __str__(self) -> str:
        counts = Counter(a.outcome for a in self.assembled)
        words = [f"{n} {outcome}" for outcome, n in sorted(counts.items())]
        words += [f"{self.already_done} done before"] if self.already_done else []
        words += [f"{len(self.incomplete)} of these incomplete"] if self.incomplete else []
        words += [f"{len(self.failed)} failed"] if self.failed else []
        words += [f"{len(self.broken)} could not be put together"] if self.broken else []
        words += [f"{len(self.left)} left for the next time"] if self.left else []
        words += [f"{len(self.busy)} in another assembler's hands"] if self.busy else []
        words += [f"{len(self.stale)} running without a sign of life"] if self.stale else []
        words += [self._gone()] if self.gone else []
        words += [str(self.reanalysis)] if self.reanalysis != Reanalysis() else []
        return ", ".join(words) or "no runs ended in that time"

    def _gone(self) -> str:
        since = f" (its history begins {self.history_begins.isoformat()})" if self.history_begins else ""
        runs = "1 run" if len(self.gone) == 1 else f"{len(self.gone)} runs"
        return f"{runs} whose events Prefect has deleted{since}"

    def raise_for_failures(self) -> None:
        """Raises SweepError when runs could not be delivered, so that the run of ours is seen to have failed.

        A run that cannot be put together is its own trouble: it is named, and fails nothing else.
        """
        if self.failed:
            run, reason = self.failed[0]
            reason = line(without_credentials(reason))
            raise SweepError(f"{self}. The first failure, of {line(run.flow_name)} ({run.id}): {reason}")
