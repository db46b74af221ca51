"""Extras of the package: one for each family, at versions that the tests run with; the package itself needs none."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from prefect_lineage_events.settings import FAMILIES

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_EXTRAS: dict[str, list[str]] = _PROJECT["optional-dependencies"]
_OWN = "prefect-lineage-events"
_LIBRARIES = {
    requirement.name: requirement
    for listed in _EXTRAS.values()
    for requirement in map(Requirement, listed)
    if requirement.name != _OWN
}


def _pins(name: str) -> list[Version]:
    """The versions of a package in constraints.txt: one, or one for each of two ranges of Python."""
    text = (_ROOT / "constraints.txt").read_text(encoding="utf-8")
    return [Version(found) for found in re.findall(rf"^{re.escape(name)}==([^\s;]+)", text, re.MULTILINE)]


def test_every_family_has_its_extra() -> None:
    assert set(FAMILIES) <= set(_EXTRAS)


def test_extra_of_all_has_every_other() -> None:
    def within(extra: str) -> set[str]:
        own = {name for r in map(Requirement, _EXTRAS[extra]) if r.name == _OWN for name in r.extras}
        return own.union(*map(within, own)) if own else own

    assert within("all") == set(_EXTRAS) - {"all"}


def test_package_itself_needs_no_library_of_an_extra() -> None:
    assert not {Requirement(text).name for text in _PROJECT["dependencies"]} & set(_LIBRARIES)


@pytest.mark.parametrize("name", sorted(_LIBRARIES))
def test_lower_bound_is_a_version_that_the_tests_run_with(name: str) -> None:
    bound = _LIBRARIES[name].specifier
    assert version(name) in bound
    pins = _pins(name)
    assert pins
    assert all(pin in bound for pin in pins)
