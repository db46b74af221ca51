"""Names of files: from all that libraries accept as a file to the dataset that it is, the same on every road.

Paths and URLs (also chained ones of fsspec), open files and buffers around them, lists, and a filesystem with a path.
Nothing is opened or requested for a name. A buffer in memory is no dataset. An object whose file is not known is
counted as a loss, never guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import Any, Literal
from weakref import ref

from prefect_lineage_events.datasets import DEVICES, MAX_SINGLE_FILES, Dataset, common_directory, file_at
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.access import Access
from prefect_lineage_events.instrumentation.files import opened, remote

MAX_SUBSET = 100
_MAX_NAMED = 1_000
_CHAINED = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(?:://[^:]*)?::")


@dataclass(frozen=True, slots=True)
class Location:
    """A dataset that a call names, with the parts of it that are named, and the number of files if it is known.

    `path` is the path of a single local file, `file` the open file of a filesystem that stands for it.
    """

    dataset: Dataset
    subset: tuple[str, ...] = ()
    files: int | None = None
    path: str | None = None
    file: ref[Any] | None = None

    def size(self) -> int | None:
        """The bytes of a single local file."""
        if self.path is None:
            return None
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError):
            return None
        return found.st_size if S_ISREG(found.st_mode) else None


def locate(
    target: Any, *, filesystem: Any = None, options: Mapping[str, Any] | None = None, patterns: bool = False
) -> tuple[Location, ...]:
    """The datasets that a library's argument names: most often one, none for a buffer in memory.

    `filesystem` is one of fsspec or pyarrow that the path belongs to, `options` the `storage_options` of a URL.
    `patterns`: the library expands `*` and the like. Never raises; an object whose file is not known is counted.
    """
    with guarded("naming a file", count_loss):
        try:
            return _locations(target, filesystem, options, patterns)
        except ValueError:  # a URL that names nothing, an account that is not known
            count_loss("a file that cannot be named")
    return ()


def _locations(target: Any, filesystem: Any, options: Mapping[str, Any] | None, patterns: bool) -> tuple[Location, ...]:
    if isinstance(target, list | tuple | set | frozenset):
        return _grouped(target, filesystem, options, patterns)
    found = _located(target, filesystem, options, patterns)
    return () if found is None else (found,)


def _located(target: Any, filesystem: Any, options: Mapping[str, Any] | None, patterns: bool) -> Location | None:
    text = _text_of(target)
    if text is not None and filesystem is None:
        return _at(text, options, patterns)
    if text is not None:
        return _on(filesystem, text, patterns)
    found = opened.file_behind(target)
    if found is None:
        return None
    if found.filesystem is not None:
        location = _on(found.filesystem, found.path, patterns=False)
        if location is not None and not found.member:
            with suppress(TypeError):  # it cannot be referenced weakly
                location = replace(location, file=ref(found.file))
    else:
        location = _at(found.path, None, patterns=False)
    return replace(location, subset=(found.member,)) if location is not None and found.member else location


def _text_of(target: Any) -> str | None:
    """The path or URL that an argument is; None for an open file."""
    if isinstance(target, str):
        return target
    if isinstance(target, bytes | PurePath):
        return os.fsdecode(target)
    if isinstance(target, os.PathLike) and not opened.has_filesystem(target):
        # to ask a cloudpathlib path for its local path would download the object
        return str(target) if type(target).__module__.startswith("cloudpathlib") else os.fsdecode(target)
    return None


def _at(text: str, options: Mapping[str, Any] | None, patterns: bool) -> Location | None:
    member = ""
    if text.startswith(DEVICES):  # before links are followed: /dev/stdout leads to any file
        return None
    if _CHAINED.match(text):
        text, member = remote.unchained(text)
    elif text.partition("://")[0] in remote.ARCHIVES:
        text, member = remote.archived(text, options)
    if text[:8].lower().startswith(("http://", "https://")):
        return _at_address(text)
    url = remote.with_account(text, options)
    found = file_at(url, patterns=patterns)
    is_local = found.dataset.namespace == "file"
    path = found.dataset.name if is_local and not found.part else None
    part = member or found.part
    return Location(found.dataset, (part,) if part else (), path=path)


def _at_address(url: str) -> Location | None:
    """An object by its web address, or an endpoint that the setting `http_endpoints` allows to be named."""
    found = file_at(url)
    if found.dataset.namespace.startswith(("http:", "https:")):
        from prefect_lineage_events.instrumentation.http.allowed import api_dataset

        allowed = api_dataset(url)
        return Location(allowed) if allowed is not None else None
    return Location(found.dataset, (found.part,) if found.part else ())


def _on(filesystem: Any, path: str, patterns: bool) -> Location | None:
    """A path of a filesystem of fsspec or pyarrow, or below a URL that stands for one."""
    if isinstance(filesystem, str):
        return _at(f"{filesystem.partition('?')[0].rstrip('/')}/{path.lstrip('/')}", None, patterns)
    named = remote.on_filesystem(filesystem, path)
    if named is None:
        count_loss("a file of a filesystem that has no name")
        return None
    if isinstance(named, str):
        return _at(named, None, patterns)
    archive, member = named
    location = _located(archive, None, None, patterns=False)
    return replace(location, subset=(member,)) if location is not None and member else location


def _grouped(
    targets: Iterable[Any], filesystem: Any, options: Mapping[str, Any] | None, patterns: bool
) -> tuple[Location, ...]:
    """The datasets of several files: each of a few ones, or the directory of many."""
    given = list(targets)
    if len(given) > MAX_SINGLE_FILES and (common := _common_directory(given)):
        location = _located(common, filesystem, options, patterns=False)
        return () if location is None else (replace(location, files=len(given), path=None),)
    if len(given) > _MAX_NAMED:
        count_loss(f"more than {_MAX_NAMED:,} files of no common directory")
        return ()
    found: dict[Dataset, list[Location]] = {}
    for target in given:
        location = _located(target, filesystem, options, patterns)
        if location is not None:
            found.setdefault(location.dataset, []).append(location)
    return tuple(_merged(dataset, locations) for dataset, locations in found.items())


def _merged(dataset: Dataset, locations: Sequence[Location]) -> Location:
    if len(locations) == 1:
        return locations[0]
    parts = dict.fromkeys(part for location in locations for part in location.subset)
    is_part = all(location.subset for location in locations) and len(parts) <= MAX_SUBSET
    return Location(dataset, tuple(parts) if is_part else (), files=len(locations))


def _common_directory(targets: Sequence[Any]) -> str | None:
    """The directory that many paths of one kind share; None where they are of several kinds, or share none."""
    texts = [_text_of(target) for target in targets]
    return None if None in texts else common_directory([text for text in texts if text is not None])


def accesses(
    operation: Literal["read", "write"],
    locations: Sequence[Location],
    call: str,
    *,
    columns: tuple[Column, ...] = (),
    rows: int | None = None,
    data: Any = None,
) -> Iterator[Access]:
    """The access of a call to the datasets that it names: one read of all of them together, or a write of each.

    The bytes are those of a single local file, now.
    """
    if not locations:
        return
    first, *others = locations
    if operation == "read" and others:
        yield Access(
            "read", first.dataset, call, columns, rows=rows, inputs=tuple(o.dataset for o in others), data=data
        )
        return
    for one in locations:
        yield Access(
            operation,
            one.dataset,
            call,
            columns,
            rows=rows,
            size=one.size(),
            files=one.files,
            subset=one.subset,
            data=data,
            file=one.file() if one.file is not None else None,
        )
