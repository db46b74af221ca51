"""`Library`: a library whose calls are captured without a changed line, as one row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect_lineage_events.settings import Family


@dataclass(frozen=True, slots=True)
class Library:
    """A library that `instrument()` and the plugin patch when a program imports it.

    `module` is the module after whose import `patch(module)` is called. `package` is the name under which the library
    is installed; for a part of Python, its module. `captured` and `not_captured` say in a few words which calls are
    seen and which are not; `tests` are the test files that show it, and `against` is the real thing or the stand-in
    that they use.
    """

    family: Family
    module: str
    patch: Callable[[Any], None]
    package: str
    captured: str
    not_captured: str = ""
    tests: tuple[str, ...] = ()
    against: str = ""
