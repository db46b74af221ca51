"""The shell in which the lines of the documents run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.shell import LineFailed, Shell

WRITTEN = "127.0.0.1:4200"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (state := tmp_path / "state").mkdir()
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"]}, {WRITTEN: "127.0.0.1:4321"}, state)
    yield shell
    shell.stop()


def test_folder_and_variables_stay_for_the_next_line(shell: Shell) -> None:
    shell.run("mkdir shop && cd shop && export DAY='a \"day\"'")
    assert shell.run('echo "$(basename "$PWD"): $DAY"') == 'shop: a "day"\n'


def test_address_of_the_documents_is_the_one_of_the_test(shell: Shell) -> None:
    shell.run(f"echo {WRITTEN} > address")
    assert (shell.folder / "address").read_text() == "127.0.0.1:4321\n"
    assert shell.run("cat address") == f"{WRITTEN}\n"


@pytest.mark.parametrize("line", ["no-such-command", "false; true", "false | cat"])
def test_line_that_fails_raises(line: str, shell: Shell) -> None:
    with pytest.raises(LineFailed, match="ended with"):
        shell.run(line)


def test_line_that_serves_runs_until_it_is_stopped(shell: Shell) -> None:
    shell.serve("echo ready; sleep 600", ["ready"])
    (serving,) = shell._serving.values()
    assert serving.process.poll() is None
    shell.stop()
    assert serving.process.poll() is not None


@pytest.mark.parametrize(("line", "fault"), [("echo other", "did not print"), ("exit 3", "did not print")])
def test_line_that_ends_without_its_text_raises(line: str, fault: str, shell: Shell) -> None:
    with pytest.raises(LineFailed, match=fault):
        shell.serve(line, ["ready"])
    shell._serving.clear()


def test_line_that_ended_by_itself_raises_when_it_is_stopped(shell: Shell) -> None:
    shell.serve("echo ready", ["ready"])
    next(iter(shell._serving.values())).process.wait(60)
    with pytest.raises(LineFailed, match="ended by itself"):
        shell.stop()


def test_same_line_is_stopped_before_it_starts_again(shell: Shell) -> None:
    line = "echo ready; sleep 600"
    shell.serve(line, ["ready"])
    first = shell._serving[line].process
    shell.serve(line, ["ready"])
    assert first.poll() is not None
