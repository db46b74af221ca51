"""Many runs, one after the other, for the sweep and the backfill.

Runs are taken up in the order in which they began, so that a parent comes before its subflows and an older run of a job
before a newer one: a target that shows what arrived last then shows what is.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import ledger
from prefect_lineage_events.assembler.handover import TargetsAwayError
from prefect_lineage_events.assembler.one_run import Assembled, Order, assemble_run, keep_present
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.openlineage.delivery import TransientDeliveryError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# A target that was away for so many runs in a row is away: the rest is left for the next time.
FAILURES_IN_A_ROW = 3
Progress = Callable[[int, int], None]


class SweepError(RuntimeError):
    """Runs could not be delivered; the next sweep takes them up again."""


@dataclass(slots=True)
class Summary:
    """What became of the runs.

    `failed` could not be delivered now, `left` were not tried, the target being away; `incomplete` were published with
    what had arrived; `busy` were being delivered by another assembler; `would_send` is what a dry run found to do;
    `stale` have not ended, and gave no sign of life for long.
    """

    assembled: list[Assembled] = field(default_factory=list)
    already_done: int = 0
    failed: list[tuple[FlowRun, str]] = field(default_factory=list)
    left: list[FlowRun] = field(default_factory=list)
    incomplete: list[FlowRun] = field(default_factory=list)
    busy: list[FlowRun] = field(default_factory=list)
    would_send: list[FlowRun] = field(default_factory=list)
    stale: list[FlowRun] = field(default_factory=list)

    def add(self, other: Summary) -> None:
        """Count the runs of another summary to these."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    def __str__(self) -> str:
        counts = Counter(a.outcome for a in self.assembled)
        words = [f"{n} {outcome}" for outcome, n in sorted(counts.items())]
        words += [f"{self.already_done} done before"] if self.already_done else []
        words += [f"{len(self.would_send)} would be assembled"] if self.would_send else []
        words += [f"{len(self.incomplete)} of these incomplete"] if self.incomplete else []
        words += [f"{len(self.failed)} failed"] if self.failed else []
        words += [f"{len(self.busy)} in another assembler's hands"] if self.busy else []
        words += [f"{len(self.left)} left for the next time"] if self.left else []
        words += [f"{len(self.stale)} running without a sign of life"] if self.stale else []
        return ", ".join(words) or "no runs ended in that time"

    def raise_for_failures(self) -> None:
        """Raises SweepError when runs failed, so that whoever runs us sees red."""
        if self.failed:
            run, reason = self.failed[0]
            raise SweepError(f"{self}. The first failure, of {run.flow_name} ({run.id}): {reason}")


def assemble_each(
    client: SyncPrefectClient,
    runs: Iterable[FlowRun],
    order: Order,
    *,
    targets: Sequence[str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Assemble those of the runs that are not settled. `progress` is told how many of how many are done."""
    summary = Summary()
    order = replace(order, targets=targets)
    to = [target.id for target in order.to()]
    ordered = sorted(runs, key=lambda r: (r.started or r.ended or r.expected_start or _EPOCH, str(r.id)))
    entries = ledger.read(client, [r.id for r in ordered])
    todo = []
    for run in ordered:
        entry = entries.get(run.id)
        done = entry is not None and entry.settles(run, *to)
        if done and not order.force:
            summary.already_done += 1
        else:
            todo.append(run)
    if dry_run:
        summary.would_send = todo
    else:
        _work_through(client, todo, replace(order, targets=to), summary, progress or _unseen)
    return summary


class _Away:
    """Targets that are away, so that the others need not wait for them."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.all = tuple(targets)
        self._in_a_row = dict.fromkeys(targets, 0)

    @property
    def not_given_up(self) -> list[str]:
        return [target for target in self.all if self._in_a_row[target] < FAILURES_IN_A_ROW]

    def answered(self, asked: Iterable[str], but: Collection[str] = ()) -> None:
        for target in asked:
            self._in_a_row[target] = self._in_a_row[target] + 1 if target in but else 0


def _unseen(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def _work_through(
    client: SyncPrefectClient, todo: Sequence[FlowRun], order: Order, summary: Summary, progress: Progress
) -> None:
    """Of each flow only the last run has the present put back after it: after every one it would double the work."""
    last = {run.flow_id: run.id for run in todo}
    shown: dict[UUID, FlowRun] = {}
    away = _Away(order.targets or ())
    for number, run in enumerate(todo):
        progress(number, len(todo))
        there = away.not_given_up
        if not there:
            summary.left.append(run)
            continue
        is_last = last[run.flow_id] == run.id
        try:
            assembled = _assemble_one(client, run, replace(order, keep_present=is_last, targets=there), summary)
            away.answered(there)
        except TargetsAwayError as error:
            logger.warning("Run %s (%s) could not be delivered: %s", run.id, run.flow_name, error)
            summary.failed.append((run, str(error)))
            away.answered(there, but=error.away)
            continue
        if len(there) < len(away.all):
            summary.left.append(run)
        if assembled and assembled.outcome == "sent":
            shown[run.flow_id] = run
            if is_last:
                del shown[run.flow_id]
    for run in shown.values():
        _keep_present(client, run, order, summary)
    progress(len(todo), len(todo))


def _assemble_one(client: SyncPrefectClient, run: FlowRun, order: Order, summary: Summary) -> Assembled | None:
    """One run's trouble is that run's. Raises TargetsAwayError, which is the targets' trouble."""
    try:
        assembled = assemble_run(client, run.id, order)
    except ledger.BusyError as error:
        logger.info("%s", error)
        summary.busy.append(run)
        return None
    except TargetsAwayError:
        raise
    except Exception as error:
        # A run that we cannot put together must not stand in the way of all that came after it.
        logger.exception("Run %s (%s) could not be assembled", run.id, run.flow_name)
        summary.failed.append((run, f"{type(error).__name__}: {error}"))
        return None
    summary.assembled.append(assembled)
    if not assembled.complete:
        summary.incomplete.append(run)
    logger.info("%s", assembled)
    return assembled


def _keep_present(client: SyncPrefectClient, run: FlowRun, order: Order, summary: Summary) -> None:
    try:
        keep_present(client, run.id, order)
    except TransientDeliveryError as error:
        summary.failed.append((run, f"its job's newest run could not be put back: {error}"))


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
