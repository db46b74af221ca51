"""Files and objects: the libraries that read and write them."""

from __future__ import annotations

from prefect_lineage_events.instrumentation import prefect_storage
from prefect_lineage_events.instrumentation.files import s3
from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = (*s3.LIBRARIES, *prefect_storage.LIBRARIES)
