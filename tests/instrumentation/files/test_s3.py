"""S3 by boto3: each object that was read, written, copied or deleted, whichever door of boto3 was used."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from prefect_lineage_events import instrument, uninstrument
from prefect_lineage_events.instrumentation.access import suppressed
from prefect_lineage_events.instrumentation.files.s3 import namespace_of
from tests.conftest import PrefectServer
from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.moto import Moto, moto, moto_server

__all__ = ["moto", "moto_server", "recorded", "touched"]
PARTS = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024, max_concurrency=4)
LARGE = 11 * 1024 * 1024


@pytest.fixture
def s3(moto: Moto) -> Any:
    moto.bucket("lake")
    client = boto3.client("s3")
    client.put_object(Bucket="lake", Key="raw/a.csv", Body=b"a\n1\n")
    return client


def test_objects_read_and_written_by_a_client(s3: Any, touched: Touched) -> None:
    body = s3.get_object(Bucket="lake", Key="raw/a.csv")["Body"]
    s3.put_object(Bucket="lake", Key="mart/a.csv", Body=body.read())
    assert [note.size for note in touched.notes] == [4, 4]
    assert touched.take() == [("read", "s3://lake/raw/a.csv"), ("write", "s3://lake/mart/a.csv")]


def test_objects_read_and_written_by_a_resource(s3: Any, touched: Touched) -> None:
    bucket = boto3.resource("s3").Bucket("lake")
    bucket.Object("raw/a.csv").get()["Body"].read()
    bucket.put_object(Key="mart/a.csv", Body=b"x")
    for found in bucket.objects.filter(Prefix="raw/"):
        found.get()
    assert touched.take() == [
        ("read", "s3://lake/raw/a.csv"),
        ("write", "s3://lake/mart/a.csv"),
        ("read", "s3://lake/raw/a.csv"),
    ]


def test_client_made_before_lineage_was_switched_on_is_seen(moto: Moto, touched: Touched) -> None:
    uninstrument()
    moto.bucket("lake")
    client = boto3.client("s3")
    client.put_object(Bucket="lake", Key="a", Body=b"")
    assert touched.take() == []
    instrument("files")
    client.put_object(Bucket="lake", Key="a", Body=b"")
    assert touched.take() == [("write", "s3://lake/a")]


def test_failed_calls_and_calls_that_move_no_data_note_nothing(s3: Any, touched: Touched) -> None:
    with pytest.raises(ClientError):
        s3.get_object(Bucket="lake", Key="missing")
    with pytest.raises(ClientError):
        s3.put_object(Bucket="no-such-bucket", Key="a", Body=b"")
    s3.head_object(Bucket="lake", Key="raw/a.csv")
    s3.list_objects_v2(Bucket="lake")
    list(s3.get_paginator("list_objects_v2").paginate(Bucket="lake"))
    s3.get_waiter("object_exists").wait(Bucket="lake", Key="raw/a.csv")
    s3.put_object(Bucket="lake", Key="folder/", Body=b"")
    s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "raw/a.csv"})
    assert touched.take() == []


def test_service_of_data_that_is_not_captured_is_named(
    moto: Moto, recorded: Touched, prefect_server: PrefectServer
) -> None:
    def program() -> None:
        boto3.client("dynamodb").list_tables()
        boto3.client("dynamodb").list_tables()
        boto3.client("ssm").describe_parameters()
        boto3.client("s3").list_buckets()

    assert recorded.flow(program) == []
    assert recorded.not_captured == ["dynamodb by boto3"]


def test_copied_object_has_its_source_as_input(s3: Any, touched: Touched) -> None:
    s3.copy_object(Bucket="lake", Key="b.csv", CopySource={"Bucket": "lake", "Key": "raw/a.csv"})
    s3.copy_object(Bucket="lake", Key="c.csv", CopySource="/lake/raw/a.csv")
    s3.copy({"Bucket": "lake", "Key": "raw/a.csv"}, "lake", "d.csv")
    source = "s3://lake/raw/a.csv"
    assert touched.take() == [
        ("write", "s3://lake/b.csv", source),
        ("write", "s3://lake/c.csv", source),
        ("write", "s3://lake/d.csv", source),
    ]


def test_copy_onto_itself_changes_metadata_only(s3: Any, touched: Touched) -> None:
    source = {"Bucket": "lake", "Key": "raw/a.csv"}
    s3.copy_object(**source, CopySource=source, Metadata={"a": "b"}, MetadataDirective="REPLACE")
    assert touched.take() == []


def test_upload_in_parts_is_one_write_when_it_is_completed(s3: Any, touched: Touched) -> None:
    upload = s3.create_multipart_upload(Bucket="lake", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="lake", Key="big", UploadId=upload, PartNumber=1, Body=b"x")
    copied = s3.upload_part_copy(
        Bucket="lake", Key="big", UploadId=upload, PartNumber=2, CopySource={"Bucket": "lake", "Key": "raw/a.csv"}
    )
    assert touched.take() == []
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}, {"PartNumber": 2, "ETag": copied["CopyPartResult"]["ETag"]}]
    with pytest.raises(ClientError):  # the first part is too small
        s3.complete_multipart_upload(Bucket="lake", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert touched.take() == []
    s3.complete_multipart_upload(Bucket="lake", Key="big", UploadId=upload, MultipartUpload={"Parts": parts[1:]})
    assert touched.take() == [("write", "s3://lake/big", "s3://lake/raw/a.csv")]


def test_aborted_upload_wrote_nothing(s3: Any, touched: Touched) -> None:
    upload = s3.create_multipart_upload(Bucket="lake", Key="big")["UploadId"]
    s3.upload_part(Bucket="lake", Key="big", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket="lake", Key="big", UploadId=upload)
    assert touched.take() == []


def _transfers(s3: Any, folder: Path) -> None:
    (folder / "large").write_bytes(b"x" * LARGE)
    s3.upload_file(str(folder / "large"), "lake", "large", Config=PARTS)
    s3.download_file("lake", "large", str(folder / "again"), Config=PARTS)
    s3.copy({"Bucket": "lake", "Key": "large"}, "lake", "copy", Config=PARTS)
    s3.upload_fileobj(io.BytesIO(b"x"), "lake", "small")
    s3.download_fileobj("lake", "small", io.BytesIO())


def test_transfers_belong_to_the_flow_whichever_thread_makes_them(
    s3: Any, recorded: Touched, tmp_path: Path, prefect_server: PrefectServer
) -> None:
    local = f"file://{tmp_path.resolve()}"
    found = recorded.flow(lambda: _transfers(s3, tmp_path))
    assert found == [
        ("write", "s3://lake/large", f"{local}/large"),
        ("write", f"{local}/again", "s3://lake/large"),
        ("write", "s3://lake/copy", "s3://lake/large"),
        ("write", "s3://lake/small"),
        ("read", "s3://lake/small"),
    ]


def test_pool_of_threads_reads_for_the_flow(s3: Any, recorded: Touched, prefect_server: PrefectServer) -> None:
    def program() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: s3.get_object(Bucket="lake", Key="raw/a.csv"), range(8)))

    assert recorded.flow(program) == [("read", "s3://lake/raw/a.csv")] * 8


def test_failed_transfers_note_nothing(s3: Any, touched: Touched, tmp_path: Path) -> None:
    with pytest.raises(ClientError):
        s3.download_file("lake", "missing", str(tmp_path / "x"))
    with pytest.raises(S3UploadFailedError):
        boto3.resource("s3").Bucket("no-such-bucket").upload_file(__file__, "x")
    assert touched.take() == []


def test_nothing_is_noted_outside_a_run(s3: Any, recorded: Touched, tmp_path: Path) -> None:
    _transfers(s3, tmp_path)
    assert recorded.take() == []


def test_threads_of_a_suppressed_transfer_note_nothing(
    s3: Any, recorded: Touched, tmp_path: Path, prefect_server: PrefectServer
) -> None:
    def program() -> None:
        with suppressed():
            _transfers(s3, tmp_path)
        s3.get_object(Bucket="lake", Key="raw/a.csv")

    assert recorded.flow(program) == [("read", "s3://lake/raw/a.csv")]


def test_deleted_objects_are_dropped(s3: Any, touched: Touched) -> None:
    s3.delete_object(Bucket="lake", Key="raw/a.csv")
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "b"}, {"Key": "c"}]})
    assert touched.take() == [("drop", "s3://lake/raw/a.csv"), ("drop", "s3://lake/b"), ("drop", "s3://lake/c")]


@pytest.mark.parametrize("key", ["a b/ü 数据 #1.csv", "q?x=1&y=%20;z=2.csv", "a" * 1_000, "with:colon@at", "../up"])
def test_key_is_taken_as_it_is(s3: Any, touched: Touched, key: str) -> None:
    s3.put_object(Bucket="lake", Key=key, Body=b"")
    s3.copy_object(Bucket="lake", Key="copy", CopySource={"Bucket": "lake", "Key": key})
    written, copied = touched.notes
    assert written.output is not None
    assert (written.output.namespace, written.output.name) == ("s3://lake", key)
    assert copied.inputs == (written.output,)


def test_partitions_and_part_files_are_parts_of_one_dataset(s3: Any, touched: Touched) -> None:
    for day in range(3):
        s3.put_object(Bucket="lake", Key=f"orders/dt=2026-11-0{day}/part-0.parquet", Body=b"x")
    s3.get_object(Bucket="lake", Key="orders/dt=2026-11-01/part-0.parquet")
    s3.delete_object(Bucket="lake", Key="orders/dt=2026-11-01/part-0.parquet")
    assert [(note.subset, note.files) for note in touched.notes][:1] == [(("dt=2026-11-00",), 1)]
    assert touched.take() == [("write", "s3://lake/orders")] * 3 + [("read", "s3://lake/orders")]


def test_version_of_an_object_is_the_object(s3: Any, touched: Touched) -> None:
    s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="lake", Key="v", Body=b"1")["VersionId"]
    s3.get_object(Bucket="lake", Key="v", VersionId=version)
    s3.copy_object(Bucket="lake", Key="w", CopySource={"Bucket": "lake", "Key": "v", "VersionId": version})
    s3.copy_object(Bucket="lake", Key="x", CopySource=f"lake/v?versionId={version}")
    s3.delete_object(Bucket="lake", Key="v", VersionId=version)
    v = "s3://lake/v"
    assert touched.take() == [("write", v), ("read", v), ("write", "s3://lake/w", v), ("write", "s3://lake/x", v)]


@pytest.mark.parametrize(
    ("arn", "namespace"),
    [
        ("arn:aws:s3:eu-west-1:1234:accesspoint/etl", "s3://etl-1234.s3-accesspoint.eu-west-1.amazonaws.com"),
        ("arn:aws:s3:eu-west-1:1234:accesspoint:etl", "s3://etl-1234.s3-accesspoint.eu-west-1.amazonaws.com"),
        ("arn:aws:s3::1234:accesspoint/x1.mrap", "s3://x1.mrap.accesspoint.s3-global.amazonaws.com"),
        (
            "arn:aws:s3-outposts:eu-west-1:1234:outpost/op-1/accesspoint/etl",
            "s3://etl-1234.op-1.s3-outposts.eu-west-1.amazonaws.com",
        ),
        (
            "arn:aws:s3-object-lambda:eu-west-1:1234:accesspoint/etl",
            "s3://etl-1234.s3-object-lambda.eu-west-1.amazonaws.com",
        ),
        ("arn:aws:s3:::lake", "s3://lake"),
    ],
)
def test_access_point_is_named_by_its_host(arn: str, namespace: str) -> None:
    assert namespace_of(arn) == namespace


def test_presigned_url_is_no_call_of_the_client(s3: Any, touched: Touched) -> None:
    url = s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "raw/a.csv"})
    assert urllib.request.urlopen(url, timeout=30).read() == b"a\n1\n"
    assert touched.take() == []


@pytest.mark.parametrize(
    "call", [lambda c: c.get_object(Bucket=7, Key="k"), lambda c: c.get_object(), lambda c: c.nope]
)
def test_errors_of_calls_are_those_of_boto3(s3: Any, call: Callable[[Any], Any], touched: Touched) -> None:
    with pytest.raises(Exception) as ours:
        call(s3)
    uninstrument()
    with pytest.raises(Exception) as plain:
        call(s3)
    assert (type(ours.value), str(ours.value)) == (type(plain.value), str(plain.value))
