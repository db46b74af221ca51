"""Serve a small graph: `python -m tests.assistants.serving stdio`, or `... PORT` for HTTP."""

from __future__ import annotations

import sys

from prefect_lineage_events.assistants.server import serve_http, serve_stdio
from tests.graph.worlds import World

if __name__ == "__main__":
    world = World()
    world.run("load", "raw.orders > mart.sales")
    if sys.argv[1] == "stdio":
        serve_stdio(lambda: world)
    else:
        serve_http(lambda: world, int(sys.argv[1]))
