"""The HTTP endpoints whose requests are captured: entries of the setting `http_endpoints`, and names of requests.

An entry is `[METHOD] ADDRESS [-> read|write|ignore]`. The address is a host, or an endpoint of one:

    https://api.example.com                        all paths of the host
    https://api.example.com/orders/{id}            one endpoint, whose requests have this name
    api.example.com:8443/v2/*                      all paths below /v2, by http and by https
    POST https://api.example.com/search -> read    requests that read, although they are no GET

The most specific entry that matches a request decides. A request that no template names gets its own path as a name,
with `{id}` in the place of each segment that looks like a value (`safe_path`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.naming import host_and_port, host_of

Operation = Literal["read", "write"]

_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE")
_BY_METHOD: dict[str, Operation] = {
    "GET": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "write",
}
_EFFECTS: dict[str, Operation | None] = {"read": "read", "write": "write", "ignore": None}
_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(r"(?:(?P<method>[A-Za-z]+)\s+)?(?P<address>[^\s>]+?)(?:\s*->\s*(?P<effect>\w*))?", re.DOTALL)
_ADDRESS = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://)?(?P<authority>[^/]*)(?P<path>/.*)?", re.DOTALL)
_URL = re.compile(r"(https?)://([^/?#]*)((?:/[^?#]*)?)", re.IGNORECASE)
_HOST = re.compile(r"(?:\*\.)?[^\s*{}@?#\\]+")
_PLACEHOLDER = re.compile(r"\{[^{}]+\}")
_MAX_URL = 4_000


class _Refused(ValueError):
    """An entry that is not valid, without the parts of it that may be secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry. `host` may begin with `*.`; `port` is None for the scheme's own, `scheme` is empty for both.

    `segments` are the template's, None for all paths below `prefix`.
    """

    host: str
    port: int | None = None
    scheme: str = ""
    method: str = ""
    effect: str = ""
    segments: tuple[str, ...] = ()
    open: bool = True

    def allows_host(self, scheme: str, host: str, port: int) -> bool:
        if self.scheme and self.scheme != scheme:
            return False
        if (self.port or _PORTS[scheme]) != port:
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host

    def matches(self, method: str, segments: tuple[str, ...]) -> bool:
        if self.method and self.method != method:
            return False
        if len(segments) < len(self.segments) or (len(segments) > len(self.segments) and not self.open):
            return False
        return all(_pattern(own).fullmatch(given) for own, given in zip(self.segments, segments, strict=False))

    def operation(self, method: str) -> Operation | None:
        return _EFFECTS[self.effect] if self.effect else _BY_METHOD.get(method)

    @property
    def rank(self) -> tuple[object, ...]:
        """The order of entries: templates before open ones, literal segments before placeholders, methods first."""
        kinds = tuple(0 if "{" not in s else 1 if not _PLACEHOLDER.fullmatch(s) else 2 for s in self.segments)
        return (self.open, -len(self.segments), kinds, not self.method, self.host.startswith("*."), not self.scheme)


@lru_cache(maxsize=1024)
def _pattern(segment: str) -> re.Pattern[str]:
    """The segments of paths that match a template's segment."""
    literals = map(re.escape, _PLACEHOLDER.split(segment))
    return re.compile(".+".join(literals), re.DOTALL)


def parse(entry: str) -> Endpoint:
    """An entry of the setting. Raises ValueError with the reason, naming the entry without possible secrets."""
    try:
        return _parse(entry.strip())
    except _Refused as refused:
        raise ValueError(f"http_endpoints: {_shown(entry)!r} {refused}") from None


def _parse(entry: str) -> Endpoint:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise _Refused("is no endpoint: expected [METHOD] ADDRESS [-> read|write|ignore]")
    method, effect = (found["method"] or "").upper(), found["effect"]
    if method and method not in _METHODS:
        raise _Refused(f"has the method {method}: there are {', '.join(_METHODS)}")
    if effect is not None and effect not in _EFFECTS:
        raise _Refused("must end with one of: -> read, -> write, -> ignore")
    address = _ADDRESS.fullmatch(found["address"])
    assert address is not None
    scheme = (address["scheme"] or "").lower()
    if scheme and scheme not in _PORTS:
        raise _Refused(f"has the scheme {scheme}: expected http or https, or none for both")
    host, port = _authority(address["authority"])
    segments, is_open = _template(address["path"] or "")
    port = None if port is None or _PORTS.get(scheme) == port else port
    return Endpoint(host, port, scheme, method, effect or "", segments, is_open)


