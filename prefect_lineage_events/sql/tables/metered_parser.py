"""sqlglot's parser with a limit on its work, and with pauses in which other threads can run.

The compiled parser runs through a whole statement without releasing the interpreter's lock, and on some texts its time
grows with the square of their length, or faster. Attributes of the dialect that it reads while it parses expressions,
tables and types are Python properties here: they let the lock change hands, and count the parser's steps.
"""

from __future__ import annotations

import gc
import threading
import time
from inspect import getattr_static
from typing import Any

from sqlglot.dialects.dialect import Dialect
from sqlglot.parser import Parser

# Attributes of a dialect that the parser reads again and again, whatever it is parsing.
_ATTRIBUTES = (
    "DPIPE_IS_STRING_CONCAT", "SUPPORTS_COLUMN_JOIN_MARKS", "ALIAS_POST_TABLESAMPLE", "ALIAS_POST_VERSION",
    "INTERSECT_BINDS_TIGHTER_THAN_UNION_AND_EXCEPT", "VALID_INTERVAL_UNITS", "SUPPORTS_USER_DEFINED_TYPES",
    "SUPPORTS_FIXED_SIZE_ARRAYS", "INDEX_OFFSET", "UNNEST_COLUMN_ONLY", "NORMALIZE_NOT_NULL",
)  # fmt: skip
_STEPS = 4_000  # of any statement, and per token: an ordinary one reads fewer than two attributes a token
_STEPS_PER_TOKEN = 4
_SECONDS = 0.1  # of the processor, and per token: an ordinary one takes 2 microseconds
_SECONDS_PER_TOKEN = 6e-6
_CHECK_MASK = 127  # steps between two checks of the clock, less one
# A full garbage collection during a parse uses the parser's time: a second in a program with millions of objects.
# This often the parser's time starts again after one.
_MAX_EXTENSIONS = 3


class ParserStopped(Exception):
    """The parser has exceeded the limit for a statement of this length."""


class _Meter(threading.local):
    left = 0
    seconds = 0.0
    until = 0.0
    collections = 0
    extensions = 0

    def check(self) -> None:
        """Stop the parser if it has used up its steps or its time, which counts from the first check on."""
        now = time.thread_time()
        if not self.until:
            self.until, self.collections = now + self.seconds, _collections()
        if self.left < 0 or (now > self.until and not self._extends(now)):
            raise ParserStopped

    def _extends(self, now: float) -> bool:
        """Restart the parser's time after a garbage collection; False if there was none, or the limit is reached."""
        collections = _collections()
        if collections == self.collections or self.extensions == _MAX_EXTENSIONS:
            return False
        self.until, self.collections, self.extensions = now + self.seconds, collections, self.extensions + 1
        return True


def _collections() -> int:
    """The number of collections, in this process, of the generation with all long-lived objects."""
    return int(gc.get_stats()[-1]["collections"])


_meter = _Meter()
_dialects: dict[str, Dialect] = {}


def parser(dialect: str, tokens: int) -> Parser:
    """A parser for one statement of so many tokens, for the calling thread only. It may raise ParserStopped."""
    _meter.left = (_STEPS + _STEPS_PER_TOKEN * tokens) | _CHECK_MASK  # so that a short statement needs no check
    _meter.seconds = _SECONDS + _SECONDS_PER_TOKEN * tokens
    _meter.until, _meter.extensions = 0.0, 0
    known = _dialects.get(dialect)
    if known is None:
        known = _dialects[dialect] = _metered(dialect)
    return known.parser(error_message_context=0)


def _metered(name: str) -> Dialect:
    """A dialect that counts reads of its attributes. It is not in sqlglot's register, so no other code gets it."""
    base = type(Dialect.get_or_raise(name if Dialect.get(name) else ""))
    counted = {
        name: _counted(getattr(base, name))
        for name in _ATTRIBUTES
        if hasattr(base, name) and not isinstance(getattr_static(base, name), property)
    }
    metered: type[Dialect] = type.__new__(type(base), base.__name__, (base,), counted)
    return metered()


def _counted(value: Any) -> property:
    meter = _meter

    def read(_: Dialect) -> Any:
        meter.left = left = meter.left - 1
        if left < 0 or not left & _CHECK_MASK:
            meter.check()
        return value

    return property(read)
