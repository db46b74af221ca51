"""Actions that inform people: a notification by a block, or none beyond the event that Prefect makes of each firing."""

from __future__ import annotations

from uuid import UUID

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.definition import JSON, Ids, Options

# A trigger that fired does not fire again for the same flow or target for this many seconds: faults come in bursts.
QUIET_SECONDS = 900.0
ONLY_THE_EVENT: JSON = {"type": "do-nothing"}
# A server without a UI has no addresses.
_LINKS = """
Flow run: {{ (flow_run | ui_url or flow_run.id) if flow_run else 'unknown' }}
Automation: {{ automation | ui_url or automation.name }}
"""
# The assembler composes and escapes the summary of its events.
SUMMARY = "{{ event.payload['summary'] }}" + _LINKS


def body(sentence: str) -> str:
    """The body of a notification that begins with this template of a sentence."""
    return sentence + _LINKS


def notification(block_document_id: UUID, message: tuple[str, str]) -> JSON:
    """The action that sends a message, its subject and body as templates, by a notification block.

    Names from events are values of the templates, and never read as templates themselves.
    """
    subject, text = message
    return {
        "type": "send-notification",
        "block_document_id": str(block_document_id),
        "subject": subject,
        "body": text,
    }


def actions(options: Options, ids: Ids) -> list[JSON]:
    """The actions that were chosen or are deployed."""
    return [dict(action) for action in options.actions] if options.actions else [dict(ONLY_THE_EVENT)]


def options_of(found: AutomationCore) -> Options:
    """The deployed actions: people add theirs in the UI, and another deploy keeps them."""
    kept: list[JSON] = [action.model_dump(mode="json") for action in found.actions]
    return Options(actions=kept)
