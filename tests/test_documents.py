"""Documents for users and maintainers name files, commands and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prefect_lineage_events.cli.app import application
from tests.code_blocks import documents, without_blocks

_ROOT = Path(__file__).parents[1]
_PACKAGE = _ROOT / "prefect_lineage_events"
_DOCUMENTS = documents()
_CONTRIBUTING = _DOCUMENTS["CONTRIBUTING.md"]
# Files of users, folders that commands make, names of deployments, and parts of URLs.
_NOT_OURS = {
    *(
        "openlineage.yml",
        "prefect.toml",
        "dist/",
        "prefect-lineage-backfill/lineage",
        "namespace/part/part",
        "site/",
        "build/",
    ),
    *("shop.py", "slack-webhook/ops", "raw/orders-2026-11-28.csv"),
    *("snowflake-connector/audit", "snowflake-credentials/audit"),
}
_PATH = re.compile(r"/|\.(py|md|ya?ml|toml|txt)$")


def _documents() -> dict[str, str]:
    """Text of each document that is checked for paths and links: all but the pages of SQL statements and of names."""
    others = {"docs/sql.md", "docs/naming.md"}
    return {name: without_blocks(text) for name, text in _DOCUMENTS.items() if name not in others}


def _paths() -> set[tuple[str, str]]:
    """Each document with the paths that it names in backticks."""
    named = {(name, path) for name, text in _documents().items() for path in re.findall(r"`(\w[\w./-]*)`", text)}
    return {(name, path) for name, path in named if _PATH.search(path) and path not in _NOT_OURS}


# One test for each check, not for each path: the garbage collection after a test takes longer than these checks.
def test_paths_in_documents_exist() -> None:
    assert [
        found for found in sorted(_paths()) if not any((root / found[1]).exists() for root in (_PACKAGE, _ROOT))
    ] == []


def _links() -> set[tuple[str, str]]:
    return {
        (name, target)
        for name, text in _documents().items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not target.startswith("https://")
    }


def test_links_of_documents_lead_somewhere() -> None:
    assert [found for found in sorted(_links()) if not _leads_somewhere(*found)] == []


def _leads_somewhere(document: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (_ROOT / document).parent / path if path else _ROOT / document
    return file.exists() and (not anchor or anchor in _anchors(file.read_text(encoding="utf-8")))


def _anchors(text: str) -> set[str]:
    """Anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["cloud", "datahub", "openmetadata", "server", "snowflake"])
def test_guide_to_a_service_that_was_not_at_hand_says_so(page: str) -> None:
    assert re.search(r"Nothing was run on|were not run here", _DOCUMENTS[f"docs/how-to/{page}.md"])


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
    texts = {**_DOCUMENTS, "NOTICE": (_ROOT / "NOTICE").read_text(encoding="utf-8")}
    return {(name, target) for name, text in texts.items() for target in re.findall(r"`make ([\w -]+?)[`\s]", text)}


def test_make_targets_in_documents_exist() -> None:
    existing = set(re.findall(r"^([\w-]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert [(document, targets) for document, targets in _make_targets() if set(targets.split()) - existing] == []


def _commands() -> set[tuple[str, str]]:
    return {
        (name, command.strip())
        for name, text in _DOCUMENTS.items()
        for command in re.findall(r"prefect-lineage ([a-z]+[^`\n#>|]*)", text)
    }


def test_commands_in_documents_have_the_options_that_they_show() -> None:
    assert [(document, command) for document, command in sorted(_commands()) if _unknown_options(command)] == []


def _unknown_options(command: str) -> set[str]:
    name, *words = command.split()
    options = {option for argument in application()[name].assemble_argument_collection() for option in argument.names}
    return {word for word in words if re.fullmatch(r"--[a-z-]+", word)} - options


def test_folders_of_tests_are_rooms_or_listed_as_folders_of_their_own() -> None:
    folders = {path.name for path in (_ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms = {path.name for path in _PACKAGE.iterdir() if path.is_dir()}
    assert folders - rooms == set(re.findall(r"^\| `tests/(\w+)/`", _CONTRIBUTING, re.MULTILINE))
