"""PostgreSQL's connections and pools that a program opens: by psycopg, psycopg2 and asyncpg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.driver import Driver, MethodWrapper
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import (
    Patched,
    is_left_alone,
    left_alone,
    patched,
    resume,
    traced,
    traces_own,
    traces_returned,
)
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy
from prefect_lineage_events.instrumentation.unwrapping import any_proxies, unwrapped


def _psycopg() -> Driver:
    from prefect_lineage_events.instrumentation.drivers.postgres.psycopg import PSYCOPG

    return PSYCOPG


def _psycopg2() -> Driver:
    from prefect_lineage_events.instrumentation.drivers.postgres.psycopg import PSYCOPG2

    return PSYCOPG2


def _asyncpg(connection: Any) -> Driver:
    """The description of asyncpg's connections, with methods of the program's own class, which run statements as well.

    They are called with the proxy: its methods are traced, those of the driver's own connection are not.
    """
    from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg import DRIVER

    names: dict[str, MethodWrapper] = {}
    for cls in type(connection).__mro__:
        if cls.__module__.partition(".")[0] == "asyncpg":
            break
        for name, value in vars(cls).items():
            if isinstance(value, FunctionType) and not name.startswith("__"):
                names.setdefault(name, partial(_called_on_proxy, value))
    return replace(DRIVER, connection_wrappers={**names, **DRIVER.connection_wrappers}) if names else DRIVER


def _called_on_proxy(function: FunctionType, proxy: Any, _: Any, args: Any, kwargs: Any) -> Any:
    return function(proxy, *args, **kwargs)


def _patch_psycopg(module: Any) -> None:
    """Patch the classes: `psycopg.connect` is a bound method that was taken from its class on import."""
    resume()
    for cls in (module.Connection, module.AsyncConnection):
        patches.add(cls, "__init__", traces_own(_psycopg))


def _patch_methods(module: Any, classes: tuple[str, ...], methods: tuple[str, ...], make: Patched) -> None:
    for cls in (getattr(module, name, None) for name in classes):
        for method in methods:
            if cls is not None and method in vars(cls):
                patches.add(cls, method, make)


# Connections that a pool had opened before switch-on are traced when it gives them out.
_GIVING = ("getconn", "_getconn_unchecked")


def _patch_psycopg_pool(module: Any) -> None:
    resume()
    _patch_methods(module, ("ConnectionPool", "AsyncConnectionPool"), _GIVING, traces_returned(_psycopg))


def _opened_psycopg2(connect: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    connection = connect(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if not is_left_alone():
            if not connection.async_:
                return traced(connection, _psycopg2())
            count_untraced("an asynchronous connection of psycopg2 is not captured")
    return connection


def _patch_psycopg2(module: Any) -> None:
    """Patch the function that `psycopg2.connect` calls, under whichever name a program has imported this one."""
    resume()
    patches.add(module, "_connect", patched(_opened_psycopg2))


def _patch_psycopg2_pool(module: Any) -> None:
    resume()
    make = traces_returned(_psycopg2)
    _patch_methods(module, ("SimpleConnectionPool", "ThreadedConnectionPool"), ("getconn",), make)


async def _opened_asyncpg(connect: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    connection = await connect(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if not is_left_alone():
            return traced(connection, _asyncpg(connection))
    return connection


# The description of a pool's connection, with its store: a connection is acquired many times.
_of_pools: WeakKeyDictionary[Any, Driver] = WeakKeyDictionary()


async def _acquired(acquire: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    connection = await acquire(*args, **kwargs)
    with guarded("tracing a connection", count_untraced):
        if not is_left_alone():
            return traced(connection, _of_pool(connection))
    return connection


def _of_pool(connection: Any) -> Driver:
    own = connection._con
    driver = _of_pools.get(own)
    if driver is None:
        general = _asyncpg(own)
        store, lookup = general.store(own), general.lookup(own)
        driver = _of_pools[own] = replace(general, store=lambda _: store, lookup=lambda _: lookup)
    return driver


async def _released(release: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    """Give the driver's own connection back, and end the session: the pool rolls back and resets the connection."""
    given = next(iter((*args, *kwargs.values())), None)
    own = {name: unwrapped(value) for name, value in kwargs.items()}
    result = await release(*map(unwrapped, args), **own)
    with guarded("noting the release of a connection", count_untraced):
        if isinstance(given, ConnectionProxy):
            given._self_tracer.lost()
    return result


async def _connected(connect: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
    with left_alone():
        return await connect(*args, **kwargs)


def _patch_asyncpg(module: Any) -> None:
    """Patch the function that `asyncpg.connect` calls, and a pool where it gives connections out.

    A pool keeps the driver's own connections.
    """
    resume()
    patches.add(module.connect_utils, "_connect", patched(_opened_asyncpg))
    patches.add(module.pool.Pool, "_get_new_connection", patched(_connected))
    patches.add(module.pool.Pool, "_acquire", patched(_acquired))
    patches.add(module.pool.Pool, "release", patched(_released), any_proxies)


_AGAINST = "PostgreSQL"

LIBRARIES = (
    Library(
        "databases",
        "psycopg",
        _patch_psycopg,
        package="psycopg",
        captured="connections and asynchronous ones, by `connect` under any name and of subclasses",
        not_captured="connections opened before switch-on, unless a pool gives them out",
        tests=("tests/instrumentation/opened/test_psycopg.py",),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "psycopg_pool",
        _patch_psycopg_pool,
        package="psycopg_pool",
        captured="connections of `ConnectionPool`, `AsyncConnectionPool` and the null pools, also of those made before "
        "switch-on",
        tests=("tests/instrumentation/opened/test_psycopg.py", "tests/flows/psycopg_pools.py"),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "psycopg2",
        _patch_psycopg2,
        package="psycopg2",
        captured="`connect` under any name, with `connection_factory` and `cursor_factory`",
        not_captured="asynchronous connections (`async_=True`), those opened before switch-on, unless a pool gives "
        "them out, and those made from a class (`psycopg2.extensions.connection(...)`)",
        tests=("tests/instrumentation/opened/test_psycopg2.py",),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "psycopg2.pool",
        _patch_psycopg2_pool,
        package="psycopg2",
        captured="connections of `SimpleConnectionPool` and `ThreadedConnectionPool`, also of those made before "
        "switch-on",
        tests=("tests/instrumentation/opened/test_psycopg2.py",),
        against=_AGAINST,
    ),
    Library(
        "databases",
        "asyncpg",
        _patch_asyncpg,
        package="asyncpg",
        captured="`connect` under any name, and what a pool gives out or runs itself, also one made before switch-on",
        not_captured="connections opened or acquired before switch-on",
        tests=("tests/instrumentation/opened/test_asyncpg.py",),
        against=_AGAINST,
    ),
)
