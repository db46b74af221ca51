"""Command for the shell's completion: `completion`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from prefect_lineage_events.cli.errors import OK
from prefect_lineage_events.cli.parameters import choice


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell: bash, zsh or fish.", converter=choice)],
    /,
) -> int:
    """Print the script that completes commands and options in your shell."""
    from prefect_lineage_events.cli.app import application

    print(application().generate_completion(prog_name="prefect-lineage", shell=shell))
    return OK
