"""Locations of data as they may be shown: a path, URL or stage without credentials.

A text in the position of a location may be a connection string. Its parts cannot be distinguished from its password, so
it does not count as a location.
"""

from __future__ import annotations

import re

_LONGEST = 4_096  # characters
# Part of the naming of Azure's stores, not a credential: abfss://container@account.dfs.core.windows.net/path
_CONTAINER_SCHEMES = frozenset({"abfs", "abfss", "wasb", "wasbs", "adl", "az", "azure"})
_WEB = frozenset({"http", "https"})
_PORT_SCHEMES = frozenset(
    {"http", "https", "hdfs", "webhdfs", "ftp", "sftp", "ssh", "jdbc", "postgres", "mysql", "file"}
)
_PORT = re.compile(r":\d+$")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
# jdbc:oracle:thin:..., ducklake:postgres:...; a drive (`file:C:/x`) has one letter
_NESTED_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:[A-Za-z][A-Za-z0-9+.\-]+:")
_LATER_SETTING = re.compile(r"[\s;,&][\w.\- ]{0,60}=")
_PARTITION = re.compile(r"\w+=[^=]+")  # year=2024/month=1/x.parquet
_ENDS_WITH_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,8}\Z")
# Signs that an ordinary name does not contain: a quoted name with one of them is treated as a location.
ADDRESS = re.compile(r"[@=?;]|://|^(?://|\\\\)")
_SHOWABLE = re.compile(r"[\w ./*{}\[\]@:,=+~%$()!&?\-]+\Z")


def clean_url(url: str) -> str:
    """A URL without user, password, key, query string and fragment; any other text unchanged.

    A secret key may contain `/` and `@`. So in a store without ports, the location follows the last `@`.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return url
    rest = url[scheme.end() :].partition("?")[0]
    if scheme[1].lower() in _WEB:
        rest = re.split(r"[#;]", rest, maxsplit=1)[0]  # elsewhere they may be part of a key
    authority, _, path = rest.partition("/")
    user, at, _ = authority.rpartition("@")
    is_container = scheme[1].lower() in _CONTAINER_SCHEMES and ":" not in user
    if at and not is_container:
        rest = rest[len(user) + 1 :]
    if "@" in path and ":" in authority and not (scheme[1].lower() in _PORT_SCHEMES and _PORT.search(authority)):
        rest = rest.rpartition("@")[2]
    return scheme[0] + rest


def clean_location(text: str) -> str | None:
    """A path, URL or stage without credentials and query string.

    None for what is no location: a connection string, a user with a password, an assignment.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _SCHEME.match(text):
        text = clean_url(text)
    elif text.startswith("@"):
        text = text.partition("?")[0]
    else:
        path = _path(text)
        if path is None:
            return None
        text = path
    return text if text and not _LATER_SETTING.search(text) else None


def is_showable(location: str) -> bool:
    """True if a clean location is one token of every dialect, within single quotes."""
    return _SHOWABLE.match(location) is not None


def _path(text: str) -> str | None:
    """A path without the query of a URI; None if it contains a user, a setting or a driver's address."""
    if text[:2] in ("//", "\\\\"):  # a share of a server: //user:password@host/share
        authority, slash, rest = _partition(text[2:])
        text = text[:2] + authority.rpartition("@")[2] + slash + rest
    before, mark, query = text.partition("?")
    if mark and ("=" in query or _ENDS_WITH_EXTENSION.search(before)):
        text = before  # in another position it means any character
    first, slash, _ = _partition(text)
    if "=" in first and not (slash and _PARTITION.fullmatch(first)):
        return None
    if ";" in text or _NESTED_SCHEME.match(text):
        return None
    has_user = any("@" in segment[1:] for segment in text.replace("\\", "/").split("/"))
    return None if has_user else text


def _partition(text: str) -> tuple[str, str, str]:
    found = re.search(r"[/\\]", text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")
