"""Files below an address of the user's: a local path, or a URL that fsspec opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class ArchiveError(Exception):
    """The archive did not take or return a file. The text has no credentials."""


class FileStore:
    """The store of an address. `name` is the address without secrets, `root` the path in the store."""

    def __init__(self, address: str) -> None:
        import fsspec  # type: ignore[import-untyped]

        self.name = shown(address)
        with errors_of(self.name):
            is_path = "://" not in address and "::" not in address
            self.fs, root = fsspec.core.url_to_fs(str(Path(address).expanduser().resolve()) if is_path else address)
        self.root = str(root).rstrip("/")
        protocol = self.fs.protocol
        self.protocols = frozenset([protocol] if isinstance(protocol, str) else protocol)

    @property
    def is_local(self) -> bool:
        """Return whether the files are this machine's own, and not a cache of another store's."""
        return "file" in self.protocols

    def names(self, folder: str) -> Iterator[str]:
        """The names of all files and folders in a folder; none if there is no such folder."""
        with suppress(FileNotFoundError, NotADirectoryError):
            # Another process may have written since this one listed the folder.
            self.fs.invalidate_cache()
            yield from (str(path).rstrip("/").rpartition("/")[2] for path in self.fs.ls(folder, detail=False))


def shown(address: str) -> str:
    """An address for people: without user, password and options, where keys may stand."""
    parts = []
    for link in address.split("::"):
        scheme, separator, rest = link.partition("://")
        rest = (rest if separator else link).partition("?")[0]
        head, slash, tail = rest.partition("/")
        parts.append(f"{scheme}{separator}{head.rpartition('@')[2]}{slash}{tail}" if separator else link)
    return "::".join(parts)


@contextmanager
def errors_of(name: str) -> Iterator[None]:
    """A block whose errors become ArchiveError, without the credentials that their texts may contain."""
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # noqa: BLE001  (each store has errors of its own)
        raise ArchiveError(described(error, name)) from None


def described(error: BaseException, name: str) -> str:
    """The error of a store, in words without credentials."""
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    if isinstance(error, ImportError):
        return f"{name}: {error}"
    # Texts of clouds' errors may repeat keys and signed addresses.
    return f"{name}: {type(error).__name__}"
