"""The ledger's record of one run, while the run's events go out to several targets at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

from prefect_lineage_events.assembler import archive, flow_artifact, ledger, snapshot_store
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord
from prefect_lineage_events.assembler.run_lineage import plain_events
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import prose
from prefect_lineage_events.snapshots import snapshot_of
from prefect_lineage_events.stitching.model import RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_NO_RECORDS: Mapping[Dataset, DatasetRecord] = MappingProxyType({})


class RunRecord:
    """The run's ledger entry and artifact text, written before anything is sent and after each event.

    So a killed assembler leaves a record of the events that each target has. Safe to use from several threads.
    """

    def __init__(self, client: SyncPrefectClient, lineage: RunLineage, stored_events: int) -> None:
        self._client = client
        self._lineage = lineage
        self._lock = Lock()
        self.before, self._snapshots = ledger.read_run(client, lineage.run.id)
        self._entry = _new_entry(self.before, lineage, stored_events)
        self._names: Mapping[str, str] = {}
        self._records: Mapping[Dataset, DatasetRecord] = {}
        self._rendered: tuple[Mapping[str, DeliveryState], str] | None = None

    @property
    def changed(self) -> bool:
        """Return whether the run's end, completeness or what it awaits differs from the previous record."""
        before, now = self.before, self._entry
        return before is None or any(
            getattr(before, name) != getattr(now, name) for name in ("end", "complete", "unwitnessed")
        )

    @property
    def same_end(self) -> bool:
        """Return whether the run was assembled before, as it ended."""
        return self.before is not None and self.before.end == self._entry.end

    @property
    def lost_events(self) -> bool:
        """Return whether a complete earlier record used events of this run or of related runs deleted since."""
        before, now = self.before, self._entry
        if before is None or not before.complete or now.complete:
            return False
        related_gone = before.end == now.end and bool(self._lineage.completeness.incomplete_related_runs)
        return now.stored_events < before.stored_events or related_gone

    @property
    def reanalysed_before(self) -> bool:
        """Return whether a later analyser has read its statements, to another result."""
        return self.before is not None and self.before.reanalysed

    def store_snapshot(self) -> bool:
        """Store the run's snapshot; returns whether that changes the ledger's entry. No request if it is stored."""
        if not snapshot_store.wanted(self._lineage):
            return False
        before = self._entry.snapshot
        snapshot = snapshot_store.store(self._client, self._lineage, before, self._snapshots)
        self._entry = replace(self._entry, snapshot=snapshot)
        return snapshot != before

    def archive(self, api_url: str) -> bool:
        """Write the run to the archive, where the settings name one; returns whether the text must change."""
        if not (archive.is_written() and self._lineage.run.ended_for_good):
            return False
        before = self._entry.archived
        mark = archive.store(snapshot_of(self._lineage), plain_events(self._lineage, api_url), before)
        self._entry = replace(self._entry, archived=mark)
        if mark != before:
            self.update()
        return (before.fault if before else "") != mark.fault

    def rewrite(self) -> None:
        """Write the entry and the text."""
        self._write()

    def update(self) -> None:
        """Write the entry, and leave the text as it is."""
        ledger.update(self._client, self._entry)

    def state(self, target_id: str, digest: str) -> DeliveryState | None:
        """The target's state for exactly these events, if the ledger has it."""
        state = self._entry.delivery_to(target_id)
        return state if state and state.digest == digest else None

    def started(self, target_id: str) -> bool:
        """Return whether the target has this run's START. It is sent first and only once: after the end it would reopen
        the run.
        """
        state = self.before.delivery_to(target_id) if self.before else None
        if self.before is None or state is None or not state.done:
            return False
        return self.before.end == self._entry.end or not ledger.is_end(self.before.end)

    def open(
        self,
        names: Mapping[str, str],
        states: Iterable[DeliveryState],
        unavailable: Iterable[str] = (),
        records: Mapping[Dataset, DatasetRecord] = _NO_RECORDS,
    ) -> None:
        """Write the record with the current state of each target; `names` are those of the targets, by id.

        `records`: those of the run's datasets that have a page.

        `unavailable` targets that have nothing yet get a state as well: a target without one is not waited for.
        """
        self._records = records
        self._names = {ledger.target_key(id_): name for id_, name in names.items()}
        owed = [DeliveryState(id_, "", 0, 1, final=False) for id_ in unavailable if not self._entry.delivery_to(id_)]
        for state in (*owed, *states):
            self._entry = self._entry.with_delivery(state)
        self._write()

    def record(self, state: DeliveryState) -> None:
        """Write a target's new state. The text for people is written when the target is done, or refused an event."""
        with self._lock:
            before = self._entry.delivery_to(state.target)
            self._entry = self._entry.with_delivery(state)
            if state.done == state.total or before is None or before.reasons != state.reasons:
                self._write()
            else:
                ledger.update(self._client, self._entry)

    def update_flow_artifact(self) -> None:
        """Show this run in the flow's own artifact."""
        flow_artifact.show(self._client, self._lineage.run, self._text())

    def _write(self) -> None:
        self._entry = ledger.write(self._client, self._lineage.run, self._entry, self._text())

    def _text(self) -> str:
        """The text for people, rendered again only when the state of a target has changed."""
        if self._rendered is None or self._rendered[0] != self._entry.targets:
            by_name = {self._names.get(key, state.target): state for key, state in self._entry.targets.items()}
            self._rendered = self._entry.targets, run_page.markdown(self._lineage, by_name, self._records)
        fault = self._entry.archived.fault if self._entry.archived else ""
        return f"{self._rendered[1]}\n\nNot archived: {prose(fault)}." if fault else self._rendered[1]


def _new_entry(before: Entry | None, lineage: RunLineage, stored_events: int) -> Entry:
    """The entry of this assembly. Earlier states of targets count only if the run has not ended again since."""
    end = ledger.end_of(lineage.run)
    return Entry(
        artifact_id=before.artifact_id if before else None,
        end=end,
        complete=lineage.completeness.complete,
        stored_events=stored_events,
        targets=before.targets if before and before.end == end else {},
        reanalysed=lineage.reanalysis.changed > 0,
        empty=lineage.lineage.empty,
        snapshot=before.snapshot if before else None,
        archived=before.archived if before else None,
        unwitnessed=lineage.unwitnessed,
    )
