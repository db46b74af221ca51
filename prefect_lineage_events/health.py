"""Checks of the deployed assembler through the Prefect API: a finding or more for each check, with advice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect.client.base import ServerType
from prefect.exceptions import ObjectNotFound

from prefect_lineage_events import deploy, encoding
from prefect_lineage_events.assembler import sweep_state, unresolved
from prefect_lineage_events.assembler.dead_sweeps import dead_sweeps
from prefect_lineage_events.assembler.stale_runs import HOW_TO_END, stale_runs
from prefect_lineage_events.assembler.sweep import BUSY
from prefect_lineage_events.assembler.unresolved import Unresolved
from prefect_lineage_events.assembler.witness.collect import AWAITS
from prefect_lineage_events.automations import plan
from prefect_lineage_events.automations.listed import ASSEMBLERS
from prefect_lineage_events.blocks import BLOCK_TYPES, usable_blocks
from prefect_lineage_events.events import ASSEMBLED_EVENT
from prefect_lineage_events.finding import Finding
from prefect_lineage_events.history import api
from prefect_lineage_events.history.assembler_events import (
    ASSEMBLER,
    PAGE,
    SWEEPER,
    count_runs,
    recent_events,
    refusal_of,
    runs_of,
)
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

# A sweep that missed this many turns, and is late by this time, is reported as stopped.
TURNS_MISSED = 3
SWEEP_OVERDUE = dt.timedelta(minutes=30)
# The server's scheduler looks at new schedules every 5 s, and at all of them every 60 s (Prefect's defaults).
SCHEDULED_WITHIN = dt.timedelta(minutes=3)
# A run of the assembler that has not begun by then is reported.
LATE_AFTER = dt.timedelta(minutes=10)
# A run whose lease was taken at this many sweeps is not being delivered.
BUSY_TRIES = 12
_BAD_ENDS = ("FAILED", "CRASHED")
_FILE = "file "  # the beginning of a file's id among targets


def blocks(client: SyncPrefectClient) -> Finding:
    """Check that the UI offers the lineage blocks."""
    slugs = [block.slug for block in BLOCK_TYPES]
    missing = []
    for slug in slugs:
        try:
            client.read_block_type_by_slug(slug)
        except ObjectNotFound:
            missing.append(slug)
    if missing == slugs and not usable_blocks():
        return Finding(True, "blocks", "none is registered, and none of their connectors is installed here")
    if missing == slugs:
        return Finding(False, "blocks", "none is registered", "run `prefect-lineage register`")
    observed = "registered" + (f" (but {', '.join(missing)})" if missing else "")
    return Finding(True, "blocks", observed)


def deployments(client: SyncPrefectClient) -> Finding:
    """Check that the deployments exist, that a process runs them, and that the sweep's schedule is active."""
    found: dict[str, DeploymentResponse] = {}
    for name in (ASSEMBLER, SWEEPER):
        try:
            found[name] = client.read_deployment_by_name(name)
        except ObjectNotFound:
            return Finding(False, "deployments", f"{name} is missing", "run `prefect-lineage deploy`")
    if idle := [name for name, d in found.items() if str(getattr(d.status, "value", d.status)) != "READY"]:
        pool = found[idle[0]].work_pool_name
        serve = "`prefect-lineage serve`, or restart it; or deploy with --work-pool NAME"
        start = f"start `prefect worker start --pool {pool}`" if pool else f"start {serve}"
        return Finding(False, "deployments", f"no process runs {', '.join(idle)}", start)
    pools = {d.work_pool_name for d in found.values()} - {None}
    if stopped := [pool for pool in pools if pool and _is_paused(client, pool)]:
        observed = f"the work pool {stopped[0]} is paused"
        return Finding(False, "deployments", observed, f"run `prefect work-pool resume {stopped[0]}`")
    if paused := [name for name, d in found.items() if d.paused]:
        pool = found[paused[0]].work_pool_name
        again = f"run `prefect-lineage deploy --work-pool {pool}`" if pool else "restart `prefect-lineage serve`"
        resume = f"switch it on in the UI, or {again}"
        return Finding(False, "deployments", f"{', '.join(paused)} is paused", resume)
    if not any(s.active for s in found[SWEEPER].schedules):
        return Finding(False, "deployments", f"{SWEEPER} has no active schedule", "run `prefect-lineage deploy`")
    return Finding(True, "deployments", "ready")


