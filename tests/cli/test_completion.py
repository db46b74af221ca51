"""Completion scripts, run by the shells that they are for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_lineage_events import cli
from prefect_lineage_events.cli.commands import COMMANDS

# Completes a line as bash does: by the function that the script registers, with the cursor after the last word.
_COMPLETE = """
source "$1"; shift
registered=$(complete -p prefect-lineage) || exit 3
[[ $registered =~ -F\\ ([^ ]+) ]] || exit 4
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
"${BASH_REMATCH[1]}" prefect-lineage "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.main(["completion", shell]) == 0
    file = folder / f"completion.{shell}"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    return file


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], {command.name for command in COMMANDS}),
        (["sh"], {"show"}),
        (["de"], {"deploy"}),
        (["show", "--s"], {"--since"}),
        (["backfill", "--d"], {"--dry-run"}),
        (["deploy", "--"], {"--with", "--work-pool", "--json", "--yes"}),
        (["export", "--format", ""], {"openlineage", "mermaid", "dot", "csv", "html"}),
        (["export", "--format", "m"], {"mermaid"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["zebra"], set()),
    ],
)
def test_bash_completes_commands_options_and_choices(
    words: list[str], expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = script("bash", tmp_path, capsys)
    # Compiled programs of the environment are found, and `prefect-lineage` itself, which newer scripts call.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", _COMPLETE, "bash", str(file), "prefect-lineage", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found = {word.strip() for word in done.stdout.split()}
    assert expected <= found, done.stderr
    assert all(word.startswith(words[-1]) for word in found)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_script_of_another_shell_names_each_command(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = script(shell, tmp_path, capsys)
    text = file.read_text(encoding="utf-8")
    assert all(command.name in text for command in COMMANDS)
    if program := shutil.which(shell):
        done = subprocess.run([program, "-n", str(file)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
