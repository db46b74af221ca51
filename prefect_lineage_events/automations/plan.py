"""The plan of a deploy: what it creates, updates and deletes of our automations, and what a person had edited."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import yaml  # type: ignore[import-untyped]
from prefect.events.schemas.automations import Automation, AutomationCore
from pydantic import ValidationError

from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.definition import Definition, Ids, Options
from prefect_lineage_events.automations.listed import ASSEMBLERS, AUTOMATIONS
from prefect_lineage_events.automations.revision import content_of, is_as_deployed, marked
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.history import api

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Kind = Literal["create", "update", "delete", "keep"]
_VERBS: dict[Kind, str] = {"create": "create", "update": "update", "delete": "delete", "keep": "unchanged"}


@dataclass(frozen=True, slots=True)
class Change:
    """One automation in a plan. `edited`: a person has edited the deployed one, which the change would undo.

    `why` says why it is deleted.
    """

    kind: Kind
    name: str
    found: Automation | None = None
    wanted: AutomationCore | None = None
    edited: bool = False
    why: str = ""

    @property
    def enabled(self) -> bool:
        return self.found.enabled if self.found else True

    def diff(self) -> list[str]:
        """The change as lines of a unified diff of YAML, escaped for a terminal."""
        before, after = (_lines(one) for one in (self.found, self.wanted if self.kind != "delete" else None))
        lines = difflib.unified_diff(before, after, "deployed", "wanted", lineterm="", n=1)
        return [line(one) for one in lines]

    def as_json(self) -> dict[str, Any]:
        found = {"id": str(self.found.id)} if self.found else {}
        diff = {"diff": self.diff()} if self.kind in ("update", "delete") else {}
        why = {"why": self.why} if self.why else {}
        return {"name": self.name, "change": self.kind, "edited": self.edited, **found, **why, **diff}

    def __str__(self) -> str:
        edited = "  (edited by a person)" if self.edited else ""
        why = f"  ({self.why})" if self.why else ""
        return f"{_VERBS[self.kind]:9}  {line(self.name)}{why}{edited}"


def deployed(client: SyncPrefectClient) -> list[tuple[Definition, Automation]]:
    """Our automations on the Prefect API, in the order of the list, then by name and id."""
    found = []
    for page in api.pages(client, "/automations/filter", {"sort": "NAME_ASC"}):
        for raw in page:
            name = str(raw.get("name"))
            definition = next((one for one in AUTOMATIONS if one.has_name(name)), None)
            if name.startswith(OWN_FLOW_PREFIX) and definition is not None:
                found += [(definition, automation)] if (automation := _parsed(raw)) else []
    return sorted(found, key=lambda one: (AUTOMATIONS.index(one[0]), one[1].name, str(one[1].id)))


def _parsed(raw: dict[str, Any]) -> Automation | None:
    """The automation; None for one with a trigger or an action that this version of Prefect does not know."""
    try:
        return Automation.model_validate(raw)
    except ValidationError:
        return None


def plan(
    found: Sequence[tuple[Definition, Automation]],
    chosen: Iterable[tuple[Definition, Options]],
    ids: Ids,
    settle: float | None = None,
    kept: Callable[[Definition, Automation], Options | None] = lambda definition, one: definition.options_of(one),
) -> list[Change]:
    """The changes that make the chosen automations, and bring those that are deployed up to date.

    Of the assembler's, one is deployed: the chosen one, or that which is there, or the default; `settle` is its option.
    `kept` gives the options of a deployed automation, None where it can only stay as it is.
    """
    wanted = {definition.full_name(options): (definition, options) for definition, options in chosen}
    assembling = _assembling(found, wanted.values())
    wanted[assembling.base_name] = assembling, Options(settle=settle)
    by_name: dict[str, list[tuple[Definition, Automation]]] = {}
    for definition, one in found:
        by_name.setdefault(one.name, []).append((definition, one))
    changes: list[Change] = []
    for name, entries in by_name.items():
        if entries[0][0] in ASSEMBLERS and name not in wanted:
            changes += [_delete(*entry, ids, why="another one runs the assembler") for entry in entries]
            continue
        (definition, first), *others = _best_first(entries)
        options, before = wanted.pop(name, (definition, Options()))[1], kept(definition, first)
        if before is None and options.runs is None:
            changes.append(Change("keep", name, first, why="the deployment that it runs is gone"))
        else:
            enabled = any(one.enabled for _, one in entries)
            changes.append(_update(definition, first, options.over(before or Options()), ids, enabled))
        changes += [_delete(*entry, ids, why="the second of this name") for entry in others]
    made = [Change("create", name, wanted=_core(*one, ids)) for name, one in wanted.items()]
    return [*made, *changes]


def _assembling(
    found: Iterable[tuple[Definition, Automation]], chosen: Iterable[tuple[Definition, Options]]
) -> Definition:
    """The automation that runs the assembler."""
    there = [definition for definition, _ in (*chosen, *found) if definition in ASSEMBLERS]
    return there[0] if there else ASSEMBLE


def _best_first(entries: list[tuple[Definition, Automation]]) -> list[tuple[Definition, Automation]]:
    """Of several of one name, one that deploy wrote first."""
    return sorted(entries, key=lambda entry: (not is_as_deployed(entry[1]), str(entry[1].id)))


def _core(definition: Definition, options: Options, ids: Ids) -> AutomationCore:
    return marked(AutomationCore.model_validate(definition.build(options, ids)))


def _update(definition: Definition, found: Automation, options: Options, ids: Ids, enabled: bool) -> Change:
    wanted = _core(definition, options, ids)
    # A disabled automation stays disabled, and people sort automations by tags of theirs.
    wanted = marked(wanted.model_copy(update={"name": found.name, "tags": found.tags, "enabled": enabled}))
    if content_of(wanted) == content_of(found) and found.enabled == enabled:
        return Change("keep", found.name, found, wanted)
    return Change("update", found.name, found, wanted, edited=_is_edited(definition, found, ids))


def _delete(definition: Definition, found: Automation, ids: Ids, why: str) -> Change:
    return Change("delete", found.name, found, edited=_is_edited(definition, found, ids), why=why)


def _is_edited(definition: Definition, found: Automation, ids: Ids) -> bool:
    """Return whether the content is none that this or an earlier version has written."""
    if is_as_deployed(found):
        return False
    of_this_version = (definition.build(definition.options_of(found), _ids_of(found, ids)),)
    earlier = (build(found, ids) for build in definition.earlier)
    for content in (*of_this_version, *earlier):
        if content and content_of(AutomationCore.model_validate(content)) == content_of(found):
            return False
    return True


def _ids_of(found: Automation, ids: Ids) -> Ids:
    """The deployments that the automation runs: those that were deleted and made again have other ids."""
    runs = getattr(found.actions[0], "deployment_id", None) if found.actions else None
    return replace(ids, assembler=runs, sweeper=runs) if isinstance(runs, UUID) else ids


def apply(client: SyncPrefectClient, change: Change) -> UUID | None:
    """Make the change; returns the automation's id, None where it was deleted. Each update makes an event."""
    if change.kind == "create" and change.wanted:
        return client.create_automation(change.wanted)
    if change.kind == "update" and change.found and change.wanted:
        client.update_automation(change.found.id, change.wanted)
    if change.kind == "delete" and change.found:
        client.delete_automation(change.found.id)
        return None
    return change.found.id if change.found else None


def as_yaml(content: dict[str, Any]) -> str:
    """An automation as a file for `prefect automation create --from-file`."""
    text: str = yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    return text


def _lines(automation: AutomationCore | None) -> list[str]:
    return as_yaml(content_of(automation)).splitlines() if automation else []
