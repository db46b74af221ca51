"""Chunks of a long text for the tokenizer, which holds the interpreter's lock from beginning to end.

A chunk ends where no token, no quoted text and no keyword of several words (`GROUP BY`) can continue: after a comma, a
semicolon or a closing parenthesis, else after a blank that follows no letter. Only a long part without any of these is
cut at any blank, after any sign, or anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from prefect_lineage_events.sql.scanner import Scanner

CHUNK = 4_096  # characters: of the densest text, three milliseconds of the tokenizer
# Signs that may end a chunk, and its minimal length in characters. The tokens of a short chunk are so few that they are
# freed before the garbage collector counts them among the long-lived objects.
_ENDS = (
    (re.compile(r"[,;)]"), 1_024),
    (re.compile(r"(?<=[^\sA-Za-z_])\s"), 2_048),
    (re.compile(r"\s"), 3_072),
    (re.compile(r"[^\w\s]"), CHUNK),
)
_ANYWHERE = 4 * CHUNK


def chunks(text: str, dialect: str) -> Iterator[tuple[int, int]]:
    """Spans (from, to) that together are the text, in order."""
    start = position = 0
    if len(text) > 2 * CHUNK:
        for span in Scanner(text, dialect, steps=len(text)):
            while (end := _end(text, start, position, span.start)) >= 0:
                yield start, end
                start = end
            position = span.end
        while (end := _end(text, start, position, len(text))) >= 0:
            yield start, end
            start = end
    if start < len(text):
        yield start, len(text)


def _end(text: str, start: int, position: int, stop: int) -> int:
    """The end of the chunk from `start` on, between `position` and `stop`, where nothing is quoted; -1 if not there."""
    for pattern, least in _ENDS:
        since = max(start + least, position)
        if since >= stop:
            return position if position == stop >= start + _ENDS[-1][1] else -1  # between two quoted texts
        match = pattern.search(text, since, min(since + CHUNK, stop))
        if match is not None:
            return match.end()
    since = max(start + _ANYWHERE, position)
    return since if since < stop else -1
