"""Opening of the lineage graph for a question."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING

from prefect_lineage_events.cli import checks
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.cli.windows import Asked, bounds
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.escaping import line

if TYPE_CHECKING:
    from prefect_lineage_events.graph.graph import Graph, Window
    from prefect_lineage_events.graph.values import RunDetails


def now() -> dt.datetime:
    """The time by which ages are counted."""
    return dt.datetime.now(dt.timezone.utc)


def time_of(asked: Asked | None) -> dt.datetime:
    """The time as of which a question is asked, by which the ages in its answer are counted."""
    return bounds(asked or Asked(), now())[1] or now()


def window_of(asked: Asked | None) -> Window:
    """The window of time of a question."""
    start, end = bounds(asked or Asked(), now())
    from prefect_lineage_events.graph.changes import as_of
    from prefect_lineage_events.graph.graph import Window

    return as_of(end, start or EPOCH) if end else Window(start or EPOCH)


def absent_run(text: str, asked: Asked | None) -> RunDetails | None:
    """The run of this name that the graph of the question does not hold, with the reasons; None for no run."""
    from prefect import get_client

    from prefect_lineage_events.graph import absent_runs

    with get_client(sync_client=True) as client:
        return absent_runs.absent_run(client, text, window_of(asked))


def graph_of(asked: Asked | None) -> Graph:
    """The graph of the runs in the window of the question. Notes on standard error name what it lacks as a whole."""
    window = window_of(asked)
    from prefect import get_client

    from prefect_lineage_events.graph.loading import load

    checks.require_api_address()
    checks.require_reachable_api()
    with working("reading the lineage of runs") as report, get_client(sync_client=True) as client:
        loaded = load(client, window, progress=lambda at: report(at.phase, at.done, at.total))
    for gap in loaded.gaps:
        if gap.run is None:
            print(f"note: {line(gap.text)}", file=sys.stderr)
    return loaded.graph
