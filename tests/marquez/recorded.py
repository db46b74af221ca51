"""Recordings of a real Marquez: requests as they were sent, and the parts of responses that must be equal.

The files come from the project's own recorder, without its comments. `<time>`, `<uuid>` and `<id>` stand for values
that the server generated, `<picked>` for a part of a response, `<trimmed ...>` for a shortened text. Shortened texts
are restored to their recorded length, equally within a scenario, so that limits are reached as they were.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from tests.marquez.picked import picked
from tests.marquez.values import encode

CUT = re.compile(r"(?s)(.*)<trimmed: (\d+) characters>\Z")
MADE_UP = re.compile("<time>|<uuid>|<id>|<all scenarios>")
BROKE = "broken by the event just sent"
"""Note of the recorder on a list that answered 500. After it had looked, it emptied the database."""

GOOD_RUN = "01a196fb-1600-7f18-83e1-0182e21e24c8"
"""The run of all requests of scenario 14 whose bytes were not kept."""


@dataclass(frozen=True)
class Exchange:
    index: int
    note: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    status: int
    answer: Any


def read(path: Path) -> list[dict[str, Any]]:
    """The requests of the file, without the counts that the recorder read from the database."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [request for request in json.load(file)["requests"] if request["method"] != "SQL"]


def load(path: Path) -> list[Exchange]:
    """The exchanges of one scenario, in their order."""
    requests = read(path)
    restorer = _Restorer()
    good = next((r["body"] for r in requests if isinstance(r["body"], dict)), {})
    good = {
        **good,
        "run": {**good.get("run", {}), "runId": GOOD_RUN},
        "job": {**good.get("job", {}), "name": "flow-body"},
    }
    exchanges = []
    for index, request in enumerate(requests):
        body = _body(restorer, request, good)
        headers = dict(request.get("headers") or {})
        if body is not None and "headers" not in request:
            headers["Content-Type"] = "application/json"
        path_sent = restorer.path(request["path"])
        exchanges.append(
            Exchange(
                index,
                request.get("note") or "",
                request["method"],
                path_sent,
                headers,
                body,
                request["status"],
                request["response"],
            )
        )
    return exchanges


# requests


def _body(restorer: _Restorer, request: dict[str, Any], good: dict[str, Any]) -> bytes | None:
    sent = request["body"]
    if sent is None:
        return None
    rebuild = REBUILT.get(request.get("note") or "") if isinstance(sent, str) else None
    if rebuild:
        return rebuild(good)
    if isinstance(sent, str) and not CUT.match(sent):
        return encode(sent)
    event = good if isinstance(sent, str) else restorer.event(sent)
    if (
        event.get("eventTime") == "<time>"
    ):  # the recorder replaced the time like one of the server's; its note has the value
        event = {**event, "eventTime": request["note"].split("'")[1]}
    return json.dumps(event).encode()


def _nested(depth: int) -> Callable[[dict[str, Any]], bytes]:
    def build(good: dict[str, Any]) -> bytes:
        whole = json.dumps(
            {
                **good,
                "run": {"runId": str(uuid4()), "facets": {"prefect": "HERE"}},
                "job": {**good["job"], "name": f"flow-deep{depth}"},
            }
        )
        return whole.replace(
            '"HERE"', '{"_producer": "p:p", "a": ' + '{"a": ' * depth + "1" + "}" * depth + "}"
        ).encode()

    return build


def _without_run(text: str, instead: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda good: json.dumps(good).replace(text, instead, 1).encode()


REBUILT: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "facet nested 900 deep": _nested(900),
    "facet nested 1100 deep": _nested(1100),
    "malformed JSON": lambda good: json.dumps(good).encode()[:-1],
    "a JSON array of two good events (a batch)": lambda good: json.dumps([good, good]).encode(),
    "NaN in a facet": _without_run("{", '{"x": NaN, '),
    "trailing text after the JSON": lambda good: json.dumps(good).encode() + b" x",
    "UTF-8 BOM": lambda good: b"\xef\xbb\xbf" + json.dumps(good).encode(),
    "latin-1 bytes": lambda good: (
        json.dumps(good, ensure_ascii=False).replace('"name": "', '"name": "\xfc', 1).encode("latin-1")
    ),
    "duplicate key eventType": lambda good: json.dumps(good).encode()[:-1] + b', "eventType": "FAIL"}',
    "gzip body with Content-Encoding: gzip": lambda good: gzip.compress(json.dumps(good).encode()),
}
"""Bodies of which only the beginning, or a description, was kept."""


