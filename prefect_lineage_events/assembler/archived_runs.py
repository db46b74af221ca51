"""Delivery of runs from the archive: those whose events Prefect has deleted, and deleted runs.

The archive may be the files of a file target. Of these, only runs of Prefect are delivered: `replay` sends those of
other producers.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import archive, lease, ledger
from prefect_lineage_events.assembler.archive import ArchivedRun
from prefect_lineage_events.assembler.event_history import EventHistory, gap_texts
from prefect_lineage_events.assembler.file_store import ArchiveError, FileStore
from prefect_lineage_events.assembler.latest_run import restore_latest_run
from prefect_lineage_events.assembler.ledger import DeliveryState, Entry
from prefect_lineage_events.assembler.options import AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.outbox import Outbox, TargetsAwayError
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.snapshots import Snapshot, flow_run_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.delivery.targets import Target

logger = logging.getLogger(__name__)

_TEXT = "The lineage of this run was delivered from the archive: Prefect has deleted its events."


# The runs of a file are read once for all that ended within this time of each other.
_SPAN = dt.timedelta(days=3)


def find(run: FlowRun) -> ArchivedRun | None:
    """The run in the archive; None if it is not there, or cannot be read."""
    try:
        opened = archive.archive()
        found = next(opened.read([archive.path_of(run.id, run.ended)]), None) if opened else None
        if found is None or found.snapshot is None:
            found = _in_files(run) or found
    except ArchiveError as error:
        logger.warning("The archive cannot be read: %s", error)
        return None
    if found is not None and found.snapshot is None:
        logger.warning("Run %s cannot be delivered from the archive: %s", run.id, found.fault)
        return None
    return found


def absent(start: dt.datetime, end: dt.datetime, known: Collection[UUID]) -> Iterator[tuple[FlowRun, UUID | None]]:
    """Archived runs that ended in [start, end] and are not `known`, each with the run that called it as a subflow."""
    try:
        opened = archive.archive()
        paths = list(opened.newest(start, end, known)) if opened else []
        snapshots: dict[UUID, Snapshot] = {}
        for found in opened.read(paths, events=False) if opened else ():
            if found.snapshot is None:
                logger.warning("An archived run is left out: %s", found.fault)
            else:
                snapshots[found.run_id] = found.snapshot
        for run_id, snapshot in {**_all_in_files(start, end), **snapshots}.items():
            if run_id not in known and snapshot.run.ended and start <= snapshot.run.ended <= end:
                yield flow_run_of(snapshot), snapshot.run.parent_id
    except ArchiveError as error:
        logger.warning("The archive cannot be read: %s", error)


_lock = Lock()
_histories: dict[str, EventHistory] = {}


def _in_files(run: FlowRun) -> ArchivedRun | None:
    """The run in the files of events. Raises ArchiveError."""
    if run.ended is None:
        return None
    with _lock:
        history = _history(run.ended, run.ended)
        if history is None:
            return None
        if run.id not in history:
            history.refresh()
        snapshot = history.snapshot(run.id)
        if snapshot is None or snapshot.run.ended is None:
            return None
        events = history.events(run.id)
    return ArchivedRun(run.id, history.files.root, snapshot, events) if events else None


def _all_in_files(start: dt.datetime, end: dt.datetime) -> dict[UUID, Snapshot]:
    """The runs of Prefect in the files of events, those that ended near the window too. Raises ArchiveError."""
    with _lock:
        history = _history(start, end)
        if history is None:
            return {}
        history.refresh()
        for text, _ in gap_texts(history):
            logger.warning("Of the archive: %s", text)
        found = {run_id: history.snapshot(run_id) for run_id in history.own_runs()}
    return {run_id: snapshot for run_id, snapshot in found.items() if snapshot}


def _history(start: dt.datetime, end: dt.datetime) -> EventHistory | None:
    """The runs of the files that ended in [start, end], and near it: as read last, if that was for this window too."""
    place = archive.place()
    history = _histories.get(place)
    if history is None or start < history.start or (history.end is not None and end > history.end):
        _histories.clear()
        files = archive.event_files()
        if files is None:
            return None
        history = EventHistory(files, start - _SPAN, end + _SPAN)
        history.refresh()
        _histories[place] = history
    return history


def deliver(client: SyncPrefectClient, run: FlowRun, options: AssemblyOptions) -> AssemblyResult | None:
    """Deliver the run from the archive to each of its targets that does not have it; None if it is not there.

    A target that has taken events of the run keeps these: they were made when all of its history was there. Raises
    BusyError, and TargetsAwayError when a target cannot take it now.
    """
    found = find(run)
    if found is None or found.snapshot is None:
        return None
    with lease.hold(client, run.id, options.lease_timeout):
        record = _Record(client, run, found.snapshot)
        sent, refused, kept, failures = 0, [], [], []
        for target in options.chosen_targets():
            if _is_from(found, target):
                continue
            outbox = _outbox(found, target, record, force=options.force)
            if outbox is None:
                continue
            try:
                outbox.send(retry=options.retry)
                if target.profile.shows_last_event:
                    restore_latest_run(client, run, outbox.events, target, options)
            except TransientDeliveryError as error:
                failures.append((outbox, error))
            sent += outbox.sent
            refused += outbox.refused
            kept += outbox.kept
    if failures:
        raise TargetsAwayError(failures)
    outcome = AssemblyResult(run.id, run.flow_name, "nothing new", lacks=found.snapshot.missing, awaits=False)
    if not (sent or refused or kept):
        return outcome
    return replace(outcome, outcome="sent", sent=sent, rejected=tuple(refused), kept=tuple(kept))


def _is_from(found: ArchivedRun, target: Target) -> bool:
    """Return whether the run was read from the file of this target."""
    path = target.endpoint.get("log_file_path")
    return isinstance(path, str) and f"{FileStore(path).root}/".startswith(f"{found.path.rstrip('/')}/")


def _outbox(found: ArchivedRun, target: Target, record: _Record, *, force: bool) -> Outbox | None:
    """The events for a target, from where its delivery stands; None if it has them."""
    events = [encoding.json_value(event) for event in target.profile.shape(found.events)]
    digest = encoding.digest_of(events)
    state = record.entry.delivery_to(target.id)
    if state is not None and not force and (state.finished or (state.done and state.digest != digest)):
        return None
    if state is None or force or state.digest != digest or (state.kept and state.done == state.total):
        state = DeliveryState(target.id, digest, 0, len(events))
    return Outbox(events, target, state=state, record=record.record)


class _Record:
    """The run's ledger entry, which is written after each event."""

    def __init__(self, client: SyncPrefectClient, run: FlowRun, snapshot: Snapshot) -> None:
        self._client = client
        self._run = run
        end = ledger.end_of(run)
        known = ledger.read(client, [run.id]).get(run.id)
        new = Entry(None, end, complete=snapshot.complete, stored_events=0, empty=snapshot.lineage.empty)
        self.entry = (
            known
            if known is not None and known.end == end
            else replace(new, artifact_id=known.artifact_id if known else None)
        )

    def record(self, state: DeliveryState) -> None:
        self.entry = self.entry.with_delivery(state)
        if self.entry.artifact_id is None:
            self.entry = ledger.write(self._client, self._run, self.entry, _TEXT)
        else:
            ledger.update(self._client, self.entry)
