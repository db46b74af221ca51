"""Runs from the archive: older than Prefect's history, or deleted in Prefect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from uuid import UUID

from prefect_lineage_events.assembler import archive
from prefect_lineage_events.assembler.file_store import ArchiveError
from prefect_lineage_events.graph.graph import Graph
from prefect_lineage_events.graph.values import Gap
from prefect_lineage_events.snapshots import Snapshot


def read(start: dt.datetime, end: dt.datetime, known: Collection[UUID]) -> Iterator[Snapshot | Gap]:
    """The snapshots of archived runs that ended in [start, end] and are not `known`, and gaps for what is unreadable.

    Nothing without the setting `archive`.
    """
    try:
        opened = archive.archive()
        paths = list(opened.newest(start, end, known)) if opened else []
        for found in opened.read(paths, events=False) if opened else ():
            if found.snapshot is None:
                yield Gap(kind="unreadable", text=found.fault)
            elif found.snapshot.run.ended is None or start <= found.snapshot.run.ended <= end:
                yield found.snapshot
    except ArchiveError as error:
        yield Gap(kind="left out", text=f"the archive cannot be read: {error}")


def kept_of(graph: Graph, deleted: Collection[UUID]) -> set[UUID]:
    """Those of these runs, deleted in Prefect, that the archive has."""
    snapshots = [snapshot for run_id in deleted if (snapshot := graph.snapshot(run_id))]
    if not snapshots or not archive.is_on():
        return set()
    paths = [archive.path_of(snapshot.run.id, snapshot.run.ended) for snapshot in snapshots]
    try:
        opened = archive.archive()
        return {found.run_id for found in opened.read(paths, events=False) if found.snapshot} if opened else set()
    except ArchiveError:
        return set()
