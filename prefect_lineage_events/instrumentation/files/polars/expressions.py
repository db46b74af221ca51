"""Expressions in the text of a polars plan: the columns that go into each output, and the output's name."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A name is shown as it is, quotes included. So the end of a name is the first `")`.
_COLUMN = re.compile(r'(col|\.alias)\("(.{0,250}?)"\)')
_TEXT = re.compile(r'"[^"]*"')
_FIELD = re.compile(r"\.struct\.field_by_name\(([^()]*)\)\(\)$")
_OPENED = {"(": ")", "[": "]", "{": "}"}
_COLUMN_MARK, _ALIAS_MARK, _END = "\x01", "\x02", "\x03"
_MARKED = re.compile(f"([{_COLUMN_MARK}{_ALIAS_MARK}])(\\d+){_END}")


class NotUnderstood(Exception):
    """A text that is not of the known form."""


@dataclass(frozen=True, slots=True)
class Output:
    """The columns that go into an output. `is_column`: it is one of them, unchanged."""

    columns: tuple[str, ...]
    is_column: bool


def outputs(text: str) -> dict[str, Output]:
    """The outputs of a list of expressions, `[col("a"), (col("b") + 1).alias("c")]`, by their names."""
    names: list[str] = []

    def mark(match: re.Match[str]) -> str:
        names.append(match[2])
        return f"{_COLUMN_MARK if match[1] == 'col' else _ALIAS_MARK}{len(names) - 1}{_END}"

    marked = _TEXT.sub("", _COLUMN.sub(mark, text.strip()))
    if '"' in marked or not (marked.startswith("[") and marked.endswith("]")):
        raise NotUnderstood
    found: dict[str, Output] = {}
    for expression in _split(marked[1:-1]):
        name, output = _output(expression, names)
        if name in found:
            raise NotUnderstood
        found[name] = output
    return found


def _split(text: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, start, open_ = [], 0, []
    for at, sign in enumerate(text):
        if sign in _OPENED:
            open_.append(_OPENED[sign])
        elif open_ and sign == open_[-1]:
            open_.pop()
        elif sign in ")]}":
            raise NotUnderstood
        elif sign == "," and not open_:
            parts.append(text[start:at])
            start = at + 1
    if open_:
        raise NotUnderstood
    last = text[start:]
    return [part.strip() for part in (*parts, last) if part.strip()]


def _output(expression: str, names: list[str]) -> tuple[str, Output]:
    marks = list(_MARKED.finditer(expression))
    columns = tuple(dict.fromkeys(names[int(m[2])] for m in marks if m[1] == _COLUMN_MARK))
    alias = marks[-1] if marks and marks[-1][1] == _ALIAS_MARK and marks[-1].end() == len(expression) else None
    body = expression[: alias.start()] if alias else expression
    is_column = _MARKED.fullmatch(body) is not None
    name = names[int(alias[2])] if alias else _own_name(body, names)
    return name, Output(columns, is_column)


def _own_name(expression: str, names: list[str]) -> str:
    """The name of an output that has no alias: that of its first column, but for a few expressions."""
    if named := _FIELD.search(expression):
        return named[1]
    if expression.startswith("when("):
        expression = expression.partition(".then(")[2]
    if first := _MARKED.search(expression):
        return names[int(first[2])]
    if expression == "len()":
        return "len"
    return "literal"
