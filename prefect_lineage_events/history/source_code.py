"""The source code of a deployment: its repository, branch and commit, without credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.repositories import file_page, repository_address

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_BRANCH = re.compile(r"[^\s\x00-\x1f~^:?*\[\\]{1,255}")
# The page of a commit, as Prefect makes it from the variables of a CI service (`prefect._internal.versioning`).
_TREE = re.compile(r"(?:/-)?/(?:tree|src)/[0-9a-fA-F]{7,64}/?\Z")


@dataclass(frozen=True, slots=True)
class SourceCode:
    """`url` is the page of the code or the repository's address, `repository` as git takes it.

    `path` is that of the file in the repository.
    """

    url: str
    repository: str | None = None
    branch: str | None = None
    commit: str | None = None
    path: str | None = None


def source_code(deployment: Mapping[str, Any]) -> SourceCode | None:
    """The source code of a deployment in Prefect's API: by its version's, else by the pull step that clones it.

    The address of a version is taken as it is. That of a repository on a well-known host becomes the address of the
    file, if the pull step clones it to where the entrypoint begins.
    """
    version: Mapping[str, Any] = deployment.get("version_info") or {}
    cloned = next(_cloned(deployment), {})
    branch = _branch(version.get("branch")) or _branch(cloned.get("branch"))
    commit = _commit(version.get("commit_sha")) or _commit(cloned.get("commit_sha"))
    path = _path(deployment)
    repository = repository_address(cloned.get("repository"))
    page = repository_address(version.get("url"))
    if page is not None and version.get("type") == "vcs:git":
        # Prefect takes the remote's address for it.
        repository, page = repository or page, None
    if page is not None:
        repository = repository or repository_address(_TREE.split(page.url)[0] if _TREE.search(page.url) else None)
        return SourceCode(page.url, repository.as_given if repository else None, branch, commit, path)
    if repository is None:
        return None
    return SourceCode(file_page(repository.url, commit or branch, path), repository.as_given, branch, commit, path)


def source_of(definition: Definition) -> SourceCode | None:
    """The source code of a function: its page in the repository, or its file; None if its file is not known."""
    if not definition.path:
        return None
    repository = repository_address(definition.repository)
    if repository is None:
        return SourceCode(f"file:{quote(definition.path)}", path=definition.path)
    branch, commit = _branch(definition.branch), _commit(definition.commit)
    url = file_page(repository.url, commit or branch, definition.path)
    return SourceCode(url, repository.as_given, branch, commit, definition.path)


def _cloned(deployment: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The arguments of the pull steps that clone a git repository."""
    steps = deployment.get("pull_steps") or ()
    for step in steps if isinstance(steps, list | tuple) else ():
        for name, arguments in step.items() if isinstance(step, Mapping) else ():
            if "git_clone" in name and isinstance(arguments, Mapping) and arguments.get("repository"):
                yield arguments


def _path(deployment: Mapping[str, Any]) -> str | None:
    """The path of the flow's file, from the entrypoint `path/flow.py:function`; a module has none in the repository."""
    path = str(deployment.get("entrypoint") or "").rpartition(":")[0]
    is_relative = not path.startswith(("/", "~")) and ".." not in path.split("/") and ":" not in path
    return path.removeprefix("./") if path.endswith(".py") and is_relative else None


def _branch(value: object) -> str | None:
    text = str(value or "").strip()
    return text if _BRANCH.fullmatch(text) and "{" not in text and text != "HEAD" else None


def _commit(value: object) -> str | None:
    text = str(value or "").strip()
    return text if _COMMIT.fullmatch(text) else None
