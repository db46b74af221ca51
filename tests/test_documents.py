"""Documents for users and maintainers name files, commands and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prefect_lineage_events.cli.app import application

_ROOT = Path(__file__).parents[1]
_PACKAGE = _ROOT / "prefect_lineage_events"
_DOCUMENTS = {
    str(path.relative_to(_ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *(_ROOT / "docs").glob("*.md")])
}
_CONTRIBUTING = _DOCUMENTS["CONTRIBUTING.md"]
# Files of users, folders that commands make, names of deployments, and parts of URLs.
_NOT_OURS = {"openlineage.yml", "prefect.toml", "dist/", "prefect-lineage-backfill/lineage", "namespace/part/part"}
_PATH = re.compile(r"/|\.(py|md|ya?ml|toml|txt)$")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _documents() -> dict[str, str]:
    """Text of each document that is checked for paths and links: all but the pages of SQL statements and of names."""
    others = {"docs/sql.md", "docs/naming.md"}
    return {name: _FENCE.sub("", text) for name, text in _DOCUMENTS.items() if name not in others}


def _paths() -> set[tuple[str, str]]:
    """Each document with the paths that it names in backticks."""
    named = {(name, path) for name, text in _documents().items() for path in re.findall(r"`(\w[\w./-]*)`", text)}
    return {(name, path) for name, path in named if _PATH.search(path) and path not in _NOT_OURS}


@pytest.mark.parametrize(("document", "path"), sorted(_paths()))
def test_path_in_a_document_exists(document: str, path: str) -> None:
    assert (_PACKAGE / path).exists() or (_ROOT / path).exists()


def _links() -> set[tuple[str, str]]:
    return {
        (name, target)
        for name, text in _documents().items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not target.startswith("https://")
    }


@pytest.mark.parametrize(("document", "target"), sorted(_links()))
def test_link_of_a_document_leads_somewhere(document: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (_ROOT / document).parent / path if path else _ROOT / document
    assert file.exists()
    assert not anchor or anchor in _anchors(file.read_text(encoding="utf-8"))


def _anchors(text: str) -> set[str]:
    """Anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in _DOCUMENTS:
            continue
        reached.add(name)
        targets = re.findall(r"\]\(([^)\s#]+)", _DOCUMENTS[name])
        waiting += [
            str((_ROOT / name).parent.joinpath(target).resolve().relative_to(_ROOT))
            for target in targets
            if not target.startswith("https://")
        ]
    assert set(_DOCUMENTS) - reached == set()


def _make_targets() -> set[tuple[str, str]]:
    return {
        (name, target) for name, text in _DOCUMENTS.items() for target in re.findall(r"`make ([\w -]+?)[`\s]", text)
    }


@pytest.mark.parametrize(("document", "targets"), sorted(_make_targets()))
def test_make_target_in_a_document_exists(document: str, targets: str) -> None:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    assert [one for one in targets.split() if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def _commands() -> set[tuple[str, str]]:
    return {
        (name, command.strip())
        for name, text in _DOCUMENTS.items()
        for command in re.findall(r"prefect-lineage ([a-z]+[^`\n#>|]*)", text)
    }


@pytest.mark.parametrize(("document", "command"), sorted(_commands()))
def test_command_in_a_document_has_the_options_that_it_shows(document: str, command: str) -> None:
    name, *words = command.split()
    options = {option for argument in application()[name].assemble_argument_collection() for option in argument.names}
    assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} - options == set()


def test_folders_of_tests_are_rooms_or_listed_as_folders_of_their_own() -> None:
    folders = {path.name for path in (_ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms = {path.name for path in _PACKAGE.iterdir() if path.is_dir()}
    assert folders - rooms == set(re.findall(r"^\| `tests/(\w+)/`", _CONTRIBUTING, re.MULTILINE))
