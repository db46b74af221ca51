"""History in files of events: the runs in them that ended in a window of time, as snapshots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from prefect_lineage_events.assembler.event_files import Event, EventFiles, Fault, Place
from prefect_lineage_events.event_snapshots import EventRuns, is_own
from prefect_lineage_events.snapshots import Snapshot

# Runs that are held at once; of more, those with the oldest events are left out.
MAX_RUNS = 50_000
MAX_LISTED = 20


@dataclass(slots=True)
class Lacks:
    """The parts of the files that are not known, by numbers: `faults` are the first unreadable parts.

    `unfinished` are the files whose last line is half written now.
    """

    unreadable: int = 0
    faults: list[Fault] = field(default_factory=list)
    unfinished: dict[str, Fault] = field(default_factory=dict)
    of_no_run: int = 0
    left_out: int = 0

    def add(self, fault: Fault) -> None:
        if fault.unfinished:
            self.unfinished[fault.unfinished] = fault
            return
        self.unreadable += 1
        if len(self.faults) < MAX_LISTED:
            self.faults.append(fault)


class EventHistory:
    """The runs of the files at an address that ended in [start, end], and those without an end.

    `end` is None for a window that is open. `lacks` is about all that was read so far.
    """

    def __init__(self, files: EventFiles, start: dt.datetime, end: dt.datetime | None = None) -> None:
        self.files = files
        self.start, self.end = start, end
        self.lacks = Lacks()
        self._runs = EventRuns()
        self._places: dict[UUID, dict[tuple[str, str], Place]] = {}

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def refresh(self) -> set[UUID]:
        """Read what was added to the files; returns the runs that changed, came or went. Raises ArchiveError."""
        changed: set[UUID] = set()
        for one in self.files.new_events(self.start):
            if isinstance(one, Fault):
                self.lacks.add(one)
                continue
            place, event = one
            self.lacks.unfinished.pop(place.path, None)
            run_id = self._take(place, event)
            if run_id is not None:
                changed.add(run_id)
            if len(self._runs) > MAX_RUNS:
                self._forget_oldest()
        return changed

    def snapshot(self, run_id: UUID) -> Snapshot | None:
        """The snapshot of a run; None for one that ended outside the window."""
        return self._runs.snapshot(run_id) if run_id in self._runs else None

    def last_event(self, run_id: UUID) -> dt.datetime:
        """The time of the run's latest event."""
        return self._runs.last_event(run_id)

    def own_runs(self) -> Iterator[UUID]:
        """The runs of Prefect, whose events this project has built."""
        yield from self._places

    def events(self, run_id: UUID) -> tuple[Event, ...]:
        """The events of a run of Prefect, as its last assembly built them. Raises ArchiveError."""
        return tuple(self.files.at(list(self._places.get(run_id, {}).values())))

    def _take(self, place: Place, event: Event) -> UUID | None:
        if "run" not in event and ("job" in event or "dataset" in event):
            self.lacks.of_no_run += 1
            return None
        try:
            run_id = self._runs.add(event)
        except Exception as error:  # noqa: BLE001  (an event of any shape)
            reason = str(error) if isinstance(error, ValueError) else f"it cannot be read ({type(error).__name__})"
            self.lacks.add(Fault(str(place), reason))
            return None
        run = self._runs.run(run_id)
        if not run.in_flight and not self._holds(run.ended or run.began):
            self._forget(run_id)
        elif is_own(event):
            places = self._places.setdefault(run_id, {})
            key = str(event["run"]["runId"]), str(event.get("eventType"))
            # The last of equal ones comes last.
            places.pop(key, None)
            places[key] = place
        return run_id

    def _holds(self, ended: dt.datetime) -> bool:
        return self.start <= ended and (self.end is None or ended <= self.end)

    def _forget(self, run_id: UUID) -> None:
        self._runs.forget(run_id)
        self._places.pop(run_id, None)

    def _forget_oldest(self) -> None:
        for run_id in self._runs.oldest(MAX_RUNS // 10):
            self._forget(run_id)
            self.lacks.left_out += 1


def gap_texts(history: EventHistory) -> Iterator[tuple[str, bool]]:
    """The lacks of the files' content, in words; True for unreadable parts."""
    lacks = history.lacks
    yield from ((f"{fault}", True) for fault in (*lacks.faults, *lacks.unfinished.values()))
    if more := lacks.unreadable - len(lacks.faults):
        yield f"{more:,} more lines or events cannot be read", True
    if lacks.of_no_run:
        yield (
            f"{lacks.of_no_run:,} events in {history.files.name} are of a job or a dataset alone, and of no run",
            False,
        )
    if lacks.left_out:
        yield f"only the newest {MAX_RUNS:,} runs in {history.files.name} are read: {lacks.left_out:,} are not", False
