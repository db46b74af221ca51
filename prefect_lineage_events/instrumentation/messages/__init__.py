"""Messages: the clients of brokers and queues."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = ()
