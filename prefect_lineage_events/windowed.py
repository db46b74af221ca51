"""Searches of patterns in a long text, window by window: one search holds the interpreter's lock from start to end."""

from __future__ import annotations

import re
from collections.abc import Iterator

WINDOW = 65_536  # characters: of the slowest pattern, two milliseconds


def search(pattern: re.Pattern[str], text: str, longest: int, start: int = 0) -> re.Match[str] | None:
    """The first match of a pattern that matches at most `longest` characters, from `start` on."""
    while start < len(text):
        stop = min(start + WINDOW, len(text))
        match = pattern.search(text, start, stop)
        if match is not None and (match.end() < stop or stop == len(text)):
            return match
        if stop == len(text):
            return None
        start = stop - longest
    return None


def find_all(pattern: re.Pattern[str], text: str, longest: int) -> Iterator[re.Match[str]]:
    """The matches, in order, of a pattern of one to `longest` characters, with its lookaheads."""
    match = search(pattern, text, longest)
    while match is not None:
        yield match
        match = search(pattern, text, longest, match.end())


def replaced(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    """The text with a replacement for each match of a pattern that matches within one line."""
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + WINDOW) + 1 or len(text)
        parts.append(pattern.sub(replacement, text[start:end]))
        start = end
    return "".join(parts)
