"""Requests by all ways to a real server: which ones are noted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_lineage_events import lineage_disabled
from prefect_lineage_events.instrumentation.access import suppressed
from prefect_lineage_events.instrumentation.http import allowed
from tests.instrumentation.http.ways import CLIENTS, Request
from tests.instrumentation.recording import RecordedNotes
from tests.services.api import http_server

each_client = pytest.mark.parametrize("request_", CLIENTS, ids=lambda client: client.__name__.lstrip("_"))


@each_client
def test_get_of_a_listed_host_is_a_read(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("GET", f"{server}/products?token=secret") == 200
    assert notes.accesses == [f"read {base}/products"]
    assert "secret" not in repr(notes)


@each_client
def test_template_names_the_endpoint(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("GET", f"{server}/orders/17") == request_("GET", f"{server}/orders/18?x=1") == 200
    assert notes.accesses == [f"read {base}/orders/{{id}}"] * 2


@each_client
def test_post_is_a_write(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("POST", f"{server}/orders") == request_("DELETE", f"{server}/orders/17") == 200
    assert notes.accesses == [f"write {base}/orders", f"write {base}/orders/{{id}}"]


@each_client
def test_entry_says_the_operation(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("POST", f"{server}/search") == request_("POST", f"{server}/login") == 200
    assert notes.accesses == [f"read {base}/search"]


@each_client
@pytest.mark.parametrize("status", [304, 400, 404, 500, 503])
def test_request_without_success_did_not_happen(
    request_: Request, status: int, notes: RecordedNotes, server: str
) -> None:
    assert request_("GET", f"{server}/status/{status}") == status
    assert notes == []


@each_client
def test_no_content_is_a_success(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("PUT", f"{server}/status/204") == 204
    assert notes.accesses == [f"write {base}/status/{{id}}"]


@each_client
def test_head_is_no_access(request_: Request, notes: RecordedNotes, server: str) -> None:
    assert request_("HEAD", f"{server}/products") == request_("OPTIONS", f"{server}/products") == 200
    assert notes == []


@each_client
def test_redirected_request_is_one_access(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    assert request_("GET", f"{server}/latest?to=/hop?to=/orders/17") == 200
    assert notes.accesses == [f"read {base}/latest"]


@each_client
def test_redirect_to_a_failure_did_not_happen(request_: Request, notes: RecordedNotes, server: str) -> None:
    assert request_("GET", f"{server}/latest?to=/status/404") == 404
    assert notes == []


@each_client
def test_redirect_to_a_listed_host_is_an_access(
    request_: Request, notes: RecordedNotes, server: str, base: str
) -> None:
    with http_server() as other:
        assert request_("GET", f"{other}/short?to={server}/orders/17") == 200
    assert notes.accesses == [f"read {base}/orders/{{id}}"]


@each_client
def test_other_host_is_not_noted(request_: Request, notes: RecordedNotes, server: str) -> None:
    with http_server() as other:
        assert request_("GET", f"{other}/orders") == 200
    assert notes == []


@each_client
def test_api_of_prefect_is_never_noted(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    with temporary_settings({PREFECT_API_URL: f"{server}/api"}):
        request_("POST", f"{server}/api/flow_runs/filter")
        request_("POST", f"{server}/apis")
    assert notes.accesses == [f"write {base}/apis"]


@each_client
def test_unreachable_host_raises_as_before(request_: Request, notes: RecordedNotes) -> None:
    with pytest.raises(Exception, match=r"(?i)conn|max retries"):
        request_("GET", "http://127.0.0.1:9/orders")
    assert notes == []


@each_client
@pytest.mark.parametrize("block", [lineage_disabled, suppressed])
def test_request_in_a_block_without_lineage_is_not_noted(
    request_: Request, block: Any, notes: RecordedNotes, server: str
) -> None:
    with block():
        assert request_("GET", f"{server}/orders") == 200
    assert notes == []


@each_client
def test_request_outside_runs_is_not_noted(request_: Request, notes: RecordedNotes, server: str) -> None:
    notes.run = None
    assert request_("GET", f"{server}/orders") == 200
    assert notes == []


@each_client
def test_request_of_a_thread_is_noted(request_: Request, notes: RecordedNotes, server: str, base: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(request_, ["GET"] * 4, [f"{server}/orders"] * 4)) == [200] * 4
    assert notes.accesses == [f"read {base}/orders"] * 4


@each_client
def test_request_by_a_client_of_a_store_is_not_noted(request_: Request, notes: RecordedNotes, server: str) -> None:
    code = compile("def call(request, *args): return request(*args)", "x.py", "exec")
    for module in ("prefect.client.base", "google.cloud.storage.blob", "botocore.client", "openlineage.client"):
        namespace: dict[str, Any] = {"__name__": module}
        exec(code, namespace)
        # The frames of this file are between the client's and the library's: they count as the library's.
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(allowed, "_HTTP", allowed._HTTP | {"tests"})
            assert namespace["call"](request_, "GET", f"{server}/orders") == 200
    assert notes == []
