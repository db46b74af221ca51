"""A driver's functions that take a connection or cursor as an argument, and look at what it really is.

C code checks the real type of what it is given, where a proxy is not what it stands for, and so does some Python. These
few doors let one of ours in as the object behind it, and change nothing for anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from types import ModuleType
from typing import Any

import wrapt

from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy, LikeOwn

_lock = Lock()
_open: set[str] = set()


class _Door(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """The function itself to whoever looks at it: flows that use it are pickled, and find it by its name again."""


def unwrap_arguments_of(doors: Mapping[str, Sequence[str]]) -> Callable[[ConnectionProxy], None]:
    """What a description calls for each connection: wraps these functions, by their modules, once a process.

    A module that nobody has imported yet has its doors opened when somebody does.
    """

    def on_trace(_: ConnectionProxy) -> None:
        with _lock:
            unopened = [name for name in doors if name not in _open]
            _open.update(unopened)
        for name in unopened:
            when_imported(name, partial(_open_doors, doors[name]))

    return on_trace


def _open_doors(names: Sequence[str], module: ModuleType) -> None:
    for name in names:
        owner, attribute, own = wrapt.resolve_path(module, name)
        setattr(owner, attribute, _Door(own, _unwrapped))


def _unwrapped(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*map(behind, args), **{name: behind(value) for name, value in kwargs.items()})


def behind(value: Any) -> Any:
    """The driver's own object that a proxy stands for; any other value as it is."""
    return value.__wrapped__ if isinstance(value, ConnectionProxy | CursorProxy) else value
