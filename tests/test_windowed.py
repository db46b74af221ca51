"""A pattern in windows finds what it finds in the whole text."""

from __future__ import annotations

import re

import pytest

from prefect_lineage_events import windowed
from prefect_lineage_events.sql.splitting.scripts import _CLIENT_COPY, _META_COMMAND


@pytest.mark.parametrize("before", [0, 1, *range(windowed.WINDOW - 3, windowed.WINDOW + 2), 2 * windowed.WINDOW - 2])
def test_match_is_found_at_any_end_of_a_window(before: int) -> None:
    text = "x" * before + "/* -- */"
    match = windowed.search(re.compile(r"/\*|--"), text, 2)
    assert match is not None
    assert match.span() == (before, before + 2)
    assert windowed.search(re.compile("--"), text, 2, before + 5) is None


def test_no_search_reads_more_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pattern:
        sizes: list[int] = []

        def search(self, text: str, start: int, stop: int) -> None:
            self.sizes.append(stop - start)

    assert windowed.search(Pattern(), "x" * 1_000_000, 2) is None  # type: ignore[arg-type]
    assert max(Pattern.sizes) == windowed.WINDOW
    assert sum(Pattern.sizes) < 1_001_000


@pytest.mark.parametrize(
    "unit", ["\\copy a from b\n", "\\set a 1\r\nselect :a;\n", "\\copy a from b; select 1\n", "x\n", "\n", "\\x"]
)
def test_lines_are_replaced_as_in_the_whole_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windowed, "WINDOW", 7)
    for pattern, replacement in ((_CLIENT_COPY, r"\1\2;"), (_META_COMMAND, "")):
        for text in (unit * 20, "select 1\n" + unit * 20 + "select 2"):
            assert windowed.replaced(pattern, replacement, text) == pattern.sub(replacement, text)
