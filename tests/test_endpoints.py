"""Endpoints: entries of the allow-list, and the names of requests."""

from __future__ import annotations

import pytest

from prefect_lineage_events import Dataset
from prefect_lineage_events.endpoints import Endpoints, parse, safe_path
from prefect_lineage_events.settings import PREFIX, settings

_HOST = "https://api.example.com"


def named(entries: str, request: str) -> str | None:
    """The operation and URI of `METHOD URL` under entries that are separated by commas."""
    method, _, url = request.partition(" ")
    found = Endpoints(e for e in entries.split(", ") if e).find(url, method)
    return f"{found[0]} {found[1]}" if found else None


@pytest.mark.parametrize(
    ("entries", "request_", "expected"),
    [
        ("", f"GET {_HOST}/orders", None),
        (_HOST, f"GET {_HOST}/orders", f"read {_HOST}/orders"),
        (_HOST, f"get {_HOST}/orders", f"read {_HOST}/orders"),
        (_HOST, f"GET {_HOST}/orders/?token=secret#part", f"read {_HOST}/orders"),
        (_HOST, "GET https://user:secret@API.Example.com:443/orders", f"read {_HOST}/orders"),
        (_HOST, "GET https://api.example.com./orders", f"read {_HOST}/orders"),
        (_HOST, f"GET {_HOST}", f"read {_HOST}/(root)"),
        (_HOST, f"GET {_HOST}?q=secret", f"read {_HOST}/(root)"),
        (_HOST, "GET http://api.example.com/orders", None),
        (_HOST, "GET https://api.example.com:8443/orders", None),
        (_HOST, "GET https://api.example.com.evil.org/orders", None),
        (_HOST, "GET https://evil.org/https://api.example.com/orders", None),
        (_HOST, "GET https://evil.org/?u=https://api.example.com/orders", None),
        (_HOST, "GET https://api.example.com@evil.org/orders", None),
        (_HOST, "GET ftp://api.example.com/orders", None),
        ("api.example.com", f"GET {_HOST}/orders", f"read {_HOST}/orders"),
        ("api.example.com", "GET http://api.example.com/orders", "read http://api.example.com/orders"),
        ("*.example.com", f"GET {_HOST}/orders", f"read {_HOST}/orders"),
        ("*.example.com", "GET https://example.com/orders", None),
        ("*.example.com", "GET https://badexample.com/orders", None),
        ("http://127.0.0.1:8000", "GET http://localhost:8000/a", "read http://localhost:8000/a"),
        ("http://[::1]:8000", "GET http://[::1]:8000/a", "read http://localhost:8000/a"),
        ("https://bücher.example", "GET https://xn--bcher-kva.example/a", "read https://xn--bcher-kva.example/a"),
        (_HOST, f"HEAD {_HOST}/orders", None),
        (_HOST, f"OPTIONS {_HOST}/orders", None),
        (_HOST, f"POST {_HOST}/orders", f"write {_HOST}/orders"),
        (_HOST, f"PUT {_HOST}/orders", f"write {_HOST}/orders"),
        (_HOST, f"PATCH {_HOST}/orders", f"write {_HOST}/orders"),
        (_HOST, f"DELETE {_HOST}/orders", f"write {_HOST}/orders"),
        (_HOST, f"PURGE {_HOST}/orders", None),
        (f"{_HOST}/orders/{{id}}", f"GET {_HOST}/orders/ada@example.com", f"read {_HOST}/orders/{{id}}"),
        (f"{_HOST}/orders/{{id}}", f"GET {_HOST}/orders/17/", f"read {_HOST}/orders/{{id}}"),
        (f"{_HOST}/orders/{{id}}", f"GET {_HOST}/orders/a%2Fb", f"read {_HOST}/orders/{{id}}"),
        (f"{_HOST}/orders/{{id}}", f"GET {_HOST}/orders", None),
        (f"{_HOST}/orders/{{id}}", f"GET {_HOST}/orders/17/lines", None),
        (f"{_HOST}/orders/{{id}}.json", f"GET {_HOST}/orders/17.json", f"read {_HOST}/orders/{{id}}.json"),
        (f"{_HOST}/orders/{{id}}.json", f"GET {_HOST}/orders/17", None),
        (f"{_HOST}, {_HOST}/users/{{name}}", f"GET {_HOST}/users/ada", f"read {_HOST}/users/{{name}}"),
        (f"{_HOST}, {_HOST}/users/{{name}}", f"GET {_HOST}/users", f"read {_HOST}/users"),
        (f"{_HOST}/o/{{id}}, {_HOST}/o/latest", f"GET {_HOST}/o/latest", f"read {_HOST}/o/latest"),
        (f"{_HOST}/v2/*", f"GET {_HOST}/v2/orders", f"read {_HOST}/v2/orders"),
        (f"{_HOST}/v2/*", f"GET {_HOST}/v3/orders", None),
        (f"{_HOST}/t/{{tenant}}/*", f"GET {_HOST}/t/acme/orders", f"read {_HOST}/t/{{tenant}}/orders"),
        (f"POST {_HOST}/search -> read", f"POST {_HOST}/search", f"read {_HOST}/search"),
        (f"POST {_HOST}/search->read", f"POST {_HOST}/search", f"read {_HOST}/search"),
        (f"POST {_HOST}/search -> read", f"GET {_HOST}/search", None),
        (f"{_HOST}, POST {_HOST}/login -> ignore", f"POST {_HOST}/login", None),
        (f"{_HOST}, POST {_HOST}/login -> ignore", f"GET {_HOST}/login", f"read {_HOST}/login"),
        (f"{_HOST}/x -> read", f"POST {_HOST}/x", f"read {_HOST}/x"),
        ("https://shop.s3.amazonaws.com", "GET https://shop.s3.amazonaws.com/raw/a.csv", "read s3://shop/raw/a.csv"),
    ],
)
def test_request_has_the_name_of_the_most_specific_entry(entries: str, request_: str, expected: str | None) -> None:
    assert named(entries, request_) == expected


