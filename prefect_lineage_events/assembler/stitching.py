"""A run's history as run lineage, by the settings of this process."""

from __future__ import annotations

from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.assembly.stitch import stitch
from prefect_lineage_events.capture import policy
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.settings import settings


def stitched(history: RunHistory, *, anew: bool = False) -> RunLineage:
    """`anew`: today's analyser reads the stored statements, and not the one that read them when they ran."""
    reports = policy.current().reports if anew else None
    return stitch(history, infer_columns=settings().infer_columns, reanalyse=reports)
