"""An automation as data: its trigger and its actions as Prefect's API takes them, from a few options.

The options of a deployed automation are read back from it, so that another deploy keeps them. Its name in Prefect
identifies it: one that a person renames is theirs from then on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal
from uuid import UUID

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automation_names import AUTOMATION_NAMES
from prefect_lineage_events.event_fields import MAX_LABEL
from prefect_lineage_events.events import OWN_FLOW_PREFIX

JSON = dict[str, Any]
Group = Literal["assembler", "tables", "people"]
# A placeholder for the files in `automations/`: Prefect refuses a name where it wants an id.
NO_ID = UUID(int=0)
# Runs of our own flows start no automation. One negated pattern: Prefect reads a list of negations as "or".
NOT_OURS = f"!{OWN_FLOW_PREFIX}*"
_SEPARATOR = ": "


@dataclass(frozen=True, slots=True)
class Runs:
    """A deployment of a user that an automation runs: `name` is FLOW/DEPLOYMENT, `parameters` those that it takes.

    `parameters` are the JSON types that its form declares; a parameter of several types has the type "".
    """

    id: UUID
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def flow_name(self) -> str:
        return self.name.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an automation; None is as deployed, and by default before that.

    `settle`: seconds from the first event until the assembler runs. `table`: the URI of a dataset, or a pattern in
    which `*` stands for any text. `runs`: the deployment that it runs. `hours`: hours without a write. `actions`: those
    that inform people, as they are deployed or made of a notification block.
    """

    settle: float | None = None
    table: str | None = None
    runs: Runs | None = None
    hours: float | None = None
    actions: Sequence[JSON] | None = None

    def over(self, earlier: Options) -> Options:
        """These options, with those of `earlier` where they are None."""
        given = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}
        return replace(earlier, **given)


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of our own deployments, which the automations of the group "assembler" run."""

    assembler: UUID = NO_ID
    sweeper: UUID = NO_ID


def _unchanged(found: AutomationCore) -> Options:
    return Options()


def _nothing(options: Options) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Definition:
    """An automation that `deploy --with NAME` makes.

    `description` is its text in Prefect, `cost` a sentence for the guide. Of the group "assembler", one is deployed at
    a time. `subject` distinguishes several of one definition, such as those of two tables. `message`: subject and body
    of a notification, as templates. `required` and `optional` are its options, by their names on the command line.
    `earlier` builds what earlier versions made in place of a deployed one.
    """

    name: str
    group: Group
    description: str
    cost: str
    trigger: Callable[[Options], JSON]
    actions: Callable[[Options, Ids], list[JSON]]
    options_of: Callable[[AutomationCore], Options] = _unchanged
    subject: Callable[[Options], str] = _nothing
    message: tuple[str, str] = ("", "")
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    earlier: tuple[Callable[[AutomationCore, Ids], JSON | None], ...] = ()
    example: Options = Options()

    @property
    def summary(self) -> str:
        """Its line in lists."""
        return AUTOMATION_NAMES[self.name]

    @property
    def base_name(self) -> str:
        return OWN_FLOW_PREFIX + self.name.removeprefix("lineage-")

    def full_name(self, options: Options) -> str:
        """Its name in Prefect."""
        subject = self.subject(options)
        return f"{self.base_name}{_SEPARATOR}{subject}"[:MAX_LABEL] if subject else self.base_name

    def has_name(self, name: str) -> bool:
        """Return whether an automation of this name in Prefect is one of this definition."""
        return name == self.base_name or (bool(self.required) and name.startswith(self.base_name + _SEPARATOR))

    def build(self, options: Options, ids: Ids) -> JSON:
        """The automation for Prefect's API, without a revision."""
        return {
            "name": self.full_name(options),
            "description": self.description,
            "enabled": True,
            "trigger": {"type": "event", **self.trigger(options)},
            "actions": self.actions(options, ids),
        }


def reactive(expect: Sequence[str], match: Mapping[str, Any], **others: Any) -> JSON:
    """A trigger that fires on the first of these events; `others` replace its fields."""
    trigger = {"posture": "Reactive", "expect": list(expect), "match": dict(match), "for_each": [], "threshold": 1}
    return {**trigger, "within": 0, **others}


def run_deployment(deployment_id: UUID, parameters: Mapping[str, Any], after: float = 0) -> JSON:
    """The action that runs a deployment, `after` some seconds."""
    return {
        "type": "run-deployment",
        "source": "selected",
        "deployment_id": str(deployment_id),
        "schedule_after": after,
        "parameters": dict(parameters),
    }


def delay_of(found: AutomationCore) -> float | None:
    """The seconds after which the first action of a deployed automation runs; None where it has no delay."""
    delay = getattr(found.actions[0], "schedule_after", None) if found.actions else None
    return delay.total_seconds() if isinstance(delay, dt.timedelta) and delay else None


def literal(text: str) -> str:
    """A pattern of Prefect for exactly this text: `*`, `?` and `[` have a meaning in patterns, and so has a first `!`.

    No URI begins with `!`, and behind the `!` of a negation it has none.
    """
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
