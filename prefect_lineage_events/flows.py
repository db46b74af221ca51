"""The assembler as Prefect flows: assemble one run, sweep up what was missed, backfill a window.

They run by hand, from the command line and as deployments. None of them produces or assembles lineage of itself: all
their names begin with `prefect-lineage-`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from prefect_lineage_events.assembler.backfill import backfill_runs, parse_window
from prefect_lineage_events.assembler.many_runs import Summary
from prefect_lineage_events.assembler.one_run import Assembled, Order, assemble_run
from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.assembler.progress import ProgressBar, write_table
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.history.read import Patience, parse_run_id
from prefect_lineage_events.openlineage.delivery import TransientDeliveryError

DELIVERY_RETRY_DELAYS = [1.0, 4.0, 15.0]
_LONGEST_RETRY_AFTER = 60.0
# The sweep comes again: what is not there soon, it finds then.
_SHORT = Patience(completeness=20.0)


@flow(name="prefect-lineage-assemble", flow_run_name="assemble {flow_run_id}")
def assemble(flow_run_id: UUID | str) -> Assembled:
    """Read a flow run's lineage events from Prefect's history and deliver them as OpenLineage events.

    Nothing is sent for a run without lineage, one that has not ended, or one whose lineage the target has already.
    Raises ValueError for an id that is none or is unknown to this Prefect API, and TransientDeliveryError when the
    target stays away: the sweep takes the run up again.
    """
    run_id = parse_run_id(flow_run_id)
    with get_client(sync_client=True) as client:
        assembled = assemble_run(client, run_id, Order(send=_send))
    _log().info("%s", assembled)
    return assembled


@flow(name="prefect-lineage-sweep")
def sweep() -> Summary:
    """Assemble every run that ended and was missed.

    Missed: no assembler ran for it, or its events came late, or the target was away. Looks back to where the last
    sweep ended (at first as far as the setting `sweep_lookback_hours` says). Never ends a run that Prefect says is
    running. Raises SweepError when runs had to be left for the next sweep because delivering them failed.
    """
    with get_client(sync_client=True) as client:
        summary = sweep_runs(client, Order(send=_send, patience=_SHORT, hasty=True, busy_patience=0))
    _log().info("%s", summary)
    summary.raise_for_failures()
    return summary


@flow(name="prefect-lineage-backfill")
def backfill(  # noqa: PLR0917  (a flow's parameters are its form in the UI)
    start: dt.datetime | str,
    end: dt.datetime | str,
    flows: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> Summary:
    """Assemble every run with lineage that ended between two times, oldest first.

    `start`, `end`: times with a zone, or ISO texts of such. `flows`: only runs of flows of these names. `targets`: only
    to these of the configured targets, by the names that `prefect-lineage doctor` shows; without it each of them gets
    what it has not got, one that was added later too.
    `dry_run` sends nothing and says what would be; `force` sends again what was sent. Raises ValueError for a
    window that is none, and SweepError when delivering runs failed.
    """
    window = parse_window(start, end)
    with get_client(sync_client=True) as client:
        own_id = UUID(flow_run.id) if flow_run.id else None
        summary = backfill_runs(
            client,
            window,
            Order(send=_send, force=force),
            flows=flows,
            targets=targets,
            dry_run=dry_run,
            progress=ProgressBar(client, own_id),
        )
        write_table(client, summary, own_id)
    _log().info("%s", summary)
    summary.raise_for_failures()
    return summary


@task(
    name="prefect-lineage-deliver",
    retries=len(DELIVERY_RETRY_DELAYS),
    retry_delay_seconds=DELIVERY_RETRY_DELAYS,
    retry_condition_fn=lambda task, run, state: _worth_another_try(state.result(raise_on_failure=False)),
    cache_policy=NO_CACHE,
    persist_result=False,
)
def _send_task(outbox: Outbox) -> None:
    """Retried by Prefect; the outbox knows how far it has come, so nothing that was taken is sent again."""
    try:
        outbox.flush()
    except TransientDeliveryError as error:
        if _worth_another_try(error):
            time.sleep(error.retry_after or 0.0)
        raise


def _worth_another_try(error: object) -> bool:
    """Within this flow run: a target that asks for longer, or takes nobody's events, is left to the sweep."""
    if not isinstance(error, TransientDeliveryError):
        return False
    return error.soon and (error.retry_after or 0.0) <= _LONGEST_RETRY_AFTER


def _send(outbox: Outbox) -> None:
    _send_task(outbox)


def _log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    return get_run_logger()
