"""ODBC drivers of SQLite and MariaDB from Debian's packages, and the driver manager that pyodbc needs."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.services.debian import FOLDER

# In the order of their dependencies.
_LIBRARIES = ("libltdl.so.7", "libodbcinst.so.2", "libodbc.so.2", "libmariadb.so.3")


@cache
def pyodbc_module() -> ModuleType:
    """pyodbc, with the installed driver manager or the unpacked one. Skips the test that asks where there is none."""
    unpacked = next(FOLDER.glob("usr/lib/*-linux-gnu"), None)
    for name in _LIBRARIES if unpacked is not None else ():
        if (unpacked / name).exists():  # type: ignore[operator]
            ctypes.CDLL(str(unpacked / name), mode=ctypes.RTLD_GLOBAL)  # type: ignore[operator]
    return pytest.importorskip("pyodbc", exc_type=ImportError)  # type: ignore[no-any-return]


def odbc_driver(name: str) -> Path:
    """The library of an unpacked ODBC driver."""
    found = next(FOLDER.glob(f"usr/lib/*-linux-gnu/odbc/{name}"), None)
    if found is None:
        pytest.skip("the ODBC drivers are not unpacked (make .venv-debian/.stamp)")
    return found
