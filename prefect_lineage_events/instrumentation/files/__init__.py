"""Files and objects: the libraries that read and write them."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = ()
