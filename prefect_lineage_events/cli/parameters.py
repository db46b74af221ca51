"""Validation of the values of options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from cyclopts import Parameter, Token

from prefect_lineage_events.nearness import did_you_mean, nearest

AsJson = Annotated[bool, Parameter(help="Print JSON instead of text.")]
# Maximum of minutes, seconds or runs: the server cannot represent times beyond it.
MAX_VALUE = 1_000_000
_LAST_PORT = 65_535


def positive(_type: Any, value: float | None) -> None:
    """Validator of numbers above zero. Python parses `nan` and `inf` as numbers, but they are no durations."""
    if value is not None and not 0 < value <= MAX_VALUE:
        raise ValueError(f"{value!r} is no positive number up to {MAX_VALUE:,}")


def port_number(_type: Any, value: int) -> None:
    """Validator of ports."""
    if not 0 < value <= _LAST_PORT:
        raise ValueError(f"{value} is no port: give a number from 1 to {_LAST_PORT}")


def whole_number(_type: Any, tokens: Sequence[Token]) -> int:
    """Converter of whole numbers. By default `1.5` would be rounded."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


def choice(type_: Any, tokens: Sequence[Token]) -> str:
    """Converter of one of the values of a `Literal`, in any case. Raises ValueError with the nearest."""
    text, values = tokens[0].value, get_args(type_)
    found = next((one for one in values if one.casefold() == text.strip().casefold()), None)
    if found is None:
        raise ValueError(f"{text!r} is none of {', '.join(values)}{did_you_mean(nearest(text, values))}")
    return str(found)
