"""azure-storage-blob, sync and aio: blobs that its clients read, write, copy and delete.

Clients of containers and services, adlfs and Prefect's block use the client of a blob. Its URL may contain a token, and
only its host is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from prefect_lineage_events import patches
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, reports
from prefect_lineage_events.instrumentation.files.objects import PartSources, access, located, open_file
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.object_stores import azure_namespace

_STORES = ("abfss:", "wasbs:", "s3:", "gs:")
# The sources of blocks of a blob that is not committed, and of copies whose end is not known.
_of_blocks = PartSources()
_of_copies = PartSources()


def _namespace(client: Any, container: str) -> str:
    host = client.primary_hostname.partition("/")[0]
    is_emulator = host.startswith(("localhost", "127.0.0.1"))
    return azure_namespace(container, client.account_name if is_emulator and client.account_name else host)


def _blob(client: Any) -> tuple[str, str]:
    return _namespace(client, client.container_name), client.blob_name


def _name(call: Call) -> str:
    return f"azure.storage.blob.{call.function.__name__}"


def _source(client: Any, url: str) -> tuple[Dataset, ...]:
    """The object at a URL; () for the address of something else, which the family `http` may name."""
    split = urlsplit(url)
    if split.netloc == urlsplit(client.url).netloc:
        path = unquote(split.path).lstrip("/")
        if client.primary_hostname.startswith(("localhost", "127.0.0.1")):
            path = path.partition("/")[2]  # the account
        container, _, key = path.partition("/")
        return (located(_namespace(client, container), key).dataset,) if key else ()
    found = Dataset.from_uri(url)
    return (located(found.namespace, found.name).dataset,) if found.namespace.startswith(_STORES) else ()


def _read(call: Call) -> Iterator[Access]:
    size = getattr(call.result, "size", None)
    return access("read", *_blob(call.instance), _name(call), size=size if isinstance(size, int) else None)


def _write(call: Call) -> Iterator[Access]:
    data = call.argument(0, "data", "page")
    size = len(data) if isinstance(data, bytes | bytearray) else None
    return access("write", *_blob(call.instance), _name(call), size=size, inputs=open_file(data))


def _write_from_url(call: Call) -> Iterator[Access]:
    inputs = _source(call.instance, call.argument(0, "source_url", "copy_source_url"))
    return access("write", *_blob(call.instance), _name(call), inputs=inputs)


def _stage_from_url(call: Call) -> Iterator[Access]:
    _of_blocks.add(_blob(call.instance), _source(call.instance, call.argument(1, "source_url")))
    yield from ()


def _commit(call: Call) -> Iterator[Access]:
    return access("write", *_blob(call.instance), _name(call), inputs=_of_blocks.take(_blob(call.instance)))


def _copy(call: Call) -> Iterator[Access]:
    """A copy that the store makes later is noted when its status is requested and it has succeeded."""
    blob, source = _blob(call.instance), _source(call.instance, call.argument(0, "source_url"))
    if call.result.get("copy_status") == "success":
        yield from access("write", *blob, _name(call), inputs=source)
    else:
        _of_copies.add(blob, source)


def _properties(call: Call) -> Iterator[Access]:
    blob = _blob(call.instance)
    status = getattr(getattr(call.result, "copy", None), "status", None)
    if blob in _of_copies and status != "pending":
        source = _of_copies.take(blob)
        if status == "success":
            yield from access("write", *blob, "azure.storage.blob.start_copy_from_url", inputs=source)


def _abort(call: Call) -> Iterator[Access]:
    _of_copies.take(_blob(call.instance))
    yield from ()


def _delete(call: Call) -> Iterator[Access]:
    if call.argument(0, "delete_snapshots") != "only" and not call.kwargs.get("version_id"):
        yield from access("drop", *_blob(call.instance), _name(call))


_BLOB: dict[str, Describe] = {
    "download_blob": _read,
    "query_blob": _read,
    "upload_blob": _write,
    "append_block": _write,
    "upload_page": _write,
    "upload_blob_from_url": _write_from_url,
    "append_block_from_url": _write_from_url,
    "upload_pages_from_url": _write_from_url,
    "stage_block_from_url": _stage_from_url,
    "commit_block_list": _commit,
    "start_copy_from_url": _copy,
    "get_blob_properties": _properties,
    "abort_copy": _abort,
    "delete_blob": _delete,
}


def _patch(module: Any) -> None:
    for name, describe in _BLOB.items():
        patches.add(module.BlobClient, name, reports(describe))


def _library(module: str, captured: str) -> Library:
    return Library(
        "files",
        module,
        _patch,
        "azure-storage-blob",
        captured,
        "blobs deleted in a batch; a copy by the store whose status is never requested; Data Lake's client",
        ("tests/instrumentation/files/test_azure.py",),
        "the library's own code over a stand-in for the service's REST interface",
    )


LIBRARIES: tuple[Library, ...] = (
    _library(
        "azure.storage.blob._blob_client",
        "blobs read, written (blocks when they are committed), appended, copied and deleted, by clients of blobs, "
        "containers and services",
    ),
    _library("azure.storage.blob.aio._blob_client_async", "the same by the asynchronous clients"),
)
