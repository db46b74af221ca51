"""The application: commands, loaded when they are called, and the help of the whole."""

from __future__ import annotations

from functools import cache

from cyclopts import App, Group, Parameter

from prefect_lineage_events import __version__
from prefect_lineage_events.cli.commands import COMMANDS, GROUPS
from prefect_lineage_events.cli.errors import EXIT_CODES

PROGRAM = "prefect-lineage"
_HELP = (
    "Data lineage for Prefect: ask which runs wrote a table, from what, and what breaks if a column goes; assemble "
    "OpenLineage events from the history of flow runs."
)
_CONFIGURATION = (
    "PREFECT_API_URL or the active profile selects the Prefect API. The configuration of the OpenLineage client "
    "(OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__*, openlineage.yml) selects the targets of events; without one, events "
    "go to a local file."
)


@cache
def application() -> App:
    """The application with all commands. It parses; `running.main` runs it."""
    app = App(
        name=PROGRAM,
        help=_HELP,
        help_format="plaintext",
        help_epilogue=f"{_CONFIGURATION}\n\n{exit_codes()}",
        version=f"{PROGRAM} {__version__}",
        # A flag is false unless given: `--no-json` would be noise.
        default_parameter=Parameter(negative=()),
    )
    for number, title in enumerate(GROUPS):
        group = Group(title, sort_key=number)
        for position, command in enumerate(one for one in COMMANDS if one.group == title):
            app.command(
                f"prefect_lineage_events.cli.{command.function}",
                name=command.name,
                help=command.help,
                help_epilogue=command.epilogue,
                group=group,
                sort_key=position,
            )
    return app


def exit_codes() -> str:
    """The exit codes, one on a line."""
    return "Exit codes:\n" + "\n".join(f"  {code:<3}  {meaning}" for code, meaning in EXIT_CODES.items())
