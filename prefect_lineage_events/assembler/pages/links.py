"""Addresses of other pages: of flows and datasets (artifacts by key), of runs, of event feeds. Pure.

All are relative to the page of an artifact, so that they lead to the interface that shows the page, at any address:
both of Prefect's interfaces have the same paths below their roots. A link's text has no code span: one interface shows
the text of a link as it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from prefect_lineage_events.assembler.artifact_keys import dataset_key, flow_key
from prefect_lineage_events.assembler.pages.markup import shortened
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import link_text

if TYPE_CHECKING:
    from prefect_lineage_events.history.model import RunKind

_MAX_EVENTS_LINK = 500
# Flows stand beside their runs and times.
_MAX_FLOW = 28
_ROOT = "../.."


def flow_page(flow_name: str, flow_id: UUID) -> str:
    """The flow's name, as a link to the lineage of its newest run."""
    return f"[{link_text(shortened(flow_name, _MAX_FLOW))}]({_ROOT}/artifacts/key/{flow_key(flow_name, flow_id)})"


def dataset_page(dataset: Dataset) -> str:
    """The dataset's name, as a link to its own page."""
    return f"[{link_text(shortened(dataset.name))}]({_ROOT}/artifacts/key/{dataset_key(dataset)})"


def run(text: str, run_id: UUID, kind: RunKind) -> str:
    """A name or a time as a link to Prefect's page of a run."""
    return f"[{link_text(shortened(text))}]({_ROOT}/runs/{kind}/{run_id})"


def events(dataset: Dataset) -> str:
    """A link to the event feed of the dataset: its events over all runs. Empty for a URI that is too long for it.

    It has the resource twice: one of Prefect's interfaces takes a single value as it is, the other only as JSON, and
    both take a repeated one as a list.
    """
    resource = quote(dataset.uri, safe="")
    if len(resource) > _MAX_EVENTS_LINK:
        return ""
    return f"[events]({_ROOT}/events?resource={resource}&resource={resource})"
