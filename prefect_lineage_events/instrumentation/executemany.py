"""The number of rows that an INSERT has written, where the driver does not say.

Not every driver counts them (asyncpg, ADBC). A plain INSERT of one row a set of parameters has written as many rows as
there were sets, or it has failed.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from typing import Any

_LONGEST = 5_000  # characters of a text that is looked at: it is done in the user's thread
_VALUES = r"\((?:[^()]|\([^()]*\))*\)"
# No ON CONFLICT, IGNORE, SELECT nor second row: what leaves rows out, or makes more of them, has no match.
_INSERT = rf"""\s*INSERT\s+INTO\s+[\w.$"`\[\]]+\s*(?:\([^()]*\)\s*)?VALUES\s*{_VALUES}\s*"""
_ONE_ROW = re.compile(rf"{_INSERT}(?:;\s*)?\Z", re.IGNORECASE)
# The list has no quotes and parentheses, so that the VALUES before it cannot end within a text or a comment.
_ONE_ROW_RETURNED = re.compile(rf"{_INSERT}RETURNING\s[\w\s.,*]+(?:;\s*)?\Z", re.IGNORECASE)


def rows_of_many(sql: str, sets: Any) -> int | None:
    """The rows that `sql` wrote, run once for each of the sets of parameters; None where that is not certain.

    Sets that come out of a generator are not counted: it is the driver's to read.
    """
    is_plain = isinstance(sets, Sized) and len(sql) <= _LONGEST and _ONE_ROW.match(sql)
    return len(sets) if is_plain else None


def returns_one_row(sql: str) -> bool:
    """Has `INSERT INTO t VALUES (...) RETURNING ...` written one row if it returns one?"""
    return len(sql) <= _LONGEST and _ONE_ROW_RETURNED.match(sql) is not None


def may_be_in_part(sets: Any) -> bool:
    """Can a failed call with these sets of parameters have written some of them?"""
    return not isinstance(sets, Sized) or len(sets) > 1
