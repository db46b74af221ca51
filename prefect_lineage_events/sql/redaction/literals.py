"""Display of one literal or one quoted name: `?`, or the dataset that it names.

A literal is shown if it is the name of a dataset that the statement reads or writes, as the analysis found by the
grammar of its dialect. The words beside it do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.locations import ADDRESS, clean_location, is_showable
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.templates import shown_template

_NAME_FUNCTIONS = frozenset({"TABLE", "IDENTIFIER"})
_DOTTED_NAME = re.compile(r'[A-Za-z_"][\w$."]*\Z')
_UNQUOTED = re.compile(r'["`\[\]]')
# The stage path of Snowflake (https://docs.snowflake.com/en/user-guide/querying-stage), unquoted
_STAGE = re.compile(r"""@(?:[\w$.~%*=\-]|/(?!/)|"[^"]*")*""")
# No part of a stage's path, but of a URL that was written as one: it may hold a token.
_QUERY_STRING = re.compile(r"""\?[^\s'"();,]*""")


class NamedDatasets:
    """The files, stages and names that the literals of one statement may name."""

    __slots__ = ("_files", "_stages", "_tables")

    def __init__(self, tables: Iterable[TableRef]) -> None:
        self._tables = tuple(tables)
        self._files: set[str] = set()
        self._stages: set[tuple[str, str]] = set()
        for table in self._tables:
            if table.kind == "file":
                self._files.add(table.path)
            elif table.kind == "stage":
                self._stages.add((_last(table), table.path.rstrip("/")))

    def shown(self, token: Token, words: Sequence[str], text: str) -> str:
        """The literal as it may be shown after these words."""
        if token.token_type is not TokenType.STRING:
            return "?"
        value = token.text
        is_quoted = text[token.start] in "'\""
        if "'" in value or "\\" in value:
            return "?"
        if len(words) > 1 and words[-1] == "(" and words[-2].upper() in _NAME_FUNCTIONS and _DOTTED_NAME.match(value):
            last = _UNQUOTED.sub("", value).rpartition(".")[2].upper()
            return f"'{value}'" if any(_last(table) == last for table in self._tables if table.kind != "file") else "?"
        if not self._files and not self._stages:
            return "?"
        location = clean_location(value.strip('"') if not is_quoted else value)
        if location is None or not is_showable(location) or not self._holds(location):
            return "?"
        return f"'{location}'" if is_quoted else location

    def _holds(self, location: str) -> bool:
        if not location.startswith("@"):
            return location in self._files
        name, _, path = location[1:].partition("/")
        last = _UNQUOTED.sub("", name).rpartition(".")[2].upper()
        return (last or "~", path.rstrip("/")) in self._stages


def _last(table: TableRef) -> str:
    return table.parts[-1].upper() if table.parts else ""


NO_DATASETS = NamedDatasets(())


def identifier(word: str) -> str:
    """A quoted name, or its substitute, as it may be shown: a URL in it without credentials, a template as `?`."""
    first = word[0]
    if first not in "\"`['":
        return shown_template(word)  # or 0xFFG, which is no number
    name = word[1:-1]
    if "'" in name or '"' in name:
        return "?" if first == "[" else word  # a list in a dialect whose brackets enclose names
    if not ADDRESS.search(name):
        return word
    location = clean_location(name)
    return "?" if location is None else f"{first}{location}{word[-1]}"


def stage(text: str, start: int) -> tuple[str, int]:
    """The stage path that begins at `start`, whole, and its end with a query string, which is not shown."""
    match = _STAGE.match(text, start)
    if match is None:
        return "@", start + 1
    query = _QUERY_STRING.match(text, match.end())
    return match[0], query.end() if query else match.end()
