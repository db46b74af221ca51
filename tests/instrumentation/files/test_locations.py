"""One file has one name on every road; a name is never guessed."""

# ruff: noqa: SIM115, PTH123  (open files are what is tested)

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.cached import SimpleCacheFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from pyarrow import fs as arrow_fs

from prefect_lineage_events import Dataset
from prefect_lineage_events.instrumentation.files import locations, opened
from prefect_lineage_events.instrumentation.files.locations import Location, accesses, locate


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    counted: list[str] = []
    for module in (locations, opened):
        monkeypatch.setattr(module, "count_loss", counted.append)
    return counted


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "x.csv")
    return tmp_path.resolve()


def _only(*found: Location) -> Dataset:
    (location,) = found
    return location.dataset


@pytest.mark.parametrize(
    "road",
    [
        lambda p: "x.csv",
        lambda p: "./x.csv",
        lambda p: f"../{p.name}/x.csv",
        lambda p: p / "x.csv",
        lambda p: p / "link.csv",
        lambda p: os.fsencode(p / "x.csv"),
        lambda p: f"file://{p}/x.csv",
        lambda p: f"file://localhost{p}/x.csv",
        lambda p: f"local://{p}/x.csv",
        lambda p: f"simplecache::file://{p}/x.csv",
        lambda p: (p / "x.csv").open(),
        lambda p: (p / "x.csv").open("rb"),
        lambda p: (p / "x.csv").open("rb", buffering=0),
        lambda p: open("x.csv"),
        lambda p: codecs.open("x.csv", encoding="utf-8"),
        lambda p: gzip.open(p / "x.csv"),
        lambda p: gzip.open(p / "x.csv", "rt"),
        lambda p: gzip.GzipFile(filename="other", fileobj=(p / "x.csv").open("rb")),
        lambda p: bz2.open(p / "x.csv"),
        lambda p: lzma.open(p / "x.csv"),
        lambda p: fsspec.open(str(p / "x.csv")),
        lambda p: fsspec.open(f"file://{p}/x.csv").open(),
        lambda p: fsspec.open("x.csv", "rt").open(),
        lambda p: fsspec.open(f"simplecache::file://{p}/x.csv"),
        lambda p: fsspec.filesystem("file").open(str(p / "x.csv")),
        lambda p: ["x.csv"],
    ],
)
def test_local_file_has_one_name_on_every_road(
    here: Path, losses: list[str], road: Callable[[Path], Any], recwarn: Any
) -> None:
    assert _only(*locate(road(here))) == Dataset("file", f"{here}/x.csv")
    assert losses == []


@pytest.mark.parametrize(
    "filesystem",
    [
        lambda p: arrow_fs.LocalFileSystem(),
        lambda p: arrow_fs.SubTreeFileSystem("/", arrow_fs.LocalFileSystem()),
        lambda p: fsspec.filesystem("file"),
        lambda p: DirFileSystem("/", fsspec.filesystem("file")),
        lambda p: SimpleCacheFileSystem(fs=fsspec.filesystem("file")),
        lambda p: arrow_fs.PyFileSystem(arrow_fs.FSSpecHandler(fsspec.filesystem("file"))),
    ],
)
def test_path_on_a_local_filesystem_is_the_local_file(here: Path, filesystem: Callable[[Path], Any]) -> None:
    assert _only(*locate(f"{here}/x.csv", filesystem=filesystem(here))) == Dataset("file", f"{here}/x.csv")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("s3://b/k.csv", "s3://b/k.csv"),
        ("s3a://b/k.csv", "s3://b/k.csv"),
        ("simplecache::s3://b/k.csv", "s3://b/k.csv"),
        ("filecache::blockcache::s3://b/k.csv", "s3://b/k.csv"),
        ("s3://b/k%20a #1;x=1.csv", "s3://b/k%20a #1;x=1.csv"),
        ("s3://b/k.csv?versionId=abc", "s3://b/k.csv"),
        ("s3://KEY:SE/CRET@b/k.csv", "s3://b/k.csv"),
        ("https://b.s3.amazonaws.com/k.csv?X-Amz-Signature=s", "s3://b/k.csv"),
        ("gcs://b/k.csv", "gs://b/k.csv"),
        ("memory://b/k.csv", "memory://b/k.csv"),
        ("memory:///b/k.csv", "memory://b/k.csv"),
        ("memory://k.csv", "memory://k.csv"),
        ("s3://b/ä ö.csv", "s3://b/ä ö.csv"),
    ],
)
def test_url_is_named_without_credentials_and_versions(text: str, uri: str) -> None:
    assert _only(*locate(text)).uri == uri


