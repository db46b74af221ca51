"""A driver's functions that take a connection or cursor as an argument, and look at what it really is.

C code checks the real type of what it is given, where a proxy is not what it stands for, and so does some Python. These
few doors let one of ours in as the object behind it, and change nothing for anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import wrapt

from prefect_lineage_events.capture.proxies import ConnectionProxy, CursorProxy

_lock = Lock()
_open: set[tuple[str, str]] = set()


def opens(doors: Mapping[str, Sequence[str]]) -> Callable[[ConnectionProxy], None]:
    """What a description calls for each connection: wraps these functions, by their modules, once a process."""

    def prepare(_: ConnectionProxy) -> None:
        with _lock:
            for module, names in doors.items():
                for name in names:
                    if (module, name) not in _open:
                        _open.add((module, name))
                        wrapt.wrap_function_wrapper(module, name, _unwrapped)

    return prepare


def _unwrapped(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*map(behind, args), **{name: behind(value) for name, value in kwargs.items()})


def behind(value: Any) -> Any:
    """The driver's own object that a proxy stands for; any other value as it is."""
    return value.__wrapped__ if isinstance(value, ConnectionProxy | CursorProxy) else value
