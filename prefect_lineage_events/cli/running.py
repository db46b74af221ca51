"""Runs one command: parses its arguments, and turns whatever happens into an exit code."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError, UnusedCliTokensError

from prefect_lineage_events.cli.app import PROGRAM, application
from prefect_lineage_events.cli.errors import (
    BROKEN_PIPE,
    INTERRUPTED,
    OK,
    WRONG_ARGUMENTS,
    described,
    fail,
)
from prefect_lineage_events.cli.output import print_json
from prefect_lineage_events.cli.progress import without_progress

# Objects between two passes of the garbage collector. With Python's own 700, passes over what is imported, which is
# never garbage, are an eighth of the CPU seconds of a question.
_OBJECTS_A_PASS = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_A_PASS)
    try:
        with without_progress("--json" in words):
            code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        logging.getLogger(__name__).debug("The command failed", exc_info=True)
        return _fail(words, *described(error))
    finally:
        # A program may call this function, and go on.
        gc.set_threshold(*before)


def _run(words: list[str]) -> int:
    app = application()
    try:
        command, bound, _ = app.parse_args(words or ["--help"], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _wrong(words, error)
    result = command(*bound.args, **bound.kwargs)
    if not words:
        return WRONG_ARGUMENTS
    return result if isinstance(result, int) else OK


def _fail(words: list[str], message: str, code: int) -> int:
    """Print why the command failed: as text on standard error, and with --json as JSON on standard output as well."""
    if "--json" in words:
        print_json({"error": message, "exit_code": code})
    return fail(message, code)


def _reason(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"too many arguments: {' '.join(map(repr, error.unused_tokens or ()))}"
    return str(error)


def _wrong(words: list[str], error: CycloptsError) -> int:
    """Print the reason why the arguments are wrong, and where the right ones are explained."""
    chain, _, _ = application().parse_commands(words)
    name = " ".join([PROGRAM, *chain])
    code = _fail(words, _reason(error), WRONG_ARGUMENTS)
    print(f"usage: {name} [OPTIONS] ...; see `{name} --help`", file=sys.stderr)
    return code
