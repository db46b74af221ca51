"""Processes that a flow starts: lineage of their own hangs under the run."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = ()
