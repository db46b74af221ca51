"""Output of commands: tables and JSON on standard output. Nothing in it controls the terminal.

A terminal gets styles and lines of its width. A pipe gets neither: one row is one line, so that `grep` and `cut` work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.escaping import MAX_SHOWN, line

if TYPE_CHECKING:
    from rich.console import Console

# A row of a pipe is never wrapped.
_WIDEST = 100_000


def console() -> Console:
    """Standard output as it is now."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            """Leave the exit code to the command line: Rich would exit with 1."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else _WIDEST
    return Output(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def heading(text: str, more: str = "") -> None:
    """Print the title of an answer, and what is beside it."""
    from rich.text import Text

    console().print(Text.assemble((line(text), "bold"), f"  {line(more, 2_000)}" if more else ""))


def say(text: str, limit: int = 4_000) -> None:
    """Print one line."""
    from rich.text import Text

    console().print(Text(line(text, limit)))


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]], limit: int = MAX_SHOWN) -> None:
    """Print rows below a title; nothing if there are none. Columns of numbers are right-aligned."""
    from rich.table import Table
    from rich.text import Text

    found = [[_cell(value, limit) for value in row] for row in rows]
    if not found:
        return
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    kept = [number for number in range(len(headers)) if any(row[number] for row in found)]
    for number in kept:
        is_count = all(row[number].replace(",", "").isdigit() for row in found if row[number])
        shown.add_column(Text(headers[number]), justify="right" if is_count else "left", overflow="fold")
    for row in found:
        shown.add_row(*(Text(row[number]) for number in kept))
    out = console()
    with out.capture() as drawn:
        if title:
            out.print(Text(f"\n{title}", style="bold cyan"))
        out.print(shown)
    sys.stdout.write("".join(f"{row.rstrip(' ')}\n" for row in drawn.get().splitlines()))


def _cell(value: object, limit: int) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else line(str(value), limit)


def print_json(value: Any) -> None:
    """Print an answer, or a list of answers, as JSON: times in UTC, names complete."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(harmless(text) + "\n")


def harmless(text: str) -> str:
    """A JSON text with escapes for all characters that a terminal does not show as such."""
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _plain(value: Any) -> Any:
    """The values of models within tuples, lists and mappings."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


@cache
def _escaped(character: str) -> str:
    """The escape of a character in a JSON text. Marks of direction and C1 controls are legal there, but do harm."""
    return json.dumps(character, ensure_ascii=True)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"
