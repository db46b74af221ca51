"""The page of the facets names those that are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.openlineage.test_golden import SHAPES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "facets.md"


def _keys(event: dict[str, Any]) -> Iterator[str]:
    yield from event["run"]["facets"]
    yield from event["job"]["facets"]
    for dataset in (*event["inputs"], *event["outputs"]):
        for key in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(key, {})


def test_the_page_names_every_facet_and_no_other() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    sent = {key for build in SHAPES.values() for event in build() for key in _keys(event)}
    assert sent == named
