"""Write `docs/cli.md` from the help of the commands, and recorded answers. python docs/make_cli_page.py

The answers are those of tests/cli/golden, which the tests hold true.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from prefect_lineage_events.cli import main
from prefect_lineage_events.cli.answers import ANSWERS, ERROR, WITHOUT
from prefect_lineage_events.cli.app import application
from prefect_lineage_events.cli.commands import COMMANDS, GROUPS, Command
from prefect_lineage_events.cli.errors import EXIT_CODES
from tests.cli.shop import EXPORTS, GOLDEN, QUESTIONS

PAGE = Path(__file__).resolve().parent / "cli.md"
# The recorded answer that is shown with a command.
SHOWN = {
    "show": "show_dataset", "upstream": "upstream_column", "downstream": "downstream", "path": "path",
    "impact": "impact_column", "schema": "schema", "runs": "runs", "diff": "diff", "search": "search", "freshness": "freshness",
    "unused": "unused", "conflicts": "conflicts", "explain": "explain_run",
}  # fmt: skip

HEAD = """\
# Command line

<!-- Written by docs/make_cli_page.py from the help of the commands: change prefect_lineage_events/cli, then run it again. -->

`prefect-lineage COMMAND --help` shows the same with your terminal's width. Results go to standard output, progress and
errors to standard error. `--json` prints JSON: times in UTC, names complete. A pipe gets no colours and no progress, and
one row is one line; `NO_COLOR` switches colours off on a terminal too. Names control no terminal: unprintable characters
are shown as their escapes.

**Windows of time.** Questions look at the runs that ended within the last 7 days, and at those in flight. `--since` takes
`30d`, `12h`, `today`, `yesterday`, `2026-11-01`, a time, or `all`; `--as-of` shows the answer as it was then, without the
runs that had not ended. A time without a zone is one of this machine. Runs past Prefect's retention of events are there
if they were assembled.

**Names.** A dataset by its URI, its name, or its last parts (`sales`, `mart.sales`); a column as `TABLE.column`; a run by its
name, its id, its page's address, or its flow's name (the newest run). What nothing has is answered with the nearest names.

**Completion.** `prefect-lineage completion` completes commands, options and their choices. Names of tables and runs are
not completed: cyclopts, the library behind the command line, completes such values from version 5 on, which Python 3.10
does not have. `prefect-lineage search WORD` finds names.

[Assistants](assistants.md) can ask the same questions.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield HEAD
    yield "## Exit codes\n| code | meaning |\n|---|---|"
    yield from (f"| {code} | {meaning.replace('|', chr(92) + '|')} |" for code, meaning in EXIT_CODES.items())
    yield from _json()
    for group in GROUPS:
        yield f"\n## {group}"
        for command in (one for one in COMMANDS if one.group == group):
            yield f"\n### {command.name}\n```text\n{_help(command)}\n```"
            if command.name in SHOWN:
                question = QUESTIONS[SHOWN[command.name]]
                answer = (GOLDEN / f"{SHOWN[command.name]}.txt").read_text(encoding="utf-8")
                yield f"\n```console\n$ prefect-lineage {question}\n{answer.rstrip()}\n```"
            if command.name == "export":
                answer = (GOLDEN / "export.mmd").read_text(encoding="utf-8")
                yield f"\n```console\n$ prefect-lineage {EXPORTS['export.mmd']}\n{answer.rstrip()}\n```"
    yield ""


def _json() -> Iterator[str]:
    yield "\n## JSON"
    yield (
        "Each answer has the keys of this table, also where it is empty; `[...]` is a list of objects with these keys. "
        "Keys stay as they are\nfrom version to version, and new ones may be added. `watch` prints one object a line, "
        "and `export` one about the file that it wrote.\nA command that fails prints an object with "
        f"{_keys(ERROR)} instead, and its message on standard error as well. Notes\nand progress never go to standard "
        f"output. {', '.join(f'`{name}`' for name in WITHOUT[:-1])} and `{WITHOUT[-1]}` have no `--json`.\n"
    )
    yield "| command | keys |\n|---|---|"
    for name, forms in ANSWERS.items():
        yield f"| `{name}` | {'; or '.join(map(_keys, forms))} |"


def _keys(form: str) -> str:
    keys = ", ".join(f"`{key}`" for key in form.strip("[]").split())
    return f"[{keys}]" if form.startswith("[") else keys


def _help(command: Command) -> str:
    """The help of a command. Its examples are not wrapped: they can be copied."""
    out = io.StringIO()
    application.cache_clear()  # it keeps the width of its first output
    with patch.dict(os.environ, {"COLUMNS": "94", "NO_COLOR": "1"}), contextlib.redirect_stdout(out):
        main([command.name, "--help"])
    text = "\n".join(row.rstrip() for row in out.getvalue().strip().splitlines())
    return text.partition("\nExamples:\n")[0] + f"\n{command.epilogue}".rstrip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
