"""Commands that assemble runs: `assemble`, `sweep`, `backfill`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from prefect_lineage_events.cli import asking, checks
from prefect_lineage_events.cli.errors import MAX_LINE, OK, delivered
from prefect_lineage_events.cli.output import print_json, say
from prefect_lineage_events.cli.parameters import AsJson
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.escaping import line

if TYPE_CHECKING:
    from prefect_lineage_events.assembler.options import AssemblyResult
    from prefect_lineage_events.assembler.summary import Summary


_NOTHING_SENT: dict[str, Any] = {
    "run": "", "flow": None, "outcome": "", "sent": 0, "rejected": [], "refused_before": 0, "kept": [], "lacks": [],
}  # fmt: skip


def assemble(
    run: Annotated[str, Parameter(help="The flow run: its name, its id, its page's address, or its flow's name.")],
    /,
    *,
    json: AsJson = False,
) -> int:
    """Assemble the lineage of one flow run, and deliver it."""
    from prefect_lineage_events.assembler import options
    from prefect_lineage_events.flows import assemble as assemble_run

    checks.require_api_address()
    checks.require_reachable_api()
    run_id = checks.existing_run(run)
    checks.require_targets()
    with working("assembling the run"):
        assembled = assemble_run(flow_run_id=run_id)
    if not isinstance(assembled, options.AssemblyResult):
        # The state of a run of the assembler that did not begin.
        print_json({**_NOTHING_SENT, "run": str(run_id), "outcome": str(assembled)}) if json else print(assembled)
        return OK
    print_json(_result(assembled)) if json else print(assembled)
    return delivered(refused=assembled.rejected or assembled.refused_before, kept=assembled.kept)


def sweep(*, json: AsJson = False) -> int:
    """Assemble all ended runs that the automation missed."""
    from prefect_lineage_events.flows import sweep as sweep_runs

    checks.require_api_address()
    checks.require_reachable_api()
    checks.require_targets()
    with working("assembling missed runs"):
        summary = sweep_runs()
    print_json(_outcomes(summary)) if json else print(summary)
    return delivered(failed=summary.broken, refused=summary.refused, kept=summary.kept)


def backfill(
    *,
    start: Annotated[str, Parameter(help="7d, yesterday, or a time with its zone: 2026-01-31T06:00:00+00:00.")],
    end: Annotated[str, Parameter(help="now, today, 12h, or a time with its zone, not before the start.")],
    flow: Annotated[list[str] | None, Parameter(help="Only runs of this flow (repeatable).")] = None,
    target: Annotated[list[str] | None, Parameter(help="Send runs that this target lacks (repeatable).")] = None,
    reanalyse: Annotated[bool, Parameter(help="Analyse stored statements again with this version.")] = False,
    dry_run: Annotated[bool, Parameter(help="Send nothing, and list each run with its outcome.")] = False,
    force: Annotated[bool, Parameter(help="Send events again that were already sent.")] = False,
    json: AsJson = False,
) -> int:
    """Assemble the runs that ended in a window of time."""
    from prefect import get_client

    from prefect_lineage_events.assembler.backfill import parse_window, preview, require_flows
    from prefect_lineage_events.assembler.options import AssemblyOptions
    from prefect_lineage_events.delivery.targets import targets
    from prefect_lineage_events.flows import backfill as backfill_runs

    checks.require_api_address()
    window = parse_window(start, end, asking.now())
    targets(target)
    checks.require_reachable_api()
    with get_client(sync_client=True) as client:
        require_flows(client, flow)
    if not dry_run:
        checks.require_targets(target)
    if dry_run:
        # Not by the flow: a dry run leaves nothing behind, and a flow run is something.
        with get_client(sync_client=True) as client, working("looking at the runs"):
            options = AssemblyOptions(targets=target, reanalyse=reanalyse, force=force)
            summary = preview(client, window, flow, options)
    else:
        with working("assembling runs"):
            summary = backfill_runs(
                start=window.start, end=window.end, flows=flow, targets=target, reanalyse=reanalyse, force=force
            )
    if json:
        print_json(_outcomes(summary))
        return delivered(failed=summary.broken, refused=summary.refused, kept=summary.kept)
    print(summary)
    if summary.already_done and not (target or force):
        say("Runs done before are not sent again: --target NAME sends those that a new target lacks, --force all.")
    for run_id, flow_name, outcome in summary.outcomes() if dry_run else ():
        print(line(f"  {run_id}  {flow_name}  {outcome}", MAX_LINE))
    return delivered(failed=summary.broken, refused=summary.refused, kept=summary.kept)


def _result(one: AssemblyResult) -> dict[str, Any]:
    return {
        "run": str(one.flow_run_id),
        "flow": one.flow_name,
        "outcome": one.outcome,
        "sent": one.sent,
        "rejected": list(one.rejected),
        "refused_before": one.refused_before,
        "kept": list(one.kept),
        "lacks": list(one.lacks),
    }


def _outcomes(summary: Summary) -> dict[str, Any]:
    runs = [{"run": str(run), "flow": flow, "outcome": outcome} for run, flow, outcome in summary.outcomes()]
    return {"summary": str(summary), "already_done": summary.already_done, "refused": summary.refused, "runs": runs}
