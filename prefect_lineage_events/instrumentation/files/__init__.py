"""Files and objects: the libraries that read and write them."""

from __future__ import annotations

from prefect_lineage_events.instrumentation import prefect_storage
from prefect_lineage_events.instrumentation.files import (
    azure,
    deltalake,
    filesystems,
    google,
    moves,
    pandas,
    pyarrow,
    pyiceberg,
    s3,
    temporary,
)
from prefect_lineage_events.instrumentation.files.polars import libraries as polars
from prefect_lineage_events.instrumentation.library import Library

LIBRARIES: tuple[Library, ...] = (
    *temporary.LIBRARIES,
    *moves.LIBRARIES,
    *pandas.LIBRARIES,
    *polars.LIBRARIES,
    *pyarrow.LIBRARIES,
    *deltalake.LIBRARIES,
    *pyiceberg.LIBRARIES,
    *s3.LIBRARIES,
    *prefect_storage.LIBRARIES,
    *filesystems.LIBRARIES,
    *google.LIBRARIES,
    *azure.LIBRARIES,
)
