"""Parts of datasets of many files: partitions, part files and patterns, by the text of a path alone.

A partitioned dataset is its root directory, and a partition is a part of it: `/data/t/dt=2026-11-28/part-0.parquet`
belongs to the dataset `/data/t`, of which it is the part `dt=2026-11-28`.

Parts of one dataset have names that a writer counts or draws (`part-0`, `data_1`, a UUID), or the name of their root. A
file named by another word is a dataset of its own, with a part in each partition: `/data/t/dt=1/orders.csv` and
`/data/t/dt=1/customers.csv` are the parts `dt=1` of `/data/t/orders.csv` and of `/data/t/customers.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

# A directory of a partition, as Hive names it: https://cwiki.apache.org/confluence/display/Hive/LanguageManual+DDL
_PARTITION = re.compile(r"[^=/]+=[^/]*")
# A file name ends in an extension, a value in none: `price=1.5`.
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
# Files of Spark, Hadoop and Arrow: part-00000-<uuid>.c000.snappy.parquet, part-r-00000, part-0.parquet.
_PART_FILE = re.compile(r"part-(?:[mr]-)?\d+(?:[-.].*)?")
# Directories that writers keep within a dataset, for work in progress and for their logs.
_WITHIN = frozenset({"_temporary", "_delta_log", "_spark_metadata"})
_BESIDE = frozenset({"_SUCCESS", "_metadata", "_common_metadata"})
_PATTERN = re.compile(r"[*?]|\[[^\]/]{1,250}\]|\{[^{}/,]{0,250},[^{}/]{0,250}\}")
# The name of a file without digits and extensions, and words that say nothing of the content.
_WORD = re.compile(r"([A-Za-z][A-Za-z_ -]+[A-Za-z])\.[A-Za-z][\w.-]*")
_ANY_CONTENT = frozenset(
    {"all", "batch", "chunk", "content", "data", "dataset", "delta", "export", "file", "full", "incremental", "load",
     "new", "out", "output", "part", "partition", "raw", "record", "result", "row", "snapshot", "table", "temp", "test",
     "tmp", "update", "value"}
)  # fmt: skip


def split_parts(path: str, *, patterns: bool = False) -> tuple[str, str]:
    """The root of the dataset that a path belongs to, and the part of it that the path names; "" for all of it.

    `patterns`: the reader of the path expands `*` and the like; then the root is the directory before them. Directories
    `key=value` are partitions if they are the last ones of the path: others (`/env=prod/orders/x.csv`) say nothing of
    the files below them.
    """
    segments = (path.rstrip("/") or path).split("/")
    end = next((i for i, one in enumerate(segments) if one in _WITHIN or (patterns and _PATTERN.search(one))), None)
    if end is None:
        end, name = len(segments) - 1, segments[-1]
        if name in _BESIDE:
            name = ""
        elif _is_partition(name):
            end, name = end + 1, ""
        start = _start_of_partitions(segments[:end])
        if start == end and name and not _PART_FILE.fullmatch(name):
            return path.rstrip("/") or path, ""
        if start < end and _names_a_dataset(name, segments[:start]):
            return _joined([*segments[:start], name], path), "/".join(segments[start:end])
        return _joined(segments[:start], path), "/".join(segments[start:end]) or name
    rest = [] if segments[end] in _WITHIN else segments[end:]
    start = _start_of_partitions(segments[:end])
    partitions = [*segments[start:end], *takewhile(_is_partition, rest)]
    if partitions and len(partitions) == len(segments) - start - 1 and _names_a_dataset(segments[-1], segments[:start]):
        return _joined([*segments[:start], segments[-1]], path), "/".join(partitions)
    return _joined(segments[:start], path), "/".join(partitions or rest)


def _names_a_dataset(name: str, root: Sequence[str]) -> bool:
    """Return whether a file in a partition is named by a word of its own, and neither by a counter nor as its root."""
    found = _WORD.fullmatch(name)
    if found is None or _PART_FILE.fullmatch(name):
        return False
    words, of_root = _words(found[1]), _words(root[-1] if root else "")
    return not words <= _ANY_CONTENT and words.isdisjoint(of_root)


def _words(name: str) -> set[str]:
    """The words of a name, without their plural."""
    return {word.removesuffix("s") for word in re.split(r"[\W\d_]+", name.lower()) if word}


def _is_partition(segment: str) -> bool:
    return _PARTITION.fullmatch(segment) is not None and not _EXTENSION.search(segment)


def _start_of_partitions(directories: Sequence[str]) -> int:
    start = len(directories)
    while start and _PARTITION.fullmatch(directories[start - 1]):
        start -= 1
    return start


def _joined(segments: Sequence[str], path: str) -> str:
    return "/".join(segments) or ("/" if path.startswith("/") else "")
