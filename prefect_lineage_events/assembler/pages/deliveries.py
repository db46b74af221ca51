"""The events of a run that each target has taken, and those that it refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.pages.markup import more, table
from prefect_lineage_events.escaping import code, prose, word

MAX_REASONS = 20


def refused(sent: Mapping[str, DeliveryState]) -> list[str]:
    """The reasons of each target, by the target's name."""
    parts = []
    for target, state in sent.items():
        if state.reasons:
            shown = [f"- {prose(reason)}" for reason in state.reasons[:MAX_REASONS]]
            rest = more(state.rejected, len(shown), "events")
            parts += [f"## Refused by {word(target)}", "\n".join(shown + rest)]
    return parts


def sent_to(sent: Mapping[str, DeliveryState]) -> list[str]:
    """The table of targets; `Waiting` are the events that the sweep will send."""
    rows = [
        (code(target), str(state.done - state.rejected), str(state.rejected), str(state.total - state.done))
        for target, state in sent.items()
    ]
    return ["## Sent to", table(("Target", "Taken", "Refused", "Waiting"), rows)] if rows else []
