"""Requirements of single tests: features of some versions of a library."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.requirements import Requirement


def is_installed(requirement: str) -> bool:
    """Does the environment meet a requirement such as `snowflake-connector-python<5`?"""
    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(version(wanted.name), prereleases=True)
    except PackageNotFoundError:
        return False


connector_4 = pytest.mark.skipif(
    not is_installed("snowflake-connector-python<5"),
    reason="prefect-snowflake's or the stand-in's calls are those of connector 4",
)
