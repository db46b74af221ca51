"""Paths into JSON documents and other nested values: the part of a column that an expression reads.

The column of an origin is a text. A path stands behind it, after `_MARK`; `_OPEN` at its end means that the value is
that part itself, unchanged, so that a further step goes into it: `c:name` of `SELECT payload:customer AS c` is
`payload:customer.name`. A path ends before a step that is not known, or that does not look like a name: a key may be
a value. `[]` stands for each element of an array: `items[].sku`. Where a function makes a row of each, a further step
goes into one; where `[*]` makes an array of them, it does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from prefect_lineage_events.sql.columns.paths import OPENING, json_path, opened
from prefect_lineage_events.sql.columns.relations import (
    ALL,
    EACH,
    IDENTITY,
    PROGRAM,
    UNKNOWN,
    Lineage,
    Step,
    closed_path,
)
from prefect_lineage_events.sql.columns.relations import PATH_MARK as _MARK
from prefect_lineage_events.sql.columns.relations import PATH_OPEN as _OPEN
from prefect_lineage_events.sql.columns.rules import ColumnRules
from prefect_lineage_events.sql.columns.transformations import OPENING_BY_NAME

# Digits within a word, as in a password, or many of them, as in a number of an account, are no name.
_NAME = re.compile(r"(?=[^\W\d])(?!.*\d{6})(?!.*\d[^\W\d_])[\w $\-]{1,64}")
_INDEX = re.compile(r"[0-9]{1,4}")
_LONGEST = 200
# Nodes that hold the document below them unchanged.
_SAME = (exp.Paren, exp.ParseJSON, exp.ToVariant, exp.JSONFormat, exp.FromJson)
# Functions that take an array out of a document, and those that make a row of each element of their argument.
_ARRAYS = (exp.JSONExtractArray, exp.JSONValueArray)
ELEMENTS_BY_NAME = frozenset(
    {"json_array_elements", "jsonb_array_elements", "json_array_elements_text", "jsonb_array_elements_text"}
)
_CASTS = (exp.Cast, exp.TryCast)
_DOCUMENTS = frozenset({exp.DType.JSON, exp.DType.JSONB, exp.DType.VARIANT, exp.DType.OBJECT, exp.DType.SUPER})


def document(node: exp.Expr) -> tuple[exp.Expr, list[Step]] | None:
    """The column whose value an expression opens, and the steps into it; None if it opens anything else."""
    found = column_opened(node)
    return found if found is not None and _is_path(found[1]) else None


def column_opened(node: exp.Expr) -> tuple[exp.Expr, list[Step]] | None:
    """The column of an expression that is a part of its value, with the steps to it: none for all of the value."""
    steps: list[Step] = []
    while True:
        if node.__class__ in OPENING:
            node, inner = opened(node)
            if node.__class__ in OPENING:
                return None  # a path that is not known
        elif node.__class__ is exp.Anonymous:
            first, inner = _called(node)
            if first is None:
                return None
            node = first
        elif node.__class__ in _ARRAYS:
            path = json_path(node.args.get("expression")) if node.args.get("expression") else []
            if path is None:
                return None
            node, inner = node.args["this"], path
        elif node.__class__ in _SAME or (node.__class__ in _CASTS and _to_document(node)):
            node, inner = node.args["this"], []
        else:
            return (node, steps) if node.__class__ is exp.Column else None
        steps = [*inner, *(steps if ALL not in inner else [UNKNOWN] if steps else ())]


def extended(lineage: Lineage, steps: Sequence[Step], *, unchanged: bool) -> Lineage:
    """The lineage of the part of a value that the steps lead to. `unchanged`: the part itself is the value."""
    text, complete = _text(steps)
    ends = _OPEN if unchanged and complete else ""
    found = []
    for base, column, how in lineage:
        if base is PROGRAM or column == "*" or not text:
            part = closed_path(column)
        elif column.endswith(_OPEN):
            part = f"{column[:-1]}{'' if text.startswith('[') else '.'}{text}{ends}"
        elif _MARK in column or how != IDENTITY:
            part = column
        else:
            part = f"{column}{_MARK}{text}{ends}"
        found.append((base, part, how))
    return tuple(found)


def _called(node: exp.Expr) -> tuple[exp.Expr | None, list[Step]]:
    """The first argument of a function that opens it, and the steps: `jsonb_extract_path(x, 'a', 'b')`."""
    first, *keys = node.args.get("expressions") or (None,)
    name = str(node.args["this"]).lower()
    if first is not None and not keys and name in ELEMENTS_BY_NAME:
        return first, [EACH]
    if first is None or not keys or name not in OPENING_BY_NAME or name == "tupleelement":
        return None, []
    if not all(isinstance(key, exp.Literal) for key in keys):
        return None, []
    return first, [step for key in keys for step in (json_path(key) or (UNKNOWN,))]


def _to_document(cast: exp.Expr) -> bool:
    to = cast.args.get("to")
    if isinstance(to, exp.DataType) and to.this is exp.DType.ARRAY and to.expressions:
        to = to.expressions[0]
    return isinstance(to, exp.DataType) and to.this in _DOCUMENTS


def _is_path(steps: Sequence[Step]) -> bool:
    """True if a field is named: an element of an array alone is no path into a document."""
    return any(isinstance(step, str) for step in steps)


def _text(steps: Sequence[Step]) -> tuple[str, bool]:
    """The path as a text (`items[0].price`), and whether it has all steps."""
    text, complete = "", True
    for step in steps:
        is_number = isinstance(step, int) or bool(_INDEX.fullmatch(step))
        if step in (EACH, ALL):
            part, complete = "[]", complete and step == EACH
        elif is_number and int(step) >= 0:
            part = f"[{int(step)}]"
        elif not is_number and _NAME.fullmatch(str(step)):
            part = f".{step}" if text else str(step)
        else:
            return text, False
        if len(text) + len(part) > _LONGEST:
            return text, False
        text += part
    return text, complete


def arrow_of_json(node: exp.Expr, rules: ColumnRules) -> exp.Expr | None:
    """The expression that a lambda of one name and a literal stands for, in the lambda's place; None for others."""
    first_argument = node.arg_key == "this" or (node.arg_key == "expressions" and not node.index)
    if rules.arrows == "none" or (rules.arrows == "first" and not first_argument):
        return None
    parameters: list[exp.Expr] = list(node.args.get("expressions") or [])
    body: exp.Expr = node.args["this"]
    first = body
    while first.__class__ in (exp.JSONExtract, exp.JSONExtractScalar):
        first = first.args["this"]
    if len(parameters) != 1 or parameters[0].__class__ is not exp.Identifier or first.__class__ is not exp.Literal:
        return None
    opened = exp.JSONExtract(this=exp.Column(this=parameters[0].copy()), expression=first.copy())
    if first is body:
        node.replace(opened)
        return opened
    first.replace(opened)
    node.replace(body)
    return body