def test_dataset_of_a_request_is_the_one_that_its_uri_names() -> None:
    found = Endpoints(["http://api.example.com:8080"]).find("http://API.example.com:8080/orders/?page=2")
    assert found == ("read", Dataset.from_uri("http://api.example.com:8080/orders"))


@pytest.mark.parametrize(
    "value",
    [
        "17", "order-12345", "2026-11-28", "20261128T101500", "550e8400-e29b-41d4-a716-446655440000", "deadbeef",
        "ada@example.com", "a9F3kQ", "aGVsbG8gd29ybGQ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2ln", "sk_live_abcdef",
        "ghp_abcdefghij", "AKIAIOSFODNNEXAMPLE", "XXXXXXXXXXXXXXXXXXXXXXXX", "q=1", "a/b", "x" * 60, "hello%world",
        "+49301234", "T00000000", "0x1f2e",
    ],
)  # fmt: skip
def test_value_in_a_path_is_not_in_its_name(value: str) -> None:
    assert safe_path(("things", value, "lines")) == ("things", "{id}", "lines")


@pytest.mark.parametrize(
    "segment",
    [
        "orders", "v1", "v2.1", "v1beta1", "2.0", "order-lines", "order_lines", "getOrdersByCustomer", "oauth2", "s3",
        "orders.json", "orders.csv.gz", "_search", "$metadata", ".well-known", "~me", "bücher", "internationalization",
    ],
)  # fmt: skip
def test_name_in_a_path_is_kept(segment: str) -> None:
    assert safe_path((segment,)) == (segment,)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [("17.json", "{id}.json"), ("Orders(17)", "Orders({id})"), ("orders;jsessionid=secret", "orders")],
)
def test_value_within_a_segment_is_replaced(segment: str, expected: str) -> None:
    assert safe_path((segment,)) == (expected,)


def test_long_path_is_cut() -> None:
    assert safe_path(("a",) * 100) == (*("a",) * 12, "*")


def test_names_are_bounded_where_paths_differ_a_lot() -> None:
    endpoints = Endpoints([_HOST])
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = [endpoints.find(f"{_HOST}/users/{a}{b}/orders") for a in letters for b in letters]
    names = [dataset.name for _, dataset in filter(None, found)]
    assert (len(names), len(set(names)), names[0], names[-1]) == (676, 51, "users/aa/orders", "users/{id}/orders")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("/orders", "names no host"),
        ("https://", "names no host"),
        ("*", "names no host"),
        ("https://*", "names no host"),
        ("h:port", "names no host"),
        ("ftp://h", "has the scheme ftp"),
        ("https://h:99999", "has an invalid port"),
        ("FETCH https://h", "has the method FETCH"),
        ("GET POST https://h", "is no endpoint"),
        ("https://h -> reads", "must end with one of"),
        ("https://h ->", "must end with one of"),
        ("https://h/*/x", "has * within its path"),
        ("https://h/{id", "has a brace without its pair"),
        ("https://h/{}", "has a brace without its pair"),
        ("https://h/{a}{b}", "has two placeholders"),
        ("https://h/x?page=1", "contains a query string"),
        ("https://h/x#part", "contains a query string"),
        ("https://user@h/x", "contains credentials"),
    ],
)
def test_wrong_entry_is_refused_with_its_reason(entry: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^http_endpoints: '") as raised:
        parse(entry)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    "entry", ["https://u:s3cret@h/x", "u:s3cret@h", "https://u:s3/cret@h", "https://h/x?k=s3cret", "https://h/x#s3cret"]
)
def test_secret_in_a_wrong_entry_is_not_shown(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", entry)
    with pytest.raises(ValueError, match="HTTP_ENDPOINTS") as raised:
        settings()
    assert "s3" not in str(raised.value)


def test_setting_is_a_list_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", "https://a, POST b/search -> read")
    assert settings().http_endpoints == ["https://a", "POST b/search -> read"]
