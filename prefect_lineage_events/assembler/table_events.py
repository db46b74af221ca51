"""`lineage.table-written`: an event for each dataset that a completed run wrote, to which automations react.

A write is in the lineage when it was committed, and a run's lineage is read when the run has ended. So the event says
that the table has its rows, and that the run which wrote them succeeded. A table that the run only defined has no new
rows, and gets no event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from prefect_lineage_events.assembler.announced import DatasetEvent
from prefect_lineage_events.escaping import line
from prefect_lineage_events.events import TABLE_WRITTEN_EVENT
from prefect_lineage_events.naming import split_name
from prefect_lineage_events.sentences import counted
from prefect_lineage_events.stitching.model import DatasetUse, RunLineage

if TYPE_CHECKING:
    from prefect_lineage_events.history.model import FlowRun

_MAX_COLUMNS = 1_000


def written(run: RunLineage) -> Iterator[DatasetEvent]:
    """The events of a run: none of one that did not complete, or of datasets that it dropped or only defined."""
    if run.run.state != "COMPLETED":
        return
    for use in run.written:
        yield DatasetEvent(
            TABLE_WRITTEN_EVENT,
            # Another id when the run is repeated under its id: it has written the table again.
            uuid5(run.run.id, f"{TABLE_WRITTEN_EVENT} {use.dataset.uri} {run.run.ended}"),
            use.dataset,
            use.kind,
            _payload(run.run, use),
        )


def _payload(run: FlowRun, use: DatasetUse) -> dict[str, Any]:
    columns = use.columns[:_MAX_COLUMNS]
    rows = "" if use.rows is None else f" ({counted(use.rows, 'row')})"
    parts = split_name(use.dataset.name)
    return {
        "summary": line(f"{use.dataset.name} was written{rows} by run {run.name} of {run.flow_name}"),
        "dataset": use.dataset.uri,
        "namespace": use.dataset.namespace,
        "name": use.dataset.name,
        "schema_name": parts[-2] if use.dataset.is_table and len(parts) > 1 else "",
        "columns": [{"name": column.name, "type": column.type} for column in columns],
        "types": {column.name: column.type for column in columns},
        "rows": use.rows,
        "flow": run.flow_name,
        "flow_run_id": str(run.id),
    }
