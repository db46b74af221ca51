"""Addresses of datasets by their parts, checked: what `Dataset.snowflake(...)` and its siblings take.

Each function returns namespace and name, which `naming.canonical` then spells. It raises TypeError or ValueError with a
message that says what to give; no message shows a text that may contain a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from os.path import realpath

from prefect_lineage_events.naming import SCHEMES, join_name, scheme_of, split_name

Address = tuple[str, str]

_HOST = re.compile(r"[^\s/@?#,\\]{1,255}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,221}")
_AZURE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_AZURE_HOST = re.compile(r"(?:https://)?([a-z0-9]{3,24})\.(?:blob|dfs)\.core\.[a-z.]+/?")
_AZURE_CONTAINER = re.compile(r"\$?[a-z0-9][a-z0-9\-]{0,62}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,20}://")
# Parameters of presigned URLs, of SAS tokens and of requests.
_SIGNED = re.compile(r"[?&](?:X-(?:Amz|Goog)-|sig=|signature=|token=|AWSAccessKeyId=|sv=\d)", re.IGNORECASE)


def text(value: object, what: str) -> str:
    """A text that is not blank."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{what} is empty")
    return value


def table(scheme: str, authority: str, parts: Sequence[str], names: Sequence[str]) -> Address:
    """A table by the parts of its name, or by its full name as the first part alone. `names` name the parts."""
    depth = SCHEMES[scheme].depth
    given = [text(part, name) for part, name in zip(parts, names, strict=True) if part != ""]
    name = ".".join(names)
    if len(given) == 1:
        if len(split_name(given[0])) != depth:
            raise ValueError(f"give {', '.join(names)}, or the full name {name!r} alone")
        return authority, given[0]
    if len(given) != depth:
        lacking = [name for part, name in zip(parts, names, strict=True) if part == ""]
        raise ValueError(f"{' and '.join(lacking)} missing: give {', '.join(names)}, or the full name {name!r} alone")
    return authority, ".".join(part if _is_quoted(part) else join_name([part]) for part in given)


def _is_quoted(part: str) -> bool:
    return len(part) > 2 and part.startswith('"') and part.endswith('"')


def server(scheme: str, host: str, port: int | None) -> str:
    """The namespace of a server: a host, if need be with its port."""
    checked = _host(host, f"Dataset.{scheme}")
    if port is None:
        return f"{scheme}://{checked}"
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"port must be a number from 1 to 65535, not {port!r}")
    return f"{scheme}://{checked}:{port}"


def _host(host: str, call: str) -> str:
    if "://" in text(host, "the host") or not _HOST.fullmatch(host.strip()):
        raise ValueError(f"{call} takes a host, such as 'db.example.com' or 'db.example.com:5433'; "
                         "Dataset.from_uri takes a URI")  # fmt: skip
    return host.strip()


def snowflake(account: str) -> str:
    """The namespace of an account, in any form that Snowflake has for it."""
    name = text(account, "the account").strip().removeprefix("https://").rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,255}", name):
        raise ValueError("account must be 'org-account', a locator such as 'xy12345.eu-west-1.aws', or its URL")
    return f"snowflake://{name}"


def bucket(scheme: str, name: str, key: str, call: str) -> Address:
    """An object by its bucket and key."""
    if "://" in text(name, "the bucket") or not _BUCKET.fullmatch(name):
        raise ValueError(f"{call} takes the bucket's name alone, such as 'my-bucket'; Dataset.from_uri takes a URI")
    return f"{scheme}://{name}", _key(key, call)


def _key(key: str, call: str) -> str:
    whole = text(key, "the key")
    if _SIGNED.search(whole) or _URL.match(whole):
        raise ValueError(f"{call} takes the key alone, such as 'raw/orders.csv', and no URL with its parameters")
    if not whole.strip("/"):
        raise ValueError("the key is empty")
    return whole.strip("/")


def azure(account: str, container: str, path: str, endpoint: str) -> Address:
    """A blob by its account, container and path."""
    host = _AZURE_HOST.fullmatch(text(account, "the account"))
    name = host[1] if host else account
    if not _AZURE_ACCOUNT.fullmatch(name):
        raise ValueError("account must be the storage account's name, such as 'mystore', or its host")
    if not _AZURE_CONTAINER.fullmatch(text(container, "the container")):
        raise ValueError("container must be its name alone, such as 'raw': lower-case letters, digits and hyphens")
    if endpoint not in ("blob", "dfs"):
        raise ValueError(f"endpoint must be 'blob' or 'dfs', not {endpoint!r}")
    return f"https://{name}.{endpoint}.core.windows.net", f"{container}/{_key(path, 'Dataset.azure')}"


def file(path: str | os.PathLike[str], host: str) -> Address:
    """A file of this machine by its real path; one of another host by its absolute path there."""
    shown = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if isinstance(shown, bytes):
        shown = os.fsdecode(shown)
    if "://" in text(shown, "the path"):
        raise ValueError("Dataset.file takes a path; Dataset.from_uri takes a URI")
    if shown.startswith("~"):
        raise ValueError("the path begins with ~, which only a shell expands: give Path(...).expanduser()")
    if not host:
        return "file", realpath(shown)
    if not shown.startswith("/"):
        raise ValueError("the path of a file on another host must be absolute")
    return f"file://{_host(host, 'Dataset.file')}", shown


def url(given: str) -> str:
    """An address on the web, which `Dataset.from_uri` reads: without credentials and query."""
    if not re.match(r"https?://[^/\s]+/[^\s?#]", text(given, "the URL").strip(), re.IGNORECASE):
        raise ValueError("Dataset.http takes a URL with a path, such as 'https://api.example.com/orders/{id}'")
    return given.strip()


def kafka(servers: str | Sequence[str], topic: str) -> Address:
    """A topic by its bootstrap servers: `host:port`, several of them in a list or separated by commas."""
    listed = servers.split(",") if isinstance(servers, str) else list(servers)
    hosts = [_host(one.strip() if isinstance(one, str) else one, "Dataset.kafka") for one in listed]
    if not hosts:
        raise ValueError("give the bootstrap servers, such as 'broker:9092'")
    return f"kafka://{','.join(hosts)}", _topic(topic)


def topic(address: str, name: str) -> Address:
    """A topic, queue or stream by the address of its system and its name there."""
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.\-]*)(?:://([^\s/?#]*)/?)?", text(address, "the address").strip())
    if found is None or (found[2] == "") or scheme_of(found[1]) in SCHEMES:
        raise ValueError(
            "Dataset.topic takes the address of a messaging system, such as 'kafka://broker:9092', "
            "'redis://cache:6379' or 'pubsub', and the name there"
        )
    system = scheme_of(found[1])
    return (f"{system}://{found[2].rpartition('@')[2]}" if found[2] else system), _topic(name)


def _topic(name: str) -> str:
    if re.search(r"[\s?#]", text(name, "the topic").strip()) or "://" in name:
        raise ValueError("the topic is its name alone, such as 'orders'")
    return name.strip()
