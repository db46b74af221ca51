"""Escaping of text from events for display: in a line, in markdown, in an SVG image.

Names come from users, and from every client that can emit an event. Displayed, they are only text: they format nothing,
link to nothing, load nothing, end no line, table or element, and do not reverse the text beside them.
"""

from __future__ import annotations

import re

MAX_SHOWN = 300
# Letters, digits, spaces and single hyphens have no meaning in markdown.
_PLAIN = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
# The start of a sentence could be read as an item of a list. An underscore within a word has no meaning.
_MARKDOWN = re.compile(r"[\\`*{}\[\]<>#!~&$^]|(?<![^\W_])_|_(?![^\W_])|^[-+=]|(?<=^\d)[.)]")
# Within the text of a link, fewer characters have a meaning.
_LINK_TEXT = re.compile(r"\\(?=[!-/:-@\[-`{-~]|$)|[`*\[\]~]|<(?=[A-Za-z/!?])|&(?=[A-Za-z#])|(?<![^\W_])_|_(?![^\W_])")
# GitHub's markdown turns addresses into links, even with escaped characters.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
_XML = re.compile(r"[<>&\"']")


def line(text: str, limit: int = MAX_SHOWN) -> str:
    """One line for a terminal, a log or a label. Unprintable characters (controls, line ends, marks that change the
    direction of text) become their escapes, such as `\\u202e`. Longer texts are cut."""
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def code(text: str, limit: int = MAX_SHOWN) -> str:
    """A code span of markdown; in a table, within a `cell`."""
    shown = line(text, limit).replace("`", "'").strip()
    return f"`{shown}`" if shown else "(empty)"


def cell(markdown: str) -> str:
    """One line of markdown as the cell of a table, which a bar would end.

    A backslash before the bar keeps it. After a backslash of the text itself, the bar is replaced.
    """
    return markdown.replace("\\|", "\\¦").replace("|", "\\|")


def word(text: str, limit: int = MAX_SHOWN) -> str:
    """A name in markdown: as written if it has no meaning there, else a code span."""
    return text if len(text) <= limit and _PLAIN.fullmatch(text) else code(text, limit)


def prose(text: str, limit: int = MAX_SHOWN) -> str:
    """A sentence in markdown, with a backslash before each character that could have a meaning.

    Entities are not used: Prefect's first UI shows them as written. A bar is plain outside of a `cell`.
    """
    return _escaped(text, limit, _MARKDOWN)


def link_text(text: str, limit: int = MAX_SHOWN) -> str:
    """The text of a link, with as few backslashes as possible: Prefect's first UI shows them, but for those before
    brackets."""
    return _escaped(text, limit, _LINK_TEXT)


def _escaped(text: str, limit: int, special: re.Pattern[str]) -> str:
    shown = _ADDRESS.sub(_WORD_JOINER, line(" ".join(text.split()), limit))
    return special.sub(lambda found: f"\\{found[0]}", shown)


def xml(text: str, limit: int = MAX_SHOWN) -> str:
    """The text of an XML element or attribute, without markup, references and characters that XML refuses."""
    return _XML.sub(lambda found: f"&#{ord(found[0])};", line(text, limit))
