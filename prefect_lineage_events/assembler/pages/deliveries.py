"""The events of a run that each target has taken, and those that it refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.pages.markup import more, table
from prefect_lineage_events.escaping import code, prose, word

MAX_REASONS = 20


def refused(sent: Mapping[str, DeliveryState]) -> list[str]:
    """The reasons of each target, by the target's name: for events that it refused, or has not used yet."""
    parts = []
    for target, state in sent.items():
        if state.reasons:
            shown = [f"- {prose(reason)}" for reason in state.reasons[:MAX_REASONS]]
            rest = more(state.rejected, len(shown), "events")
            title = "Kept for" if state.kept == state.rejected else "Refused by"
            parts += [f"## {title} {word(target)}", "\n".join(shown + rest)]
    return parts


def sent_to(sent: Mapping[str, DeliveryState]) -> list[str]:
    """The table of targets; `Waiting` are the events that the sweep will send."""
    rows = [
        (code(target), *map(str, (s.done - s.rejected, s.rejected - s.kept, s.total - s.done + s.kept)))
        for target, s in sent.items()
    ]
    return ["## Sent to", table(("Target", "Taken", "Refused", "Waiting"), rows)] if rows else []
