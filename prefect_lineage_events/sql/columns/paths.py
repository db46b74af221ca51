"""The fields and elements that an expression takes out of a value: `x.a`, `x['a'][0]`, `x:a.b`, `x ->> 'a'`."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from prefect_lineage_events.sql.columns.relations import ALL, UNKNOWN, Step

# Nodes that take a field or an element out of the value below them.
OPENING: tuple[type[exp.Expr], ...] = (
    exp.Dot,
    exp.Bracket,
    exp.JSONExtract,
    exp.JSONExtractScalar,
    exp.JSONBExtract,
    exp.JSONBExtractScalar,
    exp.JSONValue,
    exp.StructExtract,
    exp.GetExtract,
)
_DEEPEST_POSITION = 10_000
_LONGEST_PATH = 1_000
# A step of a path as a text: `.name`, `."name"`, `['name']`, `[0]`, `[*]`.
_STEP = re.compile(
    r"""\.(?P<name>[^\s."'\[\]*?()@]{1,200})|\."(?P<quoted>[^"\\]{1,200})"|\[["'](?P<key>[^"'\\]{1,200})["']\]"""
    r"""|\[(?P<position>\d{1,8}|\*)\]"""
)


def opened(node: exp.Expr) -> tuple[exp.Expr, list[Step]]:
    """The innermost value, and the fields and elements that are taken out of it, the innermost first."""
    steps: list[Step] = []
    while True:
        taken = _taken(node)
        if taken is None:
            return node, steps[::-1]
        steps = [*([UNKNOWN] if steps and ALL in taken else steps), *taken[::-1]]
        node = node.args["this"]
        while node.__class__ is exp.Paren:
            node = node.args["this"]


def _taken(node: exp.Expr) -> list[Step] | None:
    """The part that one node takes out of the value below it."""
    kind, args = node.__class__, node.args
    if kind is exp.Dot:
        part = args["expression"]
        if part.__class__ is exp.Identifier:
            return [part.name]
        return [int(part.name) - 1] if part.__class__ is exp.Literal and _is_position(part) else None
    if kind is exp.Bracket:
        keys = list(args.get("expressions") or [])
        return [_key(keys[0])] if len(keys) == 1 else None
    if kind in OPENING:
        if args.get("expressions"):  # SQLite, MySQL: json_extract(x, '$.a', '$.b') makes an array of both
            return None
        return json_path(args.get("expression") or args.get("path"))
    return None


def _is_position(literal: exp.Expr) -> bool:
    text = str(literal.name)
    return not literal.is_string and text.isdigit() and 0 < int(text[:9]) < _DEEPEST_POSITION


def _key(node: exp.Expr) -> Step:
    """A name or a position; anything but a literal is some element of an array."""
    if node.__class__ is not exp.Literal:
        return UNKNOWN
    text = str(node.name)
    return text if node.is_string else int(text) if text.isdigit() and len(text) < 9 else UNKNOWN


def json_path(path: Any) -> list[Step] | None:
    if isinstance(path, exp.Literal):
        if path.is_string and path.name.startswith("{"):  # PostgreSQL: #> '{a,b}'
            return [p.strip() for p in path.name.strip("{}").split(",")]
        return path_of_text(path.name) if path.is_string and path.name.startswith("$") else [_key(path)]
    if not isinstance(path, exp.JSONPath):
        return None
    steps: list[Step] = []
    for part in path.expressions[1:]:
        this = part.args.get("this")
        if part.__class__ is exp.JSONPathSubscript and this.__class__ is exp.JSONPathWildcard:
            this = ALL
        if part.__class__ not in (exp.JSONPathKey, exp.JSONPathSubscript) or not isinstance(this, (int, str)):
            return None
        steps.append(this)
    return steps


def path_of_text(text: str) -> list[Step]:
    """The steps of a path as it stands in a text, `$.items[*].sku` or `items[0]`; it ends at what is not understood."""
    text = text[:_LONGEST_PATH].strip()
    for mode in ("lax", "strict"):  # ISO/IEC 9075-2: SQL/JSON path language
        text = text.removeprefix(mode).lstrip()
    text = text[1:] if text.startswith("$") else text if text.startswith("[") else f".{text}"
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            return [*steps, UNKNOWN]
        position = found["position"]
        if position is not None:
            steps.append(ALL if position == "*" else int(position))
        else:
            steps.append(found["name"] or found["quoted"] or found["key"])
        at = found.end()
    return steps
