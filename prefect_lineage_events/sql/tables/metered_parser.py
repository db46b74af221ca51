"""sqlglot's parser with a meter: it can be stopped, and other threads get their turn while it works.

Its compiled code runs from a statement's beginning to its end without letting go of the interpreter's lock, and on some
texts it takes a time that grows with the square of their length, or faster. What it asks its dialect for while it
parses expressions, tables and types is answered here by Python code: there the lock can change hands, and there the
steps are counted.
"""

from __future__ import annotations

import gc
import threading
import time
from inspect import getattr_static
from typing import Any

from sqlglot.dialects.dialect import Dialect
from sqlglot.parser import Parser

# What the parser asks for again and again, whatever it is parsing.
_ASKED = (
    "DPIPE_IS_STRING_CONCAT", "SUPPORTS_COLUMN_JOIN_MARKS", "ALIAS_POST_TABLESAMPLE", "ALIAS_POST_VERSION",
    "INTERSECT_BINDS_TIGHTER_THAN_UNION_AND_EXCEPT", "VALID_INTERVAL_UNITS", "SUPPORTS_USER_DEFINED_TYPES",
    "SUPPORTS_FIXED_SIZE_ARRAYS", "INDEX_OFFSET", "UNNEST_COLUMN_ONLY", "NORMALIZE_NOT_NULL",
)  # fmt: skip
_STEPS = 4_000  # of any statement, and per token: an ordinary one asks less than twice a token
_STEPS_PER_TOKEN = 4
_SECONDS = 0.1  # of the processor, and per token: an ordinary one takes 2 microseconds
_SECONDS_PER_TOKEN = 6e-6
_LOOKS = 31  # steps between two looks at the clock, less one
# A full collection of garbage that falls into a parse takes the parser's time: a second where a program has millions of
# objects. So often the parser gets its time again.
_COLLECTIONS = 3


class ParserStopped(Exception):
    """The parser has used up what a statement of this length may take."""


class _Meter(threading.local):
    left = 0
    seconds = 0.0
    until = 0.0
    collections = 0
    excused = 0

    def look(self) -> None:
        """Stop the parser where it has used up its steps or its time, which counts from the first look on."""
        now = time.thread_time()
        if not self.until:
            self.until, self.collections = now + self.seconds, _collections()
        if self.left < 0 or (now > self.until and not self._excuses(now)):
            raise ParserStopped

    def _excuses(self, now: float) -> bool:
        """Has garbage been collected in the parser's time? It gets that again."""
        collections = _collections()
        if collections == self.collections or self.excused == _COLLECTIONS:
            return False
        self.until, self.collections, self.excused = now + self.seconds, collections, self.excused + 1
        return True


def _collections() -> int:
    """The number of collections, in this process, of the generation that has all objects which live long."""
    return int(gc.get_stats()[-1]["collections"])


_meter = _Meter()
_dialects: dict[str, Dialect] = {}


def parser(dialect: str, tokens: int) -> Parser:
    """A parser for one statement of so many tokens, which may raise ParserStopped. Only for the thread that asks."""
    _meter.left = _STEPS + _STEPS_PER_TOKEN * tokens
    _meter.seconds = _SECONDS + _SECONDS_PER_TOKEN * tokens
    _meter.until, _meter.excused = 0.0, 0
    known = _dialects.get(dialect)
    if known is None:
        known = _dialects[dialect] = _metered(dialect)
    return known.parser(error_message_context=0)


def _metered(name: str) -> Dialect:
    """A dialect that counts what it is asked for, made past sqlglot's register of dialects: no other code gets it."""
    base = type(Dialect.get_or_raise(name if Dialect.get(name) else ""))
    answers = {
        asked: _answer(getattr(base, asked))
        for asked in _ASKED
        if hasattr(base, asked) and not isinstance(getattr_static(base, asked), property)
    }
    metered: type[Dialect] = type.__new__(type(base), base.__name__, (base,), answers)
    return metered()


def _answer(value: Any) -> property:
    meter = _meter

    def asked(_: Dialect) -> Any:
        meter.left = left = meter.left - 1
        if left < 0 or not left & _LOOKS:
            meter.look()
        return value

    return property(asked)
