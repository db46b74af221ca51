"""The backfill: assembly of the runs that ended in a window of time and are not done, in parts that run in parallel.

A part is a span of the window. A flow run and its subflows stay in one part, so that parents come before them. Of a job
with runs in several parts, an older run may arrive after a newer one; `latest_run` restores the latest one at the end.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler import archive, archived_runs, publishing
from prefect_lineage_events.assembler.batch import assemble_each
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.summary import Summary
from prefect_lineage_events.escaping import line, prose
from prefect_lineage_events.history import api, event_log, standalone_tasks
from prefect_lineage_events.history.event_log import Window
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.history.runs import ended_runs, existing_flows, parent_ids
from prefect_lineage_events.job_names import names_deployment
from prefect_lineage_events.moments import from_iso, relative_moment, suggestion
from prefect_lineage_events.nearness import nearest
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


KEY = "prefect-lineage-backfill"
MAX_ROWS = 1000
_SECONDS_BETWEEN_UPDATES = 2.0


class Progress:
    """Two artifacts of a flow run, updated at most every two seconds, and at the end.

    The table begins with runs that need attention, and has at most `MAX_ROWS` rows; its description counts all runs.
    """

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID | None, total: int) -> None:
        self._client = client
        self._total = total
        self._bar = publishing.create_artifact(
            client,
            key=KEY,
            type="progress",
            description=f"How many of the {total} runs that ended in the window have been processed.",
            data=0.0,
            flow_run_id=flow_run_id,
        )
        self._table = publishing.create_artifact(
            client,
            key=f"{KEY}-runs",
            type="table",
            description="Outcomes of the runs so far.",
            data="[]",
            flow_run_id=flow_run_id,
        )
        self._moved = time.monotonic()

    def move(self, done: int, so_far: Summary) -> None:
        """`done` runs of the total have been processed."""
        if time.monotonic() - self._moved >= _SECONDS_BETWEEN_UPDATES:
            self._write(100.0 * done / self._total, prose(f"So far: {so_far}."), so_far)

    def end(self, summary: Summary) -> None:
        """Show the final summary."""
        self._write(100.0, prose(f"{summary}."), summary)

    def _write(self, percent: float, description: str, summary: Summary) -> None:
        self._moved = time.monotonic()
        rows = [
            {"flow run": str(id_), "flow": line(flow_name), "outcome": line(outcome)}
            for id_, flow_name, outcome in islice(summary.outcomes(), MAX_ROWS + 1)
        ]
        if len(rows) > MAX_ROWS:
            description += f" The first {MAX_ROWS} rows are shown."
        publishing.update_artifact(self._client, self._bar, data=percent)
        text = encoding.json_text(rows[:MAX_ROWS])
        publishing.update_artifact(self._client, self._table, data=text, description=description)


# Many enough to keep a worker busy for some time, few enough to be repeated after it was killed.
RUNS_A_PART = 50
# A small backfill shows its progress, too.
_LEAST_PARTS = 20
_BEFORE = dt.timedelta(hours=1)
# A run's first event and its beginning are recorded by two clocks.
_NO_MORE_THAN_CLOCKS = dt.timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class Part:
    """Runs to be assembled one after the other; `number` of `of` parts."""

    number: int
    of: int
    runs: tuple[FlowRun, ...]

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All runs of a backfill. `jobs`: the runs of each job, oldest first; `history_begins`: see `Summary`."""

    parts: tuple[Part, ...]
    jobs: tuple[tuple[UUID, ...], ...]
    history_begins: dt.datetime | None

    @property
    def runs(self) -> int:
        return sum(len(part.runs) for part in self.parts)


def parse_window(start: dt.datetime | str, end: dt.datetime | str, now: dt.datetime | None = None) -> TimeWindow:
    """The window between two times, which may be counted from now: `7d`. Raises ValueError with the expected form."""
    now = now or dt.datetime.now(dt.timezone.utc)
    window = TimeWindow(_parse_time("start", start, now), _parse_time("end", end, now))
    if window.end < window.start:
        raise ValueError(f"the end {window.end.isoformat()} is before the start {window.start.isoformat()}")
    return window


def plan_backfill(client: SyncPrefectClient, window: TimeWindow, flows: Sequence[str] | None = None) -> Plan:
    """Plan the runs that ended in the window, in parts. Raises ValueError for unknown names of flows.

    Requests: three per 200 runs, and one for the beginning of the history.
    """
    require_flows(client, flows)
    # Parameters may be large, and are read again with the run.
    listed = [replace(r, parameters={}) for rows in ended_runs(client, window.start, window.end, flows) for r in rows]
    parents = _parents(client, listed)
    if archive.is_on():
        for run, parent_id in archived_runs.absent(window.start, window.end, {run.id for run in listed}):
            if not flows or run.flow_name in flows:
                listed.append(run)
                parents |= {run.id: parent_id} if parent_id else {}
    trees = _trees(listed, parents)
    parts = _parts(trees)
    numbered = tuple(Part(number, len(parts), tuple(runs)) for number, runs in enumerate(parts, 1))
    return Plan(numbered, _jobs(trees), _history_begins(client, listed))


