"""Names of buckets and containers, whichever address leads to them: URIs of drivers, and web addresses.

The rules follow the naming page of the OpenLineage specification (https://openlineage.io/docs/spec/naming). An Azure
container is part of the identity: two containers of one account are two namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Schemes of Azure's blobs and files, by their canonical name. adlfs and DuckDB take `az`, polars and Snowflake `azure`.
AZURE_SCHEMES = {"abfs": "abfss", "abfss": "abfss", "az": "abfss", "azure": "abfss", "wasb": "wasbs", "wasbs": "wasbs"}

_AMAZON_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?(?:\.dualstack)?\.amazonaws\.com(?:\.cn)?"
)
_AMAZON_NAME = re.compile(r"arn:aws[a-z-]*:s3:::([^/:]+)")
_GOOGLE_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?storage\.(?:googleapis|cloud\.google)\.com")
# An account's endpoints: both protocols, its read-only copy, private links, DNS zones, OneLake.
# learn.microsoft.com: Storage account overview, Use private endpoints; OneLake access and APIs
_AZURE_HOST = re.compile(
    r"(?P<account>[a-z0-9]+(?:-(?!secondary\b)[a-z0-9]+)*)(?:-secondary)?(?:\.privatelink)?"
    r"\.(?:blob|dfs)\.(?P<suffix>core\.[a-z.]+|fabric\.microsoft\.com)"
    r"|(?P<zoned>[a-z0-9]+\.z\d+)\.(?:blob|dfs)\.(?P<zone>storage\.azure\.net)"
)
# The query of a request or of a presigned URL; any other `?` is a character of a key.
_QUERY = re.compile(r"\?[\w.\-]+=")
_PUBLIC_CLOUD = "core.windows.net"


def stored(scheme: str, authority: str, name: str) -> tuple[str, str] | None:
    """The namespace and name of an object, from the authority and the path of its address; None if it is no object's.

    The web address of an object names the object (`https://bucket.s3.eu-west-1.amazonaws.com/key` is
    `s3://bucket/key`). `scheme` is canonical (`naming.scheme_of`).
    """
    if scheme in AZURE_SCHEMES:
        return _azure(scheme, authority, name)
    if resource := _AMAZON_NAME.fullmatch(scheme):
        return f"s3://{resource[1]}", name
    port = {"http": ":80", "https": ":443"}.get(scheme)
    if port is None:
        return None
    host = authority.rstrip("/").rpartition("@")[2].lower().removesuffix(port)
    name = _QUERY.split(name, maxsplit=1)[0]
    if _AZURE_HOST.fullmatch(host):
        return _azure("abfss", host, name) if name.strip("/") else None
    for kind, pattern in (("s3", _AMAZON_HOST), ("gs", _GOOGLE_HOST)):
        if found := pattern.fullmatch(host):
            bucket, _, key = (found["bucket"], "", name) if found["bucket"] else name.lstrip("/").partition("/")
            return (f"{kind}://{bucket}", key) if bucket and key else None
    return None


def azure_namespace(container: str, account: str | None = None, scheme: str = "abfss") -> str:
    """`abfss://container@account.dfs.core.windows.net`; `account` is a name or the host of one of its endpoints.

    Without an account, the container alone is named.
    """
    host = _azure_host(account) if account else ""
    return f"{scheme}://{container}@{host}" if host else f"{scheme}://{container}"


_ACCOUNT_OPTIONS = ("account_name", "azure_storage_account_name", "account_host", "account_url", "azure_endpoint")
_CONNECTION_OPTIONS = ("connection_string", "azure_storage_connection_string")
_ACCOUNT_NAME = re.compile(r"(?:\A|;)\s*AccountName=([a-z0-9-]{1,64})\s*(?:;|\Z)", re.IGNORECASE)
_BLOB_ENDPOINT = re.compile(r"(?:\A|;)\s*BlobEndpoint=https?://([A-Za-z0-9.-]{1,255})", re.IGNORECASE)


def azure_account(options: Mapping[str, object]) -> str | None:
    """The account's name or host in storage options (adlfs, object_store) or in the environment of both; or None.

    Of a connection string, no other part is read. https://fsspec.github.io/adlfs/, "Setting credentials";
    https://docs.rs/object_store/latest/object_store/azure/enum.AzureConfigKey.html
    """
    values = {str(key).lower(): value for key, value in options.items() if isinstance(value, str)}
    for name in _ACCOUNT_OPTIONS:
        if found := values.get(name, "").strip():
            return found.partition("://")[2].partition("/")[0] if "://" in found else found
    for name in _CONNECTION_OPTIONS:
        text = values.get(name, "")
        if (match := _ACCOUNT_NAME.search(text)) or (match := _BLOB_ENDPOINT.search(text)):
            return match[1].lower()
    return None


def without_user(scheme: str, authority: str) -> str:
    """An authority without user and password. The container before an Azure account is no user."""
    user, at, host = authority.rpartition("@")
    is_container = AZURE_SCHEMES.get(scheme.lower()) is not None and ":" not in user
    return f"{user.rpartition('@')[2]}@{host}" if at and is_container and user else host


def _azure(scheme: str, authority: str, name: str) -> tuple[str, str]:
    """Containers stand before the account, or begin the path (`https://account.blob.core.windows.net/container/key`).

    Blobs are the same under both protocols of an account, and the page writes both with its `dfs` endpoint.
    """
    container, _, host = without_user(scheme, authority.rstrip("/")).rpartition("@")
    if not container and _AZURE_HOST.fullmatch(host.lower()):
        container, _, name = name.lstrip("/").partition("/")
        name = name or "/"
    if container:
        return azure_namespace(container, host, scheme), name
    # A host without a container is an account, and a name alone a container.
    return f"{scheme}://{_azure_host(host) if '.' in host else host}", name


def _azure_host(account: str) -> str:
    host = account.strip().lower().rstrip("./")
    if "." not in host and ":" not in host:
        return f"{host}.dfs.{_PUBLIC_CLOUD}"
    if found := _AZURE_HOST.fullmatch(host):
        return f"{found['account'] or found['zoned']}.dfs.{found['suffix'] or found['zone']}"
    return host
