"""Progress of steps that may take over a second: on standard error, and only if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str, int, int | None], None]


@contextmanager
def working(step: str) -> Iterator[Report]:
    """Show the step while the block runs. The block may report how much is done, and of how much."""
    if not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(step, total=None)
        yield lambda step, done, total: shown.update(task, description=step, completed=done, total=total)


def announce(step: str) -> None:
    """Report a step that may take seconds, also on a pipe. Standard output is kept for results."""
    print(f"{step} ...", file=sys.stderr, flush=True)
