"""Progress of steps that may take over a second: on standard error, if that is a terminal, and never with --json."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_off = ContextVar("progress_off", default=False)
Report = Callable[[str, int, int | None], None]


@contextmanager
def without_progress(off: bool) -> Iterator[None]:
    """Show no progress while the block runs, if `off`."""
    token = _off.set(off)
    try:
        yield
    finally:
        _off.reset(token)


def _is_shown() -> bool:
    return sys.stderr.isatty() and not _off.get()


@contextmanager
def working(step: str) -> Iterator[Report]:
    """Show the step while the block runs. The block may report how much is done, and of how much."""
    if not _is_shown():
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
    # Standard output keeps its own way: it may be a file, and is never the terminal's text beside the progress.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(step, total=None)
        yield lambda step, done, total: shown.update(task, description=step, completed=done, total=total)


def announce(step: str) -> None:
    """Report a step that may take seconds, also on a pipe. Standard output is kept for results."""
    if not _off.get():
        print(f"{step} ...", file=sys.stderr, flush=True)
