"""Loading of the lineage graph: a window of Prefect's history as a graph in memory, and its refresh.

Ended runs come from the snapshots that assemblers stored. Runs in flight, and ended ones without a snapshot, are read
from their events, for a limited time. The gaps name all that is left out.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.assembler import snapshot_store
from prefect_lineage_events.assembler.snapshot_store import FoundSnapshot
from prefect_lineage_events.graph import absent_runs, refusals, unstored
from prefect_lineage_events.graph import gaps as questions
from prefect_lineage_events.graph.archived import ArchivedRuns
from prefect_lineage_events.graph.cache import SnapshotCache
from prefect_lineage_events.graph.from_events import ReadRun, count_events, read_runs
from prefect_lineage_events.graph.graph import ALWAYS, Graph, Window
from prefect_lineage_events.graph.listing import MAX_RUNS, Listing
from prefect_lineage_events.graph.side_by_side import in_order
from prefect_lineage_events.graph.values import Gap, RunDetails
from prefect_lineage_events.history import api
from prefect_lineage_events.history.runs import runs_by_id, unended_runs
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The window of a caller that names no start.
DEFAULT_SPAN = dt.timedelta(days=30)
# Seconds for runs without a snapshot: each takes some tenths.
READ_SECONDS = 30.0
MAX_IN_FLIGHT = 200
# The clock of the API is known to the second.
_CLOCKS = dt.timedelta(seconds=10)
# Later events of an ended run are read by an assembler, which stores a snapshot.
_STILL_ARRIVING = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in this phase of loading. `total` is None while it is not known."""

    phase: str
    done: int
    total: int | None = None


def load(
    client: SyncPrefectClient,
    window: Window = ALWAYS,
    *,
    progress: Callable[[Progress], object] | None = None,
    cache: bool = True,
    read_seconds: float = READ_SECONDS,
) -> LoadedGraph:
    """Load the runs that ended in the window, and those in flight if its end is open.

    A window without a start begins `DEFAULT_SPAN` ago. `progress` is called as the work goes on. `cache`: snapshots of
    the last load, of any process, are taken from a file in `PREFECT_HOME` if they are current. `read_seconds` limits
    the reading of runs that have no stored snapshot. Requests: one per 1,000 ended runs and one per 200 of them; about
    ten for each run that is read from its events.
    """
    loaded = LoadedGraph(client, window, progress=progress, cache=cache, read_seconds=read_seconds)
    loaded.refresh()
    return loaded


