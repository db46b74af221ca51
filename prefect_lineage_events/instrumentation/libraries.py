"""All libraries whose calls are captured without a changed line.

The rows of a family are beside the code that patches its libraries. `instrument()`, `doctor` and
docs/capture.md derive from them.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile

from prefect_lineage_events.emission.not_captured import name_in_each_run
from prefect_lineage_events.instrumentation import children, connectors, files, http, messages, prefect_storage
from prefect_lineage_events.instrumentation.drivers import opened
from prefect_lineage_events.instrumentation.import_hooks import when_failed, when_imported
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

    Libraries of no family are watched as well, so that a run names those that it used. So are those whose patch has
    failed, as for a version that differs from those we know: each run of the process names them, whether it uses them
    or not. What Prefect itself does with any of them is not noted.
    """
    when_failed(_name_in_each_run)
    prefect_storage.ignore_own_use()
    for library in LIBRARIES:
        if library.family in families:
            when_imported(library.module, library.patch)
    for uncovered in UNCOVERED:
        when_imported(uncovered.module, uncovered.watch)


def _name_in_each_run(module: str) -> None:
    name_in_each_run(f"{_package_of(module)} (its patch failed)")


def _package_of(module: str) -> str:
    """The installed name of the library that a module belongs to: that whose own module shares most of the name."""
    parts = module.lstrip("_").split(".")  # a module of C code has an underscore
    packages = {library.module: library.package for library in UNCOVERED}
    packages.update((library.module, library.package) for library in LIBRARIES)
    nearest = max(packages, key=lambda known: _shared(known.split("."), parts))
    return packages[nearest] if _shared(nearest.split("."), parts) else module


def _shared(parts: list[str], others: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(parts, others, strict=False)))
