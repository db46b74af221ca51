"""The file behind an open file object: through text layers, compression, archives, temporary files and fsspec.

Only classes that are known are asked, because an attribute `name` may be anything: that of a member of a ZIP file is no
path. https://docs.python.org/3/library/io.html
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.instrumentation.kept import Kept

# The paths of files of Arrow's own kind, which do not know them.
named_files: Kept[str] = Kept()

_MAX_LAYERS = 12
# The next layer of wrappers, by module and class.
_INNER: dict[tuple[str, str], tuple[str, ...]] = {
    ("gzip", "GzipFile"): ("fileobj",),
    ("gzip", "_GzipReader"): ("_fp",),
    ("bz2", "BZ2File"): ("_fp",),
    ("lzma", "LZMAFile"): ("_fp",),
    ("tempfile", "_TemporaryFileWrapper"): ("file",),
    ("tempfile", "SpooledTemporaryFile"): ("_file",),
    ("zipfile", "ZipExtFile"): ("_fileobj",),
    ("zipfile", "_SharedFile"): ("_file",),
    ("zipfile", "_ZipWriteFile"): ("_zipfile",),
    ("zipfile", "ZipFile"): ("fp",),
    ("tarfile", "_FileInFile"): ("fileobj",),
    ("tarfile", "TarFile"): ("fileobj",),
    ("codecs", "StreamReaderWriter"): ("stream",),
    ("codecs", "StreamRecoder"): ("stream",),
    ("wrapt", "ObjectProxy"): ("__wrapped__",),
    ("pandas.io.common", "_BufferedWriter"): ("buffer",),
}
# Members of archives: their names are those within the archive.
_MEMBERS = frozenset({("zipfile", "ZipExtFile"), ("zipfile", "_ZipWriteFile"), ("tarfile", "ExFileObject")})
# Streams of clients: what they read is another library's access, which reports it.
_CLIENTS = frozenset(
    {"botocore", "urllib3", "http", "urllib", "requests", "httpx", "aiohttp", "smart_open", "google", "azure", "socket"}
)
_IN_MEMORY = frozenset({"BufferReader", "BufferOutputStream", "FixedSizeBufferWriter", "MockOutputStream"})


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A path, of this machine or of a filesystem of fsspec; `member` is a file within it, which is an archive.

    `file` is the open file of the filesystem.
    """

    path: str
    filesystem: Any = None
    member: str = ""
    file: Any = None


def has_filesystem(target: Any) -> bool:
    """Return whether an object is a file or a path of fsspec (or of universal_pathlib)."""
    kind = type(target)
    if kind.__module__.startswith("_io") or not (hasattr(target, "fs") and hasattr(target, "path")):
        return False
    return hasattr(target.fs, "_strip_protocol") and isinstance(target.path, str)


def file_behind(target: Any) -> OpenedFile | None:
    """The file that an open file object reads or writes; None for one in memory and for a stream of a client.

    An object of an unknown class is counted as a loss.
    """
    member = ""
    for _ in range(_MAX_LAYERS):
        if target is None or isinstance(target, io.BytesIO | io.StringIO) or type(target).__name__ == "MemoryBuffer":
            return _in_memory_file(target, member)
        if has_filesystem(target):
            return OpenedFile(target.path, target.fs, member, target)
        if isinstance(target, io.FileIO):
            return _named(target, member)
        if type(target).__module__ == "pyarrow.lib" and (path := named_files.get(target)) is not None:
            return OpenedFile(path, None, member)
        kind = next((key for key in _kinds(target) if key in _INNER or key in _MEMBERS), None)
        if kind in _MEMBERS:
            member = str(getattr(target, "name", "") or getattr(getattr(target, "_zinfo", None), "filename", "") or "")
        if kind in _INNER:
            target = next((v for name in _INNER[kind] if (v := getattr(target, name, None)) is not None), None)
        elif isinstance(target, io.TextIOWrapper):
            target = target.buffer
        elif isinstance(target, io.BufferedReader | io.BufferedWriter | io.BufferedRandom | io.BufferedRWPair):
            target = getattr(target, "raw", None)
        else:
            _count_unknown(target)
            return None
    return None


def _kinds(target: Any) -> list[tuple[str, str]]:
    return [(kind.__module__.partition("._")[0], kind.__name__) for kind in type(target).__mro__[:6]]


def _in_memory_file(target: Any, member: str) -> OpenedFile | None:
    """A file of fsspec's memory filesystem is a BytesIO with a path."""
    if target is None or not has_filesystem(target):
        return None
    return OpenedFile(target.path, target.fs, member, target)


def _named(target: io.FileIO, member: str) -> OpenedFile | None:
    """A file that Python opened by its path. Temporary files without a name, pipes and standard streams have none."""
    name = target.name
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str) or name.startswith("<"):
        return None
    found = OpenedFile(name, None, member)
    if name.startswith(os.sep):
        return found
    try:
        if os.path.samestat(os.fstat(target.fileno()), Path(name).stat()):
            return replace(found, path=os.path.realpath(name))
    except (OSError, ValueError):  # closed, or gone
        pass
    count_loss("an open file that has a relative name in another directory")
    return None


def _count_unknown(target: Any) -> None:
    root = type(target).__module__.partition(".")[0]
    if root in _CLIENTS or type(target).__name__ in _IN_MEMORY:
        return
    count_loss("a file object whose file is not known")
