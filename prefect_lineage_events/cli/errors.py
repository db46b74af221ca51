"""Exit codes, and errors as one line with a remedy."""

from __future__ import annotations

import json
import sys

from prefect_lineage_events.escaping import line

OK = 0
# A failure (the message gives a remedy), or a finding of `doctor`.
FAILED = 1
WRONG_ARGUMENTS = 2
# Exit code of a successful command when a target refused events. Another attempt does not help: a person must act.
REFUSED = 3
# The same when a target could not use some events yet. Another attempt may help: the next sweep makes it.
KEPT = 4
# Ctrl-C, as shells report it.
INTERRUPTED = 130
# The reader of the output went away (`| head`), as shells report it.
BROKEN_PIPE = 141

EXIT_CODES = {
    OK: "success",
    FAILED: "a failure (the message gives the remedy), a finding of doctor, or runs that no assembler takes (status)",
    WRONG_ARGUMENTS: "wrong arguments, or a name that nothing has",
    REFUSED: "success, but a target refused events: `prefect-lineage rejected` lists the reasons",
    KEPT: "success, but events are kept that a target could not use yet: the next sweep sends them again",
    INTERRUPTED: "stopped by Ctrl-C",
    BROKEN_PIPE: "the reader of the output went away, as in `| head`",
}
MAX_LINE = 4_000


def delivered(*, failed: object = False, refused: object = False, kept: object = False) -> int:
    """The exit code of a command that delivered events: the same for one run and for many."""
    return FAILED if failed else REFUSED if refused else KEPT if kept else OK


class CommandError(Exception):
    """The command failed; the message gives the reason and the remedy."""


def fail(message: str, code: int = FAILED) -> int:
    """Print the message on standard error. Returns the exit code."""
    shown = "\n".join(line(one, MAX_LINE) for one in message.split("\n"))
    print(f"prefect-lineage: {shown}", file=sys.stderr)
    return code


def described(error: Exception) -> tuple[str, int]:
    """The message about an error of a command, and the exit code."""
    if isinstance(error, CommandError):
        return str(error), FAILED
    if message := _of_delivery(error):
        return message, FAILED
    return (_explain(error), FAILED) if _is_api_error(error) else (str(error), WRONG_ARGUMENTS)


def _of_delivery(error: Exception) -> str:
    """The message if runs could not be delivered now; empty for other errors."""
    if not type(error).__module__.startswith("prefect_lineage_events."):
        return ""  # Prefect may not be imported, or its settings not be readable
    from prefect_lineage_events.assembler.lease import BusyError
    from prefect_lineage_events.assembler.summary import SweepError
    from prefect_lineage_events.delivery.responses import TransientDeliveryError

    if isinstance(error, TransientDeliveryError | BusyError):
        return f"{error} -> the next sweep tries again; see `prefect-lineage doctor`"
    return str(error) if isinstance(error, SweepError) else ""


def _is_api_error(error: Exception) -> bool:
    """Does the error come from the API, and not from the arguments? Unreadable responses raise ValueErrors too."""
    from pydantic import ValidationError

    return not isinstance(error, ValueError) or isinstance(error, json.JSONDecodeError | ValidationError)


def _explain(error: Exception) -> str:
    try:
        from prefect_lineage_events.api_errors import explain

        return explain(error)
    except ValueError as unreadable:
        # The import of Prefect reads its settings.
        reason = " ".join(str(unreadable).split())
        return f"Prefect's settings cannot be read: {reason} -> check the PREFECT_ variables and the profile"