def _authority(text: str) -> tuple[str, int | None]:
    if "@" in text:
        raise _Refused("contains credentials: leave out what stands before @")
    host, port = host_and_port(text)
    if port is not None and not 0 < port < 65536:
        raise _Refused("has an invalid port")
    if not host.strip("[]") or not _HOST.fullmatch(host) or (":" in host and not host.startswith("[")):
        raise _Refused("names no host: expected one such as api.example.com, localhost:8080 or *.example.com")
    return ("*." if host.startswith("*.") else "") + _canonical_host(host.removeprefix("*.")), port


def _template(path: str) -> tuple[tuple[str, ...], bool]:
    """The segments of a path, and whether it is open to all paths below."""
    if "?" in path or "#" in path:
        raise _Refused("contains a query string or a fragment: endpoints are named by their path only")
    *segments, last = _segments(path) or ("",)
    is_open = last in ("", "*")
    segments += [] if is_open else [last]
    for segment in segments:
        rest = _PLACEHOLDER.sub("", segment)
        if "*" in rest:
            raise _Refused("has * within its path: it may only be the last segment; {name} stands for one segment")
        if "{" in rest or "}" in rest:
            raise _Refused("has a brace without its pair: expected a placeholder such as {id}")
        if "}{" in segment:
            raise _Refused("has two placeholders without a text between them")
    return tuple(segments), is_open


def _segments(path: str) -> tuple[str, ...]:
    return tuple(unquote(segment) for segment in path.strip("/").split("/")) if path.strip("/") else ()


def _shown(entry: str) -> str:
    """An entry for an error message, up to the first position of a possible secret."""
    start = re.split(r"[?#]", entry, maxsplit=1)[0]
    shown = re.sub(r"(?<!\S)\S*@", "...@", start)
    return (shown if start == entry else f"{shown}...")[:200]


@lru_cache(maxsize=1024)
def _canonical_host(host: str) -> str:
    host = host_of(host)
    if not host.isascii():
        try:
            return host.encode("idna").decode("ascii")
        except UnicodeError:
            return host
    return host


