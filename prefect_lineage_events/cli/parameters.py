"""Kinds of values of options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token

# Maximum of minutes, seconds or runs: the server cannot represent times beyond it.
MAX_VALUE = 1_000_000


def _require_positive(_type: Any, value: float | None) -> None:
    # Python parses `nan` and `inf` as numbers, but they are no durations.
    if value is not None and not 0 < value <= MAX_VALUE:
        raise ValueError(f"{value!r} is no positive number up to {MAX_VALUE:,}")


def _whole_number(_type: Any, tokens: Sequence[Token]) -> int:
    """The number of a text. By default `1.5` would be rounded."""
    return int(tokens[0].value)


Positive = Annotated[float, Parameter(validator=_require_positive)]
PositiveCount = Annotated[int, Parameter(converter=_whole_number, validator=_require_positive)]
