"""A run's history as run lineage and as events, by the settings of this process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect.settings import PREFECT_UI_URL

from prefect_lineage_events import encoding, filters
from prefect_lineage_events.assembler import flow_artifact, user_facets
from prefect_lineage_events.delivery.targets import Target
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.history.tasks import all_cached
from prefect_lineage_events.job_names import namespace_of
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.stitch import stitch

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Event = dict[str, Any]


def stitched(history: RunHistory, *, reanalyse: bool = False, facets: bool = True) -> RunLineage:
    """The lineage of a run, with the user's facets.

    `reanalyse`: by an analysis of its statements with this version.
    """
    reports = filters.current().reports if reanalyse else None
    lineage = stitch(history, infer_columns=settings().infer_columns, reanalyse=reports)
    return user_facets.added(lineage) if facets else lineage


def marked_if_cached(client: SyncPrefectClient, lineage: RunLineage) -> RunLineage:
    """The lineage, marked `from_cache` if the run touched nothing because all of its tasks were cached."""
    run = lineage.run
    if lineage.worth_sending or run.state != "COMPLETED" or run.kind != "flow-run":
        return lineage
    return replace(lineage, from_cache=flow_artifact.exists(client, run) and all_cached(client, run.id))


def events_for(lineage: RunLineage, target: Target, api_url: str) -> list[Event]:
    """The events of a run in the shape that its target can take."""
    return [encoding.json_value(event) for event in target.profile.shape(_events(lineage, api_url))]


def plain_events(lineage: RunLineage, api_url: str) -> list[Event]:
    """The events of a run in the shape of no target."""
    return [encoding.json_value(event) for event in _events(lineage, api_url)]


def _events(lineage: RunLineage, api_url: str) -> list[Event]:
    return run_events(
        lineage,
        namespace=job_namespace(api_url),
        granularity=settings().granularity,
        prefect_url=PREFECT_UI_URL.value() or None,
        job_template=settings().job_name,
        tag_source=settings().tag_source,
    )


def job_namespace(api_url: str) -> str:
    """The OpenLineage job namespace of a Prefect instance; the setting `job_namespace` replaces it."""
    return settings().job_namespace or namespace_of(api_url)
