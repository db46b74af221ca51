"""Commands that put the assembler on a server and take it away, and those for its blocks."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli import checks, deploy_plan
from prefect_lineage_events.cli.errors import OK, fail
from prefect_lineage_events.cli.output import print_json
from prefect_lineage_events.cli.parameters import AsJson, positive, whole_number
from prefect_lineage_events.cli.progress import announce

# A validator within `| None` is not called by older versions of cyclopts: it stands on the whole type.
SweepMinutes = Annotated[
    float | None, Parameter(help="Minutes between sweeps (default: as deployed, at first 5).", validator=positive)
]
Settle = Annotated[
    float | None,
    Parameter(
        help="Seconds from the end of a run to its assembly (default: as deployed, at first 20).", validator=positive
    ),
]


def deploy(
    *,
    with_: Annotated[
        list[str] | None, Parameter(name="--with", help="Make this automation as well (repeatable, listed below).")
    ] = None,
    table: Annotated[
        str | None, Parameter(help="For table-written and table-stale: the dataset's URI, or a pattern with `*`.")
    ] = None,
    run: Annotated[str | None, Parameter(help="For table-written: the deployment to run, FLOW/DEPLOYMENT.")] = None,
    hours: Annotated[
        float | None,
        Parameter(
            help="For table-stale: hours without a write (default: as deployed, at first 26).",
            validator=deploy_plan.hours,
        ),
    ] = None,
    notify: Annotated[
        str | None,
        Parameter(help="Notification block that informs people, TYPE/NAME, such as slack-webhook/ops."),
    ] = None,
    work_pool: Annotated[
        str | None, Parameter(help="Work pool that runs the assembler (default: `prefect-lineage serve` runs it).")
    ] = None,
    image: Annotated[str | None, Parameter(help="Image with this package, for a container work pool.")] = None,
    yes: Annotated[bool, Parameter(help="Replace automations that a person edited, without a question.")] = False,
    dry_run: Annotated[bool, Parameter(help="Show the changes that would be made, and make none.")] = False,
    print_automation: Annotated[
        bool, Parameter(help="Print the automations of --with, or the default, as YAML, and change nothing.")
    ] = False,
    json: AsJson = False,
    sweep_minutes: SweepMinutes = None,
    settle: Settle = None,
) -> int:
    """Create or update the deployments and the automations."""
    from prefect import get_client

    from prefect_lineage_events import deploy as deploying
    from prefect_lineage_events.automations.choice import chosen_automations

    checks.require_api_address()
    deploying.check_image(image, work_pool)
    checks.require_reachable_api()
    with get_client(sync_client=True) as client:
        chosen = chosen_automations(client, with_ or (), table=table, run=run, hours=hours, notify=notify)
        if print_automation:
            _print_automations(deploying.automations_yaml(chosen, settle), as_json=json)
            return OK
        if dry_run:
            changes = deploying.planned(client, chosen, settle)
            deploy_plan.show(deploying.planned_deployments(client), changes, as_json=json)
            return OK
    deployed = deploying.deploy(
        work_pool=work_pool,
        image=image,
        sweep_minutes=sweep_minutes,
        settle=settle,
        automations=chosen,
        confirm=deploy_plan.confirmation(yes=yes, as_json=json),
        progress=announce,
    )
    print_json(deployed.as_json()) if json else print(deployed)
    if deployed.left:
        names = ", ".join(change.name for change in deployed.left)
        return fail(f"left as a person edited it: {names} -> --dry-run shows the difference, --yes replaces it")
    return OK


def undeploy(*, json: AsJson = False) -> int:
    """Delete the deployments and the automations, and keep the blocks and all lineage."""
    from prefect_lineage_events import deploy as deploying

    checks.require_api_address()
    checks.require_reachable_api()
    announce("deleting the deployments and the automations")
    deleted = deploying.undeploy()
    if json:
        print_json({"deleted": deleted})
    else:
        print("\n".join(f"deleted {one}" for one in deleted) or "nothing was deployed")
    return OK


def serve(
    *,
    limit: Annotated[
        int, Parameter(help="Maximum number of runs at a time.", converter=whole_number, validator=positive)
    ] = 4,
    poll_seconds: Annotated[
        float, Parameter(help="Seconds between two polls for scheduled runs.", validator=positive)
    ] = 2.0,
    sweep_minutes: SweepMinutes = None,
    settle: Settle = None,
) -> int:
    """Deploy, and run the assembler in this process until it is stopped."""
    from prefect_lineage_events import deploy as deploying

    checks.require_api_address()
    checks.require_reachable_api(patiently=True)
    deploying.serve(sweep_minutes=sweep_minutes, settle=settle, limit=limit, poll_seconds=poll_seconds)
    return OK


def register(*, json: AsJson = False) -> int:
    """Register the lineage blocks with the Prefect API."""
    from prefect_lineage_events import deploy as deploying

    checks.require_api_address()
    checks.require_reachable_api()
    announce("registering the lineage blocks")
    blocks = deploying.register_blocks()
    if json:
        print_json({"blocks": blocks})
    else:
        print("blocks registered: " + (", ".join(blocks) or "none (no connector is installed)"))
    return OK


def convert(
    document: Annotated[str, Parameter(help="The document, such as sqlalchemy-connector/warehouse.")],
    /,
    *,
    overwrite: Annotated[bool, Parameter(help="Replace a lineage block document of that name.")] = False,
    json: AsJson = False,
) -> int:
    """Save a copy of a plain connector's block document as a lineage block."""
    from prefect_lineage_events.blocks.documents import convert as convert_document

    checks.require_api_address()
    checks.require_reachable_api()
    saved = convert_document(document, overwrite=overwrite)
    print_json({"saved": saved, "source": document}) if json else print(f"saved as {saved}; {document} is unchanged")
    return OK


def _print_automations(text: str, *, as_json: bool) -> None:
    """Print automations that are given as YAML, in this form or as JSON."""
    if as_json:
        import yaml  # type: ignore[import-untyped]

        content = yaml.safe_load(text)
        print_json(content if "automations" in content else {"automations": [content]})
    else:
        print(text, end="")
