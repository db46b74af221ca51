"""Parts that all pages share: tables, lists that end with a count of the rest, and numbers in words. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from prefect_lineage_events.escaping import cell, word

# One of Prefect's interfaces breaks no lines in a table and cuts it at some 85 characters.
MAX_NAME = 40
_MINUTE, _HOUR = 60, 3600


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markdown. A column that is empty in all rows is left out."""
    filled = [list(row) for row in rows]
    shown = [number for number in range(len(head)) if any(row[number] for row in filled)]
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in filled)]
    return "\n".join("| " + " | ".join(line[number] for number in shown) + " |" for line in lines)


def more(there: int, shown: int, noun: str) -> list[str]:
    """A line with the number of those that are not shown; empty if there are none."""
    return ["", f"... and {there - shown:,} more {noun}."] if there > shown else []


def place(namespace: str, preposition: str = "in") -> str:
    """The place of the datasets of a namespace: ``in `postgres://db:5432` ``."""
    return f"{preposition} {'the local file system' if namespace == 'file' else word(namespace)}"


def shortened(name: str, limit: int = MAX_NAME) -> str:
    """A name with its two ends: a column of a table is as wide as its longest name."""
    half = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[: limit - 1 - half]}…{name[-half:]}"


def bytes_(number: int) -> str:
    """`3.4 MB`."""
    if number < 1000:
        return f"{number} B"
    amount, unit = number / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if amount >= 999.95:
            amount, unit = amount / 1000, larger
    return f"{amount:,.1f} {unit}"


def duration(seconds: float) -> str:
    """`12 ms`, `3.4 s`, `2 min 5 s`, `1 h 2 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 else "under 1 ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE} min"


def moment(time: dt.datetime) -> str:
    """`2026-11-30 03:12` of UTC, which the text beside it must say."""
    return f"{time.astimezone(dt.timezone.utc):%Y-%m-%d %H:%M}"
