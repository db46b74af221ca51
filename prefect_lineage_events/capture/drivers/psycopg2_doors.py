"""psycopg2's functions that take a connection or cursor as an argument, and are written in C.

C code checks the real type of what it is given, where a proxy is not what it stands for. These few doors let one of
ours in as the object behind it, and change nothing for anybody else.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import wrapt

from prefect_lineage_events.capture.proxies import ConnectionProxy, CursorProxy

# `sql`'s objects are Python, but hand what they are given on to C (`Literal` to an adapter's `prepare`).
_DOORS = {
    "psycopg2.extensions": ("quote_ident", "register_type"),
    "psycopg2.sql": (
        "SQL.as_string",
        "Identifier.as_string",
        "Literal.as_string",
        "Composed.as_string",
        "Placeholder.as_string",
    ),
}
_lock = Lock()
_open = False


def open_to_proxies(_: ConnectionProxy) -> None:
    """Wrap those functions, once a process; called when the first connection of psycopg2 is traced."""
    global _open
    with _lock:
        if _open:
            return
        _open = True
        for module, names in _DOORS.items():
            for name in names:
                wrapt.wrap_function_wrapper(module, name, _unwrapped)


def _unwrapped(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*map(_behind, args), **{name: _behind(value) for name, value in kwargs.items()})


def _behind(value: Any) -> Any:
    return value.__wrapped__ if isinstance(value, ConnectionProxy | CursorProxy) else value
