"""Detection of regular expressions whose repetitions backtrack in exponential or quadratic time.

A pattern is converted to the automaton of its positions (Glushkov). It is exponential if a loop accepts one text on two
paths. It is quadratic if two loops in sequence accept a common text, and also, for a pattern that is searched for, if
it begins with a loop and continues behind it. Look-arounds and back references are ignored, so `(?=(a+))\1`, which
never backtracks, is an alternative for a pattern in doubt. A repetition of at most MOST_BOUNDED is not counted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

if sys.version_info >= (3, 11):
    from re import _constants as sre
    from re import _parser as parser
else:  # pragma: no cover
    import sre_constants as sre
    import sre_parse as parser

MOST_BOUNDED = 256
_ALPHABET = [*range(128), 0xE9, 0x3B1, 0x2028, 0x1F600]
_CATEGORIES = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}
_NOT_CATEGORIES = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}


@dataclass
class _Part:
    first: set[int] = field(default_factory=set)
    last: set[int] = field(default_factory=set)
    nullable: bool = True


class _Automaton:
    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.sets: list[frozenset[int]] = []
        self.follow: list[set[int]] = []
        self.guarded = False  # a look-behind at the beginning
        self.anchored = False
        self.inner: list[Any] = []  # patterns of look-arounds
        self.groups: dict[int, frozenset[int]] = {}  # groups of one character
        self.twice: set[int] = set()  # positions that a loop reaches on two paths

    def _follow(self, last: set[int], first: set[int]) -> None:
        for at in last:
            self.twice |= self.follow[at] & first
            self.follow[at] |= first

    def sequence(self, items: Iterable[Any]) -> _Part:
        whole = _Part()
        for item in items:
            part = self.part(*item)
            self._follow(whole.last, part.first)
            whole = _Part(
                whole.first | (part.first if whole.nullable else set()),
                part.last | (whole.last if part.nullable else set()),
                whole.nullable and part.nullable,
            )
        return whole

    def part(self, op: Any, value: Any) -> _Part:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, items = value
            part = self.sequence(items)
            if high > MOST_BOUNDED:
                self._follow(part.last, part.first)
            return _Part(part.first, part.last, part.nullable or low == 0)
        if op is sre.SUBPATTERN:
            part = self.sequence(value[-1])
            if part.first == part.last and len(part.first) == 1 and not part.nullable:
                self.groups[value[0]] = self.sets[next(iter(part.first))]
            return part
        if op is sre.BRANCH:
            whole = _Part(nullable=False)
            for branch in value[1]:
                part = self.sequence(branch)
                whole = _Part(whole.first | part.first, whole.last | part.last, whole.nullable or part.nullable)
            return whole
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            self.guarded = self.guarded or (value[0] < 0 and not self.sets)
            self.inner.append(value[1])
            return _Part()
        if op is sre.AT:
            is_start = value is sre.AT_BEGINNING_STRING or (value is sre.AT_BEGINNING and not self.flags & re.MULTILINE)
            self.anchored = self.anchored or (is_start and not self.sets)
            self.guarded = self.guarded or not self.sets
            return _Part()
        if op in (sre.GROUPREF, sre.GROUPREF_EXISTS) and value not in self.groups:
            return _Part()
        self.sets.append(self.groups[value] if op is sre.GROUPREF else self.characters(op, value))
        self.follow.append(set())
        return _Part({len(self.sets) - 1}, {len(self.sets) - 1}, False)

    def characters(self, op: Any, value: Any) -> frozenset[int]:
        if op is sre.ANY:
            return frozenset(c for c in _ALPHABET if c != 10 or self.flags & re.DOTALL)
        if op is sre.NOT_LITERAL:
            return frozenset(_ALPHABET) - self.characters(sre.LITERAL, value)
        if op is sre.LITERAL:
            cases = {chr(value).lower(), chr(value).upper()} if self.flags & re.IGNORECASE else {chr(value)}
            return frozenset(ord(c) for c in cases if len(c) == 1)
        if op is sre.RANGE:
            found = {c for c in _ALPHABET if value[0] <= c <= value[1]}
            if self.flags & re.IGNORECASE:
                found |= {ord(chr(c).swapcase()) for c in found if chr(c).isascii()}
            return frozenset(found)
        if op is sre.CATEGORY:
            is_in = _CATEGORIES[_NOT_CATEGORIES.get(value, value)]
            return frozenset(c for c in _ALPHABET if is_in(chr(c)) != (value in _NOT_CATEGORIES))
        assert op is sre.IN, op
        negate = value[0][0] is sre.NEGATE
        found = frozenset().union(*(self.characters(*item) for item in value if item[0] is not sre.NEGATE))
        return frozenset(_ALPHABET) - found if negate else found

    def meet(self, *positions: int) -> bool:
        return bool(frozenset.intersection(*(self.sets[p] for p in positions)))


def faults(pattern: re.Pattern[str], searched: bool = False) -> list[str]:
    """The parts of a pattern that may take exponential or quadratic time; an empty list if no part does."""
    flags = pattern.flags
    return list(_faults(parser.parse(pattern.pattern, flags), flags, searched))


def _faults(items: Any, flags: int, searched: bool) -> Iterator[str]:
    automaton = _Automaton(flags)
    whole = automaton.sequence(items)
    if searched and not automaton.anchored:  # as if any text could precede
        automaton.sets.append(frozenset(_ALPHABET))
        automaton.follow.append({*whole.first, len(automaton.sets) - 1})
    follow = automaton.follow
    reach = {p: _reachable(p, follow) for p in range(len(follow))}
    loops = [p for p in range(len(follow)) if p in reach[p]]
    if any(p in reach[p] for p in automaton.twice):
        yield "exponential: a repetition within a repetition"
    for p in loops:
        pairs = _pairs({(a, b) for a in follow[p] for b in follow[p] if automaton.meet(a, b)}, automaton)
        if any(a != b and (p, p) in _pairs({(a, b)}, automaton) for a, b in pairs if a in loops and b in loops):
            yield f"exponential: two ways through a loop ({_shown(automaton, p)})"
            break
    before = len(follow) - 1 if searched and not automaton.anchored else -1
    for p, q in ((p, q) for p in loops for q in loops if p != q and q in reach[p]):
        if p == before and (
            whole.last & reach[q] & {x for x in loops if q in reach[x]} or (q in whole.first and automaton.guarded)
        ):
            continue  # texts that a search matches, or that are matched at few positions
        if _shares(p, q, automaton):
            how = (
                "searched for, a repetition can begin in itself" if p == before else "two repetitions can share a text"
            )
            yield f"quadratic: {how} ({_shown(automaton, q)})"
            break
    for inner in automaton.inner:
        yield from _faults(inner, flags, False)


def _reachable(start: int, follow: list[set[int]]) -> set[int]:
    seen: set[int] = set()
    waiting = list(follow[start])
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += follow[at]
    return seen


def _pairs(start: set[tuple[int, int]], automaton: _Automaton) -> set[tuple[int, int]]:
    """Pairs of positions that two readers of one text can reach from those of `start`, these included."""
    seen = set(start)
    waiting = list(start)
    while waiting:
        a, b = waiting.pop()
        for pair in ((x, y) for x in automaton.follow[a] for y in automaton.follow[b] if automaton.meet(x, y)):
            if pair not in seen:
                seen.add(pair)
                waiting.append(pair)
    return seen


def _shares(p: int, q: int, automaton: _Automaton) -> bool:
    """Is there a text that leads from p to p, from p to q and from q to q?"""
    follow, goal = automaton.follow, (p, q, q)
    seen = {(p, p, q)}
    waiting = [(p, p, q)]
    while waiting:
        a, b, c = waiting.pop()
        for x in follow[a]:
            for y in follow[b]:
                if not automaton.meet(x, y):
                    continue
                for z in follow[c]:
                    state = (x, y, z)
                    if automaton.meet(x, y, z) and state not in seen:
                        if state == goal:
                            return True
                        seen.add(state)
                        waiting.append(state)
                        if len(seen) > 20_000:
                            return False
    return False


def _shown(automaton: _Automaton, position: int) -> str:
    return "".join(chr(c) for c in sorted(automaton.sets[position]) if 32 <= c < 127)[:20]
