"""HTTP clients with and without the patches: behaviour, redirects, streams, hooks."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import urllib.error
import urllib.request
from collections.abc import Awaitable
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.instrumentation.http import allowed
from prefect_lineage_events.settings import PREFIX
from tests.instrumentation.recording import RecordedNotes, recorded_notes
from tests.services.api import BODY


def test_nothing_is_patched_without_an_allow_list() -> None:
    before = httpx.Client.send, requests.Session.send
    instrument("http")
    try:
        assert (httpx.Client.send, requests.Session.send) == before
    finally:
        uninstrument()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (httpx.Client, "send"),
        (httpx.AsyncClient, "send"),
        (httpx2.Client, "send"),
        (requests.Session, "send"),
        (aiohttp.ClientSession, "_request"),
        (urllib.request.OpenerDirector, "open"),
        (urllib3.PoolManager, "urlopen"),
    ],
)
def test_patched_method_is_the_method_to_other_code(
    owner: Any, name: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = vars(owner)[name]
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", server)
    instrument("http")
    try:
        patched = getattr(owner, name)
        assert vars(owner)[name] is not original
        assert inspect.signature(patched) == inspect.signature(original)
        assert inspect.iscoroutinefunction(patched) == inspect.iscoroutinefunction(original)
        assert (patched.__doc__, patched.__name__) == (original.__doc__, original.__name__)
    finally:
        uninstrument()
    assert vars(owner)[name] is original


def test_client_made_before_the_switch_is_captured_and_released(
    server: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}HTTP_ENDPOINTS", server)
    with httpx.Client() as client, requests.Session() as session, recorded_notes(monkeypatch) as notes:
        instrument("http")
        client.get(f"{server}/a")
        session.get(f"{server}/b")
        uninstrument()
        client.get(f"{server}/c")
        session.get(f"{server}/d")
    assert notes.accesses == [f"read {base}/a", f"read {base}/b"]


def test_size_of_bodies_is_noted(notes: RecordedNotes, server: str) -> None:
    httpx.get(f"{server}/a")
    requests.get(f"{server}/a", timeout=30)
    httpx.post(f"{server}/a", content=b"12345")
    requests.post(f"{server}/a", data=b"12345", timeout=30)
    assert [note.size for note in notes] == [len(BODY), len(BODY), 5, 5]


def test_body_of_a_stream_is_left_to_the_user(notes: RecordedNotes, server: str) -> None:
    with httpx.stream("GET", f"{server}/a") as response:
        assert b"".join(response.iter_bytes()) == BODY
    with requests.get(f"{server}/a", stream=True, timeout=30) as streamed:
        assert streamed.raw.read() == BODY
    assert [note.size for note in notes] == [None, None]


def test_response_that_breaks_off_did_not_happen(notes: RecordedNotes, server: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server}/broken")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{server}/broken", timeout=30)
    assert notes == []


def test_second_try_with_credentials_is_one_access(notes: RecordedNotes, server: str, base: str) -> None:
    class Auth(httpx.Auth):
        """Credentials that are sent when the server asks for them."""

        def auth_flow(self, request: httpx.Request) -> Any:
            response = yield request
            if response.status_code == 401:
                request.headers["Authorization"] = "Bearer secret"
                yield request

    def again(response: requests.Response, **_: Any) -> requests.Response:
        if response.status_code != 401:
            return response
        response.request.headers["Authorization"] = "Bearer secret"
        return session.send(response.request)

    assert httpx.get(f"{server}/token/a", auth=Auth()).status_code == 200
    with requests.Session() as session:
        assert session.get(f"{server}/token/b", hooks={"response": again}).status_code == 200
    assert notes.accesses == [f"read {base}/token/a", f"read {base}/token/b"]


def test_redirect_that_is_not_followed_did_not_happen(notes: RecordedNotes, server: str) -> None:
    assert httpx.get(f"{server}/latest?to=/orders").status_code == 302
    assert requests.get(f"{server}/latest?to=/orders", allow_redirects=False, timeout=30).status_code == 302
    assert notes == []


def test_post_that_is_redirected_to_a_page_is_a_write(notes: RecordedNotes, server: str, base: str) -> None:
    httpx.post(f"{server}/jobs?as=303&to=/done", follow_redirects=True)
    requests.post(f"{server}/jobs?as=303&to=/done", timeout=30)
    assert notes.accesses == [f"write {base}/jobs"] * 2


def test_transport_in_memory_is_captured(notes: RecordedNotes, server: str, base: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(201, json={"ok": True}))
    with httpx.Client(transport=transport) as client:
        assert client.post(f"{server}/orders").json() == {"ok": True}
    assert notes.accesses == [f"write {base}/orders"]


def test_exception_of_a_status_check_is_the_users(notes: RecordedNotes, server: str) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        httpx.get(f"{server}/status/500").raise_for_status()

    async def checked() -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(f"{server}/status/500"):
            pass

    with pytest.raises(aiohttp.ClientResponseError):
        asyncio.run(checked())
    assert notes == []


def test_concurrent_requests_of_one_loop_are_each_noted(notes: RecordedNotes, server: str, base: str) -> None:
    async def made() -> None:
        async with httpx.AsyncClient() as client, aiohttp.ClientSession() as session:

            async def read() -> None:
                async with session.get(f"{server}/b") as response:
                    await response.read()

            calls: list[Awaitable[Any]] = [client.get(f"{server}/a") for _ in range(5)]
            await asyncio.gather(*calls, *(asyncio.create_task(read()) for _ in range(5)))

    asyncio.run(made())
    assert sorted(notes.accesses) == [f"read {base}/a"] * 5 + [f"read {base}/b"] * 5


def test_cancelled_request_did_not_happen(notes: RecordedNotes, server: str) -> None:
    async def made() -> None:
        async with httpx.AsyncClient() as client:
            task = asyncio.create_task(client.get(f"{server}/a"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(made())
    assert notes == []


def test_request_within_a_hook_belongs_to_the_request(notes: RecordedNotes, server: str, base: str) -> None:
    def log(response: httpx.Response) -> None:
        httpx.post(f"{server}/log")

    with httpx.Client(event_hooks={"response": [log]}) as client:
        client.get(f"{server}/a")
        client.get(f"{server}/b")
    assert notes.accesses == [f"read {base}/a", f"read {base}/b"]


def test_responses_and_clients_are_pickled_as_before(notes: RecordedNotes, server: str) -> None:
    response = requests.get(f"{server}/a", timeout=30)
    assert pickle.loads(pickle.dumps(response)).content == BODY
    assert isinstance(pickle.loads(pickle.dumps(requests.Session())), requests.Session)


def test_error_in_our_code_does_not_reach_the_caller(
    notes: RecordedNotes, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowed, "endpoints", lambda: 1 / 0)
    assert httpx.get(f"{server}/a").content == BODY
    assert notes == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("{}/orders/17?token=secret", "{}/orders/{{id}}"),
        ("http://127.0.0.1:9/x", None),
        ("/tmp/x.csv", None),
        ("", None),
    ],
)
def test_other_code_asks_for_the_dataset_of_a_url(
    url: str, expected: str | None, notes: RecordedNotes, server: str, base: str
) -> None:
    dataset = allowed.api_dataset(url.format(server))
    assert (dataset and dataset.uri) == (expected and expected.format(base))
