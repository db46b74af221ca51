"""The assembler as Prefect flows: assemble one run, sweep up what was missed, backfill a window.

They run by hand, from the command line and as deployments. None of them produces lineage, or is assembled itself: their
names all begin with `prefect-lineage-`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field, WithJsonSchema

from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.backfill import Part, Plan, Progress, parse_window, plan_backfill, work_on
from prefect_lineage_events.assembler.dead_sweeps import end_dead_sweeps
from prefect_lineage_events.assembler.latest_run import restore_latest_runs
from prefect_lineage_events.assembler.lease import BusyError
from prefect_lineage_events.assembler.options import RETRY_REFUSED, AssemblyOptions, AssemblyResult
from prefect_lineage_events.assembler.summary import Summary, SweepError
from prefect_lineage_events.assembler.sweep import assemble_recent, sweep_runs
from prefect_lineage_events.delivery.deliver import TransientDeliveryError
from prefect_lineage_events.graph.affected import affected
from prefect_lineage_events.guard import described
from prefect_lineage_events.history.reader import Patience, parse_run_id

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Parts of a backfill at a time: a server on SQLite does not process more at once.
_SIDE_BY_SIDE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=4)
_PARTS_AHEAD = 32
_LONGEST_GATHER = 600.0
_STORED = 8.0
# The next sweep finds what has not arrived by then.
_SHORT = Patience(completeness=20.0)
_AT_LEISURE = AssemblyOptions(retry=True, affected=affected)
_SOON = AssemblyOptions(retry=True, patience=_SHORT, lease_timeout=0, affected=affected)


def _named(title: str) -> Any:
    """The name of a parameter in the form of the UI; its text is in the flow's docstring, under `Args:`.

    Prefect sets the name of the parameter as its title, and only an extra of the field comes after that.
    """
    return Field(json_schema_extra={"title": title})


# For a union of types, the form would offer a choice that begins with `None`; these schemas give one field.
_TEXT = WithJsonSchema({"type": "string"})
_TEXTS = WithJsonSchema({"type": "array", "items": {"type": "string"}})
_TIME = WithJsonSchema({"type": "string", "format": "date-time"})


def _assemble_name() -> str:
    return f"assemble {flow_run.parameters.get('flow_run_id') or 'recent runs'}"


@flow(name="prefect-lineage-assemble", flow_run_name=_assemble_name)
def assemble(
    flow_run_id: Annotated[UUID | str | None, _TEXT, _named("Flow run")] = None,
    gather_seconds: Annotated[float, _named("Seconds to gather runs")] = 0.0,
) -> AssemblyResult | Summary:
    """Read a flow run's lineage events from Prefect's history and deliver them as OpenLineage events.

    Without an id, this is done for each run with lineage that ended within the last minutes, as by the automation.
    Nothing is sent for a run without lineage, for one that has not ended, or for one that the target already has.
    Raises ValueError for an id that is none or is unknown to this Prefect API, and TransientDeliveryError or SweepError
    when the target stays away: the sweep tries these runs again.

    Args:
        flow_run_id: The run's id, as its page and `prefect flow-run ls` show it. All recent runs, when left out.
        gather_seconds: Without an id: seconds from the scheduled start, in which runs that end are assembled too.
    """
    run_id = parse_run_id(flow_run_id) if flow_run_id else None
    with get_client(sync_client=True) as client:
        _log_targets()
        if run_id:
            done: AssemblyResult | Summary = assemble_run(client, run_id, _AT_LEISURE)
        else:
            _end_dead_sweeps(client)
            done = assemble_recent(client, _SOON, _gather_until(gather_seconds))
    if isinstance(done, Summary):
        _report(done)
        done.raise_for_failures()
    else:
        _log().log(logging.WARNING if done.rejected else logging.INFO, "%s", done)
    return done


def _end_dead_sweeps(client: SyncPrefectClient) -> None:
    """Free the place of a sweep whose process is gone: without that, no sweep runs any more."""
    try:
        end_dead_sweeps(client)
    except Exception as error:  # noqa: BLE001  (the runs are assembled all the same)
        logging.getLogger(__name__).warning("Dead sweeps could not be looked for: %s", described(error))


def _gather_until(seconds: float) -> dt.datetime | None:
    """The time until which the automation does not fire again; the events it saw last are stored some seconds later."""
    begin: dt.datetime | None = flow_run.scheduled_start_time
    return begin + dt.timedelta(seconds=min(seconds, _LONGEST_GATHER) + _STORED) if begin and seconds > 0 else None


@flow(name="prefect-lineage-sweep")
def sweep() -> Summary:
    """Assemble every run that ended and was missed.

    Missed: no assembler ran for it, its events came late, or the target was away. Begins at the end of the last sweep
    (the first one at the setting `sweep_lookback_hours`). Never ends a run that is running by Prefect's state. Raises
    SweepError when runs could not be delivered, and are left to the next sweep.
    """
    with get_client(sync_client=True) as client:
        _log_targets()
        summary = sweep_runs(client, replace(_SOON, skip_recent=True))
    _report(summary)
    summary.raise_for_failures()
    return summary


@flow(name="prefect-lineage-backfill", task_runner=_SIDE_BY_SIDE)
def backfill(  # noqa: PLR0917  (a flow's parameters are its form in the UI)
    start: Annotated[dt.datetime | str, _TIME, _named("Start")],
    end: Annotated[dt.datetime | str, _TIME, _named("End")],
    flows: Annotated[Sequence[str] | None, _TEXTS, _named("Flows")] = None,
    targets: Annotated[Sequence[str] | None, _TEXTS, _named("Targets")] = None,
    reanalyse: Annotated[bool, _named("Analyse statements again")] = False,
    dry_run: Annotated[bool, _named("Dry run")] = False,
    force: Annotated[bool, _named("Send again")] = False,
) -> Summary:
    """Assemble every run with lineage that ended between two times, in parts side by side.

    A backfill that was killed continues when it is run again. At the end, targets that show the last event received
    show the latest run of each job. Four parts at a time by default; on several machines by
    `backfill.with_options(task_runner=DaskTaskRunner(...))`.

    Raises ValueError for an invalid window and unknown names of flows or targets, and SweepError when runs could not be
    delivered.

    Args:
        start: Runs that ended at this time or later. A time with its zone; from a command also 7d or yesterday.
        end: Runs that ended at this time or earlier, in the same forms, or now. Not before the start.
        flows: Only runs of flows, or of tasks outside any flow, of these names. All, when left out.
        targets: Names, ids or addresses of targets that must have each run. When left out, one target is enough.
        reanalyse: Analyse the stored statements again with this version, and send results that differ.
        dry_run: Send nothing, and report the outcome that each run would have.
        force: Send again what was sent.
    """
    window = parse_window(start, end)
    # A form that is left empty gives empty lists.
    flows, targets = flows or None, targets or None
    # A backfill is about the past: it starts no deployments.
    options = AssemblyOptions(retry=True, targets=targets, reanalyse=reanalyse, force=force, start_automations=False)
    options.chosen_targets()
    with get_client(sync_client=True) as client:
        _log_targets(targets)
        plan = plan_backfill(client, window, flows)
        progress = Progress(client, UUID(flow_run.id) if flow_run.id else None, plan.runs)
        summary = _work_on_parts(plan, options, dry_run, progress)
        if not dry_run and not summary.left:
            summary.failed += restore_latest_runs(client, plan.jobs, options)
        progress.end(summary)
    _report(summary)
    summary.raise_for_failures("the same backfill, run again, goes on there")
    return summary


def _work_on_parts(plan: Plan, options: AssemblyOptions, dry_run: bool, progress: Progress) -> Summary:
    """Run as many parts at a time as the task runner takes, submitting only a few ahead.

    So when the target stays away, the remaining parts are not even tried.
    """
    summary = Summary(history_begins=plan.history_begins)
    ahead = deque(plan.parts)
    running: dict[PrefectFuture[Summary], Part] = {}
    ready: SimpleQueue[PrefectFuture[Summary]] = SimpleQueue()
    done = 0
    while running or (ahead and not summary.left):
        while ahead and len(running) < _PARTS_AHEAD and not summary.left:
            part = ahead.popleft()
            future = _work_on_part.submit(part, options, dry_run, plan.history_begins)
            running[future] = part
            future.add_done_callback(ready.put)
        future = ready.get()
        part = running.pop(future)
        summary.add(_of_part(future, part))
        done += len(part.runs)
        progress.move(done, summary)
    summary.left += [run for part in ahead for run in part.runs]
    return summary


def _of_part(future: PrefectFuture[Summary], part: Part) -> Summary:
    """The summary of a part; if it failed, its runs count as failed: its worker may have been killed."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - one part must not stop the others
        logging.getLogger(__name__).error("%s could not be worked on: %s", part, described(error))
        return Summary(failed=[(run, f"{part} failed: {type(error).__name__}: {error}") for run in part.runs])


