"""Addresses of git repositories: without credentials, and with the page of a file on well-known hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

# `git@host:owner/repository.git`, which git-clone(1) calls the scp-like syntax.
_SCP = re.compile(r"(?:[A-Za-z0-9._\-]+@)?(?P<host>[A-Za-z0-9.\-]+):(?P<path>[^\s/][^\s]*)")
_SCHEMES = frozenset({"http", "https", "ssh", "git", "svn", "file"})
# Hosts whose pages of a file are at `<repository>/<word>/<commit or branch>/<path>`.
_FILE_PAGES = {"github.com": "blob", "gitlab.com": "-/blob", "bitbucket.org": "src"}
# Azure DevOps names the commit in the query: `?version=GC<commit>`.
_HARMLESS_PARAMETERS = frozenset({"version", "path"})


@dataclass(frozen=True, slots=True)
class Address:
    """An address without credentials, as it was given and as a URL."""

    as_given: str
    url: str


def repository_address(given: object) -> Address | None:
    """The address of a repository without its credentials; None for a text that is none, such as a template's.

    The user of SSH becomes `git`: it may be a person's name.
    """
    text = str(given or "").strip()
    if not text or "\\" in text or any(ord(letter) < 33 for letter in _without_user(text)):
        return None
    if "://" not in text:
        found = _SCP.fullmatch(text)
        if found is None or "{" in text:
            return None
        path = found["path"].partition("?")[0]
        if "@" in path:  # a user and a password that no scheme stands before
            return None
        web = _web(found["host"].lower(), path)
        return Address(f"git@{found['host']}:{path}", web or f"ssh://git@{found['host']}/{path.lstrip('/')}")
    try:
        parts = urlsplit(_without_user(text))
    except ValueError:
        return None
    if parts.scheme.lower() not in _SCHEMES or not (parts.netloc or parts.scheme == "file") or "{" in parts.netloc:
        return None
    user = "git@" if parts.scheme.lower() == "ssh" else ""
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k in _HARMLESS_PARAMETERS])
    if "{" in parts.path or "@" in parts.path:  # a password with a slash in it puts the `@` there
        return None
    whole = urlunsplit((parts.scheme, user + parts.netloc, parts.path, query, ""))
    is_ssh = parts.scheme.lower() == "ssh"
    return Address(whole, (_web((parts.hostname or "").lower(), parts.path) or whole) if is_ssh else whole)


def _without_user(text: str) -> str:
    """The address without `user:token@`, which may be a template with spaces and slashes in it."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    first, *templates = rest.split("{{")
    rest = first + "".join(text.partition("}}")[2] if "}}" in text else "{{" + text for text in templates)
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _web(host: str, path: str) -> str | None:
    """The address on the web of a repository on a well-known host."""
    return f"https://{host}/{path.strip('/')}" if host in _FILE_PAGES else None


def file_page(url: str, version: str | None, path: str | None) -> str:
    """The page of a file at a commit or branch, where the host is a well-known one; else the repository's address."""
    host = (urlsplit(url).hostname or "").lower()
    if not version or not path or host not in _FILE_PAGES:
        return url
    return f"{url.removesuffix('/').removesuffix('.git')}/{_FILE_PAGES[host]}/{quote(version)}/{quote(path)}"
