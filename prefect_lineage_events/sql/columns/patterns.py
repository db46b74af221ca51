"""Names of columns that a pattern or a condition chooses: LIKE, regular expressions, the lambda of COLUMNS.

A regular expression is the user's own and runs on our thread. One whose time could grow faster than the square of a
name's length is not tried. None means that the answer is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache

from sqlglot import exp

Chooses = Callable[[str], "bool | None"]

_LONGEST = 200  # characters of a pattern or of a name
_MOST_REPEATS = 2
_REPEATS = re.compile(r"[*+?{]")
_UNTRIED = re.compile(r"\)[*+?{]|\(\?(?!:|i\))|\\[1-9kgAZzpPQ]|\[\[")  # repeated groups, look-arounds, differences


def like(pattern: str, *, ignore_case: bool) -> Chooses:
    """The names that a LIKE pattern matches."""
    table = {"%": "*", "_": "?", "[": "[[]", "*": "[*]", "?": "[?]"}
    glob = "".join(table.get(c, c) for c in (pattern.lower() if ignore_case else pattern))
    return lambda name: fnmatchcase(name.lower() if ignore_case else name, glob)


def matching(pattern: str, *, whole: bool = False) -> Chooses:
    """The names in which a regular expression (RE2) is found; `whole`: those that it matches as a whole."""
    compiled = _compiled(pattern)
    if compiled is None:
        return lambda name: None
    find = compiled.fullmatch if whole else compiled.search
    return lambda name: None if len(name) > _LONGEST else find(name) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    flags = re.IGNORECASE if pattern.startswith("(?i)") else 0
    pattern = pattern.removeprefix("(?i)")
    if len(pattern) > _LONGEST or _UNTRIED.search(pattern) or len(_REPEATS.findall(pattern)) > _MOST_REPEATS:
        return None
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError):
        return None


def compared(node: exp.Expr) -> Chooses:
    """The names that `<anything> LIKE 'a%'` and similar conditions choose, by the pattern on the right side."""
    pattern = node.args.get("expression")
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return lambda name: None
    text = pattern.name
    if isinstance(node, exp.Glob):
        chooses: Chooses = lambda name: fnmatchcase(name, text)  # noqa: E731
    elif isinstance(node, exp.SimilarTo):
        chooses = _agreed(matching(text), matching(text, whole=True))  # DuckDB's versions differ
    elif isinstance(node, (exp.RegexpLike, exp.RegexpILike)):
        chooses = matching(text)
    else:
        chooses = like(text, ignore_case=isinstance(node, exp.ILike))
    return negated(chooses) if node.args.get("negate") else chooses


def _agreed(one: Chooses, other: Chooses) -> Chooses:
    def chooses(name: str) -> bool | None:
        chosen = one(name)
        return chosen if chosen == other(name) else None

    return chooses


def negated(chooses: Chooses) -> Chooses:
    """The other names."""

    def chooses_not(name: str) -> bool | None:
        chosen = chooses(name)
        return None if chosen is None else not chosen

    return chooses_not


def condition(node: exp.Expr | None, variable: str) -> Chooses:
    """The names for which a condition over `variable` holds."""
    return lambda name: _holds(node, variable, name)


def _holds(node: exp.Expr | None, variable: str, name: str) -> bool | None:
    if isinstance(node, exp.Paren):
        return _holds(node.this, variable, name)
    if isinstance(node, exp.Not):
        return negated(condition(node.this, variable))(name)
    if isinstance(node, (exp.And, exp.Or)):
        parts = [_holds(node.this, variable, name), _holds(node.expression, variable, name)]
        decides = isinstance(node, exp.Or)
        return decides if decides in parts else None if None in parts else not decides
    if node is None or not _is_variable(node.this, variable):
        return None
    if isinstance(node, (exp.EQ, exp.NEQ)):
        value = node.expression
        same = value.name == name if isinstance(value, exp.Literal) and value.is_string else None
        return same if same is None or isinstance(node, exp.EQ) else not same
    if isinstance(node, exp.In):
        values = node.expressions
        return name in [v.name for v in values] if all(isinstance(v, exp.Literal) for v in values) and values else None
    if isinstance(node, exp.StartsWith) and isinstance(node.expression, exp.Literal):
        return name.startswith(node.expression.name)
    if isinstance(node, (exp.Like, exp.ILike, exp.Glob, exp.SimilarTo, exp.RegexpLike)):
        return compared(node)(name)
    return None


def _is_variable(node: object, variable: str) -> bool:
    if isinstance(node, exp.Column) and node.args.get("table") is None:
        node = node.this
    return isinstance(node, exp.Identifier) and node.name.lower() == variable.lower()
