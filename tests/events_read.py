"""The part of a snapshot that events hold, for tests that read events."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from prefect_lineage_events.event_snapshots import EventRuns
from prefect_lineage_events.snapshots import Snapshot


def read(*events: dict[str, Any]) -> Snapshot:
    """The snapshot of the one run that these events are about."""
    runs = EventRuns()
    (run_id,) = {runs.add(event) for event in events}
    return runs.snapshot(run_id)


def held_by_events(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what `docs/archive.md` names as lost, and with its edges in the order of events."""
    shape = snapshot.shape
    lineage = shape.lineage
    by_name = {use.dataset: use for use in lineage.outputs}
    return replace(
        snapshot,
        run=replace(
            snapshot.run,
            tags=tuple(sorted(snapshot.run.tags)),
            started=_milliseconds(snapshot.run.started or snapshot.run.ended),
            ended=_milliseconds(snapshot.run.ended),
        ),
        shape=replace(
            shape,
            lineage=replace(
                lineage,
                inputs=tuple(
                    replace(
                        use,
                        whole=False,
                        lifecycle=None,
                        renamed_from=None,
                        symlinks=tuple(sorted(use.symlinks)),
                        description=use.description or getattr(by_name.get(use.dataset), "description", None),
                        owners=use.owners or getattr(by_name.get(use.dataset), "owners", ()),
                    )
                    for use in lineage.inputs
                ),
                outputs=tuple(
                    replace(use, whole=False, symlinks=tuple(sorted(use.symlinks))) for use in lineage.outputs
                ),
                edges=tuple(sorted(lineage.edges)),
                columns=tuple(sorted(lineage.columns)),
                statements=(),
                unknown=tuple(sorted(lineage.unknown)),
            ),
        ),
        statements=(),
    )


def _milliseconds(time: dt.datetime | None) -> dt.datetime | None:
    return time and time.replace(microsecond=time.microsecond // 1000 * 1000)
