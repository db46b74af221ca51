"""What the assembler says in Prefect's event feed about a run it assembled.

Events are stored seconds later and may be lost with the process: nothing depends on them but people and automations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from prefect.runtime import flow_run

from prefect_lineage_events.assembler import publishing
from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.events import (
    ASSEMBLED_EVENT,
    INCOMPLETE_EVENT,
    REJECTED_EVENT,
    SCHEMA_CHANGED_EVENT,
)
from prefect_lineage_events.history.model import FlowRun

_REASONS = 20
_TARGETS = 20


def delivered(run: RunLineage, outbox: Outbox, configured: Sequence[str]) -> None:
    """What a target took of the run's lineage, and what it refused: sending that again would not help.

    `configured` are the ids of all targets of this process: another one may have others.
    """
    lineage, to, digest = run.lineage, outbox.target, outbox.line.digest
    if outbox.sent:
        payload = {
            "inputs": len(lineage.inputs),
            "outputs": len(lineage.outputs),
            "column_edges": len(lineage.columns),
            "complete": run.completeness.complete,
            "targets": list(configured)[:_TARGETS],
            "assembler_run": flow_run.id,
        }
        _emit(ASSEMBLED_EVENT, run.run, to.id, digest, payload)
    if reasons := outbox.refused:
        _emit(REJECTED_EVENT, run.run, to.id, digest, {"reasons": reasons[:_REASONS], "refused": len(reasons)})


def oddities(run: RunLineage, outboxes: Sequence[Outbox]) -> None:
    """What is odd about the picture itself, whoever has it: told once, with the digest that the first target has."""
    first = outboxes[0]
    lacks = run.completeness
    if not lacks.complete:
        missing = {str(emitter): list(numbers[:100]) for emitter, numbers in lacks.missing.items()}
        unclosed = [str(emitter) for emitter in lacks.unclosed]
        payload = {"missing": missing, "unclosed": unclosed, "dropped": lacks.dropped, "rejected": len(lacks.rejected)}
        _emit(INCOMPLETE_EVENT, run.run, first.target.id, first.line.digest, payload)
    if run.schema_changes:
        changes = {dataset.uri: change for dataset, change in run.schema_changes.items()}
        _emit(SCHEMA_CHANGED_EVENT, run.run, first.target.id, first.line.digest, {"changes": changes})


def _emit(name: str, run: FlowRun, target: str, digest: str, payload: dict[str, Any]) -> None:
    publishing.emit(
        name,
        # Deterministic: an assembler that is killed and does it again says nothing twice.
        id=_event_id(run.id, name, target, digest),
        resource={"prefect.resource.id": f"prefect-lineage.run.{run.id}", "prefect.resource.name": run.flow_name},
        related=run.info.related(),
        payload={"target": target, "digest": digest, **payload},
    )


def _event_id(run_id: UUID, name: str, target: str, digest: str) -> UUID:
    return uuid5(run_id, f"{name} {target} {digest}")
