"""Validation of the values of options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cyclopts import Token

# Maximum of minutes, seconds or runs: the server cannot represent times beyond it.
MAX_VALUE = 1_000_000


def positive(_type: Any, value: float | None) -> None:
    """Validator of numbers above zero. Python parses `nan` and `inf` as numbers, but they are no durations."""
    if value is not None and not 0 < value <= MAX_VALUE:
        raise ValueError(f"{value!r} is no positive number up to {MAX_VALUE:,}")


def whole_number(_type: Any, tokens: Sequence[Token]) -> int:
    """Converter of whole numbers. By default `1.5` would be rounded."""
    return int(tokens[0].value)
