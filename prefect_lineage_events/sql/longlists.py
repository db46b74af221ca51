"""Long lists of data, cut before anything reads them: an INSERT of 100,000 rows says no more than its first ten.

Works on characters, because tokenising such a text alone costs a second and hundreds of megabytes. What may name
a table (a SELECT in a row) is kept, and a list that does not read as expected is left as it is. In texts beyond
all measure select lists are cut as well, which loses columns and is told.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .lexis import lexis

LONG_TEXT = 16_384  # characters; below it everything is cheap enough to be read whole
VERY_LONG_TEXT = 262_144
ROWS_KEPT = 10
ITEMS_KEPT = 20
COLUMNS_KEPT = 4_000

_SUBQUERY = re.compile(r"\b(?:select|table|with|from)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:select|from|into|union|where|join|values|table|with)\b", re.IGNORECASE)
_NESTING = 3


def cut_long_lists(text: str, dialect: str) -> tuple[str, bool]:
    """The text with the tails of long lists left out, and whether columns went with them.

    VALUES, IN and array lists are data; select lists are only cut in very long texts.
    """
    if len(text) < LONG_TEXT:
        return text, False
    patterns = _patterns(dialect)
    cut_columns = len(text) >= VERY_LONG_TEXT
    kept: list[str] = []
    at = position = 0
    lost = False
    while match := patterns.list_head.search(text, position):
        position = match.end()
        head = match["head"]
        if head is None:
            continue
        if head.lower().startswith("values"):
            cuts, position = _surplus_rows(text, position, patterns)
        elif head.lower() != "select":
            cuts, position = _surplus_items(text, position, patterns)
        elif cut_columns:
            cuts, position = _surplus_columns(text, position, patterns)
            lost = lost or bool(cuts)
        else:
            continue
        for start, end in cuts:
            kept.append(text[at:start])
            at = end
    return ("".join([*kept, text[at:]]), lost) if kept else (text, False)


def _surplus_rows(text: str, position: int, patterns: _Patterns) -> tuple[list[tuple[int, int]], int]:
    """Spans of the rows beyond those kept, each with the comma before it; and where the list ends."""
    cuts: list[tuple[int, int]] = []
    row = patterns.row
    count, end = 0, position
    while match := row.match(text, end):
        start, end = end, match.end()
        count += 1
        if count <= ROWS_KEPT or ("(" in match[1][1:] and _SUBQUERY.search(match[1])):
            continue
        if cuts and cuts[-1][1] == start:
            cuts[-1] = (cuts[-1][0], end)
        else:
            cuts.append((start, end))
    return cuts, max(end, position)


def _surplus_items(text: str, position: int, patterns: _Patterns) -> tuple[list[tuple[int, int]], int]:
    """The span of the items beyond those kept in the list that opens before `position`; and where it ends."""
    whole = patterns.rest_of_list.match(text, position)
    if whole is None:
        return [], position
    if _SUBQUERY.search(text, position, position + 2_000) or _SUBQUERY.search(whole[0]):
        return [], position
    end = position
    for _ in range(ITEMS_KEPT):
        item = patterns.item.match(text, end)
        if item is None:
            return [], whole.end()
        end = item.end()
    return [(end - 1, whole.end() - 1)], whole.end()


def _surplus_columns(text: str, position: int, patterns: _Patterns) -> tuple[list[tuple[int, int]], int]:
    """The span of the select items beyond those kept, the last one excepted; and where looking goes on."""
    count, end, kept = 0, position, position
    while (match := patterns.item.match(text, end)) and not _CLAUSE.search(match[0]):
        end = match.end()
        count += 1
        if count == COLUMNS_KEPT:
            kept = end
    return ([(kept, end)] if count > COLUMNS_KEPT else []), end


class _Patterns:
    """Compiled for one dialect. Alternatives exclude each other by their first character, so nothing backtracks."""

    def __init__(self, dialect: str) -> None:
        words = lexis(dialect)
        self._opaque = words.opaque
        comment = r"-(?!-)|/(?![/*])|\$(?!\w*\$)|(?<![#])#"
        self._sign = comment if "\\#" not in words.opaque else comment.removesuffix(r"|(?<![#])#")
        inside = self._content(_NESTING, ",")
        self.row = re.compile(rf"\s*,?\s*(\({inside}\))", re.DOTALL)
        self.item = re.compile(rf"{self._content(_NESTING, '')},", re.DOTALL)
        self.rest_of_list = re.compile(rf"{inside}[)\]]", re.DOTALL)
        head = r"(?P<head>\bvalues\s*(?=\()|\bselect\b|\bin\s*\(|\barray\s*\[|\bunnest\s*\(\s*\[)"
        self.list_head = re.compile(f"{self._opaque}|{head}", re.DOTALL | re.IGNORECASE)

    def _content(self, depth: int, comma: str) -> str:
        """What may stand inside parentheses, with `depth` more levels of them."""
        plain = rf"""[^()\[\]'"`#/$\-{"" if comma else ","}]*"""
        nested = rf"|\({self._content(depth - 1, ',')}\)|\[{self._content(depth - 1, ',')}\]" if depth else ""
        return rf"{plain}(?:(?:{self._opaque}|{self._sign}{nested}){plain})*"


@lru_cache(maxsize=64)
def _patterns(dialect: str) -> _Patterns:
    return _Patterns(dialect)
