"""pandas and pyarrow on S3: an object is noted once, by the library that the program called, and never with a key."""

from __future__ import annotations

from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.moto import ACCESS_KEY, REGION, SECRET_KEY, Moto, moto, moto_server

__all__ = ["moto", "moto_server", "recorded", "touched"]
FRAME = pd.DataFrame({"id": [1, 2], "name": ["Ada", "Emmy"]})


@pytest.fixture
def options(moto: Moto, touched: Touched) -> dict[str, Any]:
    moto.bucket()
    touched.take()
    return {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": moto.url}}


@pytest.mark.parametrize("key", ["x.csv", "in/a b%20ü.csv", f"{'k' * 900}.csv"])
def test_object_is_noted_once_by_pandas(touched: Touched, options: dict[str, Any], key: str) -> None:
    FRAME.to_csv(f"s3://lake/{key}", index=False, storage_options=options)
    note = touched.notes[0]
    assert ([column.name for column in note.columns], note.rows) == (["id", "name"], 2)
    assert touched.take() == [("write", f"s3://lake/{key}")]
    pd.read_csv(f"s3a://lake/{key}", storage_options=options)
    assert touched.take() == [("read", f"s3://lake/{key}")]
    pd.read_csv(f"simplecache::s3://lake/{key}", storage_options={"s3": options})
    assert touched.take() == [("read", f"s3://lake/{key}")]


def test_partitioned_dataset_on_s3_is_its_root(touched: Touched, options: dict[str, Any]) -> None:
    FRAME.to_parquet("s3://lake/t", partition_cols=["id"], storage_options=options)
    assert touched.take() == [("write", "s3://lake/t")]
    system = fsspec.filesystem("s3", **options)
    (part,) = system.glob("lake/t/id=1/*.parquet")
    touched.take()
    pd.read_parquet("s3://lake/t", storage_options=options)
    pd.read_parquet(f"s3://{part}", storage_options=options)
    pq.read_table(part, filesystem=system)
    assert [note.subset for note in touched.notes] == [(), ("id=1",), ("id=1",)]
    assert touched.take() == [("read", "s3://lake/t")] * 3


def test_object_is_noted_by_pyarrow_on_its_own_filesystem(touched: Touched, moto: Moto) -> None:
    moto.bucket()
    system = fs.S3FileSystem(
        access_key=ACCESS_KEY, secret_key=SECRET_KEY, endpoint_override=moto.url, region=REGION
    )  # fmt: skip
    touched.take()
    pq.write_table(pa.table({"id": [1]}), "lake/x.parquet", filesystem=system)
    pq.read_table("lake/x.parquet", filesystem=system)
    ds.dataset("lake/x.parquet", filesystem=system)
    uri = "s3://lake/x.parquet"
    assert touched.take() == [("write", uri), ("read", uri), ("read", uri)]


def test_key_and_version_of_an_address_are_in_no_note(touched: Touched, options: dict[str, Any], moto: Moto) -> None:
    client = moto.client()
    client.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    FRAME.to_csv("s3://lake/x.csv", storage_options=options)
    version = client.head_object(Bucket="lake", Key="x.csv")["VersionId"]
    pd.read_csv(f"s3://lake/x.csv?versionId={version}", storage_options={**options, "version_aware": True})
    shown = repr(touched.notes)
    assert touched.take() == [("write", "s3://lake/x.csv"), ("read", "s3://lake/x.csv")]
    assert SECRET_KEY not in shown
    assert version not in shown


def test_failed_write_to_s3_notes_nothing(touched: Touched, options: dict[str, Any]) -> None:
    with pytest.raises(OSError, match="bucket"):
        FRAME.to_csv("s3://missing/x.csv", storage_options=options)
    with pytest.raises(FileNotFoundError):
        pd.read_csv("s3://lake/missing.csv", storage_options=options)
    assert touched.take() == []
