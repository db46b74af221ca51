"""HTTP: the clients whose requests to allow-listed hosts are captured."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = ()
