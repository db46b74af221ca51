"""Outputs of commands that the documents show, compared without what differs from run to run."""

from __future__ import annotations

import re

# Each pattern is replaced by a word of its own.
_DIFFER = {
    "ID": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "TIME": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::[\d.]+)?",
    "DURATION": r"\d+ (?:ms|s|min|h)\b",
    "RUN": r"\b[a-z]+-[a-z]+\b",
}


def fixed(text: str) -> list[str]:
    """The lines of an output, with single spaces: columns are as wide as their values."""
    for word, pattern in _DIFFER.items():
        text = re.sub(pattern, word, text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]