def work_on(
    client: SyncPrefectClient,
    part: Part,
    options: AssemblyOptions,
    *,
    dry_run: bool,
    history_begins: dt.datetime | None,
) -> Summary:
    """Assemble the runs of a part that are not done; the latest runs are restored when all parts are."""
    options = replace(options, restore_latest=False)
    return assemble_each(client, part.runs, options, dry_run=dry_run, history_begins=history_begins)


def preview(
    client: SyncPrefectClient, window: TimeWindow, flows: Sequence[str] | None, options: AssemblyOptions
) -> Summary:
    """The outcome that each run of the window would have. Changes nothing, in Prefect and in the targets."""
    plan = plan_backfill(client, window, flows)
    summary = Summary(history_begins=plan.history_begins)
    for part in plan.parts:
        summary.add(work_on(client, part, options, dry_run=True, history_begins=plan.history_begins))
    return summary


def require_flows(client: SyncPrefectClient, names: Sequence[str] | None) -> None:
    """Raise ValueError for names of no flow, and of no task that ran outside any flow."""
    unknown = sorted(set(names or ()) - set(existing_flows(client, names or ()))) if names else []
    unknown = [name for name in unknown if not standalone_tasks.has_run(client, name)]
    if not unknown:
        return
    existing = existing_flows(client)
    close = {name: nearest(name, existing, 1) for name in unknown}
    described = [f"{name!r}" + (f" (did you mean {close[name][0]!r}?)" if close[name] else "") for name in unknown]
    raise ValueError(f"there is no flow {', '.join(described)} at {client.api_url}: `prefect flow ls` shows them")


def _parents(client: SyncPrefectClient, runs: Iterable[FlowRun]) -> dict[UUID, UUID]:
    """The run above each subflow's."""
    calls = {run.id: run.parent_task_run_id for run in runs if run.parent_task_run_id}
    callers = parent_ids(client, list(calls.values()))
    return {run_id: callers[call] for run_id, call in calls.items() if call in callers}


_Job = UUID | tuple[UUID, UUID | None]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A run with the keys of the jobs above it, nearest first: runs of one flow below one parent are one job."""

    run: FlowRun
    above: tuple[_Job, ...]


def _trees(runs: Sequence[FlowRun], parents: Mapping[UUID, UUID]) -> list[list[_Listed]]:
    """Flow runs with their subflows, oldest first; in each, callers before those they called."""
    by_id = {run.id: run for run in runs}
    trees: dict[UUID, list[_Listed]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.began):
        chain = _chain(run.id, parents)
        above = tuple(_job(by_id[id_]) if id_ in by_id else id_ for id_ in chain)
        trees[chain[-1] if chain else run.id].append(_Listed(run, above))
    return sorted(trees.values(), key=lambda tree: tree[0].run.began)


def _chain(run_id: UUID, parents: Mapping[UUID, UUID]) -> list[UUID]:
    chain: list[UUID] = []
    while (above := parents.get(run_id)) and above not in chain:
        chain.append(above)
        run_id = above
    return chain


def _parts(trees: Sequence[list[_Listed]]) -> list[list[FlowRun]]:
    total = sum(map(len, trees))
    size = max(1, min(RUNS_A_PART, -(-total // _LEAST_PARTS)))
    parts: list[list[FlowRun]] = []
    for tree in trees:
        if not parts or len(parts[-1]) >= size:
            parts.append([])
        parts[-1] += [listed.run for listed in tree]
    return parts


def _jobs(trees: Iterable[Iterable[_Listed]]) -> tuple[tuple[UUID, ...], ...]:
    jobs: dict[tuple[_Job, ...], list[UUID]] = defaultdict(list)
    for tree in trees:
        for listed in tree:
            job = (_job(listed.run), *listed.above)
            jobs[job].append(listed.run.id)
    return tuple(map(tuple, jobs.values()))


def _job(run: FlowRun) -> _Job:
    """The key of a run's job among the jobs below one parent."""
    return (run.flow_id, run.deployment_id) if names_deployment(settings().job_name) else run.flow_id


def _history_begins(client: SyncPrefectClient, runs: Sequence[FlowRun]) -> dt.datetime | None:
    """The time at which the remaining events of these runs begin; None when none are missing at the beginning.

    Each state of a run is an event of Prefect's own, so there were events from the first run's beginning on.
    """
    if not runs:
        return None
    first, now = min(run.began for run in runs), api.now(client)
    begins = event_log.oldest(client, Window(first - _BEFORE, now + _BEFORE)) or now
    return begins if begins > first + _NO_MORE_THAN_CLOCKS else None


def _parse_time(name: str, value: dt.datetime | str, now: dt.datetime) -> dt.datetime:
    expected = "7d, yesterday, or a time with its zone, such as 2026-01-31T06:00:00+00:00 or 2026-01-31T06:00:00Z"
    if isinstance(value, str):
        try:
            value = relative_moment(value, now) or from_iso(value)
        except (ValueError, OverflowError):
            raise ValueError(f"{name}={value!r} is not a time: expected {expected}{suggestion(str(value))}") from None
    if value.tzinfo is None:
        raise ValueError(f"{name}={value.isoformat()} has no time zone: expected {expected}")
    try:
        return value.astimezone(dt.timezone.utc)
    except OverflowError:
        raise ValueError(f"{name}={value.isoformat()} is beyond all times in UTC: expected {expected}") from None
