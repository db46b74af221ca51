"""Options and results of assembling one run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from prefect_lineage_events.assembler.dataset_pages import DatasetPages
from prefect_lineage_events.assembler.notify import Announcements
from prefect_lineage_events.assembler.schema_changes import Finder
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.escaping import line
from prefect_lineage_events.history.reader import Patience
from prefect_lineage_events.history.witnessed import Witnessed
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import Reanalysis

# An ended run's events are stored within this time; what is missing until then may only be late.
STORED_WITHIN = dt.timedelta(minutes=2)

RETRY_REFUSED = "mend the target or its profile, then `prefect-lineage rejected --retry`"

Outcome = Literal[
    "sent", "nothing new", "no lineage", "not ended", "too early", "own flow",
    "would be sent",  # by a dry run
    "events deleted",  # by Prefect's retention
]  # fmt: skip

_WORDS: dict[Outcome, str] = {
    "sent": "lineage sent",
    "nothing new": "nothing new to send",
    "no lineage": "no lineage, so nothing was sent",
    "not ended": "has not ended, so nothing was sent; a sweep assembles it when it has",
    "too early": "its events are still arriving, so nothing was sent yet; a sweep assembles it",
    "own flow": "is a run of the lineage assembler itself, which has no lineage",
    "would be sent": "lineage would be sent",
    "events deleted": "Prefect has deleted events of it, so nothing was sent; what was sent before stays",
}


@dataclass(frozen=True, slots=True)
class AssemblyOptions:
    """Options of assembling a run.

    `retry`: try again to send to a target that cannot take events now. `force`: send the run again. `skip_recent`:
    leave a run whose events are still arriving to a later sweep, without waiting for them. `lease_timeout`: seconds to
    wait for another assembler that delivers the same run. `restore_latest`: send the job's latest completed run again
    to targets that show the last event received. `targets`: names or ids of the targets that are to receive it (None:
    all configured ones). `unavailable`: ids of targets that are not tried now and are to receive it later. `reanalyse`:
    let the current analyser read the run's statements. `update_flow_artifact`: show the run in its flow's artifact.
    `announcements` and `dataset_pages`: those shared by many runs (None: the run has its own). `start_automations`:
    emit the events of written tables and changed schemas; `affected` finds what reads the latter. `witnessed`: what the
    warehouse said of statements just now, by run; these runs are assembled again.
    """

    retry: bool = False
    patience: Patience | None = None
    force: bool = False
    skip_recent: bool = False
    lease_timeout: float = 60.0
    restore_latest: bool = True
    targets: Sequence[str] | None = None
    unavailable: Sequence[str] = ()
    reanalyse: bool = False
    update_flow_artifact: bool = True
    announcements: Announcements | None = None
    dataset_pages: DatasetPages | None = None
    start_automations: bool = True
    witnessed: Mapping[UUID, Sequence[Witnessed]] = field(default_factory=dict)
    affected: Finder | None = None

    def chosen_targets(self) -> tuple[Target, ...]:
        """The targets that are to receive the run. Raises ValueError for a name of no target."""
        return targets(self.targets)


DEFAULT_OPTIONS = AssemblyOptions()


@dataclass(frozen=True, slots=True)
class AssemblyResult:
    """Outcome of assembling one run.

    `sent`: events that its targets took; `rejected`: their reasons for the events they refused; `kept`: reasons for
    which a target has not used events yet, so that a sweep sends them again. `lacks`: parts of the run's history that
    have not arrived or cannot be read; `awaits`: some of them may still arrive; `waits_for`: runs whose events must
    arrive first, where nothing else is missing. `unwitnessed`: statements that await the warehouse's access history.
    `refused_before`: events that targets refused before, and that were not sent again.
    """

    flow_run_id: UUID
    flow_name: str
    outcome: Outcome
    sent: int = 0
    rejected: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    reanalysis: Reanalysis = field(default_factory=Reanalysis)
    waits_for: tuple[UUID, ...] = ()
    awaits: bool = True
    kept: tuple[str, ...] = ()
    unwitnessed: int = 0
    refused_before: int = 0

    @property
    def verdict(self) -> str:
        """The outcome, or `refused` if targets refused events of the run, and took none."""
        return "refused" if self.rejected and not self.sent else self.outcome

    @property
    def complete(self) -> bool:
        return not self.lacks

    def __str__(self) -> str:
        outcome = "its lineage was refused" if self.verdict == "refused" else _WORDS[self.outcome]
        text = f"{line(self.flow_name)} ({self.flow_run_id}): {outcome}"
        if self.refused_before:
            text += f"; {counted(self.refused_before, 'event')} refused before ({RETRY_REFUSED})"
        if self.sent or self.rejected or self.kept:
            text += f", {counted(self.sent, 'event')} taken"
        if self.rejected:
            text += f", {len(self.rejected)} refused ({line(self.rejected[0])})"
        if self.kept:
            text += f", {len(self.kept)} kept for the sweep ({line(self.kept[0])})"
        return text if self.complete else f"{text}; incomplete, it lacks {'; '.join(map(line, self.lacks))}"
