"""A run's history as run lineage, by the settings of this process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prefect_lineage_events import filters
from prefect_lineage_events.assembler import flow_artifact
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.history.tasks import all_cached
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.stitch import stitch

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def marked_if_cached(client: SyncPrefectClient, lineage: RunLineage) -> RunLineage:
    """The lineage of a run that touched nothing, marked as `from_cache` where that is why. Asks for nothing else."""
    run = lineage.run
    if lineage.worth_sending or run.state != "COMPLETED" or run.kind != "flow-run":
        return lineage
    return replace(lineage, from_cache=flow_artifact.exists(client, run) and all_cached(client, run.id))


def stitched(history: RunHistory, *, anew: bool = False) -> RunLineage:
    """`anew`: today's analyser reads the stored statements, and not the one that read them when they ran."""
    reports = filters.current().reports if anew else None
    return stitch(history, infer_columns=settings().infer_columns, reanalyse=reports)