class _Restorer:
    """Restores shortened texts: a repeated character is continued, any other text is filled at random, but always
    equally.
    """

    def __init__(self) -> None:
        self._whole: list[str] = []
        self._names: list[str] = []
        """Of the job and the datasets of the last event."""

    def event(self, event: Any) -> Any:
        named = [event.get("job") or {}, *(event.get("inputs") or ()), *(event.get("outputs") or ())]
        self._names = [str(one.get("name")) for one in named if isinstance(one, dict)]
        return self.value(event)

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key if not CUT.match(key) else self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value if not re.fullmatch(r"<trimmed: \d+ more of \d+>", str(item))]
        return self.text(value) if isinstance(value, str) else value

    def text(self, value: str) -> str:
        match = CUT.match(value)
        if not match:
            return value
        start, length = match[1], int(match[2])
        if len(set(start)) == 1:
            whole = start[0] * length
        else:
            letters = random.Random(f"{start}{length}")
            whole = start + "".join(letters.choices(string.ascii_letters + string.digits, k=length - len(start)))
        self._whole.append(whole)
        return whole

    def path(self, path: str) -> str:
        match = CUT.match(path)
        if not match:
            return path
        start, length = match[1], int(match[2])
        for whole in reversed(self._whole):
            name = quote(whole, safe="")
            for end in self._ends("?" in start):
                where = length - len(end) - len(name)
                repeated = len(set(whole)) == 1 and start[:where].endswith(quote(whole[0], safe=""))
                if 0 < where < len(start) and name.startswith(start[where:]) and not repeated:
                    return start[:where] + name + end
        raise ValueError(f"no name of {path[-40:]}")

    def _ends(self, in_query: bool) -> Iterator[str]:
        yield from ("", "%3AA", "&depth=10") if in_query else ("", "/runs")
        for name in self._names:
            if in_query:
                yield from (f"%3A{name}&depth=10", f"%3A{name}%3AA&withDownstream=true")
            else:
                yield from (f"/datasets/{name}", f"/jobs/{name}")


def send(base: str, exchange: Exchange, version: str = "") -> tuple[int, Any]:
    """Send the request byte for byte, and return the response (clients with rules of their own drop `.` and `..` from a
    path).

    `version` replaces an id that the recorded server had generated.
    """
    url = urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    try:
        connection.request(exchange.method, exchange.path.replace("<uuid>", version), exchange.body, exchange.headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    try:
        return response.status, json.loads(content) if content else ""
    except ValueError:
        return response.status, content.decode("utf-8", "replace")


# responses

IN_ORDER = {"runs", "latestRuns", "versions", "datasets", "namespaces", "graph"}
"""Lists whose order means something; that of all others is a set's or a table scan's."""


def differences(exchange: Exchange, status: int, answer: Any) -> list[str]:
    """The differences between a response and the recorded one; empty if they are equal."""
    if status != exchange.status:
        return [f"status {status} for {exchange.status}"]
    expected = exchange.answer
    if status == 422:
        expected, answer = {"errors": sorted(expected["errors"])}, {"errors": sorted(answer["errors"])}
    elif status >= 400 and status != 404:
        if isinstance(expected, dict):  # failures have equal codes, and different messages
            expected, answer = expected.get("code"), isinstance(answer, dict) and answer.get("code")
        else:
            return []
    elif exchange.method == "DELETE":
        return []
    if isinstance(expected, dict) and "<picked>" in expected:
        expected = expected["<picked>"]
        answer = picked(exchange.path, expected, answer)
    if "/column-lineage?" in exchange.path and isinstance(expected, dict) and status == 200:
        expected, answer = _without_chance(expected), _without_chance(answer)
    return list(_compare("", expected, answer))


def _without_chance(answer: dict[str, Any]) -> dict[str, Any]:
    """The response with one version's sources for a column that several versions give sources: random ids decide which
    is shown.
    """
    nodes = [
        {**node, "data": {}} if len(node["inEdges"]) > 1 else node
        for node in answer.get("graph", [])
        if isinstance(node, dict)
    ]
    return {**answer, "graph": nodes} if "graph" in answer else answer


def _compare(where: str, expected: Any, actual: Any) -> Any:
    if isinstance(expected, str):
        if not _like(expected, actual):
            yield f"{where}: {_short(actual)} for {_short(expected)}"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        if set(expected) != set(actual):
            yield f"{where}: keys {sorted(set(actual) - set(expected))} too many, {sorted(set(expected) - set(actual))} missing"
        for key in set(expected) & set(actual):
            yield from _compare(f"{where}.{key}", expected[key], actual[key])
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _compare_lists(where, expected, actual)
    elif expected != actual:
        yield f"{where}: {_short(actual)} for {_short(expected)}"


def _compare_lists(where: str, expected: list[Any], actual: list[Any]) -> Any:
    if len(expected) != len(actual):
        yield f"{where}: {len(actual)} items {_short(actual)} for {len(expected)} {_short(expected)}"
    elif where.rpartition(".")[2] in IN_ORDER:
        for index, pair in enumerate(zip(expected, actual, strict=True)):
            yield from _compare(f"{where}[{index}]", *pair)
    else:
        left = list(actual)
        for index, item in enumerate(expected):
            same = next((other for other in left if not list(_compare("", item, other))), None)
            if same is None and item is not None:
                yield from _compare(f"{where}[{index}]", item, left[0])
                return
            left.remove(same)


def _like(expected: str, actual: Any) -> bool:
    cut = CUT.match(expected)
    if cut:
        return isinstance(actual, str) and actual.startswith(cut[1]) and len(actual) == int(cut[2])
    if not MADE_UP.search(expected):
        return bool(expected == actual)
    pattern = ".+".join(re.escape(part) for part in MADE_UP.split(expected))
    return re.fullmatch(pattern, str(actual), re.DOTALL) is not None and actual is not None


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) < 200 else shown[:200] + "..."
