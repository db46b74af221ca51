"""The plan of a deploy on the command line, and the question before an automation that a person edited is replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.automation_names import AUTOMATION_NAMES
from prefect_lineage_events.cli.output import print_json

if TYPE_CHECKING:
    from prefect_lineage_events.automations.plan import Change

# Prefect waits at least ten seconds for an event that does not come; longer than a year is no freshness.
MIN_HOURS, MAX_HOURS = 0.003, 24 * 366.0


def hours(_type: Any, value: float | None) -> None:
    """Validator of the hours after which a table is stale."""
    if value is not None and not MIN_HOURS <= value <= MAX_HOURS:
        raise ValueError(f"{value!r} is no number of hours from {MIN_HOURS} to {MAX_HOURS:,.0f}")


def listed() -> str:
    """The automations, each on a line of the help."""
    width = max(map(len, AUTOMATION_NAMES))
    rows = [f"  {name:{width}}  {summary}" for name, summary in AUTOMATION_NAMES.items()]
    return "\n".join(["Automations for --with (docs/automations.md):", *rows])


def show(deployments: Mapping[str, str], changes: Sequence[Change], *, as_json: bool) -> None:
    """Print the changes: of each deployment the name and the kind, and those of automations with their differences."""
    if as_json:
        made = [{"name": name, "change": kind} for name, kind in deployments.items()]
        print_json({"deployments": made, "automations": [change.as_json() for change in changes]})
        return
    for name, kind in deployments.items():
        print(f"{kind:<7} deployment {name}")
    for change in changes:
        print("\n".join(_lines(change)))


def confirmation(*, yes: bool, as_json: bool) -> Callable[[Sequence[Change]], bool]:
    """The answer to the question whether automations that a person edited are replaced."""

    def confirm(edited: Sequence[Change]) -> bool:
        if yes:
            return True
        if not as_json:
            say("\n".join(text for change in edited for text in _lines(change)))
        if as_json or not sys.stdin.isatty():
            return False
        say("Replace what was edited? [y/N] ", end="")
        return sys.stdin.readline().strip().casefold() in ("y", "yes")

    return confirm


def _lines(change: Change) -> list[str]:
    return [str(change), *(f"    {one}" for one in (change.diff() if change.kind != "keep" else ()))]


def say(text: str, **options: Any) -> None:
    """Print on standard error: standard output is kept for results."""
    print(text, file=sys.stderr, flush=True, **options)
