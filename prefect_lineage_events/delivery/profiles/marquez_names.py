"""Names and namespaces that break none of Marquez's lists and graphs, by one rule that keeps different names different.

The rule: a character that Marquez cannot take is written as the hexadecimal of its UTF-8 bytes, after `%` in names (as
in URLs) and after `+` in namespaces, which may hold no `%`. A mark of the name's own that would read as such is escaped
as well. A name that is too long is cut and ends in a digest after `%~` or `+.`, which no other name contains. So two
names never become one, and nearly all names stay as they are.

What it cannot take (facts of Marquez 0.51): namespaces outside `[a-zA-Z:;=/0-9_\\-.@+]{1,1024}` break its lists for
all users. It stores `;` and `=` in a namespace as `_`, so that two namespaces become one and the second's datasets are
refused. Names that begin with a digit or `//` cannot be queried, since the parts of a node id are separated by colons
that neither `//` nor a digit follows; nor can names with line breaks, and columns with `#` or `:` in their dataset's or
their own name. No name may be blank, or hold a NUL.
"""

from __future__ import annotations

import re
from hashlib import sha256

MAX_DATASET_NAMESPACE = 512
MAX_JOB_NAMESPACE = 256
MAX_DATASET_NAME = 1_500
MAX_JOB_NAME = 1_000
MAX_COLUMN_NAME = 255

_DIGEST_LENGTH = 32
# Marks before escaped bytes, and before a digest.
_IN_NAME = ("%", "%~")
_IN_NAMESPACE = ("+", "+.")
# Control characters, line ends of any script, halves of surrogate pairs, and text that would read as a mark of ours.
_NEVER = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|%(?=[0-9A-F]{2}|~)|^\d|^/(?=/)"
_UNSAFE_IN_DATASET_NAME = re.compile(rf"{_NEVER}|[#:]")
_UNSAFE_IN_JOB_NAME = re.compile(rf"{_NEVER}|[#:](?=[#:]*(?:\.|\Z))")
_OUR_MARK = r"\+(?=[0-9A-F]{2}|\.)|^\d|^/(?=/)"
_UNSAFE_IN_NAMESPACE = re.compile(rf"[^a-zA-Z:/0-9_\-.@+]|:(?!//|[0-9])|{_OUR_MARK}")


def dataset_namespace(namespace: str) -> str:
    return _safe(namespace, _UNSAFE_IN_NAMESPACE, _IN_NAMESPACE, MAX_DATASET_NAMESPACE)


def job_namespace(namespace: str) -> str:
    return _safe(namespace, _UNSAFE_IN_NAMESPACE, _IN_NAMESPACE, MAX_JOB_NAMESPACE)


def dataset_name(name: str) -> str:
    return _safe(name, _UNSAFE_IN_DATASET_NAME, _IN_NAME, MAX_DATASET_NAME)


def column_name(name: str) -> str:
    return _safe(name, _UNSAFE_IN_DATASET_NAME, _IN_NAME, MAX_COLUMN_NAME)


def job_name(name: str) -> str:
    return _safe(name, _UNSAFE_IN_JOB_NAME, _IN_NAME, MAX_JOB_NAME)


def fits_job_name(name: str) -> bool:
    """Return whether the safe name is the whole name. A cut one no longer begins with its parent's name and a dot."""
    return len(_escaped(name, _UNSAFE_IN_JOB_NAME, _IN_NAME).encode()) <= MAX_JOB_NAME


def _safe(name: str, unsafe: re.Pattern[str], marks: tuple[str, str], limit: int) -> str:
    """The escaped name within `limit` bytes, which is within as many characters too."""
    escaped = _escaped(name, unsafe, marks)
    if len(escaped.encode()) <= limit:
        return escaped
    digest = marks[1] + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    return escaped.encode()[: limit - len(digest)].decode(errors="ignore") + digest


def _escaped(name: str, unsafe: re.Pattern[str], marks: tuple[str, str]) -> str:
    if not name:
        return marks[1]
    if all(character <= " " for character in name):
        return _hex(name, marks[0])
    return unsafe.sub(lambda found: _hex(found[0], marks[0]), name)


def _hex(text: str, mark: str) -> str:
    return "".join(f"{mark}{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
