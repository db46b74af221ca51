"""Code blocks of the documents: their language, their text, and the hidden comment above them.

A comment `<!-- file: NAME -->` above a block says that the reader saves it under that name. `<!-- needs: SERVICE -->` says
that it runs with a service, which the test has to provide: a block with a service that no test has is only compiled. A
block whose first line is the comment `# NAME.yml` is saved under that name as well.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<key>file|needs): (?P<value>\S+) -->\n\s*)?^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NAMED = re.compile(r"# (\S+\.ya?ml)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block, with the name of its document and its number within it (from 1)."""

    document: str
    number: int
    language: str
    text: str
    file: str = ""
    needs: str = ""

    def __str__(self) -> str:
        return f"{self.document}-{self.number}"


def documents() -> dict[str, str]:
    """The text of each document by its path: the README, the notes for contributors and all pages."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def blocks(document: str, text: str) -> Iterator[Block]:
    for number, found in enumerate(_BLOCK.finditer(text), 1):
        marks = {found["key"]: found["value"]} if found["key"] else {}
        text = textwrap.dedent(found["text"])
        if named := _NAMED.match(text):
            marks["file"] = named[1]
        yield Block(document, number, found["language"], text, **marks)


def without_blocks(text: str) -> str:
    return _BLOCK.sub("", text)


BLOCKS = [block for document, text in documents().items() for block in blocks(document, text)]
