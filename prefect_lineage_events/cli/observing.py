"""Commands that observe the assembler: `status`, `rejected`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from prefect_lineage_events.cli import asking, checks
from prefect_lineage_events.cli.errors import FAILED, OK, delivered
from prefect_lineage_events.cli.output import heading, print_json, say, table
from prefect_lineage_events.cli.parameters import AsJson
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.cli.words import ago, span, time
from prefect_lineage_events.moments import moment

if TYPE_CHECKING:
    from prefect_lineage_events.graph.refusals import Refusal
    from prefect_lineage_events.status import Status

# Seconds that one request of `status` may take.
_PATIENCE = 5.0
_SILENT = "the API did not answer in time"


def status(*, json: AsJson = False) -> int:
    """Show the lag, the last sweep, and the runs that are not delivered as they should be."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from prefect_lineage_events.status import read_status

    checks.require_api_address()
    quickly = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: _PATIENCE}
    with temporary_settings(quickly), get_client(sync_client=True) as client, working("asking the Prefect API"):
        found = read_status(client)
    print_json(found) if json else _print_status(found)
    return FAILED if found.trouble else OK


def rejected(
    *,
    since: Annotated[str, Parameter(help="Only refusals since: 7d, 12h, yesterday, 2026-11-01.")] = "7d",
    target: Annotated[str | None, Parameter(help="Only this target.")] = None,
    retry: Annotated[bool, Parameter(help="Send these runs again, now that the target is mended.")] = False,
    json: AsJson = False,
) -> int:
    """List the runs of which a target refused events, with its reasons."""
    from prefect import get_client

    from prefect_lineage_events.graph.refusals import read as read_refusals

    checks.require_api_address()
    start = moment(since, asking.now())
    checks.require_reachable_api()
    if retry:
        checks.require_targets([target] if target else None)
    with get_client(sync_client=True) as client, working("reading refusals"):
        refusals = read_refusals(client, start)
        wanted = set(_target_ids(target)) if target else None
        rows = [one for one in refusals.found if wanted is None or one.state.target in wanted]
    if refusals.read_back_to:
        # Not on standard output: `--json` is read by programs.
        print(
            f"note: only refusals since {time(refusals.read_back_to)} are read; mend these, then ask again",
            file=sys.stderr,
        )
    if retry and (rows or json):
        return _send_again(rows, json)
    if json:
        print_json([_as_json(row) for row in rows])
        return OK
    table(
        "",
        ("run", "flow", "target", "refused", "at", "reason"),
        [
            (str(one.run_id), one.flow, one.state.target, one.state.rejected, time(one.at), reason)
            for one in rows
            for reason in (one.state.reasons or ("no reason is stored",))[:3]
        ],
        limit=1_000,
    )
    if not rows:
        say("no target refuses events of a run" + (f" (--since {since})" if since else ""))
    else:
        say("mend the target or its profile, then: prefect-lineage rejected --retry")
    return OK


def _target_ids(name: str) -> list[str]:
    from prefect_lineage_events.delivery.targets import targets

    return [name, *(one.id for one in targets([name]))]


def _send_again(rows: list[Refusal], as_json: bool) -> int:
    """Deliver these runs once more to the targets that refused them."""
    from prefect import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from prefect_lineage_events.assembler.assemble import assemble_run
    from prefect_lineage_events.assembler.lease import BusyError
    from prefect_lineage_events.assembler.options import AssemblyOptions
    from prefect_lineage_events.delivery.deliver import TransientDeliveryError

    by_run: dict[UUID, list[str]] = {}
    for one in rows:
        by_run.setdefault(one.run_id, []).append(one.state.target)
    results, errors = [], []
    with get_client(sync_client=True) as client, working("sending refused runs again") as report:
        for done, (run, names) in enumerate(by_run.items()):
            report("sending refused runs again", done, len(by_run))
            try:
                options = AssemblyOptions(retry=True, force=True, targets=names)
                results.append(assemble_run(client, run, options))
            except (BusyError, PrefectHTTPStatusError, TransientDeliveryError, ValueError) as error:
                errors.append(f"{run}: {error}")
    if as_json:
        print_json(
            {
                "runs": [
                    {
                        "run": str(one.flow_run_id),
                        "flow": one.flow_name,
                        "sent": one.sent,
                        "rejected": list(one.rejected),
                        "kept": list(one.kept),
                    }
                    for one in results
                ],
                "failed": errors,
            }
        )
    else:
        for text in (*map(str, results), *errors):
            say(text)
    refused, kept = (any(getattr(one, name) for one in results) for name in ("rejected", "kept"))
    return delivered(failed=errors, refused=refused, kept=kept)


def _as_json(one: Refusal) -> dict[str, Any]:
    return {
        "run": str(one.run_id),
        "flow": one.flow,
        "target": one.state.target,
        "at": one.at.isoformat(),
        "refused": one.state.rejected,
        "reasons": list(one.state.reasons),
    }


def _print_status(found: Status) -> None:
    now = found.at
    heading("lineage of Prefect flows", found.api)
    oldest = f", the oldest ended {ago(found.oldest_waiting, now)}" if found.oldest_waiting else ""
    table(
        "",
        ("", ""),
        [
            ("assembler", found.assembler or _SILENT),
            ("last sweep", _SILENT if "sweep" in found.unanswered else ago(found.swept, now)),
            ("lag", "" if found.lag_seconds is None else f"{span(found.lag_seconds)} from a run's end to its delivery"),
            ("running", _number(found.running)),
            ("waiting", _number(found.waiting, f" to be tried again{oldest}")),
            ("not assembled", _unassembled(found)),
            ("stale", _number(found.stale, " without an event for long")),
            ("incomplete", _number(found.incomplete, " in the last day", _least(found, "incomplete"))),
            ("rejected", _number(found.rejected, " in the last day", _least(found, "rejected"))),
        ],
    )
    table(
        "IN FLIGHT, longest first",
        ("flow", "run", "state", "since", "", "id"),
        [(one.flow, one.name, one.state, time(one.since), ago(one.since, now), one.run) for one in found.in_flight],
    )
    if found.running and found.running > len(found.in_flight):
        say(f"and {found.running - len(found.in_flight):,} more: prefect flow-run ls --state RUNNING")
    table(
        "TARGETS (last day)",
        ("target", "runs", "refused", "last delivery"),
        [(one.target, one.runs, one.refused, ago(one.last, now)) for one in found.targets],
    )
    table(
        "NEWEST REASONS",
        ("when", "kind", "flow", "run", "reason"),
        [(time(one.time), one.kind, one.flow, one.run, one.text) for one in found.reasons],
        limit=1_000,
    )
    table("WHAT TO DO", ("kind", "next step"), [(one.kind, one.text) for one in found.advice], limit=1_000)
    if found.trouble:
        say(found.trouble)
    elif found.reasons or found.assembler != "ready":
        say("remedies: prefect-lineage doctor")


def _unassembled(found: Status) -> str:
    since = f", the oldest {ago(found.oldest_unassembled, found.at)}" if found.oldest_unassembled else ""
    return _number(found.unassembled, f" that ended since the last sweep{since}", _least(found, "unassembled"))


def _least(found: Status, count: str) -> str:
    return "at least " if count in found.at_least and getattr(found, count) else ""


def _number(number: int | None, more: str = "", least: str = "") -> str:
    return _SILENT if number is None else f"{least}{number:,}{more}"