class Endpoints:
    """The allow-list: all entries, the most specific first."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = sorted(map(parse, entries), key=lambda endpoint: endpoint.rank)
        self._of_host = lru_cache(maxsize=1024)(self._entries_of_host)
        self._names = _Names()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def find(self, url: str, method: str = "GET") -> tuple[Operation, Dataset] | None:
        """The operation of a request to this URL, and its dataset; None where it is none of the endpoints'.

        Query string, fragment and credentials of the URL are not used.
        """
        found = _URL.match(url, 0, _MAX_URL) if self._entries else None
        if found is None:
            return None
        scheme, authority, path = found[1].lower(), found[2].rpartition("@")[2], found[3]
        candidates = self._of_host(scheme, authority)
        if not candidates:
            return None
        method, segments = method.upper(), _segments(path)
        for endpoint in candidates:
            if endpoint.matches(method, segments):
                operation = endpoint.operation(method)
                if operation is None:
                    return None
                name = "/".join(endpoint.segments)
                if endpoint.open:
                    rest = safe_path(segments[len(endpoint.segments) :])
                    name = "/".join((*endpoint.segments, *self._names.bounded((authority, *endpoint.segments), rest)))
                return operation, _dataset(scheme, authority, name or ROOT)
        return None

    def _entries_of_host(self, scheme: str, authority: str) -> tuple[Endpoint, ...]:
        host, port = host_and_port(authority)
        host, port = _canonical_host(host), port or _PORTS[scheme]
        return tuple(endpoint for endpoint in self._entries if endpoint.allows_host(scheme, host, port))


@lru_cache(maxsize=4096)
def _dataset(scheme: str, authority: str, name: str) -> Dataset:
    host, port = host_and_port(authority)
    namespace = f"{scheme}://{_canonical_host(host)}" + (f":{port}" if port else "")
    return Dataset(namespace, name).canonical()


_MAX_SEGMENTS = 12
_MAX_SEGMENT = 48
_MAX_DIGITS = 2
_MAX_LETTERS = 24  # in one word
_VERSION = re.compile(r"[vV]?\d{1,3}(?:\.\d{1,3}){1,3}|[vV]\d{1,3}(?:(?:alpha|beta|rc|p)\d{1,3})?")
_WORDS = re.compile(r"[^\W_]+(?:[-_.~$ ]+[^\W_]+)*|[-_.~$][\w-]+")
_EXTENSION = re.compile(
    r"\.(?:json|jsonl|ndjson|geojson|csv|tsv|txt|xml|ya?ml|html?|parquet|avro|orc|arrow|feather|xlsx?|pdf|zip|tar|gz)"
    r"(?:\.(?:gz|bz2|zst|xz|zip))?$"
)
_KEY = re.compile(r"\([^()]{0,200}\)")  # OData: Orders(17)
_HEX = re.compile(r"[0-9a-fA-F]{8,}|[0-9a-fA-F-]{16,}")
_MIXED = re.compile(r"^(?!.{1,4}$).*[A-Za-z]\d+[A-Za-z]")  # b2b and k8s are names
_TOKEN = re.compile(r"(?:sk|pk|rk|ghp|gho|ghs|ghu|xox[a-z]|glpat|github_pat|shpat|hf)[_-]|AKIA|ASIA|AIza|eyJ")
ID = "{id}"
ROOT = "(root)"
"""The name of the path `/`: a dataset needs a name."""


def safe_path(segments: Sequence[str]) -> tuple[str, ...]:
    """The segments of a path that no template names, with `{id}` for those that look like a value: a number, a date, a
    key, an e-mail address, a token. A long path ends with `*`.
    """
    shown = tuple(_safe(segment) for segment in segments if segment)
    return shown if len(shown) <= _MAX_SEGMENTS else (*shown[:_MAX_SEGMENTS], "*")


@lru_cache(maxsize=4096)
def _safe(segment: str) -> str:
    segment = segment.partition(";")[0]
    if "(" in segment:
        return f"{_safe(_KEY.sub('', segment))}({ID})"
    extension = _EXTENSION.search(segment)
    stem = segment[: extension.start()] if extension else segment
    if extension and stem:
        return (ID if _is_value(stem) else stem) + extension[0]
    return ID if _is_value(segment) else segment


def _is_value(text: str) -> bool:
    if _VERSION.fullmatch(text):
        return False
    if len(text) > _MAX_SEGMENT or not _WORDS.fullmatch(text):
        return True
    if sum(c.isdigit() for c in text) > _MAX_DIGITS or text.isdigit():
        return True
    if _HEX.fullmatch(text) or _TOKEN.match(text):
        return True
    return any(
        len(word) > _MAX_LETTERS or bool(_MIXED.search(word)) or _is_random(word) for word in re.split(r"[\W_]+", text)
    )


def _is_random(word: str) -> bool:
    """Return whether a word is longer, in capitals, or mixes cases and digits, as no name does."""
    if len(word) > _MAX_LETTERS or _MIXED.search(word):
        return True
    if len(word) < 12:
        return False
    capitals = sum(before.islower() and after.isupper() for before, after in pairwise(word))
    return capitals * 3 > len(word) - 3 or (len(word) > 15 and word.isupper())


class _Names:
    """The names that paths have given so far. A place with too many different ones is no name, but a value."""

    _MAX_AT_ONE_PLACE = 50
    _MAX_PLACES = 2_000

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], set[str]] = {}

    def bounded(self, place: tuple[str, ...], segments: tuple[str, ...]) -> tuple[str, ...]:
        """The segments below a place, with `{id}` for each of them where the paths of the process differ a lot."""
        start = len(place)
        for segment in segments:
            place = (*place, segment if segment == ID or self._is_known(place, segment) else ID)
        return place[start:]

    def _is_known(self, place: tuple[str, ...], segment: str) -> bool:
        known = self._seen.get(place)
        if known is None:
            if len(self._seen) >= self._MAX_PLACES:
                return False
            known = self._seen[place] = set()
        if segment in known:
            return True
        if len(known) >= self._MAX_AT_ONE_PLACE:
            return False
        known.add(segment)
        return True
