"""Requests of all HTTP clients to a server of the program's own, and what it asks of clients and responses."""

import asyncio
import copy
import inspect
import os
import pickle
import sqlite3
import threading
import types
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"path": "/orders"}' * 3
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        moved = self.path.startswith("/moved")
        self.send_response(302 if moved else int(self.path[1:4]) if self.path[1:4].isdigit() else 200)
        if moved:
            self.send_header("Location", "/orders/17")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
SERVER.daemon_threads = True
URL = f"http://127.0.0.1:{SERVER.server_address[1]}"
os.environ["PREFECT_INTEGRATIONS_LINEAGE_EVENTS_HTTP_ENDPOINTS"] = f"{URL},{URL}/orders/{{id}}"

import aiohttp  # noqa: E402
import httpx  # noqa: E402
import requests  # noqa: E402
import urllib3  # noqa: E402
from kit import attempt  # noqa: E402
from prefect import flow, task  # noqa: E402

METHODS = [
    httpx.Client.send, httpx.AsyncClient.send, requests.Session.send, aiohttp.ClientSession._request,
    urllib.request.OpenerDirector.open, urllib3.PoolManager.urlopen,
]  # fmt: skip


class OwnSession(requests.Session):
    def send(self, request, **more):
        print("own send", request.method)
        return super().send(request, **more)


class OwnClient(httpx.Client):
    def send(self, request, **more):
        response = super().send(request, **more)
        print("own send", response.status_code)
        return response


class OwnTransport(httpx.BaseTransport):
    def handle_request(self, request):
        return httpx.Response(200, json={"to": request.url.path})


def asked(method):
    return (
        method.__name__,
        method.__qualname__,
        (method.__doc__ or "")[:20],
        inspect.isfunction(method),
        inspect.iscoroutinefunction(method),
        isinstance(method, types.FunctionType),
        str(inspect.signature(method))[:60],
        copy.copy(method) is method,
        pickle.loads(pickle.dumps(method)) == method,
    )


@task
def synchronous():
    for method in METHODS:
        attempt("asked", lambda method=method: asked(method))
    for path in ("/orders/17", "/moved", "/404", "/500"):
        attempt("httpx", lambda path=path: httpx.get(f"{URL}{path}", follow_redirects=True).raise_for_status().text)
        attempt("requests", lambda path=path: requests.get(f"{URL}{path}", timeout=9).history)
        attempt("urllib", lambda path=path: urllib.request.urlopen(f"{URL}{path}").read())
        attempt("urllib3", lambda path=path: urllib3.request("GET", f"{URL}{path}").data)
    attempt("refused", lambda: httpx.get("http://127.0.0.1:9/orders"))
    attempt("refused", lambda: requests.get("http://127.0.0.1:9/orders", timeout=9).text[:0])
    attempt("no url", lambda: requests.get("orders", timeout=9))
    attempt("no arguments", lambda: requests.Session().send())
    attempt("no request", lambda: httpx.Client().send(None))
    attempt("closed", lambda: closed().get(URL))
    with OwnSession() as session, OwnClient(base_url=URL) as client:
        attempt("own session", lambda: session.post(f"{URL}/orders", json=[1]).request.body)
        attempt("own client", lambda: client.delete("/orders/17").json)
        attempt("pickled", lambda: pickle.loads(pickle.dumps(session.get(f"{URL}/orders"))).content)
        attempt("copied", lambda: type(copy.copy(session)).__name__)
    with httpx.Client(transport=OwnTransport()) as client:
        attempt("own transport", lambda: client.get(f"{URL}/orders").json())
    with httpx.stream("GET", f"{URL}/orders") as response:
        attempt("unread", lambda: response.text)
        attempt("streamed", lambda: b"".join(response.iter_raw()))
    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(lambda _: requests.get(f"{URL}/orders", timeout=9).status_code, range(8))))


def closed():
    client = httpx.Client()
    client.close()
    return client


@task
async def asynchronous():
    async with aiohttp.ClientSession(raise_for_status=True) as session, httpx.AsyncClient() as client:
        async with session.get(f"{URL}/orders/17", params={"token": "x"}) as response:
            print(response.status, await response.read())
        print([r.status_code for r in await asyncio.gather(*(client.get(f"{URL}/orders") for _ in range(5)))])
        try:
            await session.get(f"{URL}/500")
        except aiohttp.ClientResponseError as error:
            print(type(error), error.status)
        try:
            await asyncio.wait_for(client.get(f"{URL}/orders"), 0)
        except asyncio.TimeoutError as error:
            print(type(error))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.get(URL)
            client.send(client.build_request("GET", URL))
            print([str(warning.message) for warning in caught])


@flow
def clients():
    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    synchronous()
    asynchronous.submit().wait()
    asyncio.run(asynchronous.fn())
    with sqlite3.connect("shop.db") as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    connection.close()


if __name__ == "__main__":
    clients()
    SERVER.shutdown()
