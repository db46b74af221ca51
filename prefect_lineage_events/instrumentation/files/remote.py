"""Addresses of files that are not a plain path: chained URLs, archives, Azure's accounts, filesystem objects.

https://filesystem-spec.readthedocs.io/en/latest/features.html#url-chaining
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prefect_lineage_events.object_stores import AZURE_SCHEMES, azure_account, azure_namespace

ARCHIVES = frozenset({"zip", "tar", "libarchive"})
_PYARROW_SCHEMES = {"s3": "s3", "gcs": "gs", "abfs": "abfs"}


def unchained(text: str) -> tuple[str, str]:
    """The address at the end of a chain, and the file within it if it is an archive: `zip://a.csv::s3://b/x.zip`."""
    links = text.split("::")
    member = ""
    for link in links[:-1]:
        protocol, _, path = link.partition("://")
        if protocol in ARCHIVES and path:
            member = path
    return links[-1], member


def archived(text: str, options: Mapping[str, Any] | None) -> tuple[str, str]:
    """The archive of `zip://a.csv` with the option `fo`, and the file within it."""
    archive = (options or {}).get("fo")
    if not isinstance(archive, str | os.PathLike):
        raise ValueError("the archive of a URL is not named")
    return os.fsdecode(archive), text.partition("://")[2]


def with_account(text: str, options: Mapping[str, Any] | None) -> str:
    """The URL of an Azure container with its account, which fsspec takes from options or the environment.

    Raises ValueError if the account is not known: equal paths of two accounts are different files.
    """
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0]
    if not separator or scheme.lower() not in AZURE_SCHEMES or "@" in authority or "." in authority:
        return text
    account = azure_account(options or {}) or azure_account(os.environ)
    if not account:
        raise ValueError("the account of an Azure container is not known")
    return _azure_url(account, rest)


def _azure_url(account: str, path: str) -> str:
    container, _, key = path.lstrip("/").partition("/")
    return f"{azure_namespace(container, account)}/{key}"


def on_filesystem(filesystem: Any, path: str) -> str | tuple[Any, str] | None:
    """The URL of a path on a filesystem of fsspec or pyarrow; an archive and the file within it; None if unknown."""
    for _ in range(8):
        if hasattr(filesystem, "_strip_protocol"):
            found = _unwrapped(filesystem, path)
            if found is None:
                return _of_fsspec(filesystem, path)
            filesystem, path = found
        elif hasattr(filesystem, "type_name"):
            name = filesystem.type_name
            if name == "subtree":
                filesystem, path = filesystem.base_fs, f"{filesystem.base_path.rstrip('/')}/{path.lstrip('/')}"
            elif name.startswith("py::") and hasattr(filesystem.handler, "fs"):
                filesystem = filesystem.handler.fs
            else:
                return _of_pyarrow(name, path)
        else:
            return None
    return None


def _unwrapped(filesystem: Any, path: str) -> tuple[Any, str] | None:
    """The filesystem below a cache or a directory of another one, and the path there."""
    kinds = {kind.__name__ for kind in type(filesystem).__mro__}
    if "DirFileSystem" in kinds:
        return filesystem.fs, f"{str(filesystem.path).rstrip('/')}/{path.lstrip('/')}"
    if "CachingFileSystem" in kinds or "AsyncFileSystemWrapper" in kinds:
        inner = getattr(filesystem, "fs", None) or getattr(filesystem, "sync_fs", None)
        return (inner, path) if inner is not None else None
    return None


def _of_fsspec(filesystem: Any, path: str) -> str | tuple[Any, str] | None:
    protocol = filesystem.protocol
    protocols = (protocol,) if isinstance(protocol, str) else tuple(protocol)
    if not protocols or "abstract" in protocols:
        return None
    if not ARCHIVES.isdisjoint(protocols):
        return getattr(filesystem, "fo", None), path.lstrip("/")
    if "file" in protocols or "local" in protocols:
        return str(filesystem._strip_protocol(path))
    if not AZURE_SCHEMES.keys().isdisjoint(protocols):
        account = getattr(filesystem, "account_name", None)
        return _azure_url(account, str(filesystem._strip_protocol(path))) if account else None
    if "://" in path:
        return path
    host = getattr(filesystem, "host", None)
    authority = f"{host}/" if isinstance(host, str) and host else ""
    return f"{protocols[0]}://{authority}{path.lstrip('/')}"


def _of_pyarrow(name: str, path: str) -> str | None:
    if name == "local":
        return path
    scheme = _PYARROW_SCHEMES.get(name)
    return f"{scheme}://{path.lstrip('/')}" if scheme else None
