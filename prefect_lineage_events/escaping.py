"""Text that comes from events, made safe for where people read it: a line, markdown, an SVG image.

Names come from users, and from all who can emit an event. Shown, they are only text: they format nothing, link to
nothing, load nothing, end no line, table or element, and reverse nothing beside them.
"""

from __future__ import annotations

import re

MAX_SHOWN = 300
# Letters, digits, spaces and single hyphens mean nothing in markdown.
_MEANS_NOTHING = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
# At its start, a sentence could be taken for an item of a list. An underscore within a word means nothing.
_MARKDOWN = re.compile(r"[\\`*{}\[\]<>#!|~&$^]|(?<![^\W_])_|_(?![^\W_])|^[-+=]|(?<=^\d)[.)]")
# Addresses become links in GitHub's markdown, whatever their characters are written as.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
_XML = re.compile(r"[<>&\"']")


def line(text: str, limit: int = MAX_SHOWN) -> str:
    """One line for a terminal, a log or a label: what is not printed (controls, line ends, marks that change the
    direction of text) stands as its escape, such as `\\u202e`. Longer texts are cut."""
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def code(text: str, limit: int = MAX_SHOWN) -> str:
    """A code span of markdown; in a table, within a `cell`."""
    shown = line(text, limit).replace("`", "'").strip()
    return f"`{shown}`" if shown else "(empty)"


def cell(markdown: str) -> str:
    """Markdown of one line as the cell of a table, which a bar would end.

    A backslash before the bar keeps it, but behind a backslash of the text's own no bar is safe.
    """
    return markdown.replace("\\|", "\\¦").replace("|", "\\|")


def word(text: str, limit: int = MAX_SHOWN) -> str:
    """A name in markdown: as it is where that means nothing there, else a code span."""
    return text if len(text) <= limit and _MEANS_NOTHING.fullmatch(text) else code(text, limit)


def prose(text: str, limit: int = MAX_SHOWN) -> str:
    """A sentence in markdown: a backslash stands before each character that could mean something.

    Not an entity: the page of Prefect's first UI shows these as they are written.
    """
    shown = _ADDRESS.sub(_WORD_JOINER, line(" ".join(text.split()), limit))
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", shown)


def xml(text: str, limit: int = MAX_SHOWN) -> str:
    """The text of an element or of an attribute: no markup, no reference, and no character that XML refuses."""
    return _XML.sub(lambda found: f"&#{ord(found[0])};", line(text, limit))
