"""Runs past Prefect's history, or deleted in Prefect: from the archive, or from the files of a file target."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from uuid import UUID

from prefect_lineage_events.assembler import archive
from prefect_lineage_events.assembler.event_history import EventHistory, gap_texts
from prefect_lineage_events.assembler.file_store import ArchiveError
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.values import Gap
from prefect_lineage_events.snapshots import Snapshot

# A run without an end in a file is perhaps still on for so long.
_PERHAPS_ON = dt.timedelta(days=1)
# Runs that are named one by one in the gaps.
_NAMED = 3


class ArchivedRuns:
    """The runs of a window in the archive of the settings. `end` is None for a window that is open.

    An archive is read once: what assemblers add to it, they store in Prefect as well. Files of events are read on, as
    other producers write to them too.
    """

    def __init__(self, start: dt.datetime, end: dt.datetime | None) -> None:
        self._start, self._end = start, end
        self._events: EventHistory | None = None
        self._is_read = False
        self._lost: list[Gap] = []
        self._away: tuple[Gap, ...] = ()
        self._without_end: dict[UUID, str] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All that the archive does not say: what of it cannot be read, and what is left out."""
        return (*self._lost, *self._away, *self._gaps_of_events())

    def __contains__(self, run_id: object) -> bool:
        return self._events is not None and run_id in self._events

    def news(self, until: dt.datetime, known: Collection[UUID]) -> Iterator[Snapshot | UUID]:
        """The snapshots that are new, and the ids of runs that are no more in the window.

        Those of `known` runs are left out. Nothing without the setting `archive`.
        """
        self._away = ()
        try:
            if not self._is_read:
                yield from self._archived(until, known)
                files = archive.event_files()
                self._events = EventHistory(files, self._start, self._end) if files else None
                self._is_read = True
            if self._events is not None:
                yield from self._from_events(self._events, until, known)
        except ArchiveError as error:
            self._away = (Gap(kind="left out", text=f"the archive cannot be read: {error}"),)

    def kept_of(self, graph: Graph, deleted: Collection[UUID]) -> set[UUID]:
        """Those of these runs, deleted in Prefect, that the archive has."""
        in_files = {run_id for run_id in deleted if run_id in self}
        snapshots = [snapshot for run_id in deleted if (snapshot := graph.snapshot(run_id))]
        if not snapshots or not archive.is_on():
            return in_files
        paths = [archive.path_of(snapshot.run.id, snapshot.run.ended) for snapshot in snapshots]
        try:
            opened = archive.archive()
            read = opened.read(paths, events=False) if opened else ()
            return in_files | {found.run_id for found in read if found.snapshot}
        except ArchiveError:
            return in_files

    def _archived(self, until: dt.datetime, known: Collection[UUID]) -> Iterator[Snapshot]:
        opened = archive.archive()
        paths = list(opened.newest(self._start, until, known)) if opened else []
        for found in opened.read(paths, events=False) if opened else ():
            if found.snapshot is None:
                self._lost.append(Gap(kind="unreadable", text=found.fault))
            elif found.snapshot.run.ended is None or self._start <= found.snapshot.run.ended <= until:
                yield found.snapshot

    def _from_events(
        self, events: EventHistory, until: dt.datetime, known: Collection[UUID]
    ) -> Iterator[Snapshot | UUID]:
        for run_id in events.refresh():
            snapshot = events.snapshot(run_id)
            self._without_end.pop(run_id, None)
            if run_id in known:
                continue
            if snapshot is None or (snapshot.run.in_flight and self._end is not None):
                yield run_id
                continue
            if snapshot.run.in_flight and events.last_event(run_id) < until - _PERHAPS_ON:
                self._without_end[run_id] = f"{snapshot.run.name} ({events.last_event(run_id):%Y-%m-%d %H:%M} UTC)"
            yield snapshot

    def _gaps_of_events(self) -> Iterator[Gap]:
        if self._events is None:
            return
        for text, is_unreadable in gap_texts(self._events):
            yield Gap(kind="unreadable" if is_unreadable else "left out", text=text)
        names = list(self._without_end.values())
        for name in names[:_NAMED]:
            yield Gap(kind="incomplete", text=f"{self._events.files.name} has no end of run {name}, and no later event")
        if (more := len(names) - _NAMED) > 0:
            yield Gap(kind="incomplete", text=f"the same holds for {more:,} more runs")
