"""google-cloud-storage: objects that its blobs, buckets and transfer manager read, write, copy and delete.

All downloads pass `_prep_and_do_download` of a blob, and all uploads `_prep_and_do_upload`, but for those of an open
file. The functions of the transfer manager are noted in the process that calls them: their workers are other ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, call_and_report, reports
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.instrumentation.files.objects import access, copy, located, open_file
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction


def _object(blob: Any) -> tuple[str, str]:
    return f"gs://{blob.bucket.name}", blob.name


def _name(call: Call) -> str:
    return f"google.cloud.storage.{call.function.__name__.removeprefix('_prep_and_do_')}"


def _read(call: Call) -> Iterator[Access]:
    return access("read", *_object(call.instance), _name(call))


def _write(call: Call) -> Iterator[Access]:
    size = call.argument(2, "size")
    size = size if isinstance(size, int) else None
    return access(
        "write", *_object(call.instance), _name(call), size=size, inputs=open_file(call.argument(0, "file_obj"))
    )


def _local(path: Any) -> tuple[Dataset, ...]:
    return tuple(location.dataset for location in locate(path))


def _upload_file(call: Call) -> Iterator[Access]:
    return access("write", *_object(call.instance), _name(call), inputs=_local(call.argument(0, "filename")))


def _download_file(call: Call) -> Iterator[Access]:
    return _downloaded(call.instance, call.argument(0, "filename"), _name(call))


def _downloaded(blob: Any, target: Any, call_name: str) -> Iterator[Access]:
    """A download to a path, or to an open file."""
    if not isinstance(target, str | os.PathLike):
        yield from access("read", *_object(blob), call_name)
        return
    for location in locate(target):
        source = located(*_object(blob)).dataset
        yield Access("write", location.dataset, call_name, subset=location.subset, inputs=(source,))


def _compose(call: Call) -> Iterator[Access]:
    sources = tuple(dict.fromkeys(located(*_object(blob)).dataset for blob in call.argument(0, "sources")))
    return access("write", *_object(call.instance), _name(call), inputs=sources)


def _rewrite(call: Call) -> Iterator[Access]:
    if call.result[0] is None:  # no token: all of the object is written
        yield from copy(*_object(call.instance), _object(call.argument(0, "source")), _name(call))


def _copy(call: Call) -> Iterator[Access]:
    return copy(*_object(call.result), _object(call.argument(0, "blob")), _name(call))


def _move(call: Call) -> Iterator[Access]:
    source = _object(call.argument(0, "blob"))
    if source != _object(call.result):
        yield from copy(*_object(call.result), source, _name(call))
        yield from access("drop", *source, _name(call))


def _delete(call: Call) -> Iterator[Access]:
    return access("drop", f"gs://{call.instance.name}", call.argument(0, "blob_name"), _name(call))


def _upload_many(call: Call) -> Iterator[Access]:
    for (source, blob), result in zip(call.argument(0, "file_blob_pairs"), call.result, strict=False):
        if not isinstance(result, Exception):
            inputs = _local(source) if isinstance(source, str | os.PathLike) else ()
            yield from access("write", *_object(blob), _name(call), inputs=inputs)


def _download_many(call: Call) -> Iterator[Access]:
    for (blob, target), result in zip(call.argument(0, "blob_file_pairs"), call.result, strict=False):
        if not isinstance(result, Exception):
            yield from _downloaded(blob, target, _name(call))


def _upload_chunks(call: Call) -> Iterator[Access]:
    inputs = _local(call.argument(0, "filename"))
    return access("write", *_object(call.argument(1, "blob")), _name(call), inputs=inputs)


def _download_chunks(call: Call) -> Iterator[Access]:
    return _downloaded(call.argument(0, "blob"), call.argument(1, "filename"), _name(call))


_BLOB: dict[str, Describe] = {
    "_prep_and_do_download": _read,
    "_prep_and_do_upload": _write,
    "upload_from_filename": _upload_file,
    "download_to_filename": _download_file,
    "compose": _compose,
    "rewrite": _rewrite,
}
_BUCKET: dict[str, Describe] = {
    "copy_blob": _copy,
    "rename_blob": _move,
    "move_blob": _move,
    "delete_blob": _delete,
}
_TRANSFERS: dict[str, Describe] = {
    "upload_many": _upload_many,
    "download_many": _download_many,
    "upload_chunks_concurrently": _upload_chunks,
    "download_chunks_concurrently": _download_chunks,
}


def _patch(target: Any, described: dict[str, Describe]) -> None:
    for name, describe in described.items():
        if hasattr(target, name):
            patches.add(target, name, reports(describe))


def _patch_blob(module: Any) -> None:
    _patch(module.Blob, _BLOB)
    when_imported("google.cloud.storage.bucket", lambda bucket: _patch(bucket.Bucket, _BUCKET))
    when_imported("google.cloud.storage.fileio", _patch_files)
    when_imported("google.cloud.storage.transfer_manager", lambda manager: _patch(manager, _TRANSFERS))


def _patch_files(module: Any) -> None:
    patches.add(module.BlobWriter, "close", _make_close)


def _make_close(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of the end of a file that is open to be written. A block that fails ends by `terminate`."""

    def close(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        blob = getattr(instance, "_blob", None)
        if instance.closed or blob is None:
            return function(*args, **kwargs)
        return call_and_report(
            lambda _: access("write", *_object(blob), "google.cloud.storage.open"),
            Call(function, instance, args, kwargs),
        )

    return PatchedFunction(original, close, enabled=is_on)


LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "google.cloud.storage.blob",
        _patch_blob,
        "google-cloud-storage",
        "blobs read, written (an open file and a resumable upload at their end), composed, rewritten, copied, moved "
        "and deleted; the transfer manager",
        "the asynchronous gRPC client; signed URLs, which other clients use",
        ("tests/instrumentation/files/test_google.py",),
        "the library's own code over a stand-in for the service's JSON API",
    ),
)
