"""The git checkout of a file: its remote without credentials, its branch or commit. No program is started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from prefect_lineage_events.repositories import repository_address

_MAX_CONFIG = 1_000_000
_HEADS = "ref: refs/heads/"
# The branch in HEAD of a repository that keeps its references in another format: gitrepository-layout(5).
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NO_BRANCH = ".invalid"
_SECTION = re.compile(r'\[\s{0,20}([A-Za-z0-9.\-]{1,100})(?:\s{1,20}"((?:[^"\\]|\\.){0,1000})")?\s{0,20}\](.*)')


class Checkout(NamedTuple):
    """The address of the remote `origin`, without credentials, and the current branch, or the commit without one."""

    address: str | None = None
    branch: str | None = None
    commit: str | None = None


class _Setting(NamedTuple):
    section: str
    subsection: str
    key: str
    value: str


@lru_cache(maxsize=50)
def checkout(root: Path) -> Checkout:
    """The checkout in this folder. A commit is known where HEAD is detached, as in a submodule or in a CI service."""
    try:
        folder = root / ".git"
        if folder.is_file():  # a work tree, or a submodule: gitrepository-layout(5)
            folder = Path(root, folder.read_text(errors="replace").partition("gitdir:")[2].strip())
        common = folder / "commondir"
        shared = Path(folder, common.read_text().strip()) if common.is_file() else folder
        settings = list(_settings(shared / "config"))
        head = (folder / "HEAD").read_text(errors="replace").strip()
    except (OSError, ValueError):
        return Checkout()
    address = repository_address(_origin(settings))
    is_elsewhere = address is not None and not address.url.startswith("file:")
    branch = head.removeprefix(_HEADS) if head.startswith(_HEADS) else None
    return Checkout(
        address.as_given if address and is_elsewhere else None,
        branch if branch != _NO_BRANCH else None,
        head if _COMMIT.fullmatch(head) else None,
    )


def _origin(settings: list[_Setting]) -> str | None:
    """The address of the remote `origin`, as git takes it: with the replacements of the user's own settings.

    Of replacements of the same length, git takes the first.
    """
    urls = (one.value for one in settings if one[:3] == ("remote", "origin", "url") and one.value)
    url = next(urls, None)
    if url is None:
        return None
    replaced = [one for one in (*_users_settings(), *settings) if one.section == "url" and one.key == "insteadof"]
    fitting = [one for one in replaced if one.value and url.startswith(one.value)]
    longest = max(fitting, key=lambda one: len(one.value), default=None)
    return url if longest is None else longest.subsection + url[len(longest.value) :]


def _users_settings() -> Iterator[_Setting]:
    """The user's settings in git's order, where they can be read: git-config(1). Includes are not followed."""
    configured = os.environ.get("GIT_CONFIG_GLOBAL")
    own = f"{os.environ.get('XDG_CONFIG_HOME') or '~/.config'}/git/config"
    for file in [configured] if configured is not None else [own, "~/.gitconfig"]:
        try:
            yield from _settings(Path(file).expanduser())
        except (OSError, RuntimeError):
            continue


def _settings(file: Path) -> Iterator[_Setting]:
    """The settings of a file in git's format. Names of sections and keys have no case."""
    section = subsection = ""
    with file.open(errors="replace") as opened:
        text = opened.read(_MAX_CONFIG)
    for line in map(str.strip, text.splitlines()):
        rest = line
        if found := _SECTION.match(line):
            section, subsection, rest = found[1].lower(), re.sub(r"\\(.)", r"\1", found[2] or ""), found[3].strip()
        key, is_set, value = rest.partition("=")
        if is_set and not key.startswith(("#", ";", "[")):
            yield _Setting(section, subsection, key.strip().lower(), _value(value.strip()))


def _value(text: str) -> str:
    """A value without its quotes, and without the comment after it."""
    value, quoted, escaped = [], False, False
    for letter in text:
        if escaped:
            value.append(letter)
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter in "#;" and not quoted:
            break
        else:
            value.append(letter)
    return "".join(value).strip()
