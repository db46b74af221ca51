"""The ended runs of a window, kept up to date: those that are new, and those that were deleted in Prefect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events.history import event_log, run_ids, standalone_tasks
from prefect_lineage_events.history.event_log import LONGEST_WINDOW, Window

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Ended runs of a graph, the newest of its window.
MAX_RUNS = 50_000
# A run's end may be recorded later than it was.
_OVERLAP = dt.timedelta(minutes=10)
# Spans of 13 days without any event, after which there are no older ones.
_EMPTY_SPANS = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """`new` runs, newest first, and those `gone`. `before_history`: new runs that ended before the first event that
    Prefect still has. `cut`: the window has more than `MAX_RUNS` runs, and only the newest are listed.
    """

    new: list[UUID]
    gone: set[UUID] = field(default_factory=set)
    before_history: set[UUID] = field(default_factory=set)
    cut: bool = False


class Listing:
    """The flow runs, and task runs outside any flow, that ended from `start` on."""

    def __init__(self, client: SyncPrefectClient, start: dt.datetime) -> None:
        self._client = client
        self._start = start
        self._runs: set[UUID] = set()
        self._until: dt.datetime | None = None
        self._count = 0

    def __contains__(self, run_id: UUID) -> bool:
        return run_id in self._runs

    def refresh(
        self, until: dt.datetime, *, again: Collection[UUID], progress: Callable[[int], object] = lambda _: None
    ) -> Listed:
        """List the runs that ended up to then. Runs of `again` count as new, if they ended.

        Requests: one per 1,000 runs of the window the first time, and when a run of it was deleted; later about four.
        """
        if self._until is None:
            return self._first(until, progress)
        whole = run_ids.count_ended(self._client, self._start, self._until) != self._count
        since = self._start if whole else max(self._start, self._until - _OVERLAP)
        listed = list(self._ended(since, until))
        gone = self._runs - set(listed) if whole else set()
        new = [run_id for run_id in listed if run_id not in self._runs or run_id in again]
        self._runs = (self._runs - gone) | set(new)
        self._remember(until)
        return Listed(new, gone)

    def _first(self, until: dt.datetime, progress: Callable[[int], object]) -> Listed:
        begins = self._history_begins(until)
        new: list[UUID] = []
        before_history: set[UUID] = set()
        for since, to in ((begins, until), (self._start, begins)):
            for run_id in self._ended(since, to) if since < to else ():
                if run_id not in self._runs:
                    self._runs.add(run_id)
                    new.append(run_id)
                    if to == begins:
                        before_history.add(run_id)
                    if len(new) >= MAX_RUNS:
                        break
                    progress(len(new))
        self._remember(until)
        return Listed(new, before_history=before_history, cut=len(new) >= MAX_RUNS)

    def _history_begins(self, until: dt.datetime) -> dt.datetime:
        """The time of the oldest event that Prefect has in the window; its end if there is none.

        Searched from the end on, since a window may begin in 1970: one request per 13 days of events, and a few more.
        """
        begins, to, empty = until, until, 0
        while to > self._start and empty < _EMPTY_SPANS:
            since = max(self._start, to - LONGEST_WINDOW)
            oldest = event_log.oldest(self._client, Window(since, to))
            begins, empty = (oldest, 0) if oldest else (begins, empty + 1)
            to = since
        return begins

    def _remember(self, until: dt.datetime) -> None:
        self._until = until
        self._count = run_ids.count_ended(self._client, self._start, until)

    def _ended(self, since: dt.datetime, until: dt.datetime) -> Iterator[UUID]:
        for page in run_ids.ended_run_ids(self._client, since, until):
            yield from page
        for runs in standalone_tasks.ended(self._client, since, until):
            yield from (run.id for run in runs)
