"""The datasets of HTTP requests: those to the endpoints of the setting `http_endpoints`, and never Prefect's own."""

from __future__ import annotations

from functools import lru_cache

from prefect.context import SettingsContext

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.endpoints import Endpoints, Operation
from prefect_lineage_events.instrumentation.callers import is_called_by
from prefect_lineage_events.settings import settings

# Packages whose frames are between a request and the code that wants it.
_HTTP = frozenset({
    "httpx", "httpx2", "httpcore", "requests", "requests_toolbelt", "urllib3", "urllib", "aiohttp", "aiohttp_retry",
    "anyio", "asyncio", "contextlib", "concurrent", "threading", "tenacity", "backoff", "retry", "retrying", "wrapt",
    "cachecontrol", "requests_cache", "hishel", "functools", "google",
})  # fmt: skip
# Packages whose requests are no accesses of an API: services of Prefect and of this package, and clients of stores,
# whose calls are captured as such or not at all.
_CLIENTS = frozenset({
    "prefect", "prefect_lineage_events", "openlineage", "opentelemetry", "sentry_sdk", "amplitude", "ddtrace",
    "botocore", "boto3", "aiobotocore", "s3fs", "gcsfs", "adlfs", "azure", "clickhouse_connect", "trino", "snowflake",
    "databricks", "deltalake", "pyiceberg", "elasticsearch", "opensearchpy", "elastic_transport", "pip",
})  # fmt: skip
_CLIENT_MODULES = ("google.cloud.", "google.resumable_media.", "google.api_core.", "google.oauth2.")


@lru_cache(maxsize=4)
def _endpoints(entries: tuple[str, ...]) -> Endpoints:
    return Endpoints(entries)


def endpoints() -> Endpoints:
    """The allow-list of this process. Raises ValueError if the settings cannot be read."""
    return _endpoints(tuple(settings().http_endpoints))


def api_dataset(url: str, method: str = "GET") -> Dataset | None:
    """The dataset that a request to this URL reads or writes; None if it is none of the captured endpoints'.

    For other code that is given a URL, such as `pandas.read_csv("https://...")`. Query string, fragment and credentials
    of the URL are not in the dataset.
    """
    found = request_dataset(url, method)
    return found[1] if found is not None else None


def request_dataset(url: str, method: str) -> tuple[Operation, Dataset] | None:
    """The operation and the dataset of a request, as `api_dataset`."""
    found = endpoints().find(url, method)
    return None if found is None or is_of_prefect(url, found[1].namespace) else found


def is_of_prefect(url: str, namespace: str) -> bool:
    """Return whether a URL, which is in this namespace, is one of Prefect's API by the settings of the calling code."""
    context = SettingsContext.get()
    if context is None:
        return False
    prefect = context.settings
    for address in (prefect.api.url, prefect.cloud.api_url):
        if address:
            own_namespace, own_path = _address(address)
            if own_namespace == namespace:
                path = _path(url)
                if path == own_path or path.startswith(f"{own_path}/"):
                    return True
    return False


@lru_cache(maxsize=64)
def _address(address: str) -> tuple[str, str]:
    """The namespace of an API's requests, and its path."""
    try:
        return Dataset.from_uri(f"{address.rstrip('/')}/{{path}}").namespace, _path(address).rstrip("/")
    except ValueError:
        return "", ""


def _path(url: str) -> str:
    return f"/{url.partition('://')[2].partition('?')[0].partition('#')[0].partition('/')[2]}"


def is_of_client() -> bool:
    """Return whether the innermost caller that is no HTTP library is a client of a store, or of Prefect."""
    return is_called_by(_CLIENTS, _HTTP, _CLIENT_MODULES)
