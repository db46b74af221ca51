"""Outcomes of many runs: of a sweep, of a part of a backfill, or of all its parts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.credentials import without_credentials
from prefect_lineage_events.escaping import line
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import Reanalysis

# Runs that are named with the reasons of a refusal.
_REFUSALS = 5


class SweepError(RuntimeError):
    """Runs could not be delivered; the next sweep tries again."""


@dataclass(slots=True)
class Summary:
    """Outcomes of the runs.

    `assembled`: processed, by a dry run too. `already_done`: number of runs with nothing left to do. `failed`: not
    deliverable now. `broken`: could not be assembled, because of their history or a fault of ours. `left`: not tried,
    since a target or the API was away. `busy`: another assembler was delivering them. `incomplete`: published with the
    events that had arrived. `kept`: a target may use events of them later. `unwitnessed`: they await the warehouse's
    access history. `stale`: not ended, and without events for long. `deleted`: Prefect's retention deleted their
    events; its history begins at `history_begins`.
    """

    assembled: list[AssemblyResult] = field(default_factory=list)
    already_done: int = 0
    failed: list[tuple[FlowRun, str]] = field(default_factory=list)
    broken: list[tuple[FlowRun, str]] = field(default_factory=list)
    left: list[FlowRun] = field(default_factory=list)
    busy: list[FlowRun] = field(default_factory=list)
    incomplete: list[FlowRun] = field(default_factory=list)
    kept: list[FlowRun] = field(default_factory=list)
    unwitnessed: list[FlowRun] = field(default_factory=list)
    stale: list[FlowRun] = field(default_factory=list)
    deleted: list[FlowRun] = field(default_factory=list)
    history_begins: dt.datetime | None = None

    @property
    def reanalysis(self) -> Reanalysis:
        return sum((a.reanalysis for a in self.assembled), Reanalysis())

    @property
    def refused(self) -> int:
        """The number of events that targets refused."""
        return sum(len(result.rejected) for result in self.assembled)

    def add(self, other: Summary) -> None:
        """Add the outcomes of other runs."""
        self.already_done += other.already_done
        self.history_begins = self.history_begins or other.history_begins
        for name in (
            "assembled",
            "failed",
            "broken",
            "left",
            "busy",
            "incomplete",
            "kept",
            "unwitnessed",
            "stale",
            "deleted",
        ):
            getattr(self, name).extend(getattr(other, name))

    def take_early(self) -> set[UUID]:
        """Remove the runs that were too early, which are tried again soon. Returns their ids."""
        early = {a.flow_run_id for a in self.assembled if a.outcome in ("too early", "not ended")}
        early |= {run.id for run in self.busy}
        self.assembled = [a for a in self.assembled if a.flow_run_id not in early]
        self.incomplete = [run for run in self.incomplete if run.id not in early]
        self.busy = []
        return early

    def outcomes(self) -> Iterator[tuple[UUID, str, str]]:
        """Yield id, flow name and outcome of each run, beginning with those that need attention."""
        yield from ((r.id, r.flow_name, f"failed: {without_credentials(reason)}") for r, reason in self.failed)
        yield from (
            (r.id, r.flow_name, f"could not be assembled: {without_credentials(reason)}") for r, reason in self.broken
        )
        yield from ((r.id, r.flow_name, "left for the next time") for r in self.left)
        yield from ((r.id, r.flow_name, "being delivered by another assembler") for r in self.busy)
        yield from ((r.id, r.flow_name, "its events were deleted") for r in self.deleted)
        for assembled in self.assembled:
            words = [
                assembled.verdict,
                *(["incomplete"] if not assembled.complete else []),
            ]
            words += [f"{counted(len(assembled.rejected), 'event')} refused"] if assembled.rejected else []
            words += [f"{counted(len(assembled.kept), 'event')} kept"] if assembled.kept else []
            yield assembled.flow_run_id, assembled.flow_name, ", ".join(words)

    def __str__(self) -> str:
        counts = Counter(a.verdict for a in self.assembled)
        words = [f"{n} {outcome}" for outcome, n in sorted(counts.items())]
        words += [f"{self.already_done} done before"] if self.already_done else []
        words += [f"{len(self.incomplete)} of these incomplete"] if self.incomplete else []
        words += [f"{counted(self.refused, 'event')} refused"] if self.refused else []
        kept = sum(len(result.kept) for result in self.assembled)
        words += [f"{counted(kept, 'event')} kept for the next sweeps"] if kept else []
        words += [f"{len(self.unwitnessed)} await the warehouse"] if self.unwitnessed else []
        words += [f"{len(self.failed)} failed"] if self.failed else []
        words += [f"{len(self.broken)} could not be assembled"] if self.broken else []
        words += [f"{len(self.left)} left for the next time"] if self.left else []
        words += [f"{len(self.busy)} being delivered by another assembler"] if self.busy else []
        words += [f"{len(self.stale)} running, but without events for long"] if self.stale else []
        words += [self._deleted()] if self.deleted else []
        words += [str(self.reanalysis)] if self.reanalysis != Reanalysis() else []
        return ", ".join(words) or "no runs ended in that time"

    def _deleted(self) -> str:
        since = f" (its history begins {self.history_begins.isoformat()})" if self.history_begins else ""
        runs = counted(len(self.deleted), "run")
        return f"{runs} whose events Prefect has deleted{since}"

    def refusals(self) -> Iterator[str]:
        """A line for each of the first runs of which targets refused events, and one for the others."""
        refused = [one for one in self.assembled if one.rejected]
        yield from map(str, refused[:_REFUSALS])
        if len(refused) > _REFUSALS:
            yield f"{len(refused) - _REFUSALS} more"

    def raise_for_failures(self, remedy: str = "the next sweep tries again") -> None:
        """Raise SweepError when runs could not be delivered, so that the assembler's own run fails visibly.

        A run that cannot be assembled is only listed in the summary.
        """
        if self.failed:
            run, reason = self.failed[0]
            reason = line(without_credentials(reason))
            raise SweepError(f"{self}. The first failure, of {line(run.flow_name)} ({run.id}): {reason} -> {remedy}")
