"""azure-storage-blob, sync and aio, and adlfs: the blobs that each of their doors reads and writes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import adlfs
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient, generate_blob_sas
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient
from prefect_azure import AzureBlobStorageCredentials
from prefect_azure.blob_storage import AzureBlobStorageContainer
from pydantic import SecretStr

from prefect_lineage_events.instrumentation.files.azure import _blob
from tests.conftest import PrefectServer
from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.azure_storage import ACCOUNT, KEY, AzureStorage, azure_storage

__all__ = ["azure_storage", "recorded", "touched"]
RAW = f"abfss://raw@{ACCOUNT}.dfs.core.windows.net"
MART = f"abfss://mart@{ACCOUNT}.dfs.core.windows.net"


@pytest.fixture
def service(azure_storage: AzureStorage) -> BlobServiceClient:
    azure_storage.blobs["raw", "a"] = b"abc"
    service: BlobServiceClient = azure_storage.service()
    return service


def test_blobs_read_and_written_by_each_client(service: BlobServiceClient, touched: Touched) -> None:
    service.get_blob_client("mart", "b").upload_blob(b"xy", overwrite=True)
    container = service.get_container_client("raw")
    assert container.download_blob("a").readall() == b"abc"
    container.upload_blob("c", b"x" * 10, overwrite=True)
    assert [note.size for note in touched.notes] == [2, 3, 10]
    assert touched.take() == [("write", f"{MART}/b"), ("read", f"{RAW}/a"), ("write", f"{RAW}/c")]


def test_failed_calls_and_calls_that_move_no_data_note_nothing(service: BlobServiceClient, touched: Touched) -> None:
    container = service.get_container_client("raw")
    with pytest.raises(ResourceNotFoundError):
        container.download_blob("missing")
    with pytest.raises(HttpResponseError):
        container.upload_blob("refused", b"x")
    container.get_blob_client("a").get_blob_properties()
    list(container.list_blobs())
    container.get_blob_client("a").exists()
    assert touched.take() == []


def test_blocks_are_written_when_they_are_committed(
    service: BlobServiceClient, azure_storage: AzureStorage, touched: Touched
) -> None:
    blob = service.get_blob_client("mart", "b")
    blob.stage_block("1", b"x")
    blob.stage_block_from_url("2", f"{azure_storage.url}/raw/a?sig=secret")
    assert touched.take() == []
    blob.commit_block_list(["1", "2"])  # type: ignore[list-item]
    assert touched.take() == [("write", f"{MART}/b", f"{RAW}/a")]


def test_copies_have_their_source_as_input(
    service: BlobServiceClient, azure_storage: AzureStorage, touched: Touched
) -> None:
    source = f"{azure_storage.url}/raw/a?sv=1&sig=secret"
    service.get_blob_client("mart", "b").start_copy_from_url(source)
    assert touched.take() == [("write", f"{MART}/b", f"{RAW}/a")]
    later = service.get_blob_client("mart", "later")
    later.start_copy_from_url(source)
    assert touched.take() == []
    later.get_blob_properties()
    later.get_blob_properties()
    assert touched.take() == [("write", f"{MART}/later", f"{RAW}/a")]


def test_appended_and_deleted_blobs(service: BlobServiceClient, touched: Touched) -> None:
    blob = service.get_blob_client("mart", "log")
    blob.create_append_blob()
    assert touched.take() == []
    blob.append_block(b"x")
    blob.delete_blob()
    assert touched.take() == [("write", f"{MART}/log"), ("drop", f"{MART}/log")]


def test_open_file_that_is_uploaded_is_the_source(service: BlobServiceClient, touched: Touched, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a")
    with (tmp_path / "x.csv").open("rb") as file:
        service.get_blob_client("mart", "x.csv").upload_blob(file)
    assert touched.take() == [("write", f"{MART}/x.csv", f"file://{tmp_path.resolve()}/x.csv")]


def test_token_of_a_signed_url_is_in_no_name(azure_storage: AzureStorage, touched: Touched) -> None:
    azure_storage.blobs["raw", "a"] = b"abc"
    expiry = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
    token = generate_blob_sas(ACCOUNT, "raw", "a", account_key=KEY, expiry=expiry, permission="r")  # type: ignore[arg-type]
    BlobClient.from_blob_url(f"{azure_storage.url}/raw/a?{token}").download_blob().readall()
    assert any("sig=" in target for target in azure_storage.targets)
    assert touched.take() == [("read", f"{RAW}/a")]


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("shop.blob.core.windows.net", "abfss://raw@shop.dfs.core.windows.net"),
        ("shop-secondary.blob.core.windows.net", "abfss://raw@shop.dfs.core.windows.net"),
        ("shop.blob.core.chinacloudapi.cn", "abfss://raw@shop.dfs.core.chinacloudapi.cn"),
        ("data.example.com", "abfss://raw@data.example.com"),
    ],
)
def test_account_and_container_are_the_namespace(host: str, namespace: str) -> None:
    client = BlobClient(f"https://{host}", "raw", "a b/ü#?x=1.csv")
    assert _blob(client) == (namespace, "a b/ü#?x=1.csv")
    without = SimpleNamespace(primary_hostname=host, account_name=None, container_name="raw", blob_name="k")
    assert _blob(without)[0] == namespace


async def test_asynchronous_clients(azure_storage: AzureStorage, touched: Touched) -> None:
    azure_storage.blobs["raw", "a"] = b"abc"
    async with AsyncBlobServiceClient.from_connection_string(azure_storage.connection_string) as service:
        stream = await service.get_blob_client("raw", "a").download_blob()
        await service.get_container_client("mart").upload_blob("b", await stream.readall(), overwrite=True)
        with pytest.raises(ResourceNotFoundError):
            await service.get_blob_client("raw", "missing").download_blob()
        await service.get_blob_client("mart", "b").delete_blob()
    assert touched.take() == [("read", f"{RAW}/a"), ("write", f"{MART}/b"), ("drop", f"{MART}/b")]


def test_adlfs_is_noted_by_fsspec(azure_storage: AzureStorage, touched: Touched) -> None:
    fs = adlfs.AzureBlobFileSystem(
        account_name=ACCOUNT, connection_string=azure_storage.connection_string, skip_instance_cache=True
    )
    fs.pipe("mart/b", b"xyz")
    assert fs.cat("mart/b") == b"xyz"
    with fs.open("mart/c", "wb") as file:
        file.write(b"abc")
    with fs.open("mart/c", "rb") as file:
        assert file.read() == b"abc"
    b, c = f"{MART}/b", f"{MART}/c"
    assert touched.take() == [("write", b), ("read", b), ("write", c), ("read", c)]


def _block(azure_storage: AzureStorage) -> Any:
    credentials = AzureBlobStorageCredentials(connection_string=SecretStr(azure_storage.connection_string))
    return AzureBlobStorageContainer(container_name="mart", credentials=credentials)


def test_block_of_prefect_in_a_flow(
    azure_storage: AzureStorage, recorded: Touched, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    block = _block(azure_storage)
    (tmp_path / "x.csv").write_text("a")

    def program() -> None:
        block.write_path("a", b"abc")
        assert block.read_path("a") == b"abc"
        block.upload_from_path(str(tmp_path / "x.csv"), "x.csv")
        assert {note.thread for note in recorded.notes} == {""}, "its rows are those of the flow's own thread"

    assert [found[:2] for found in recorded.flow(program)] == [
        ("write", f"{MART}/a"),
        ("read", f"{MART}/a"),
        ("write", f"{MART}/x.csv"),
    ]