class LoadedGraph:
    """The graph of a window of Prefect's history. Not safe to use from several threads at once.

    `graph` is changed in place by `refresh`; a refresh that fails begins a new one, which the next refresh fills.
    `start` and `loaded_at` are times by the clock of Prefect's API.
    """

    def __init__(
        self,
        client: SyncPrefectClient,
        window: Window = ALWAYS,
        *,
        progress: Callable[[Progress], object] | None = None,
        cache: bool = True,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.window = window
        self.start = window.start or (window.end or api.now(client)) - DEFAULT_SPAN
        self._client = client
        self._progress = progress or (lambda _: None)
        self._read_seconds = read_seconds
        self._cache = SnapshotCache(str(client.api_url)) if cache else None
        self._begin()

    def _begin(self) -> None:
        """Forget all that was loaded."""
        self.graph = Graph()
        self.loaded_at: dt.datetime | None = None
        self._listing = Listing(self._client, self.start)
        self._archived = ArchivedRuns(self.start, self.window.end)
        # The time of each stored snapshot's last change.
        self._stored: dict[UUID, dt.datetime] = {}
        # Ended runs without a snapshot that may have touched something, and runs in flight, with the number of their
        # events that were read.
        self._unstored: dict[UUID, int | None] = {}
        self._in_flight: dict[UUID, int] = {}
        self._faults: dict[UUID, Gap] = {}
        self._news: list[FoundSnapshot] = []
        # Gaps of all loads, and of the last one.
        self._lost: list[Gap] = []
        self._left_out: list[Gap] = []

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All that the graph does not know: what is left out of it, and what its runs lack."""
        return (*self._lost, *self._archived.gaps, *self._left_out, *self._faults.values(), *questions.gaps(self.graph))

    def absent_run(self, text: str) -> RunDetails | None:
        """The run that this text names and that the graph does not hold, with the reasons; None for no run."""
        return absent_runs.absent_run(self._client, text, self.window)

    def refresh(self) -> frozenset[UUID]:
        """Take over what changed in Prefect since; returns the runs that were changed, added or removed.

        Requests, where nothing changed: about six, and one for each run in flight.
        """
        try:
            return self._refreshed()
        except BaseException:
            # What was read in part has no place to go on from: the next refresh loads the window.
            self._begin()
            raise

    def _refreshed(self) -> frozenset[UUID]:
        before = self.loaded_at
        until = self.window.end or api.now(self._client)
        self._left_out = []
        changed = self._refresh_in_flight() if self.window.end is None else set()
        listed = self._listing.refresh(until, again=changed, progress=self._listing_progress)
        gone = listed.gone - self._in_flight.keys()
        gone -= self._archived.kept_of(self.graph, gone)
        for run_id in gone:
            self._forget(run_id)
        if before is None:
            with_snapshot = self._first_snapshots(listed.new)
        else:
            updated = self._updated_since(max(self._stored.values(), default=before))
            with_snapshot = updated | self._read_snapshots([id_ for id_ in listed.new if id_ not in updated])
        kept, from_archive = self._read_archive(until)
        without = [id_ for id_ in listed.new if id_ not in with_snapshot and id_ not in kept]
        found = unstored.find(self._client, without, self.start, until, before_history=listed.before_history)
        self._lost += found.gaps
        if listed.cut:
            text = f"only the newest {MAX_RUNS:,} runs of the window are loaded"
            self._lost.append(Gap(kind="left out", text=text))
        self._unstored |= dict.fromkeys(found.run_ids)
        changed |= self._read_unstored(until)
        self._read_refusals()
        self.loaded_at = api.now(self._client)
        return frozenset(changed | with_snapshot | from_archive | gone)

    def _read_refusals(self) -> None:
        """Take over what targets refuse now of the window's runs: a retry may have mended it since the last load."""
        found = refusals.read(self._client, self.start)
        self.graph.refused = found.by_run()
        known = {one.run_id for one in found.found if self.graph.snapshot(one.run_id)}
        self._left_out += [
            Gap(kind="refused", text=f"run {one.run_id} ({one.flow}): {one}")
            for one in found.found
            if one.run_id not in known and one.run_id in self._listing
        ]
        if found.read_back_to:
            text = f"refused events before {found.read_back_to:%Y-%m-%d %H:%M} UTC are not read"
            self._left_out.append(Gap(kind="left out", text=text))

    def _listing_progress(self, done: int) -> None:
        self._progress(Progress("listing runs", done))

    def _first_snapshots(self, run_ids: list[UUID]) -> set[UUID]:
        """Read the snapshots of these runs, those from the cache that are current; returns the runs that have one."""
        asked = api.now(self._client)
        cached, current_at = self._cache.read(run_ids) if self._cache else ([], None)
        having = set(map(self._apply, cached))
        if current_at:
            having |= self._updated_since(current_at - _CLOCKS)
        having |= self._read_snapshots([id_ for id_ in run_ids if id_ not in having])
        if self._cache:
            self._cache.write(self._news, having, asked)
            self._news = []
        return having

    def _read_snapshots(self, run_ids: list[UUID]) -> set[UUID]:
        """Read the snapshots of these runs into the graph; returns those that have one."""
        size, total = snapshot_store.RUNS_A_REQUEST, len(run_ids)
        pages = [run_ids[start : start + size] for start in range(0, total, size)]
        calls = (partial(self._read_page, page) for page in pages)
        having: set[UUID] = set()
        for number, found in enumerate(in_order(calls), 1):
            having.update(map(self._apply, found))
            self._remember(found)
            self._progress(Progress("reading snapshots", min(number * size, total), total))
        return having

    def _read_page(self, run_ids: list[UUID]) -> list[FoundSnapshot]:
        return list(snapshot_store.read(self._client, run_ids))

    def _read_archive(self, until: dt.datetime) -> tuple[set[UUID], set[UUID]]:
        """Read runs that Prefect has no snapshot of, from the archive; returns those that are whole there, and all."""
        kept, changed = set(), set()
        for number, one in enumerate(self._archived.news(until, {*self._stored, *self._in_flight}), 1):
            run_id = one if isinstance(one, UUID) else one.run.id
            changed.add(run_id)
            if isinstance(one, UUID):
                self.graph.remove(one)
            else:
                self.graph.add(one)
                if one.run.ended is not None:
                    kept.add(run_id)
            self._progress(Progress("reading the archive", number))
        return kept, changed

    def _updated_since(self, since: dt.datetime) -> set[UUID]:
        """Read the snapshots that were written since then; returns the runs of the window among them."""
        found = snapshot_store.updated_since(self._client, since)
        news = [one for one in found if one.run_id in self._listing and self._stored.get(one.run_id) != one.updated]
        # The last written comes first, and counts where a run has several.
        self._remember(news)
        return set(map(self._apply, reversed(news)))

    def _remember(self, found: list[FoundSnapshot]) -> None:
        """Keep what was read at the first load for the cache."""
        if self._cache and self.loaded_at is None:
            self._news += found

    def _apply(self, found: FoundSnapshot) -> UUID:
        run_id = found.run_id
        self._stored[run_id] = found.updated
        self._unstored.pop(run_id, None)
        self._faults.pop(run_id, None)
        if found.snapshot is not None:
            self.graph.add(found.snapshot)
        else:
            self.graph.remove(run_id)
            text = f"the stored snapshot of run {run_id} cannot be read: {found.fault}"
            self._faults[run_id] = Gap(kind="unreadable", text=text)
        return run_id

    def _forget(self, run_id: UUID) -> None:
        self.graph.remove(run_id)
        for known in (self._stored, self._unstored, self._faults):
            known.pop(run_id, None)

    def _refresh_in_flight(self) -> set[UUID]:
        """Read the runs in flight that have new events; returns these, and the runs that are in flight no more."""
        now = api.now(self._client)
        runs = {run.id: run for run in unended_runs(self._client, now, MAX_IN_FLIGHT)}
        if len(runs) == MAX_IN_FLIGHT:
            text = f"only the newest {MAX_IN_FLIGHT} runs in flight are read"
            self._left_out.append(Gap(kind="left out", text=text))
        changed = self._in_flight.keys() - runs.keys()
        for run_id in changed:
            del self._in_flight[run_id]
            self._forget(run_id)
        counts = ((run.id, count_events(self._client, run)) for run in runs.values())
        news = [run_id for run_id, count in counts if count != self._in_flight.get(run_id, 0)]
        read = list(self._read(news, "reading runs in flight"))
        self._in_flight |= {one.run_id: one.stored_events for one in read}
        return changed | {one.run_id for one in read}

    def _read_unstored(self, now: dt.datetime) -> set[UUID]:
        """Read ended runs that have no snapshot, and of those read before the ones that have new events."""
        read = set()
        news = [run_id for run_id, count in self._unstored.items() if count is None]
        before = [run_id for run_id, count in self._unstored.items() if count is not None]
        for run in runs_by_id(self._client, before):
            if count_events(self._client, run) != self._unstored[run.id]:
                news.append(run.id)
            elif run.ended is None or run.ended <= now - _STILL_ARRIVING:
                del self._unstored[run.id]
        for one in self._read(news, "reading runs without a snapshot"):
            read.add(one.run_id)
            recent = one.run is not None and one.run.ended is not None and one.run.ended > now - _STILL_ARRIVING
            if recent and not one.fault:
                self._unstored[one.run_id] = one.stored_events
            else:
                self._unstored.pop(one.run_id, None)
        return read

    def _read(self, run_ids: Collection[UUID], phase: str) -> Iterator[ReadRun]:
        """Read these runs from their events into the graph, until the time is over."""
        until = time.monotonic() + self._read_seconds
        for done, one in enumerate(read_runs(self._client, run_ids), 1):
            if one.snapshot is not None:
                self.graph.add(one.snapshot)
            if one.fault:
                self._faults[one.run_id] = Gap(kind="unreadable", text=f"run {one.run_id}: {one.fault}")
            self._progress(Progress(phase, done, len(run_ids)))
            yield one
            if time.monotonic() > until and done < len(run_ids):
                left = counted(len(run_ids) - done, "run")
                text = f"{left} not read from their events within {self._read_seconds:g} s"
                self._left_out.append(Gap(kind="left out", text=text))
                return
