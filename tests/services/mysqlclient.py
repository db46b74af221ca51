"""mysqlclient, built with the headers of Debian's packages (`tests/services/debian.py`)."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from types import ModuleType

import pytest

from tests.services.debian import FOLDER


@cache
def mysqlclient() -> ModuleType:
    """The module `MySQLdb`, installed or built. Skips the test that asks where there is neither."""
    for library in FOLDER.glob("usr/lib/*-linux-gnu/libmariadb.so.3"):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    if (FOLDER / "python").exists():
        sys.path.append(str(FOLDER / "python"))
    return pytest.importorskip("MySQLdb", exc_type=ImportError)  # type: ignore[no-any-return]
