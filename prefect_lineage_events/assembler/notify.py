"""Events in Prefect's feed about assembled runs.

Events are stored seconds later and may be lost with the process: they are for people and automations alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Any
from uuid import UUID, uuid5

from prefect.runtime import flow_run

from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.escaping import line
from prefect_lineage_events.event_fields import MAX_LABEL
from prefect_lineage_events.events import (
    ASSEMBLED_EVENT,
    FLOW_LABEL,
    INCOMPLETE_EVENT,
    REJECTED_EVENT,
    TARGET_LABEL,
)
from prefect_lineage_events.history.assembler_events import RUN_PREFIX
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import RunLineage

# Runs named by one event: with flow and run of each, it stays far below the hundred related resources of an event.
MAX_RUNS = 40
_REASONS = 20
_UNREADABLE = 3
_LONGEST_REASON = 500
_TARGETS = 20
_FLOWS = 5
_BATCHES = UUID("5f1c9a52-0f0e-4f0a-9a3b-3d2f4f6a7c10")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A run that a target took, as in a `lineage.assembled` event."""

    run: FlowRun
    target: str
    digest: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Announcements:
    """Deliveries not announced yet, so that one event announces many runs. Safe to use from several threads."""

    _waiting: list[Delivery] = field(default_factory=list)
    _targets: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, delivery: Delivery, configured: Sequence[str]) -> None:
        with self._lock:
            self._waiting.append(delivery)
            self._targets = list(configured)
            full = len(self._waiting) >= MAX_RUNS
        if full:
            self.flush()

    def flush(self) -> None:
        """Emit an event for the deliveries since the last one."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            _emit_assembled(waiting[0], self._targets)
        elif waiting:
            _emit_batch(waiting, self._targets)


@contextmanager
def batched(shared: Announcements | None = None) -> Iterator[Announcements]:
    """Announcements, emitted at the end of the block, also after an error; `shared` ones are left to their owner."""
    if shared is not None:
        yield shared
        return
    announcements = Announcements()
    try:
        yield announcements
    finally:
        announcements.flush()


def announce_delivery(run: RunLineage, outbox: Outbox, configured: Sequence[str], announcements: Announcements) -> None:
    """Announce the events of the run that a target took, and emit an event about those that it refused.

    `configured`: ids of all targets of this process; another process may have others.
    """
    lineage, to, digest = run.lineage, outbox.target, outbox.state.digest
    if outbox.sent:
        facts = {
            "inputs": len(lineage.inputs),
            "outputs": len(lineage.outputs),
            "column_edges": len(lineage.columns),
            "complete": run.completeness.complete,
        }
        announcements.add(Delivery(run.run, to.id, digest, facts), configured)
    if reasons := [*outbox.refused, *outbox.kept]:
        verb = "refused" if outbox.refused else "has not used"
        summary = f"{to.name} {verb} {counted(len(reasons), 'event')}: {reasons[0]}"
        payload = {"reasons": reasons[:_REASONS], "refused": len(reasons), "kept": len(outbox.kept)}
        _emit(REJECTED_EVENT, run.run, to.id, digest, summary, payload)


def announce_findings(run: RunLineage, outboxes: Sequence[Outbox] = ()) -> None:
    """Emit an event about incomplete lineage: once for all targets, with the first one's digest.

    A run of which no event can be read has none.
    """
    target, digest = (outboxes[0].target.id, outboxes[0].state.digest) if outboxes else ("", "")
    lacks = run.completeness
    if not lacks.complete:
        summary = f"lineage lacks {'; '.join(lacks.lacks())}"
        missing = {str(emitter): list(numbers[:100]) for emitter, numbers in islice(lacks.missing.items(), 100)}
        unclosed = [str(emitter) for emitter in lacks.unclosed[:100]]
        payload = {"missing": missing, "unclosed": unclosed, "dropped": lacks.dropped, "rejected": len(lacks.rejected)}
        if lacks.rejected:
            payload |= {"reasons": [line(f"{one}", _LONGEST_REASON) for one in lacks.rejected[:_UNREADABLE]]}
        _emit(INCOMPLETE_EVENT, run.run, target, digest, summary, payload)


def _emit_assembled(one: Delivery, targets: Sequence[str]) -> None:
    payload = {**one.facts, "targets": targets[:_TARGETS], "assembler_run": flow_run.id}
    _emit(ASSEMBLED_EVENT, one.run, one.target, one.digest, _taken(one), payload)


def _taken(one: Delivery) -> str:
    counts = [counted(int(one.facts[f"{noun}s"]), noun) for noun in ("input", "output") if f"{noun}s" in one.facts]
    return f"{' and '.join(counts) or 'lineage'} sent to {one.target}"


def _emit_batch(deliveries: Sequence[Delivery], targets: Sequence[str]) -> None:
    runs = {one.run.id: one.run for one in deliveries}
    related = {r["prefect.resource.id"]: r for run in runs.values() for r in run.info.related()}
    ids = sorted(str(_event_id(one.run.id, ASSEMBLED_EVENT, one.target, one.digest)) for one in deliveries)
    id_ = uuid5(_BATCHES, " ".join(ids))
    flows = dict.fromkeys(run.flow_name for run in runs.values())
    more = " and others" if len(flows) > _FLOWS else ""
    to = dict.fromkeys(one.target for one in deliveries)
    summary = line(f"{len(runs)} runs of {', '.join(islice(flows, _FLOWS))}{more} sent to {', '.join(to)}", MAX_LABEL)
    publishing.emit(
        ASSEMBLED_EVENT,
        id=id_,
        resource={"prefect.resource.id": f"prefect-lineage.runs.{id_}", "prefect.resource.name": summary},
        related=related.values(),
        payload={
            "summary": summary,
            "runs": [
                {
                    "flow_run_id": str(one.run.id),
                    "flow": one.run.flow_name,
                    "target": one.target,
                    "digest": one.digest,
                    **one.facts,
                }
                for one in deliveries
            ],
            "target": deliveries[0].target,
            "targets": targets[:_TARGETS],
            "assembler_run": flow_run.id,
        },
    )


def _emit(name: str, run: FlowRun, target: str, digest: str, summary: str, payload: dict[str, Any]) -> None:  # noqa: PLR0917
    """Emit an event about a run. `summary` is a sentence without its subject, the run."""
    flow = line(run.flow_name, MAX_LABEL)
    summary = line(f"{run.flow_name} ({run.name}): {summary}", MAX_LABEL)
    publishing.emit(
        name,
        # Deterministic: an assembler that is killed and repeats its work emits nothing twice.
        id=_event_id(run.id, name, target, digest),
        resource={
            "prefect.resource.id": f"{RUN_PREFIX}{run.id}",
            "prefect.resource.name": summary,
            FLOW_LABEL: flow,
            TARGET_LABEL: target[:MAX_LABEL],
        },
        related=run.info.related(),
        payload={"summary": summary, "target": target, "digest": digest, **payload},
    )


def _event_id(run_id: UUID, name: str, target: str, digest: str) -> UUID:
    return uuid5(run_id, f"{name} {target} {digest}")
