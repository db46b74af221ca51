"""All libraries whose calls are captured without a changed line.

The rows of a family are beside the code that patches its libraries. `instrument()`, `doctor` and
docs/capture.md derive from them.
"""

from __future__ import annotations

from collections.abc import Collection

from prefect_lineage_events.instrumentation import children, connectors, files, http, messages, prefect_storage
from prefect_lineage_events.instrumentation.drivers import opened
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.uncovered import UNCOVERED
from prefect_lineage_events.settings import Family

LIBRARIES: tuple[Library, ...] = (
    *connectors.LIBRARIES,
    *opened.LIBRARIES,
    *files.LIBRARIES,
    *http.LIBRARIES,
    *messages.LIBRARIES,
    *children.LIBRARIES,
)


def capture(families: Collection[Family]) -> None:
    """Patch the libraries of these families, each when it is imported. Imports none of them.

    Libraries of no family are watched as well, so that a run names those that it used. What Prefect itself does with
    any of them is not noted.
    """
    prefect_storage.ignore_own_use()
    for library in LIBRARIES:
        if library.family in families:
            when_imported(library.module, library.patch)
    for uncovered in UNCOVERED:
        when_imported(uncovered.module, uncovered.watch)
