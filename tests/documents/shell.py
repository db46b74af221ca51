"""A reader's shell: lines are run one after the other, in a folder and an environment that they change."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.process import STARTS_WITHIN

# The line, then the environment and the folder that it leaves, in the files of these names.
_RUN = 'set -e -o pipefail\neval "$LINE"\nunset LINE\nenv -0 > "$0"\npwd > "$1"\n'


class LineFailed(AssertionError):
    """A line ended with an error; the message has what it printed."""


@dataclass
class Shell:
    """The folder and the environment after the lines so far.

    `replaced` has what the documents write, with what it is here. `state` is a folder for files of the shell.
    """

    folder: Path
    environment: dict[str, str]
    replaced: Mapping[str, str]
    state: Path
    _serving: dict[str, _Serving] = field(default_factory=dict)

    def run(self, line: str) -> str:
        """Run a line to its end, and return what it wrote to standard output. Raises LineFailed."""
        variables, folder = self.state / "environment", self.state / "folder"
        done = subprocess.run(
            ["bash", "-c", _RUN, variables, folder],
            env={**self.environment, "LINE": self.here(line)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN,
        )
        if done.returncode:
            raise LineFailed(f"{line}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        pairs = variables.read_text(encoding="utf-8").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        self.folder = Path(folder.read_text(encoding="utf-8").removesuffix("\n"))
        return self.as_written(done.stdout)

    def serve(self, line: str, says: Sequence[str]) -> None:
        """Start a line that does not end, and wait until it has printed all texts of `says`. Raises LineFailed.

        The same line that runs already is stopped first, as by Ctrl-C.
        """
        if earlier := self._serving.pop(line, None):
            earlier.stop()
        log = self.state / f"{len(list(self.state.iterdir()))}.log"
        with log.open("w") as sink:
            process = subprocess.Popen(
                ["bash", "-c", self.here(line)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._serving[line] = serving = _Serving(line, process, log)
        serving.wait_for([self.here(text) for text in says])

    def stop(self) -> None:
        """Stop all lines that run, the newest first."""
        while self._serving:
            self._serving.popitem()[1].stop()

    def here(self, text: str) -> str:
        """A text of a document, with the addresses and folders of the test."""
        for written, found in self.replaced.items():
            text = text.replace(written, found)
        return text

    def as_written(self, text: str) -> str:
        """The reverse of `here`."""
        for written, found in self.replaced.items():
            text = text.replace(found, written)
        return text


@dataclass(frozen=True)
class _Serving:
    """A line that runs, and where it writes."""

    line: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, texts: Sequence[str]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while missing := [text for text in texts if text not in " ".join(self._printed().split())]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LineFailed(f"{self.line}\ndid not print {missing}\n{self._printed()}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it as Ctrl-C does. Raises LineFailed if it ended before, or with a traceback."""
        if self.process.poll() is not None:
            raise LineFailed(f"{self.line}\nended by itself\n{self._printed()}")
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
            raise LineFailed(f"{self.line}\ndid not end at Ctrl-C\n{self._printed()}") from None
        if "Traceback" in self._printed():
            raise LineFailed(f"{self.line}\nprinted a traceback\n{self._printed()}")

    def _printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")
