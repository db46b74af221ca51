"""The server and the database of a connection string, and nothing else of it.

Host, port and database are read by their keys or their positions in a URL. Nothing else is taken for a server, because
any part of a connection string may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from prefect_lineage_events.naming import host_and_port, scheme_of, server_namespace

_LONGEST = 2_000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_KEY = r"(?<![A-Za-z_])([A-Za-z_][A-Za-z_ ]{0,39})\s*=\s*"
_SETTING = re.compile(rf"{_KEY}('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s;]*)")
_ADO_SETTING = re.compile(rf"{_KEY}('[^']*'|\"[^\"]*\"|(?:[^;\s][^;]*)?)(?:;|\Z)")
_HOST = re.compile(r"[A-Za-z0-9_.\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Fa-f:]{2,45}")
_DATABASE = re.compile(r"[\w$\-]{1,128}")
_PORT = re.compile(r"\d{1,5}")


@dataclass(frozen=True, slots=True)
class Server:
    """A server's `namespace` by the naming rules, and its `database`; "" if the string does not name one."""

    namespace: str
    database: str = ""


def server_of(text: str, scheme: str) -> Server | None:
    """The server of a URL, of libpq's or MySQL's `key=value` pairs, of ADO's `Key=value;` ones, of `host:port`.

    `scheme` is the kind of the store. None if the string names no server, or several.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _URL.match(text):
        return _of_url(text, scheme)
    if "=" in text:
        return _of_settings(text, scheme)
    host, port = host_and_port(text)
    return _server(scheme, host, port, "") if text else None


def _of_url(text: str, scheme: str) -> Server | None:
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        return None
    stated = scheme_of(url.scheme)
    database = unquote(url.path.lstrip("/"))
    known = stated in (scheme, "thrift", "http", "https") or not scheme
    return _server(scheme or stated, host or "localhost", port, database) if known else None


def _of_settings(text: str, scheme: str) -> Server | None:
    pattern = _ADO_SETTING if ";" in text else _SETTING
    found = {m[1].strip().lower(): m[2].strip().strip("'\"") for m in pattern.finditer(text)}
    if "service" in found:
        return None
    host = next((found[k] for k in ("host", "hostaddr", "server", "data source", "address", "addr") if k in found), "")
    port = found.get("port", "")
    if host.startswith("/"):  # the directory of a socket
        host = "localhost"
    host, comma, second = host.removeprefix("tcp:").partition(",")
    if comma and not port and _PORT.fullmatch(second.strip()):  # ADO: Server=host,1433
        port = second.strip()
    elif comma:
        return None
    host, colon, behind = host.rpartition(":") if host.count(":") == 1 else (host, "", "")
    host, port = (host, behind) if colon and not port else (host, port)
    if port and not _PORT.fullmatch(port):
        return None
    keys = ("dbname", "database", "db", "initial catalog", "passdb")
    database = next((found[key] for key in keys if key in found), "")
    return _server(scheme, host or "localhost", int(port) if port else None, database)


def _server(scheme: str, host: str, port: int | None, database: str) -> Server | None:
    if not _HOST.fullmatch(host) or (database and not _DATABASE.fullmatch(database)):
        return None
    return Server(server_namespace(scheme, host, port), database)
