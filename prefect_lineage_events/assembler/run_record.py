"""The ledger's page about one run, while the run's events go out to several targets at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from prefect_lineage_events.assembler import flow_artifact, ledger, report
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.stitching.model import RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


class RunRecord:
    """What is on the run's page, and in the ledger behind it: written before anything is sent, and after each event.

    So an assembler that is killed leaves behind what each target has by then. Safe to use from several threads.
    """

    def __init__(self, client: SyncPrefectClient, lineage: RunLineage, stored_events: int) -> None:
        self._client = client
        self._lineage = lineage
        self._lock = Lock()
        self.before = ledger.read(client, [lineage.run.id]).get(lineage.run.id)
        self._entry = _anew(self.before, lineage, stored_events)
        self._names: Mapping[str, str] = {}
        self._rendered: tuple[Mapping[str, DeliveryState], str] | None = None

    @property
    def changed(self) -> bool:
        """Does the page say other things of the run than it did?"""
        before, now = self.before, self._entry
        return before is None or (before.end, before.complete) != (now.end, now.complete)

    @property
    def lost_events(self) -> bool:
        """Was the run complete when it was assembled before, by events of it or of its kin that are not there now?"""
        before, now = self.before, self._entry
        if before is None or not before.complete or now.complete:
            return False
        kins_gone = before.end == now.end and bool(self._lineage.completeness.incomplete_related_runs)
        return now.stored_events < before.stored_events or kins_gone

    @property
    def reanalysed_before(self) -> bool:
        """Were its statements read otherwise by a later analyser?"""
        return self.before is not None and self.before.anew

    def line(self, target_id: str, digest: str) -> DeliveryState | None:
        """What the target has of just these events, as far as the ledger knows."""
        sent = self._entry.delivery_to(target_id)
        return sent if sent and sent.digest == digest else None

    def started(self, target_id: str) -> bool:
        """Has the target this run's START? It comes first, and never again: behind the end it would undo that."""
        line = self.before.delivery_to(target_id) if self.before else None
        if self.before is None or line is None or not line.done:
            return False
        return self.before.end == self._entry.end or not ledger.is_end(self.before.end)

    def open(self, names: Mapping[str, str], lines: Iterable[DeliveryState], unavailable: Iterable[str] = ()) -> None:
        """Write the page with what each target has now; `names` are those of the targets, by id.

        `unavailable` targets have nothing yet and must have it: what has no line of its own is not waited for.
        """
        self._names = {ledger.target_key(id_): name for id_, name in names.items()}
        owed = [
            DeliveryState(id_, "", 0, 1, final=False) for id_ in unavailable if self._entry.delivery_to(id_) is None
        ]
        for line in (*owed, *lines):
            self._entry = self._entry.with_delivery(line)
        self._write()

    def record(self, line: DeliveryState) -> None:
        """What a target has now. The text for people follows when it is done with, or refused something."""
        with self._lock:
            before = self._entry.delivery_to(line.target)
            self._entry = self._entry.with_delivery(line)
            if line.done == line.total or before is None or before.reasons != line.reasons:
                self._write()
            else:
                ledger.note(self._client, self._entry)

    def update_flow_artifact(self) -> None:
        """Let the flow's own artifact show this run."""
        flow_artifact.show(self._client, self._lineage.run, self._text())

    def _write(self) -> None:
        self._entry = ledger.write(self._client, self._lineage.run, self._entry, self._text())

    def _text(self) -> str:
        """The text for people, which is rendered again only when a target has something else."""
        if self._rendered is None or self._rendered[0] != self._entry.targets:
            told = {self._names.get(key, line.target): line for key, line in self._entry.targets.items()}
            self._rendered = self._entry.targets, report.markdown(self._lineage, told)
        return self._rendered[1]


def _anew(before: Entry | None, lineage: RunLineage, stored_events: int) -> Entry:
    """What targets have stands only while the run has not ended anew since."""
    end = ledger.end_of(lineage.run)
    return Entry(
        artifact_id=before.artifact_id if before else None,
        end=end,
        complete=lineage.completeness.complete,
        stored_events=stored_events,
        targets=before.targets if before and before.end == end else {},
        anew=lineage.reanalysis.changed > 0,
        empty=lineage.lineage.empty,
    )