def late(client: SyncPrefectClient) -> Finding:
    """Check that the runs of the assembler begin in time: its limit, or that of its pool or queue, may be filled."""
    began = (api.now(client) - LATE_AFTER).isoformat()
    body = {
        "flows": {"name": {"any_": [name.partition("/")[0] for name in (ASSEMBLER, SWEEPER)]}},
        "flow_runs": {"state": {"name": {"any_": ["Late"]}}, "expected_start_time": {"before_": began}},
    }
    if not (count := api.post(client, "/flow_runs/count", body)):
        return Finding(True, "late runs", "none of the assembler")
    observed = f"{counted(count, 'run')} of the assembler not begun, over {LATE_AFTER.seconds // 60} minutes late"
    advice = (
        "see whether `prefect-lineage serve` or the worker runs, and whether limits of it, of its work pool, of its "
        "queue or of the deployment are filled; the runs wait, and nothing is lost"
    )
    return Finding(False, "late runs", observed, advice)


def schedule(client: SyncPrefectClient) -> Finding:
    """Check that the server makes runs of the sweep's schedule, which assemble the runs that the automation misses.

    Measured: Prefect 3.8.8 with SQLAlchemy 2.1.9 makes none (its log has "Can't evaluate bulk DML statement");
    3.8.8 with 2.0.58 and 3.9.1 with 2.1.9 make them.
    """
    try:
        sweeper = client.read_deployment_by_name(SWEEPER)
    except ObjectNotFound:
        return Finding(True, "schedule", "none", "run `prefect-lineage deploy`", doubtful=True)
    active = [one for one in sweeper.schedules if one.active]
    if sweeper.paused or not active:
        return Finding(True, "schedule", "switched off", "see deployments", doubtful=True)
    body = {
        "deployments": {"id": {"any_": [str(sweeper.id)]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    if count := api.post(client, "/flow_runs/count", body):
        return Finding(True, "schedule", f"the server has made the next {count} runs of it")
    since = max((one.created for one in active if one.created), default=None)
    if since is not None and api.now(client) - since < SCHEDULED_WITHIN:
        return Finding(True, "schedule", "no runs yet: it is new", "check again in some minutes", doubtful=True)
    return Finding(False, "schedule", "the server makes no runs of this schedule", _schedule_advice(client))


def _schedule_advice(client: SyncPrefectClient) -> str:
    """Advice on a server that makes no scheduled runs, by its version."""
    if client.server_type != ServerType.CLOUD and str(client.api_version()).startswith("3.8."):
        return (
            'install "sqlalchemy<2.1" in the server\'s environment, or Prefect 3.9, and start the server again '
            "(Prefect 3.8 makes no scheduled runs with SQLAlchemy 2.1); until then run `prefect-lineage sweep`"
        )
    return "see the log of the server's scheduler service, and whether it runs; until then run `prefect-lineage sweep`"


def automation(client: SyncPrefectClient) -> Finding:
    """Check that exactly one automation runs the assembler, that all of ours are enabled, and that theirs exist."""
    ours = plan.deployed(client)
    found = [one for definition, one in ours if definition in ASSEMBLERS]
    if not found:
        advice = "run `prefect-lineage deploy`; until then only the sweep assembles runs"
        return Finding(False, "automation", "missing", advice)
    if len(found) > 1:
        observed = f"there are {len(found)} that run the assembler, and each fires"
        return Finding(False, "automation", observed, "run `prefect-lineage deploy`")
    if disabled := [one.name for _, one in ours if not one.enabled]:
        return Finding(
            False, "automation", f"disabled: {', '.join(disabled)}", f"run `prefect automation resume '{disabled[0]}'`"
        )
    runs = {getattr(action, "deployment_id", None) for action in found[0].actions}
    if not runs <= {_id_of(client, ASSEMBLER), _id_of(client, SWEEPER)} - {None}:
        return Finding(
            False, "automation", "runs another deployment than the assembler", "run `prefect-lineage deploy`"
        )
    if gone := [change for change in deploy.planned(client) if change.why and change.kind == "keep"]:
        advice = "deploy it again, or delete the automation in the UI"
        return Finding(False, "automation", f"{gone[0].name}: {gone[0].why}", advice)
    others = "" if len(ours) == 1 else f", with {len(ours) - 1} more"
    return Finding(True, "automation", f"enabled: {found[0].name}{others}")


def sweep(client: SyncPrefectClient) -> Finding:
    """Check that the sweep runs and succeeds, and that no run waits for it for long."""
    if dead := dead_sweeps(client):
        since = f"{dead[0].since:%F %R} UTC"
        observed = f"flow run {dead[0].id} is silent since {since}, and keeps other sweeps from running"
        advice = "set its state to Crashed (UI: Change state); `prefect-lineage serve` does so by itself"
        return Finding(False, "sweep", observed, advice)
    state = sweep_state.read(client)
    if state.swept is None:
        advice = "start the assembler, or run `prefect-lineage sweep`"
        if _is_new(client):
            return Finding(True, "sweep", "never ran: its schedule is new", advice, doubtful=True)
        return Finding(False, "sweep", "never ran", advice)
    ago = api.now(client) - state.swept
    last = f"last ran {counted(round(ago.total_seconds() / 60), 'minute')} ago"
    if ago > _overdue(client):
        return Finding(False, "sweep", last, "start the assembler, or run `prefect-lineage sweep`")
    if failure := _last_failure(client):
        advice = "mend what this names; the next sweep tries again, and nothing is lost (the log of its run has more)"
        return Finding(False, "sweep", f"{last}, and failed: {failure}", advice)
    # A run that another assembler delivers, whose parent goes on, or that awaits the access history waits as it should.
    # Where the access history could not be read, the reason ends in the fault, which has to be mended.
    stuck = [
        w
        for w in state.waiting
        if not w.waits_for and w.reason != AWAITS and (w.reason != BUSY or w.attempts > BUSY_TRIES)
    ]
    if not stuck:
        waiting = f"{counted(len(state.waiting), 'run')} waiting for others" if state.waiting else "nothing waits"
        return Finding(True, "sweep", f"{last}, {waiting}")
    first = stuck[0]
    such = f"{first.flow_run_id} ({first.flow_name}): {first.reason}"
    observed = f"{last}; {counted(len(stuck), 'run')} waiting, such as {such}"
    mend = "mend what this names; " if first.reason.startswith(AWAITS) else ""
    advice = f"{mend}the next sweep tries again; all of them: artifact {sweep_state.KEY!r}"
    return Finding(False, "sweep", observed, advice)


def refused(client: SyncPrefectClient) -> Finding:
    """Check that no target refuses events of the last day."""
    found = unresolved.refusals(client)
    if not found.events:
        return Finding(True, "refused events", "none of the last day")
    observed = f"of {_runs(found.events, more=found.more)} in the last day, such as {refusal_of(found.events[0])}"
    return Finding(
        False,
        "refused events",
        observed,
        "mend the target or its profile, then `prefect-lineage rejected --retry`",
    )


def gaps(client: SyncPrefectClient) -> tuple[Finding, ...]:
    """Check that all events of the last day are there and can be read. Both are asked for at once."""
    found = unresolved.gaps(client)
    return incomplete(found), unreadable(found)


def unreadable(found: Unresolved) -> Finding:
    """Check that the events of the last day can be read; those of a later version of this package cannot."""
    events = [event for event in found.events if encoding.count(event["payload"].get("rejected"))]
    if not events:
        return Finding(True, "unreadable events", "none of the last day")
    reasons = events[0]["payload"].get("reasons")
    reason = str(reasons[0]) if isinstance(reasons, list) and reasons else "see the run's page"
    observed = f"of {_runs(events, more=found.more)}, such as {next(iter(runs_of(events[0])), '')}: {reason}"
    advice = (
        "where flows have a later version of this package, install it for the assembler too; then "
        "`prefect-lineage backfill` assembles these runs again"
    )
    return Finding(False, "unreadable events", observed, advice)


def incomplete(found: Unresolved) -> Finding:
    """Check that no events were lost and no statements dropped in the last day."""
    dropped = [event for event in found.events if encoding.count(event["payload"].get("dropped"))]
    if dropped:
        count = sum(encoding.count(event["payload"]["dropped"]) or 0 for event in dropped)
        runs = _runs(dropped, more=found.more)
        observed = f"{counted(count, 'statement')} of {runs} in the last day: a full queue, or a fault of ours"
        advice = (
            "see the warnings in these flows' output; for a full queue, raise "
            "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_QUEUE_SIZE"
        )
        return Finding(False, "dropped events", observed, advice)
    if found.events:
        runs = _runs(found.events, more=found.more)
        observed = f"none, but {runs} in the last day were published before all of their events had arrived"
        return Finding(True, "dropped events", f"{observed} (see the check `sweep` for those that still wait)")
    return Finding(True, "dropped events", "none in the last day")


def delivery_to(client: SyncPrefectClient) -> Finding:
    """Check that all assemblers of the last day had the same targets.

    The runs of an assembler with another configuration, or with none, are missing at the targets of the others.
    """
    events = recent_events(client, ASSEMBLED_EVENT)[::-1]
    had: dict[str, None] = {}
    lacking: list[tuple[dict[str, Any], list[str]]] = []
    for event in events:
        configured = _targets_of(event["payload"])
        # A file is what there is before a backend is named, not what a run lacks that went to one.
        missing = [target for target in had if target not in configured and not target.startswith(_FILE)]
        lacking += [(event, missing)] if missing else []
        had |= dict.fromkeys(configured)
    if lacking:
        event, missing = lacking[-1]
        run, by = next(iter(runs_of(event)), "none"), event["payload"].get("assembler_run")
        went = ", ".join(_targets_of(event["payload"]))
        runs = _runs([event for event, _ in lacking], more=len(events) == PAGE)
        observed = (
            f"{runs} in the last day went to {went}"
            f" and not to {', '.join(missing)}, such as {run} (assembled by flow run {by})"
        )
        advice = (
            "give every assembler the same configuration (`prefect-lineage deploy --work-pool NAME` stores it), then "
            "`prefect-lineage backfill --target NAME`"
        )
        return Finding(False, "sent to", observed, advice)
    if not events:
        return Finding(True, "sent to", "nothing in the last day")
    if all(target.startswith(_FILE) for target in had):
        return Finding(True, "sent to", f"only {', '.join(had)}", "to have it in a backend, set OPENLINEAGE_URL", True)
    return Finding(True, "sent to", f"{', '.join(had)} by all assemblers of the last day")


def _targets_of(payload: Mapping[str, Any]) -> list[str]:
    """The targets that the assembler of an event had; an earlier version reported the one that took the run."""
    targets = payload.get("targets")
    return list(map(str, targets)) if isinstance(targets, list) and targets else [str(payload.get("target"))]


def in_flight(client: SyncPrefectClient) -> Finding:
    """Check that there are no stale runs: running by Prefect's state, but without an event for long."""
    runs = stale_runs(client)
    if not runs:
        return Finding(True, "runs in flight", "none without recent events")
    observed = (
        f"{len(runs)} without recent events, such as {runs[0].id} ({runs[0].flow_name}, since {runs[0].started:%F %R})"
    )
    return Finding(False, "runs in flight", observed, HOW_TO_END)


def archived(client: SyncPrefectClient) -> Finding:
    """Check that the archive took the runs that were delivered last; assemblers without an archive are left out."""
    runs = unresolved.not_archived(client)
    if not runs:
        return Finding(True, "archived runs", "none is missing in an archive")
    run, reason = runs[0]
    observed = f"{counted(len(runs), 'run')} not in the archive, such as {run}: {reason}"
    return Finding(False, "archived runs", observed, "mend the archive, then `prefect-lineage backfill` adds them")


CHECKS: Mapping[str, Callable[[SyncPrefectClient], Finding | tuple[Finding, ...]]] = {
    "blocks": blocks,
    "deployments": deployments,
    "late runs": late,
    "schedule": schedule,
    "automation": automation,
    "sweep": sweep,
    "sent to": delivery_to,
    "refused events": refused,
    "dropped events": gaps,
    "archived runs": archived,
    "runs in flight": in_flight,
}


def _id_of(client: SyncPrefectClient, name: str) -> Any:
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound:
        return None


def _is_new(client: SyncPrefectClient) -> bool:
    """Return whether it is too early for the first sweep to be late."""
    try:
        created = client.read_deployment_by_name(SWEEPER).created
    except ObjectNotFound:
        return False
    return created is not None and api.now(client) - created < _overdue(client)


def _overdue(client: SyncPrefectClient) -> dt.timedelta:
    return max(SWEEP_OVERDUE, TURNS_MISSED * _interval(client))


def _interval(client: SyncPrefectClient) -> dt.timedelta:
    """The scheduled time between two sweeps; zero for a schedule that is no interval."""
    try:
        schedules = client.read_deployment_by_name(SWEEPER).schedules
    except ObjectNotFound:
        return dt.timedelta(0)
    return max((getattr(s.schedule, "interval", dt.timedelta(0)) for s in schedules), default=dt.timedelta(0))


def _last_failure(client: SyncPrefectClient) -> str | None:
    """The reason why the latest ended sweep failed; None if it did not fail."""
    body = {
        "flows": {"name": {"any_": [SWEEPER.partition("/")[0]]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED", *_BAD_ENDS]}}},
        "sort": "END_TIME_DESC",
        "limit": 1,
    }
    for run in api.post(client, "/flow_runs/filter", body):
        state = run["state"]
        if state["type"] not in _BAD_ENDS:
            return None
        message = str(state.get("message") or state["name"])
        return message.removeprefix("Flow run encountered an exception: SweepError: ").partition(" -> ")[0]
    return None


def _is_paused(client: SyncPrefectClient, pool: str) -> bool:
    try:
        return client.read_work_pool(pool).is_paused
    except ObjectNotFound:
        return False


def _runs(events: Sequence[Mapping[str, Any]], *, more: bool) -> str:
    """The number of runs of these events, as text; a lower bound if there may be `more`."""
    return f"{'at least ' if more else ''}{counted(count_runs(events), 'run')}"
