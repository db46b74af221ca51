"""Databases: connections, pools and engines that the user opens."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = ()
