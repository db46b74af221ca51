"""Prefect's storage blocks: noted in the user's code, never in Prefect's own use of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.filesystems import LocalFileSystem
from prefect.runner.storage import BlockStorageAdapter
from prefect_aws import AwsCredentials, S3Bucket
from prefect_aws.client_parameters import AwsClientParameters

from prefect_lineage_events.instrumentation.prefect_storage import _RESULT_METHODS
from tests.conftest import PrefectServer
from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.moto import ACCESS_KEY, REGION, SECRET_KEY, Moto, moto, moto_server

__all__ = ["moto", "moto_server", "recorded", "touched"]


def _uri(path: Path) -> str:
    return f"file://{path.resolve()}"


def _bucket(moto: Moto, name: str) -> S3Bucket:
    moto.bucket(name)
    credentials = AwsCredentials(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
        aws_client_parameters=AwsClientParameters(endpoint_url=moto.url),
    )
    return S3Bucket(bucket_name=name, credentials=credentials)


def test_local_file_system_reads_and_writes_files(touched: Touched, tmp_path: Path) -> None:
    block = LocalFileSystem(basepath=str(tmp_path))
    block.write_path("a/x.csv", b"abc")
    assert block.read_path("a/x.csv") == b"abc"
    with pytest.raises(ValueError, match="does not exist"):
        block.read_path("missing.csv")
    assert [note.size for note in touched.notes] == [3, 3]
    file = _uri(tmp_path / "a/x.csv")
    assert touched.take() == [("write", file), ("read", file)]


async def test_local_file_system_in_async_code(touched: Touched, tmp_path: Path) -> None:
    block, file = LocalFileSystem(basepath=str(tmp_path)), _uri(tmp_path / "x.csv")
    writing = block.write_path("x.csv", b"abc")
    assert touched.take() == []
    await writing  # type: ignore[misc]
    assert touched.take() == [("write", file)]
    await block.aread_path("x.csv")
    assert block.read_path("x.csv", _sync=True) == b"abc"  # type: ignore[call-arg]
    assert touched.take() == [("read", file), ("read", file)]


def test_local_file_system_copies_directories(touched: Touched, tmp_path: Path) -> None:
    block = LocalFileSystem(basepath=str(tmp_path / "store"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.csv").write_text("a")
    block.put_directory(str(tmp_path / "data"), "kept")
    block.get_directory("kept", str(tmp_path / "again"))
    assert touched.take() == [
        ("write", _uri(tmp_path / "store/kept"), _uri(tmp_path / "data")),
        ("write", _uri(tmp_path / "again"), _uri(tmp_path / "store/kept")),
    ]


def test_s3_bucket_is_noted_by_its_client(moto: Moto, touched: Touched, tmp_path: Path) -> None:
    block = _bucket(moto, "lake")
    (tmp_path / "x.csv").write_text("a")
    block.write_path("a.csv", b"abc")
    block.read_path("a.csv")
    block.upload_from_path(str(tmp_path / "x.csv"), "b.csv")
    block.download_object_to_path("a.csv", str(tmp_path / "y.csv"))
    assert touched.take() == [
        ("write", "s3://lake/a.csv"),
        ("read", "s3://lake/a.csv"),
        ("write", "s3://lake/b.csv", _uri(tmp_path / "x.csv")),
        ("write", _uri(tmp_path / "y.csv"), "s3://lake/a.csv"),
    ]


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_persisted_results_and_caches_are_not_noted(
    kind: str, moto: Moto, recorded: Touched, tmp_path: Path, prefect_server: PrefectServer
) -> None:
    storage: Any = LocalFileSystem(basepath=str(tmp_path / "results"))
    if kind == "s3":
        storage = _bucket(moto, "results")
    storage.save(f"results-{kind}", overwrite=True)
    own = LocalFileSystem(basepath=str(tmp_path))

    @task(persist_result=True, result_storage=storage, cache_policy=INPUTS)
    def load(day: int) -> list[int]:
        return [day] * 3

    @task(persist_result=True, result_storage=storage)
    async def load_async() -> list[int]:
        return [1]

    @flow(persist_result=True, result_storage=storage, name="persisting")
    def program() -> list[int]:
        load.submit(1).result()
        assert load(1, return_state=True).name == "Cached"
        own.write_path("own.csv", b"a")
        return [7]

    @flow(persist_result=True, result_storage=storage, name="persisting async")
    async def program_async() -> list[int]:
        return await load_async()

    recorded.take()
    state = program(return_state=True)
    assert state.result() == [7]
    assert recorded.take() == [("write", _uri(tmp_path / "own.csv"))]
    import asyncio

    assert asyncio.run(program_async()) == [1]
    assert recorded.take() == []
    if kind == "s3":
        assert boto3.client("s3").list_objects_v2(Bucket="results")["KeyCount"] >= 2
    else:
        assert len(list((tmp_path / "results").iterdir())) >= 2


def test_result_storage_has_the_methods_that_are_patched() -> None:
    from prefect.results import ResultStore

    assert all(name in vars(ResultStore) for name in _RESULT_METHODS)


async def test_code_of_a_deployment_is_not_noted(touched: Touched, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/flow.py").write_text("")
    storage = BlockStorageAdapter(LocalFileSystem(basepath=str(tmp_path / "code")))
    storage.set_base_path(tmp_path)
    await storage.pull_code()
    assert (storage.destination / "flow.py").exists()
    assert touched.take() == []
