"""BigQuery's clients that a program makes itself: the methods of their class are patched.

So clients of any origin are reported, and those made before. Jobs that they return are proxies (`JobProxy`), which
report when their results have arrived. The DB-API and pandas-gbq use a client.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_untraced
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.drivers.bigquery.client import CLIENT_WRAPPERS, ClientProxy
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.opening import is_by_traced_cursor, is_left_alone, patched

_connections: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


def _called(name: str, method: Any, client: Any, args: Any, kwargs: Any) -> Any:
    proxy = None
    with guarded("tracing a client of BigQuery", count_untraced):
        if not is_left_alone() and not is_by_traced_cursor("google.cloud.bigquery.dbapi."):
            proxy = ClientProxy(client, _connections.setdefault(client, {}))
    return method(*args, **kwargs) if proxy is None else CLIENT_WRAPPERS[name](proxy, method, args, kwargs)


def _patch(module: Any) -> None:
    for name in CLIENT_WRAPPERS:
        if hasattr(module.Client, name):
            patches.add(module.Client, name, patched(partial(_called, name)))


LIBRARY = Library(
    "databases",
    "google.cloud.bigquery.client",
    _patch,
    package="google-cloud-bigquery",
    captured="clients made before and after switch-on, under any name: queries, load, copy and extract jobs, streamed "
    "rows, tables; so also `google.cloud.bigquery.dbapi`, pandas-gbq",
    not_captured="jobs whose result or state the program never asks for; the Storage API used directly",
    tests=("tests/instrumentation/opened/test_bigquery.py",),
    against="the client's own code over a stand-in of BigQuery",
)
