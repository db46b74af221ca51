"""Traced connections: the driver's own object where its class can be subclassed, a proxy of it elsewhere."""

from __future__ import annotations

from typing import Any, TypeVar

from prefect_lineage_events import filters, patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import subclasses
from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation.cursor_classes import trace_cursor_classes
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.execution import answer_or_default
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, connection_proxy

T = TypeVar("T")


def trace(connection: T, driver: Driver) -> T:
    """Return the connection, traced; the connection as it is where that is not possible. Idempotent."""
    if is_traced(connection) or not filters.current().enabled:
        return connection
    own = _own(connection) if driver.subclassed else connection
    if own is not connection and trace(own, driver) is own:
        return connection
    patches.switch_on()
    with guarded("tracing a connection", count_untraced):
        known = subclasses.tracing_of(connection)
        if known is not None:
            known.active = True
            trace_cursor_classes(driver.cursor_classes)
            return connection
        lookup = answer_or_default(driver.lookup, connection, default=None)
        store = driver.store(connection)
        tracer = tracing.connection(store, lookup=lookup)
        if driver.subclassed and own is connection:
            calls = subclasses.connection_wrappers(driver)
            if subclasses.trace_connection(connection, subclasses.Tracing(driver, store, tracer, lookup, calls)):
                trace_cursor_classes(driver.cursor_classes)
                return connection
        proxy: Any = connection_proxy(connection, driver, store, tracer, lookup)
        driver.on_trace(proxy)
        return proxy  # type: ignore[no-any-return]
    return connection


def traced_again(connection: Any) -> bool:
    """Report the statements of a connection that was traced before. Return False for one that was not."""
    if not is_traced(connection):
        return False
    connection._self_tracer.is_muted = False
    return True


def retrace(connection: T, driver: Driver) -> T:
    """Trace a connection as `driver` describes it, also one that is traced already. What it noted so far stays."""
    if is_traced(connection):
        traced: Any = connection
        with guarded("tracing a connection", count_untraced):
            store = driver.store(traced._self_own)
            tracer = tracing.connection(store, lookup=traced._self_lookup)
            known = subclasses.tracing_of(connection)
            if known is not None:
                known.store, known.tracer = store, tracer
            else:
                traced._self_store, traced._self_tracer = store, tracer
        return connection
    return trace(connection, driver)


def _own(connection: Any) -> Any:
    """The driver's own connection in a proxy of another package, such as OpenTelemetry's.

    Such a proxy shows the class of the driver's connection as its own, but has none of its methods in its class.
    """
    while hasattr(connection, "__wrapped__") and not issubclass(type(connection), connection.__class__):
        connection = connection.__wrapped__
    return connection


def own_connection(connection: Any) -> Any:
    """The driver's own connection, inside of our proxy of it."""
    return connection._self_own if isinstance(connection, ConnectionProxy) else connection


def is_traced(connection: Any) -> bool:
    """Return whether the statements of the connection are reported."""
    if isinstance(connection, ConnectionProxy):
        return True
    known = subclasses.tracing_of(connection)
    return known is not None and known.active
