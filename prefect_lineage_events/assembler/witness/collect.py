"""Questions of the sweep to the warehouse about statements of ended runs, with the answers as events of the runs.

The view lags behind by up to three hours (Snowflake documents 180 minutes), so that a run is delivered with what is
known first, and again with the answers.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from prefect_lineage_events import filters
from prefect_lineage_events.assembler import ledger, publishing
from prefect_lineage_events.assembler.witness.access_history import answers
from prefect_lineage_events.assembler.witness.warehouse import Warehouse, WarehouseAwayError
from prefect_lineage_events.escaping import line
from prefect_lineage_events.event_fields import MAX_LABEL
from prefect_lineage_events.history.assembler_events import RUN_PREFIX
from prefect_lineage_events.history.model import FlowRun, RunHistory
from prefect_lineage_events.history.reader import Patience, read_history
from prefect_lineage_events.history.witnessed import WITNESSED_EVENT, Witnessed
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.witnessed import unwitnessed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# The time until the first question, between two questions, and after the run's end until it is given up.
FIRST_AFTER = dt.timedelta(minutes=45)
ASK_AGAIN = dt.timedelta(minutes=30)
GIVE_UP = dt.timedelta(hours=12)
# The rows of the statements of a procedure may come one by one, within the lag that Snowflake documents.
LAG = dt.timedelta(hours=3)
# After this time, a run is given up although the access history could never be read.
GIVE_UP_UNREAD = dt.timedelta(days=3)
# The number of runs whose histories one sweep reads for this.
MAX_RUNS = 200
AWAITS = "awaits the warehouse's access history"
_NO_WAIT = Patience(completeness=0, first_event=0)

Answers = Mapping[UUID, Sequence[Witnessed]]


def is_on() -> bool:
    return settings().warehouse_block is not None


def with_answers(history: RunHistory, answered: Answers) -> RunHistory:
    """The history with the answers of this sweep, whose events may not be stored yet."""
    known = {one.query_id for one in history.witnessed}
    new = [one for one in answered.get(history.run.id, ()) if one.query_id not in known]
    return replace(history, witnessed=(*history.witnessed, *new)) if new else history


def awaiting(lineage: RunLineage, history: RunHistory, now: dt.datetime) -> RunLineage:
    """The lineage with the number of its statements that await the warehouse, and a sentence on them."""
    asked = len(unwitnessed(history)) if is_on() else 0
    if not asked:
        return lineage
    statements = counted(asked, "statement")
    until = (history.run.ended or now) + GIVE_UP
    if now >= until:
        return replace(lineage, warehouse=f"The warehouse's access history has said nothing of {statements}.")
    verb = "awaits" if asked == 1 else "await"
    text = f"{statements} {verb} the warehouse's access history, which the sweep reads until {until:%F %R} UTC."
    return replace(lineage, unwitnessed=asked, warehouse=text)


def collect(
    client: SyncPrefectClient, runs: Sequence[FlowRun], now: dt.datetime, faults: list[str] | None = None
) -> dict[UUID, Sequence[Witnessed]]:
    """The answers about statements of these runs, by run; () for a run that is given up. Each becomes an event.

    Nothing is asked without the setting. An access history that cannot be read is logged, and asked by the next sweep;
    the reason is added to `faults`.
    """
    if not is_on():
        return {}
    entries = ledger.read(client, [run.id for run in runs])
    due = [run for run in runs if _is_due(run, entries.get(run.id), now)][:MAX_RUNS]
    found: dict[UUID, list[Witnessed]] = {}
    limit = GIVE_UP
    try:
        for said in _ask(client, due, now):
            found.setdefault(said.flow_run_id, []).append(said)
    except WarehouseAwayError as error:
        limit = GIVE_UP_UNREAD
        if faults is not None:
            faults.append(str(error))
        logger.warning("%s; the next sweep asks again", error)
    given_up: dict[UUID, Sequence[Witnessed]] = {run.id: () for run in due if run.ended and run.ended + limit <= now}
    by_id = {run.id: run for run in due}
    for run_id, its in found.items():
        for said in its:
            _emit(by_id[run_id], said)
    return {**given_up, **found}


def _is_due(run: FlowRun, entry: ledger.Entry | None, now: dt.datetime) -> bool:
    ended = run.ended if run.ended_for_good else None
    return entry is not None and entry.unwitnessed > 0 and ended is not None and ended + FIRST_AFTER <= now


def _ask(client: SyncPrefectClient, due: Sequence[FlowRun], now: dt.datetime) -> list[Witnessed]:
    """Ask about all statements of these runs together. Raises WarehouseAwayError."""
    warehouse = Warehouse(settings().warehouse_block or "")
    asked: dict[str, UUID] = {}
    namespaces: dict[UUID, str] = {}
    times: list[dt.datetime] = []
    try:
        for run in due:
            try:
                history = read_history(client, run, _NO_WAIT)
            except Exception as error:  # noqa: BLE001  (one run must not keep the sweep from all others)
                logger.warning("The history of run %s cannot be read for its access history: %s", run.id, error)
                continue
            is_early = run.ended is not None and run.ended + LAG > now
            pending = {i: e for i, e in unwitnessed(history).items() if not (is_early and e.statement.calls_procedure)}
            if not pending:
                continue
            warehouse.open()
            if namespace := _namespace(history, warehouse.namespace):
                namespaces[run.id] = namespace
                asked |= dict.fromkeys(pending, run.id)
                times += [e.statement.started or run.began for e in pending.values()]
        rows = warehouse.rows(asked, min(times)) if asked else []
        return list(answers(rows, asked, namespaces, filters.current().reports, warehouse.cut))
    finally:
        warehouse.close()


def _namespace(history: RunHistory, of_block: str) -> str | None:
    """The account in which the run's statements ran, by its own datasets; that of the block if they name none.

    A run in several accounts is asked about only if one of them is the block's.
    """
    used = {d.namespace for event in history.events for d in event.datasets if d.namespace.startswith("snowflake://")}
    if len(used) == 1:
        return next(iter(used))
    return of_block if not used or of_block in used else None


def _emit(run: FlowRun, said: Witnessed) -> None:
    count = sum(len(one.writes) for one in said.statements)
    summary = line(f"{run.flow_name} ({run.name}): the warehouse names {count} writes of {said.query_id}", MAX_LABEL)
    publishing.emit(
        WITNESSED_EVENT,
        # Deterministic: two sweeps at once store one event.
        id=uuid5(run.id, f"{WITNESSED_EVENT} {said.query_id}"),
        resource={"prefect.resource.id": f"{RUN_PREFIX}{run.id}", "prefect.resource.name": summary},
        related=run.info.related(),
        payload={"summary": summary, **said.model_dump(mode="json", exclude_defaults=True)},
    )
