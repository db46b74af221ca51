"""The MCP server: the tools over stdio, or over streamable HTTP on this machine alone."""

from __future__ import annotations

import datetime as dt
import inspect
import socket
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from anyio import CapacityLimiter, to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from prefect_lineage_events import __version__
from prefect_lineage_events.api_errors import explain
from prefect_lineage_events.assistants.fitting import NOTICE
from prefect_lineage_events.assistants.tools import Source, Tools
from prefect_lineage_events.escaping import line

LOOPBACK = "127.0.0.1"
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_LONGEST_ERROR = 1_000
_INSTRUCTIONS = (
    "Data lineage of Prefect flows: which runs read and wrote which tables and files, where columns come from, what a "
    "change breaks, and what is not known. Names may be short where only one thing has them; an error lists the "
    "nearest names. All tools only read. An empty answer means that no captured run did it in the window, not that "
    "none does: ask known_gaps for what is missing. " + NOTICE
)


def lineage_server(source: Source, now: Callable[[], dt.datetime] | None = None) -> MCPServer[Any]:
    """The server over the graph that `source` returns, which is called for each question, one after the other.

    `source` may change the graph, and may wait: questions run in a worker thread.
    """
    server: MCPServer[Any] = MCPServer(
        name="prefect-lineage",
        title="Lineage of Prefect flows",
        instructions=_INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
    )
    tools = Tools(source, now or (lambda: dt.datetime.now(dt.timezone.utc)))
    one_at_a_time = CapacityLimiter(1)
    for tool in tools.all():
        server.add_tool(_in_thread(tool, one_at_a_time), annotations=_READ_ONLY, structured_output=True)
    return server


def _in_thread(tool: Callable[..., object], limiter: CapacityLimiter) -> Callable[..., Any]:
    """The tool as a coroutine, in a worker thread, whose errors say in one line what to do."""

    @wraps(tool)
    async def run(*args: Any, **kwargs: Any) -> object:
        try:
            return await to_thread.run_sync(partial(tool, *args, **kwargs), limiter=limiter)
        except ValueError as error:
            raise ToolError(line(str(error), _LONGEST_ERROR)) from None
        except Exception as error:
            raise ToolError(line(explain(error), _LONGEST_ERROR)) from error

    run.__signature__ = inspect.signature(tool, eval_str=True)  # type: ignore[attr-defined]
    run.__annotations__ = inspect.get_annotations(tool, eval_str=True)
    return run


def serve_stdio(source: Source) -> None:
    """Serve one assistant over standard input and output, until the input ends."""
    lineage_server(source).run("stdio")


def serve_http(source: Source, port: int) -> None:
    """Serve assistants on this machine at `http://127.0.0.1:PORT/mcp`, until the process is stopped.

    Other machines cannot reach it: lineage is confidential, and the server asks for no password.
    Raises ValueError if the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ValueError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from error
    lineage_server(source).run("streamable-http", host=LOOPBACK, port=port)
