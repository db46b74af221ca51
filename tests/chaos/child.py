"""The assembler in a process of its own, which kills itself after its n-th effect.

An effect is a successful request that changed something at Prefect or at the target. Nothing else of the process
persists, so a kill after each effect, before its response is read, covers every step that makes a difference.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

# One process imports everything; each child is a fork of it.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["prefect_lineage_events.flows", "openlineage.client", "prefect.flow_engine"])

KILLED = -signal.SIGKILL
_ENDS_WITHIN = 300
_READING = ("/filter", "/count", "/paginate")


def start(
    flow_name: str,
    environment: Mapping[str, str],
    *arguments: Any,
    kill_behind: int | None = None,
    effects: Path | None = None,
) -> multiprocessing.process.BaseProcess:
    """Begin one of our flows in a child; `environment` must name the Prefect API and the target.

    `effects`: a file with a line for each effect, including the last one before the kill. A request that was turned
    away has a line with its status.
    """
    given = (flow_name, dict(environment), arguments, kill_behind, effects)
    process = _context.Process(target=_run, args=given)
    process.start()
    return process


def ended(process: multiprocessing.process.BaseProcess) -> int:
    """The exit code: 0, 1 for an exception, `KILLED`."""
    process.join(_ENDS_WITHIN)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"the assembler did not end within {_ENDS_WITHIN} s")
    return process.exitcode


def run(flow_name: str, environment: Mapping[str, str], *arguments: Any, **more: Any) -> int:
    """The exit code of one of our flows, run in a child."""
    return ended(start(flow_name, environment, *arguments, **more))


def _run(
    flow_name: str,
    environment: dict[str, str],
    arguments: tuple[Any, ...],
    kill_behind: int | None,
    effects: Path | None,
) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    from prefect_lineage_events import flows

    os.environ.update(environment)
    if effects is not None:
        _watch(effects, kill_behind)
    # Logs are sent by a thread at times of its own, so their number would vary.
    ours = {PREFECT_API_URL: environment["PREFECT_API_URL"], PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(ours):
        getattr(flows, flow_name)(*arguments)


def _watch(effects: Path, kill_behind: int | None) -> None:
    import httpx
    import requests.adapters

    had = itertools.count(1)
    one_at_a_time = Lock()
    sink = effects.open("w")

    def happened(request: Any, answer: Any) -> None:
        path = urlsplit(str(request.url)).path
        if request.method == "GET" or path.endswith(_READING):
            return
        with one_at_a_time:
            if answer.status_code >= 300:
                print(request.method, path, answer.status_code, file=sink, flush=True)
                return
            print(request.method, path, file=sink, flush=True)
            if next(had) == kill_behind:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapper(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            answer = call(self, request, *args, **kwargs)
            happened(request, answer)
            return answer

        return wrapper

    def watched_too(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        async def wrapper(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            answer = await call(self, request, *args, **kwargs)
            happened(request, answer)
            return answer

        return wrapper

    httpx.HTTPTransport.handle_request = watched(httpx.HTTPTransport.handle_request)  # type: ignore[method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = watched_too(  # type: ignore[method-assign]
        httpx.AsyncHTTPTransport.handle_async_request
    )
    adapter = requests.adapters.HTTPAdapter
    adapter.send = watched(adapter.send)  # type: ignore[method-assign]
