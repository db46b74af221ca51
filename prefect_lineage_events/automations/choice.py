"""The automations that a deploy was asked for, with their options checked against the Prefect API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound

from prefect_lineage_events.automations import people, tables
from prefect_lineage_events.automations.definition import Definition, Options, Runs
from prefect_lineage_events.automations.listed import AUTOMATIONS, automation
from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history import api
from prefect_lineage_events.history.runs import flow_names
from prefect_lineage_events.nearness import did_you_mean, nearest

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


# Names among which the nearest is looked for.
_LISTED = 200


class NoDeploymentError(ValueError):
    """There is no deployment of this name."""


def chosen_automations(
    client: SyncPrefectClient,
    names: Sequence[str],
    *,
    table: str | None = None,
    run: str | None = None,
    hours: float | None = None,
    notify: str | None = None,
) -> list[tuple[Definition, Options]]:
    """The automations of these names with their options, checked against the Prefect API.

    `run` is FLOW/DEPLOYMENT, `notify` a notification block as TYPE/NAME. Raises ValueError for an unknown name, and for
    an option that is missing or belongs to none of the automations.
    """
    given = {"table": table, "run": run, "hours": hours, "notify": notify}
    definitions = [automation(name) for name in dict.fromkeys(names)]
    assemblers = [one.name for one in definitions if one.group == "assembler"]
    if len(assemblers) > 1:
        raise ValueError(f"one automation runs the assembler: choose one of {', '.join(assemblers)}")
    for definition in definitions:
        if missing := [option for option in definition.required if given[option] is None]:
            raise ValueError(f"{definition.name} needs {' and '.join(f'--{option}' for option in missing)}")
    taken = {option for one in definitions for option in (*one.required, *one.optional)}
    if unused := [option for option, value in given.items() if value is not None and option not in taken]:
        taking = [one.name for one in AUTOMATIONS if unused[0] in (*one.required, *one.optional)]
        raise ValueError(f"--{unused[0]} is an option of {', '.join(taking)}: give one of them by --with")
    checked = tables.checked(table) if table is not None else None
    runs = _runs(client, run) if run is not None else None
    block = _notification_block(client, notify) if notify is not None else None
    return [
        (
            one,
            Options(
                table=checked if "table" in one.required else None,
                runs=runs if "run" in one.required else None,
                hours=hours if "hours" in one.optional else None,
                actions=[people.notification(block, one.message)] if block and "notify" in one.optional else None,
            ),
        )
        for one in definitions
    ]


def _runs(client: SyncPrefectClient, name: str) -> Runs:
    if name.startswith(OWN_FLOW_PREFIX):
        raise ValueError(f"{name} belongs to the assembler: choose a deployment of yours")
    flow, _, deployment = name.rpartition("/")
    try:
        found = client.read_deployment_by_name(name) if flow and deployment else None
    except ObjectNotFound:
        found = None
    if found is None:
        advice = "give FLOW/DEPLOYMENT, as `prefect deployment ls` lists it"
        near = nearest(name, _deployments(client))
        raise NoDeploymentError(f"there is no deployment {name!r}: {advice}{did_you_mean(near)}")
    fields = (found.parameter_openapi_schema or {}).get("properties", {})
    return Runs(found.id, name, {field: str(of.get("type", "")) for field, of in fields.items()})


def _notification_block(client: SyncPrefectClient, name: str) -> UUID:
    """The id of a notification block's document. Raises ValueError, saying how to list them."""
    slug, _, document = name.partition("/")
    try:
        found = client.read_block_document_by_name(document, slug) if document else None
    except ObjectNotFound:
        found = None
    if found is None:
        near = did_you_mean(nearest(name, _blocks(client)))
        raise ValueError(f"there is no block {name!r}: give TYPE/NAME, as `prefect block ls` lists them{near}")
    if "notify" not in ((found.block_schema.capabilities if found.block_schema else None) or []):
        raise ValueError(f"the block {name!r} sends no notifications: use one such as slack-webhook/NAME")
    return found.id


def _deployments(client: SyncPrefectClient) -> list[str]:
    """The deployments that a table can start, up to 200, as FLOW/DEPLOYMENT."""
    found: list[dict[str, Any]] = api.post(client, "/deployments/filter", {"sort": "UPDATED_DESC", "limit": _LISTED})
    flows = flow_names(client, [one["flow_id"] for one in found])
    names = [f"{flows[one['flow_id']]}/{one['name']}" for one in found if one["flow_id"] in flows]
    return [name for name in names if not name.startswith(OWN_FLOW_PREFIX)]


def _blocks(client: SyncPrefectClient) -> list[str]:
    """The notification blocks, up to 200, as TYPE/NAME."""
    wanted = {"block_schemas": {"block_capabilities": {"all_": ["notify"]}}, "limit": _LISTED}
    found: list[dict[str, Any]] = api.post(client, "/block_documents/filter", wanted)
    return [f"{one['block_type']['slug']}/{one['name']}" for one in found if one.get("name")]


def options_of(client: SyncPrefectClient, definition: Definition, found: Automation) -> Options | None:
    """The options of a deployed automation; None where the deployment that it runs is gone."""
    options = definition.options_of(found)
    if "run" not in definition.required:
        return options
    try:
        # By its name: a deployment that was deleted and made again has another id.
        return replace(options, runs=_runs(client, found.name.rpartition(" -> ")[2]))
    except ValueError:
        return None
