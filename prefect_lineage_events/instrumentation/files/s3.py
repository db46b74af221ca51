"""S3 by the calls of boto3 and aiobotocore: objects that are read, written, copied and deleted.

A bucket is `s3://bucket` at every endpoint, as OpenLineage names it: buckets of equal names at AWS and at a MinIO
server are one. An access point, whose bucket is not known, is named by its host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.instrumentation import aws
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, reports
from prefect_lineage_events.instrumentation.files.locations import locate
from prefect_lineage_events.instrumentation.files.objects import PartSources, access, copy, located, open_file
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library

# A request deletes up to 1,000 objects. Of a larger number, each would be an event of its own.
_MAX_DELETED = 50


def host_of_arn(arn: str) -> str:
    """The host of an access point by its ARN, such as `name-account.s3-accesspoint.region.amazonaws.com`.

    Raises ValueError for the ARN of anything else.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
    """
    _, _, service, region, account, resource = arn.split(":", 5)
    kind, *names = resource.replace(":", "/").split("/")
    if service == "s3" and kind == "accesspoint" and not region:
        return f"{names[0]}.accesspoint.s3-global.amazonaws.com"
    if service == "s3-outposts" and kind == "outpost" and names[1:2] == ["accesspoint"]:
        return f"{names[2]}-{account}.{names[0]}.s3-outposts.{region}.amazonaws.com"
    if service in ("s3", "s3-object-lambda") and kind == "accesspoint":
        middle = "s3-accesspoint" if service == "s3" else service
        return f"{names[0]}-{account}.{middle}.{region}.amazonaws.com"
    raise ValueError("the ARN names no access point")


def namespace_of(bucket: str) -> str:
    """The namespace of a bucket, or of the access point that its ARN names."""
    if bucket.startswith("arn:"):
        resource = bucket.split(":", 5)[-1]
        bucket = host_of_arn(bucket) if ":" in resource or "/" in resource else resource
    return f"s3://{bucket}"


def _source(given: Any) -> tuple[str, str]:
    """The namespace and key of CopySource: a dictionary, `bucket/key`, or an ARN with `/object/` before the key."""
    if isinstance(given, Mapping):
        return namespace_of(given["Bucket"]), given["Key"]
    text = str(given).partition("?versionId=")[0].removeprefix("/")
    bucket, _, key = text.partition("/object/" if text.startswith("arn:") else "/")
    return namespace_of(bucket), key


def _target(call: Call) -> tuple[str, str]:
    given = aws.parameters(call)
    return namespace_of(given["Bucket"]), given["Key"]


def _read(call: Call) -> Iterator[Access]:
    return access("read", *_target(call), _name(call), size=_size(call))


def _size(call: Call) -> int | None:
    size = call.result.get("ContentLength") if isinstance(call.result, Mapping) else None
    return size if isinstance(size, int) else None


def _write(call: Call) -> Iterator[Access]:
    body = aws.parameters(call).get("Body")
    size = len(body) if isinstance(body, bytes | bytearray) else None
    return access("write", *_target(call), _name(call), size=size, inputs=open_file(body))


def _copy(call: Call) -> Iterator[Access]:
    return copy(*_target(call), _source(aws.parameters(call)["CopySource"]), _name(call))


def _rename(call: Call) -> Iterator[Access]:
    given = aws.parameters(call)
    source = namespace_of(given["Bucket"]), str(given["RenameSource"]).removeprefix("/")
    yield from copy(*_target(call), source, _name(call))
    yield from access("drop", *source, _name(call))


_part_sources = PartSources()


def _copy_part(call: Call) -> Iterator[Access]:
    given = aws.parameters(call)
    _part_sources.add(given["UploadId"], (located(*_source(given["CopySource"])).dataset,))
    yield from ()


def _complete(call: Call) -> Iterator[Access]:
    sources = _part_sources.take(aws.parameters(call)["UploadId"])
    return access("write", *_target(call), _name(call), inputs=sources)


def _abort(call: Call) -> Iterator[Access]:
    _part_sources.take(aws.parameters(call)["UploadId"])
    yield from ()


def _delete(call: Call) -> Iterator[Access]:
    if not aws.parameters(call).get("VersionId"):
        yield from access("drop", *_target(call), _name(call))


def _delete_many(call: Call) -> Iterator[Access]:
    given = aws.parameters(call)
    failed = {error.get("Key") for error in call.result.get("Errors", ())}
    keys = [one["Key"] for one in given["Delete"]["Objects"] if not one.get("VersionId")]
    for key in keys if len(keys) <= _MAX_DELETED else ():
        if key not in failed:
            yield from access("drop", namespace_of(given["Bucket"]), key, _name(call))


def _name(call: Call) -> str:
    return f"s3.{call.args[0]}"


OPERATIONS: dict[str, Describe] = {
    "GetObject": _read,
    "SelectObjectContent": _read,
    "PutObject": _write,
    "CopyObject": _copy,
    "RenameObject": _rename,
    "UploadPartCopy": _copy_part,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": _abort,
    "DeleteObject": _delete,
    "DeleteObjects": _delete_many,
}


def _upload_file(call: Call) -> Iterator[Access]:
    inputs = tuple(location.dataset for location in locate(call.argument(0, "filename")))
    bucket, key = call.argument(1, "bucket"), call.argument(2, "key")
    return access("write", namespace_of(bucket), key, "boto3.upload_file", inputs=inputs)


def _download_file(call: Call) -> Iterator[Access]:
    source = located(namespace_of(call.argument(0, "bucket")), call.argument(1, "key")).dataset
    for location in locate(call.argument(2, "filename")):
        yield Access("write", location.dataset, "boto3.download_file", subset=location.subset, inputs=(source,))


def _patch_transfers(module: Any) -> None:
    """Patch transfers of files of this machine, by which they are the sources and targets of objects."""
    patches.add(module.S3Transfer, "upload_file", reports(_upload_file))
    patches.add(module.S3Transfer, "download_file", reports(_download_file))


def _patch_client(module: Any) -> None:
    aws.watch(module.BaseClient, "s3", OPERATIONS)
    when_imported("boto3.s3.transfer", _patch_transfers)


def _patch_async_client(module: Any) -> None:
    aws.watch(module.AioBaseClient, "s3", OPERATIONS)


_CAPTURED = (
    "S3 by clients, resources, paginators and the transfer manager with its threads: objects read, written (a "
    "multipart upload when it is completed), copied and deleted; files that are uploaded and downloaded"
)
_NOT_CAPTURED = (
    "DynamoDB, Athena and other services; which objects were deleted, if one request deletes more than 50; presigned "
    "URLs, which other clients use; transfers of open files by the AWS Common Runtime (`boto3[crt]`)"
)
LIBRARIES: tuple[Library, ...] = (
    Library(
        "files",
        "botocore.client",
        _patch_client,
        "boto3",
        _CAPTURED,
        _NOT_CAPTURED,
        ("tests/instrumentation/files/test_s3.py",),
        "moto's server",
    ),
    Library(
        "files",
        "aiobotocore.client",
        _patch_async_client,
        "aiobotocore",
        "S3, as by boto3",
        "DynamoDB, Athena and other services",
        ("tests/instrumentation/files/test_s3_async.py",),
        "moto's server",
    ),
)
