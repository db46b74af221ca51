"""The assembler in a process of its own, which kills itself behind the n-th request that it makes.

Each request, to Prefect or to the target, is an effect on the world outside; between two of them nothing of the process
outlives it. So a kill behind each one, its answer unseen, is a kill at every step that makes a difference.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

# One process imports everything; each child is a fork of it.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["prefect_lineage_events.flows", "openlineage.client", "prefect.flow_engine"])

KILLED = -signal.SIGKILL
_ENDS_WITHIN = 120


def start(
    flow_name: str, environment: Mapping[str, str], *arguments: Any, kill_behind: int | None = None
) -> multiprocessing.process.BaseProcess:
    """Begin one of our flows in a child; `environment` must name the Prefect API and the target."""
    process = _context.Process(target=_run, args=(flow_name, dict(environment), arguments, kill_behind))
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


def run(flow_name: str, environment: Mapping[str, str], *arguments: Any, kill_behind: int | None = None) -> int:
    """The exit code of one of our flows, run in a child."""
    return ended(start(flow_name, environment, *arguments, kill_behind=kill_behind))


def _run(flow_name: str, environment: dict[str, str], arguments: tuple[Any, ...], kill_behind: int | None) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from prefect_lineage_events import flows

    os.environ.update(environment)
    if kill_behind is not None:
        _die_behind(kill_behind)
    with temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}):
        getattr(flows, flow_name)(*arguments)


def _die_behind(number: int) -> None:
    import httpx
    import requests.adapters

    requests_made = itertools.count(1)

    def die_in_time() -> None:
        if next(requests_made) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            answer = call(*args, **kwargs)
            die_in_time()
            return answer

        return wrapper

    def counted_too(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            die_in_time()
            return answer

        return wrapper

    httpx.HTTPTransport.handle_request = counted(httpx.HTTPTransport.handle_request)  # type: ignore[method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = counted_too(  # type: ignore[method-assign]
        httpx.AsyncHTTPTransport.handle_async_request
    )
    adapter = requests.adapters.HTTPAdapter
    adapter.send = counted(adapter.send)  # type: ignore[method-assign]
