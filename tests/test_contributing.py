"""The page for maintainers names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PAGE = (_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted({*re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", _PAGE)} - {"dist/"}))
def test_each_file_and_folder_of_the_package_is_there(path: str) -> None:
    assert (_ROOT / "prefect_lineage_events" / path).exists() or (_ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([\w-]+)", _PAGE))))
def test_each_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
