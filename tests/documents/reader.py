"""A reader, who follows a page from its first block to its last."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from prefect_lineage_events.cli.commands import ASK, COMMANDS
from tests.code_blocks import ROOT, Block
from tests.commands import lines
from tests.documents.outputs import fixed
from tests.documents.preparations import Preparation
from tests.documents.shell import LineFailed, Shell
from tests.documents.unrunnable import reason_of
from tests.services.process import STARTS_WITHIN

SHELL = frozenset({"bash", "console", "sh"})
_SERVER = "http://127.0.0.1:4200"
# Lines that do not end by themselves, and what they print.
_SERVING = {
    "prefect server start": f"Check out the dashboard at {_SERVER}",
    "prefect-lineage serve": "Runs are executed by `prefect-lineage serve`.",
}
# Questions are asked again until events are stored and the assembler has run, as the pages say.
_QUESTIONS = tuple(f"prefect-lineage {command.name} " for command in COMMANDS if command.group == ASK)
_ANSWERED_WITHIN, _ASKED_EVERY = 300, 3


def lines_of(block: Block) -> list[str]:
    """The lines of a shell block; none of another block."""
    return lines(block) if block.language in SHELL else []


def serves(line: str, command: str = "") -> bool:
    """Return whether a line does not end by itself and, if a command is given, is of this command."""
    return any(one in line for one in _SERVING if command in one)


def shell_of(home: Path, prefect: str, marquez: str) -> Shell:
    """A reader's shell in the folder `home`, with the addresses (`host:port`) of its Prefect server and its Marquez."""
    state = home / "state"
    state.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OPENLINEAGE"))}
    environment = {
        **kept,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "PYTHONPATH": f"{Path(__file__).parent / 'site'}{os.pathsep}{ROOT}",
        "COLUMNS": "140",
        "PREFECT_API_URL": f"http://{prefect}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_PORT": prefect.rpartition(":")[2],
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5",
        # As in tests/conftest.py: without the imports of integrations that no page uses.
        "PREFECT_PLUGINS_ALLOW": "prefect_lineage_events",
        "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    }
    now = datetime.now(timezone.utc)
    yesterday, tomorrow = (f"{now + timedelta(days):%Y-%m-%d}T00:00:00Z" for days in (-1, 1))
    replaced = {
        "127.0.0.1:4200": prefect,
        "127.0.0.1:5000": marquez,
        "marquez:5000": marquez,
        "/data/lineage": str(home / "data" / "lineage"),
        "/home/ada": str(home),
        "2026-11-15T00:00:00Z": yesterday,
        "2026-11-16T00:00:00Z": tomorrow,
        "2026-11-22T00:00:00Z": tomorrow,
    }
    return Shell(home, environment, replaced, state)


@dataclass
class Reader:
    """A reader of a page, with what the page's row has."""

    row: Preparation
    shell: Shell
    _prepared: set[str] = field(default_factory=set)

    def follow(self, block: Block) -> None:
        """Save a file, run Python that needs a server, and run the lines of a shell block. Raises LineFailed."""
        if block.file:
            self.save(block.file, block.text)
        elif block.needs == "server":
            self.shell.run(f"python -c {shlex.quote(block.text)}")
        for line in lines_of(block):
            if not reason_of(line):
                self._prepare(line)
                self._give(line, block)

    def save(self, name: str, text: str) -> None:
        (self.shell.folder / name).write_text(self.shell.here(text), encoding="utf-8")

    def _prepare(self, line: str) -> None:
        for begins in {begins for begins in self.row.before if line.startswith(begins)} - self._prepared:
            self._prepared.add(begins)
            for earlier in self.row.before[begins]:
                self.shell.run(earlier)

    def _give(self, line: str, block: Block) -> None:
        if not serves(line):
            _run(line, block, self.shell)
            return
        self.shell.serve(line, _says(line, self.shell))
        if serves(line, "prefect server"):
            _wait_for_server(self.shell)


def _run(line: str, block: Block, shell: Shell) -> None:
    """Run a line until its output is the one of its block, if it has one."""
    shown = block.text.partition("\n")[2] if block.language == "console" else None
    deadline = time.monotonic() + (_ANSWERED_WITHIN if line.startswith(_QUESTIONS) else 0)
    while True:
        try:
            output = shell.run(line)
            if shown is None or fixed(output) == fixed(shown):
                return
            fault = LineFailed(f"{line}\nprints\n{output}\nand the page shows\n{shown}")
        except LineFailed as failed:
            fault = failed
        if time.monotonic() > deadline:
            raise fault
        time.sleep(_ASKED_EVERY)


def _wait_for_server(shell: Shell) -> None:
    """Wait until the server answers: it prints its first lines some seconds before."""
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            httpx.get(shell.here(f"{_SERVER}/api/health")).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _says(line: str, shell: Shell) -> list[str]:
    """The texts that a line prints which does not end: `serve` each target of its configuration as well."""
    says = [text for command, text in _SERVING.items() if command in line]
    return [*says, *_targets(line, shell)] if serves(line, "lineage") else says


def _targets(line: str, shell: Shell) -> list[str]:
    configuration = shell.folder / "openlineage.yml"  # the OpenLineage client takes it before the variable
    if configuration.exists():
        return re.findall(r"[\w.-]+:\d+", configuration.read_text(encoding="utf-8"))
    given = dict(word.split("=", 1) for word in shlex.split(line, comments=True) if "=" in word)
    url = {**shell.environment, **given}.get("OPENLINEAGE_URL")
    return [
        f"target {urlsplit(url).netloc} " if url else "WARNING no target is configured here: lineage goes to the file"
    ]
