"""Command that offers the lineage graph to assistants: `mcp`."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.blocks import extra_advice
from prefect_lineage_events.cli.checks import require_api_address, require_reachable_api
from prefect_lineage_events.cli.errors import OK, CommandError
from prefect_lineage_events.cli.parameters import port_number, positive, whole_number

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from prefect_lineage_events.graph.loading import LoadedGraph

# Seconds for which an answer may be behind Prefect. A refresh costs five requests, and one for each run in flight.
_FRESH = 10.0


def mcp(
    *,
    http: Annotated[bool, Parameter(help="Serve HTTP on this machine instead of standard input and output.")] = False,
    port: Annotated[int, Parameter(help="Port for HTTP.", validator=port_number, converter=whole_number)] = 8300,
    days: Annotated[float, Parameter(help="Days of history to load.", validator=positive)] = 30.0,
) -> int:
    """Offer the lineage graph to assistants, as read-only tools of an MCP server."""
    try:
        from prefect_lineage_events.assistants.server import serve_http, serve_stdio
    except ImportError as error:
        raise CommandError(f"{error.name} is not installed: {extra_advice('mcp')}") from error
    require_api_address()
    require_reachable_api()
    from prefect import get_client

    with get_client(sync_client=True) as client:
        source = _Source(client, dt.timedelta(days=days))
        if http:
            serve_http(source, port)
        else:
            serve_stdio(source)
    return OK


class _Source:
    """The graph, loaded at the first question, and refreshed when its last refresh is some seconds ago.

    Never called by two threads at once.
    """

    def __init__(self, client: SyncPrefectClient, span: dt.timedelta) -> None:
        self._client = client
        self._span = span
        self._loaded: LoadedGraph | None = None
        self._refreshed = 0.0

    def __call__(self) -> LoadedGraph:
        from prefect_lineage_events.graph.graph import Window
        from prefect_lineage_events.graph.loading import load
        from prefect_lineage_events.history import api

        if self._loaded is None:
            self._loaded = load(self._client, Window(start=api.now(self._client) - self._span))
        elif time.monotonic() - self._refreshed < _FRESH:
            return self._loaded
        else:
            self._loaded.refresh()
        self._refreshed = time.monotonic()
        return self._loaded
