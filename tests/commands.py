"""Commands of documents, as a shell reads them, and what is wrong with them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from cyclopts import CycloptsError

from prefect_lineage_events.cli.app import application
from prefect_lineage_events.settings import PREFIX, LineageSettings
from tests.code_blocks import BLOCKS, ROOT, Block
from tests.documents.preparations import PREPARED
from tests.environment_names import unknown_names
from tests.test_extras import tomllib

_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
_ENDS = frozenset({"|", ">", ">>", "&&", ";"})
# Commands of other programs that the documents name, as far as they are checked: their first words.
_OTHERS = {
    *("cd", "curl", "docker build", "docker compose", "docker push", "find", "kubectl", "mkdir", "openssl", "source"),
    *("python3 -m venv", "prefect artifact delete", "prefect automation create", "prefect cloud login"),
    *("pip wheel", "prefect server start"),
}


def faults_of(block: Block) -> list[str]:
    """The faults of a block's commands: unknown options, settings, extras, targets and files."""
    return [fault for words in commands(block) for fault in _faults(words)]


def lines(block: Block) -> list[str]:
    """The lines that a reader gives to the shell; of a console, those after the prompts."""
    given = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in given if line.startswith("$ ")]
    return [line for line in given if shlex.split(line, comments=True)]


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command."""
    for line in lines(block):
        words: list[str] = []
        for word in shlex.split(line, comments=True):
            if word in _ENDS:
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def _faults(words: list[str]) -> Iterator[str]:
    rest = words[1:] if words[0] == "export" else words
    variables: dict[str, str] = {}
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        variables[found[1]] = found[2]
        rest = rest[1:]
    yield from _faults_of_variables(variables)
    if words[0] == "export" or not rest:
        yield from (f"{word!r} is no assignment" for word in rest)
        return
    yield from _faults_of_files(rest)
    match rest:
        case ["prefect-lineage", *arguments]:
            yield from _faults_of_ours(arguments)
        case ["pip", "install", *what]:
            yield from _faults_of_extras(what)
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            yield from (f"no target {one}" for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE))
        case ["python", script]:
            shown = {block.file for block in BLOCKS}.union(*(row.files for row in PREPARED.values()))
            yield from [] if script in shown else [f"no page shows {script}"]
        case _ if not any(" ".join(rest).startswith(known) for known in _OTHERS):
            yield f"{' '.join(rest)!r} is not checked by anything"


def _faults_of_variables(variables: dict[str, str]) -> Iterator[str]:
    ours = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
    compose = (ROOT / "deployments" / "compose.yaml").read_text(encoding="utf-8")
    yield from (f"no setting {name}" for name in unknown_names(variables) if f"${{{name}:" not in compose)
    with patch.dict(os.environ, ours):
        LineageSettings()  # raises for a value that is not allowed


def _faults_of_ours(arguments: list[str]) -> Iterator[str]:
    if "--help" in arguments or "--version" in arguments:
        return
    try:
        application().parse_args(arguments, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        yield f"prefect-lineage {' '.join(arguments)}: {error}"


def _faults_of_extras(what: list[str]) -> Iterator[str]:
    for name in re.findall(r"^\.\[(.*)\]$", "\n".join(what), re.MULTILINE):
        yield from (f"no extra {extra}" for extra in name.split(",") if extra not in _extras())


def _faults_of_files(words: list[str]) -> Iterator[str]:
    for option, value in pairwise(words):
        is_ours = option in ("--file", "--filename", "--from-file") and value.partition("/")[2]
        if is_ours and not (ROOT / Path(value)).exists() and "NAME" not in value:
            yield f"no file {value}"


@cache
def _extras() -> frozenset[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return frozenset(project["optional-dependencies"])