def test_azure_container_is_named_with_its_account(losses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    uri = "abfss://box@acme.dfs.core.windows.net/k.csv"
    for options in (
        {"account_name": "acme", "account_key": "secret"},
        {"connection_string": "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=c2VjcmV0=="},
    ):
        assert _only(*locate("abfs://box/k.csv", options=options)).uri == uri
    assert _only(*locate(uri)).uri == uri
    assert losses == []
    assert locate("abfs://box/k.csv") == ()
    assert losses == ["a file that cannot be named"]


def test_file_of_an_archive_is_a_part_of_it(here: Path, losses: list[str]) -> None:
    with zipfile.ZipFile(here / "x.zip", "w") as packed:
        packed.write(here / "x.csv", "in/a.csv")
    with tarfile.open(here / "x.tar", "w") as tar:
        tar.add(here / "x.csv", "in/a.csv")
    archive = zipfile.ZipFile(here / "x.zip")
    for road in (
        f"zip://in/a.csv::file://{here}/x.zip",
        archive.open("in/a.csv"),
        io.TextIOWrapper(archive.open("in/a.csv")),
        fsspec.open(f"zip://in/a.csv::{here}/x.zip"),
    ):
        (location,) = locate(road)
        assert (location.dataset.name, location.subset) == (f"{here}/x.zip", ("in/a.csv",))
    member = tarfile.open(here / "x.tar").extractfile("in/a.csv")
    assert _only(*locate(member)) == Dataset("file", f"{here}/x.tar")
    assert losses == []


@pytest.mark.parametrize(
    "buffer",
    [
        io.BytesIO,
        io.StringIO,
        tempfile.TemporaryFile,
        tempfile.SpooledTemporaryFile,
        lambda: io.TextIOWrapper(io.BytesIO()),
        lambda: gzip.GzipFile(filename="x.csv", fileobj=io.BytesIO(), mode="wb"),
        lambda: pa.BufferReader(b""),
        lambda: pa.BufferOutputStream(),
        lambda: "/dev/stdout",
        lambda: open(0, "rb", closefd=False),
        lambda: "https://example.invalid/x.csv?token=secret",
    ],
)
def test_buffer_is_no_dataset(losses: list[str], buffer: Callable[[], Any]) -> None:
    assert locate(buffer()) == ()
    assert losses == []


def test_object_without_a_known_file_is_counted(here: Path, losses: list[str]) -> None:
    class Upload:
        name = "x.csv"

        def read(self) -> bytes:
            return b""

    assert locate(Upload()) == ()
    assert locate(pa.OSFile(str(here / "x.csv"))) == ()
    assert losses == ["a file object whose file is not known"] * 2


def test_relative_name_of_an_open_file_is_not_guessed_in_another_directory(
    here: Path, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("x.csv") as file:
        (here / "other").mkdir()
        (here / "other" / "x.csv").touch()
        monkeypatch.chdir(here / "other")
        assert locate(file) == ()
    assert losses == ["an open file that has a relative name in another directory"]


def test_percent_encoding_of_a_file_url_is_undone_unless_such_a_file_exists(here: Path) -> None:
    assert _only(*locate(f"file://{here}/a%20b.csv")) == Dataset("file", f"{here}/a b.csv")
    (here / "a%20b.csv").touch()
    assert _only(*locate(f"file://{here}/a%20b.csv")) == Dataset("file", f"{here}/a%20b.csv")


def test_compressed_file_is_another_file(here: Path) -> None:
    assert _only(*locate("x.csv.gz")) != _only(*locate("x.csv"))


def test_long_name_is_cut_to_a_name_of_its_own(here: Path) -> None:
    one, other = (_only(*locate(f"s3://b/{'k' * 3_000}{i}.csv")) for i in "12")
    assert one != other
    assert len(one.name) == 2_000
    assert _only(*locate(f"s3://b/{'k' * 1_000}.csv")).name == f"{'k' * 1_000}.csv"


def test_name_with_a_nul_is_counted(losses: list[str]) -> None:
    assert locate("a\0b.csv") == ()
    assert losses == ["a file that cannot be named"]


def test_few_files_are_datasets_of_their_own_and_many_are_their_directory(here: Path) -> None:
    few = locate(["s3://b/in/a.csv", "s3://b/in/b.csv"])
    assert [location.dataset.uri for location in few] == ["s3://b/in/a.csv", "s3://b/in/b.csv"]
    many = locate([f"s3://b/in/{i}.csv" for i in range(10_000)])
    assert many == (Location(Dataset("s3://b", "in"), files=10_000),)
    local = locate([here / "in" / f"{i}.csv" for i in range(20)])
    assert local == (Location(Dataset("file", f"{here}/in"), files=20),)


def test_parts_of_one_dataset_are_one_dataset() -> None:
    found = locate([f"s3://b/t/dt={day}/part-{i}.parquet" for day in (1, 2) for i in range(3)])
    assert found == (Location(Dataset("s3://b", "t"), ("dt=1", "dt=2"), files=6),)


def test_pattern_is_expanded_only_by_libraries_that_do(here: Path) -> None:
    assert locate("/in/*.csv", patterns=True) == (Location(Dataset("file", "/in"), ("*.csv",)),)
    assert _only(*locate("/in/*.csv")) == Dataset("file", "/in/*.csv")


def test_read_of_several_files_is_one_access() -> None:
    (access,) = accesses("read", locate(["s3://b/a.csv", "s3://b/b.csv"]), "lib.read", rows=3)
    assert (access.dataset.uri, [d.uri for d in access.inputs], access.rows) == ("s3://b/a.csv", ["s3://b/b.csv"], 3)


def test_size_is_that_of_a_single_local_file(here: Path) -> None:
    (access,) = accesses("write", locate("x.csv"), "lib.write")
    assert access.size == 4
    (access,) = accesses("write", locate("s3://b/k"), "lib.write")
    assert access.size is None


def test_address_is_named_if_the_setting_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_HTTP_ENDPOINTS", "https://api.example.org/daily/{day}.csv")
    found = locate("https://api.example.org/daily/2026-11-28.csv?token=secret")
    assert [location.dataset.uri for location in found] == ["https://api.example.org/daily/{day}.csv"]
    assert locate("https://other.example.org/daily/2026-11-28.csv") == ()
