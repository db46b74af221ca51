"""Encoding of values that stores of Prefect or targets cannot hold.

PostgreSQL keeps no NUL in a text or in JSON, UTF-8 has no lone surrogates, JSON has no infinite numbers, and many of
its readers accept no integers beyond 64 bits. A server refuses the whole batch that contains such a value, with the
events of other flows in it. So no such value leaves this package:

- a NUL or a lone surrogate is written as `%` and the hexadecimal of each byte. A *name* that contained one ends in
  `%~` and a digest of the original, so that two names never become one. A name of more than 2,000 characters is cut,
  and ends likewise. All other texts stay as they are;
- a number that is not finite is left out (null); an integer beyond 64 bits becomes its decimal text;
- a time is UTC, and within 1970-2200 because Prefect computes with it;
- keys are texts.

Each function returns a valid value unchanged, so encoding twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

MAX_INTEGER = 2**63 - 1
MAX_NAME = 2_000
_MIN_INTEGER = -(2**63)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DIGEST_LENGTH = 16
# Decimal digits take quadratic time: a longer integer is described by its size.
_MAX_BITS = 1_024
_MAX_DEPTH = 64
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_LAST = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


def text(value: str) -> str:
    """A text without NULs and lone surrogates."""
    if value.isascii() and "\x00" not in value:
        return value
    return _UNSTORABLE.sub(lambda found: _hex(found[0]), value)


def name(value: str) -> str:
    """A name without NULs and lone surrogates, of at most MAX_NAME characters. Different names stay different."""
    if len(value) <= MAX_NAME and value.isascii() and "\x00" not in value:
        return value
    encoded = text(value[: MAX_NAME + 1])
    if len(encoded) <= MAX_NAME and encoded == value:
        return value
    mark = f"%~{sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST_LENGTH]}"
    return encoded[: MAX_NAME - len(mark)] + mark


def count(value: object) -> int | None:
    """A count, such as one of rows: not negative, within 64 bits. None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = value.__index__()  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001  (an object of the user's, or of a driver's)
        return None
    return int(number) if 0 <= number <= MAX_INTEGER else None


def seconds(value: float | None) -> float | None:
    """A duration: finite and not negative. None for anything else."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def moment(value: dt.datetime) -> dt.datetime:
    """A time in UTC, clamped to 1970-2200. A naive time is taken as UTC."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.timezone.utc)
    try:
        return min(max(aware.astimezone(dt.timezone.utc), EPOCH), _LAST)
    except (OverflowError, ValueError):
        return EPOCH if value.year < EPOCH.year else _LAST


def json_value(value: Any, depth: int = 0) -> Any:
    """A value of JSON: encoded texts, numbers, lists and dictionaries; the text of anything else."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {_key(key): json_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [json_value(item, depth + 1) for item in value]
    return _described(value)


def json_text(value: Any) -> str:
    """The encoded value as JSON text."""
    return json.dumps(json_value(value), allow_nan=False)


def _key(value: object) -> str:
    return text(value) if isinstance(value, str) else str(json_value(value, _MAX_DEPTH))


def _integer(value: int) -> int | str:
    if _MIN_INTEGER <= value <= MAX_INTEGER:
        return int(value)
    return str(int(value)) if value.bit_length() <= _MAX_BITS else f"an integer of {value.bit_length()} bits"


def _described(value: object) -> str:
    try:
        return text(str(value))
    except Exception:  # noqa: BLE001  (an object of the user's)
        return text(type(value).__name__)


def _hex(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def digest_of(data: object) -> str:
    """A digest that is the same for the same data of JSON."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:32]
