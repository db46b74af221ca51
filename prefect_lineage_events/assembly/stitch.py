"""The events of a run, put together to one picture. Pure: the same history gives the same answer, in the same order."""

from __future__ import annotations

from prefect_lineage_events.assembly.model import RunLineage
from prefect_lineage_events.history.model import RunHistory


def stitch(history: RunHistory, *, infer_columns: bool = True) -> RunLineage:
    """The run lineage of a history. `infer_columns`: give columns of DataFrames edges by equal names, marked inferred."""
    raise NotImplementedError
