"""Driver functions that check the real type of a connection or cursor argument, wrapped so that they accept proxies.

C code checks the real type of its arguments, and so does some Python; a proxy has another one. The wrapper passes the
driver's own object instead of the proxy. All other arguments pass unchanged.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from types import ModuleType
from typing import Any

import wrapt

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, CursorProxy, LikeOwn

_lock = Lock()
_wrapped_modules: set[str] = set()
patches.when_off(_wrapped_modules.clear)
# By id. Removed by the reference's own callback: no Python code of ours runs where an object is finalised.
_proxies: dict[int, weakref.ref[ConnectionProxy]] = {}


class _UnwrappingFunction(LikeOwn, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """The wrapped function, pickled by name as before: flows that use it are pickled."""


def unwrap_arguments_of(functions: Mapping[str, Sequence[str]]) -> Callable[[ConnectionProxy], None]:
    """Return an `on_trace` for a `Driver`, which wraps these functions (by module) for the first proxy.

    A module that is not imported yet is wrapped when it is imported. The functions stay wrapped while a proxy exists.
    """

    def on_trace(proxy: ConnectionProxy) -> None:
        track_proxy(proxy)
        with _lock:
            modules = [name for name in functions if name not in _wrapped_modules]
            _wrapped_modules.update(modules)
        for name in modules:
            when_imported(name, partial(_wrap_functions, functions[name]))

    return on_trace


def _wrap_functions(names: Sequence[str], module: ModuleType) -> None:
    for name in names:
        owner, attribute, _ = wrapt.resolve_path(module, name)
        patches.add(owner, attribute, _unwrapping, any_proxies)


def track_proxy(proxy: ConnectionProxy) -> None:
    """Make `any_proxies` true for as long as this proxy exists."""
    _proxies[id(proxy)] = weakref.ref(proxy, partial(_proxies.pop, id(proxy)))


def any_proxies() -> bool:
    """Return whether a tracked proxy exists, which functions that check types would refuse."""
    return bool(_proxies)


def _unwrapping(function: Any, is_on: Callable[[], bool]) -> Any:
    return _UnwrappingFunction(function, _call_unwrapped)


def _call_unwrapped(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*map(unwrapped, args), **{name: unwrapped(value) for name, value in kwargs.items()})


def unwrapped(value: Any) -> Any:
    """The driver's own object of a proxy; any other value as it is."""
    return value.__wrapped__ if isinstance(value, ConnectionProxy | CursorProxy) else value
