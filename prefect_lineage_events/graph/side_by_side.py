"""Calls in a few threads, with their results in order: the server makes the next page while this one is decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Result = TypeVar("Result")

# A server on SQLite answers no more at a time.
_AT_A_TIME = 2


def in_order(calls: Iterable[Callable[[], Result]]) -> Iterator[Result]:
    """The results of the calls, in their order. Few calls are ahead of the reader, so that results do not pile up."""
    with ThreadPoolExecutor(max_workers=_AT_A_TIME, thread_name_prefix="lineage-loading") as threads:
        ahead: deque[Future[Result]] = deque()
        try:
            for call in calls:
                ahead.append(threads.submit(copy_context().run, call))
                if len(ahead) > _AT_A_TIME:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