@task(
    name="prefect-lineage-backfill-part",
    task_run_name="{part}",
    retries=2,
    retry_delay_seconds=[2.0, 15.0],
    cache_policy=NO_CACHE,
    persist_result=False,
)
def _work_on_part(part: Part, options: AssemblyOptions, dry_run: bool, history_begins: dt.datetime | None) -> Summary:
    """Assemble the runs of a part. Prefect retries it when its API is away; the ledger records its progress."""
    with get_client(sync_client=True) as client:
        return work_on(client, part, options, dry_run=dry_run, history_begins=history_begins)


def _log_targets(names: Sequence[str] | None = None) -> None:
    """Log the targets of this run: another process may have others configured."""
    logging.getLogger("prefect.flow_runs").addFilter(_without_traceback)
    for to in AssemblyOptions(targets=names).chosen_targets():
        _log().info("Lineage goes to %s", to)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let Prefect log our own errors in one line: a traceback through our code does not help a user."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, BusyError | SweepError | TransientDeliveryError):
        record.exc_info = record.exc_text = None
    return True


def _report(summary: Summary) -> None:
    """Log the outcomes, and the reasons of refusals: no later run of the assembler repeats them."""
    _log().info("%s", summary)
    for refusal in summary.refusals():
        _log().warning("%s -> %s", refusal, RETRY_REFUSED)


def _log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    return get_run_logger()
