"""Progress on a pseudo terminal: on standard error alone, and neither in a pipe nor with --json."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prefect import flow

from prefect_lineage_events import cli
from tests.by_hand import emit_writes
from tests.conftest import PrefectServer

ROOT = Path(__file__).parents[2]


@flow(name="progress load")
def load() -> None:
    emit_writes([("progress_orders", "source")])


def on_terminal(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """Standard output, which is a pipe, and what the terminal got from standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect_lineage_events.cli", *command],
        env={**environment, "TERM": "xterm", "COLUMNS": "120"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = bytearray()

    def read() -> None:
        try:
            while part := os.read(ours, 4096):
                shown.extend(part)
        except OSError:
            pass  # the last writer closed it

    reader = threading.Thread(target=read)
    reader.start()
    out, _ = process.communicate(timeout=300)
    reader.join(60)
    os.close(ours)
    return out, shown.decode(errors="replace")


COMMANDS = [
    (["sweep"], "assembling missed runs"),
    (["backfill", "--start", "2020-01-01T00:00:00Z", "--end", "2020-01-02T00:00:00Z"], "assembling runs"),
    (["unused", "--since", "1h"], "reading the lineage of runs"),
    (["export", "--since", "1h"], "writing csv"),
    (["doctor"], "checking the installation"),
]


@pytest.mark.parametrize(("command", "step"), COMMANDS, ids=lambda one: one[0] if isinstance(one, list) else "")
def test_progress_is_shown_on_a_terminal_alone(
    command: list[str],
    step: str,
    prefect_server: PrefectServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load()
    out, shown = on_terminal(command, prefect_server.environment)
    assert step in shown
    assert out
    assert step not in out
    assert "\x1b" not in out
    capsys.readouterr()
    cli.main(command)  # with pipes
    piped = capsys.readouterr()
    assert piped.out
    assert step not in piped.out + piped.err
    if command[0] != "export":
        with monkeypatch.context() as patch:
            patch.setattr(sys.stderr, "isatty", lambda: True)
            cli.main([*command, "--json"])
        answer = capsys.readouterr()
        assert step not in answer.err
        assert "error" not in json.loads(answer.out)
