"""google-cloud-storage and gcsfs: the objects that each of their doors reads and writes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from gcsfs.core import GCSFileSystem
from google.api_core.exceptions import Forbidden, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import transfer_manager
from prefect_gcp import GcpCredentials
from prefect_gcp.cloud_storage import GcsBucket

from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.google_storage import GoogleStorage, google_storage

__all__ = ["google_storage", "recorded", "touched"]
A, B = "gs://lake/a", "gs://lake/b"


@pytest.fixture
def bucket(google_storage: GoogleStorage) -> Any:
    google_storage.objects["lake", "a"] = b"abc"
    return google_storage.client().bucket("lake")


def test_downloads(bucket: Any, touched: Touched) -> None:
    blob = bucket.blob("a")
    assert (blob.download_as_bytes(), blob.download_as_text()) == (b"abc", "abc")
    blob.download_to_file(io.BytesIO())
    bucket.client.download_blob_to_file("gs://lake/a", io.BytesIO())
    with blob.open("rb") as file:
        assert file.read() == b"abc"
    assert touched.take() == [("read", A)] * 5
    with pytest.raises(NotFound):
        bucket.blob("missing").download_as_bytes()
    assert touched.take() == []


def test_uploads(bucket: Any, touched: Touched) -> None:
    blob = bucket.blob("b")
    blob.upload_from_string("x")
    blob.upload_from_file(io.BytesIO(b"xy"))
    bucket.blob("b", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"x" * 600_000))
    assert touched.take() == [("write", B)] * 3
    with pytest.raises(Forbidden):
        bucket.blob("refused").upload_from_string("x")
    assert touched.take() == []


def test_open_file_is_written_when_it_is_closed(bucket: Any, touched: Touched) -> None:
    file = bucket.blob("b").open("wb", chunk_size=256 * 1024)
    file.write(b"x" * 600_000)
    assert touched.take() == []
    file.close()
    file.close()
    assert touched.take() == [("write", B)]
    with pytest.raises(ZeroDivisionError), bucket.blob("b").open("wb") as file:
        file.write(1 // 0)
    assert touched.take() == []


def test_files_of_this_machine_are_sources_and_targets(bucket: Any, touched: Touched, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "x.csv"
    bucket.blob("a").download_to_filename(str(path))
    bucket.blob("b").upload_from_filename(path)
    assert touched.take() == [("write", f"file://{path}", A), ("write", B, f"file://{path}")]


def test_copies_within_the_store(bucket: Any, google_storage: GoogleStorage, touched: Touched) -> None:
    blob = bucket.blob("a")
    bucket.copy_blob(blob, bucket, "b")
    bucket.blob("b").rewrite(blob)
    bucket.blob("c").compose([blob, bucket.blob("b")])
    bucket.blob("c").rewrite(bucket.blob("c"))
    bucket.rename_blob(blob, "d")
    assert touched.take() == [
        ("write", B, A),
        ("write", B, A),
        ("write", "gs://lake/c", A, B),
        ("write", "gs://lake/d", A),
        ("drop", A),
    ]
    bucket.blob("d").delete()
    with pytest.raises(NotFound):
        bucket.delete_blob("missing")
    assert touched.take() == [("drop", "gs://lake/d")]


@pytest.mark.parametrize("worker", [transfer_manager.THREAD, transfer_manager.PROCESS])
def test_transfer_manager_is_noted_once_for_each_object(
    bucket: Any, google_storage: GoogleStorage, touched: Touched, tmp_path: Path, worker: str
) -> None:
    folder = tmp_path.resolve()
    for name in ("x", "y"):
        (folder / name).write_text(name)
    transfer_manager.upload_many_from_filenames(bucket, ["x", "y"], str(folder), worker_type=worker)
    assert touched.take() == [
        ("write", "gs://lake/x", f"file://{folder}/x"),
        ("write", "gs://lake/y", f"file://{folder}/y"),
    ]
    results = transfer_manager.download_many(
        [(bucket.blob("x"), str(folder / "again")), (bucket.blob("missing"), str(folder / "never"))], worker_type=worker
    )
    assert isinstance(results[1], Exception)
    assert touched.take() == [("write", f"file://{folder}/again", "gs://lake/x")]


def test_listing_and_metadata_are_no_reads(bucket: Any, touched: Touched) -> None:
    list(bucket.list_blobs(prefix="a"))
    blob = bucket.get_blob("a")
    blob.reload()
    blob.exists()
    blob.create_resumable_upload_session()
    assert touched.take() == []


def test_name_is_taken_as_it_is(bucket: Any, touched: Touched) -> None:
    bucket.blob("a b/ü#1?x=1;y.csv").upload_from_string("x")
    (note,) = touched.notes
    assert note.output is not None
    assert (note.output.namespace, note.output.name) == ("gs://lake", "a b/ü#1?x=1;y.csv")


def test_gcsfs_is_noted_by_fsspec(bucket: Any, google_storage: GoogleStorage, touched: Touched) -> None:
    fs = GCSFileSystem("shop", token="anon", endpoint_url=google_storage.url, skip_instance_cache=True)
    fs.pipe("lake/b", b"xyz")
    assert fs.cat("lake/b") == b"xyz"
    fs.cp("lake/b", "lake/c")
    with fs.open("lake/d", "wb") as file:
        file.write(b"d")
    with fs.open("lake/d", "rb") as file:
        assert file.read() == b"d"
    d = "gs://lake/d"
    assert touched.take() == [("write", B), ("read", B), ("write", "gs://lake/c", B), ("write", d), ("read", d)]


def test_block_of_prefect_is_noted_by_its_client(
    bucket: Any, google_storage: GoogleStorage, touched: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", google_storage.url)
    monkeypatch.setattr(GcpCredentials, "get_credentials_from_service_account", lambda _: AnonymousCredentials())
    block = GcsBucket(bucket="lake", gcp_credentials=GcpCredentials(project="shop"), bucket_folder="mart")
    block.write_path("x", b"abc")
    assert block.read_path("x") == b"abc"
    x = "gs://lake/mart/x"
    assert touched.take() == [("write", x), ("read", x)]
