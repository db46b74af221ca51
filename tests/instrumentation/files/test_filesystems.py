"""fsspec's filesystems: files opened, read, written and copied, each once, whichever library is above or below."""

from __future__ import annotations

import asyncio
import io
import pickle
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import s3fs
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from prefect_lineage_events import instrument, uninstrument
from tests.conftest import PrefectServer
from tests.instrumentation.files.touched import Touched, recorded, touched
from tests.services.moto import Moto, moto, moto_server

__all__ = ["moto", "moto_server", "recorded", "touched"]
Found = list[tuple[Any, ...]]


class Store:
    """A filesystem, a place in it, and the URIs of the datasets in that place."""

    def __init__(self, filesystem: Any, root: str, uri: str) -> None:
        self.fs, self.root, self._uri = filesystem, root, uri

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def uri(self, name: str) -> str:
        return f"{self._uri}/{name}"


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "local":
        folder = tmp_path.resolve() / "store"
        folder.mkdir()
        yield Store(LocalFileSystem(auto_mkdir=True), str(folder), f"file://{folder}")
    elif request.param == "memory":
        yield Store(MemoryFileSystem(), "/lake", "memory://lake")
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
    else:
        request.getfixturevalue("moto").bucket("lake")
        yield Store(s3fs.S3FileSystem(skip_instance_cache=True), "lake", "s3://lake")


def test_file_is_read_when_opened_and_written_when_closed(store: Store, touched: Touched) -> None:
    file = store.fs.open(store.path("a.csv"), "wb")
    file.write(b"a\n1\n")
    assert touched.take() == []
    file.close()
    file.close()
    assert touched.take() == [("write", store.uri("a.csv"))]
    with store.fs.open(store.path("a.csv"), "rb") as file:
        assert list(file) == [b"a\n", b"1\n"]
    assert touched.take() == [("read", store.uri("a.csv"))]


def test_text_and_compressed_files(store: Store, touched: Touched) -> None:
    with store.fs.open(store.path("a.csv"), "w") as file:
        file.write("a")
    with fsspec.open(store.fs.unstrip_protocol(store.path("b.csv.gz")), "wt", compression="infer") as file:
        file.write("a")
    with fsspec.open(store.fs.unstrip_protocol(store.path("b.csv.gz")), "rt", compression="infer") as file:
        assert file.read() == "a"
    store.fs.write_text(store.path("c.txt"), "x")
    assert store.fs.read_text(store.path("c.txt")) == "x"
    a, b, c = (store.uri(name) for name in ("a.csv", "b.csv.gz", "c.txt"))
    assert touched.take() == [("write", a), ("write", b), ("read", b), ("write", c), ("read", c)]


def test_block_that_fails_wrote_nothing(store: Store, touched: Touched) -> None:
    with pytest.raises(ZeroDivisionError), store.fs.open(store.path("a.csv"), "wb") as file:
        file.write(1 // 0)
    with (
        pytest.raises(ZeroDivisionError),
        fsspec.open(store.fs.unstrip_protocol(store.path("b.csv")), "wb") as file,
    ):
        file.write(1 // 0)
    with pytest.raises(FileNotFoundError):
        store.fs.open(store.path("missing.csv"), "rb")
    with pytest.raises(FileNotFoundError):
        store.fs.cat(store.path("missing.csv"))
    assert [found for found in touched.take() if "a.csv" in str(found) or "missing" in str(found)] == []


def test_contents_by_path(store: Store, touched: Touched) -> None:
    store.fs.pipe(store.path("a"), b"abc")
    store.fs.pipe_file(store.path("b"), b"abc")
    store.fs.pipe({store.path("c"): b"c", store.path("d"): b"d"})
    a, b, c, d = (store.uri(name) for name in "abcd")
    assert touched.notes[0].size == 3
    assert sorted(touched.take()) == [("write", a), ("write", b), ("write", c), ("write", d)]
    assert store.fs.cat(store.path("a")) == b"abc"
    assert store.fs.cat_file(store.path("b"), start=1, end=2) == b"b"
    assert set(store.fs.cat([store.path("c"), store.path("d")]).values()) == {b"c", b"d"}
    assert sorted(touched.take()) == [("read", a), ("read", b), ("read", c), ("read", d)]
    assert store.fs.head(store.path("a"), 2) == b"ab"
    assert touched.take() == [("read", a)]


def test_copies_have_their_source_as_input(store: Store, touched: Touched, tmp_path: Path) -> None:
    store.fs.pipe(store.path("a"), b"abc")
    touched.take()
    store.fs.copy(store.path("a"), store.path("b"))
    assert touched.take() == [("write", store.uri("b"), store.uri("a"))]
    store.fs.get(store.path("a"), str(tmp_path / "got"))
    local = f"file://{tmp_path.resolve()}"
    assert touched.take() == [("write", f"{local}/got", store.uri("a"))]
    store.fs.put(str(tmp_path / "got"), store.path("put"))
    assert touched.take() == [("write", store.uri("put"), f"{local}/got")]
    if not isinstance(store.fs, s3fs.S3FileSystem):
        store.fs.get_file(store.path("a"), io.BytesIO())
        assert touched.take() == [("read", store.uri("a"))]


def test_listing_and_metadata_are_no_reads(store: Store, touched: Touched) -> None:
    store.fs.pipe(store.path("a"), b"abc")
    touched.take()
    store.fs.ls(store.root)
    store.fs.find(store.root)
    store.fs.glob(store.path("*"))
    store.fs.info(store.path("a"))
    store.fs.exists(store.path("missing"))
    store.fs.du(store.root)
    assert touched.take() == []


def test_moved_file_is_written_from_where_it_was(store: Store, touched: Touched) -> None:
    store.fs.pipe(store.path("a"), b"abc")
    touched.take()
    store.fs.mv(store.path("a"), store.path("b"))
    # A move of the operating system is one note; one that copies and removes is two.
    written, *dropped = touched.take()
    assert written == ("write", store.uri("b"), store.uri("a"))
    assert [note[:2] for note in dropped] in ([], [("drop", store.uri("a"))])
    store.fs.rm(store.path("b"))
    assert touched.take() == [("drop", store.uri("b"))]


def test_directory_of_many_files_is_one_dataset(store: Store, touched: Touched, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(12):
        (tmp_path / "many" / f"{number}.csv").write_text("a")
    store.fs.put(str(tmp_path / "many") + "/", store.path("many"), recursive=True)
    (note,) = touched.notes
    assert note.files == 12
    assert touched.take() == [("write", store.uri("many"), f"file://{tmp_path.resolve()}/many")]
    assert len(store.fs.cat(store.path("many/*.csv"))) == 12
    assert touched.take() == [("read", store.uri("many"))]
    store.fs.get(store.path("many") + "/", str(tmp_path / "back"), recursive=True)
    assert touched.take() == [("write", f"file://{tmp_path.resolve()}/back", store.uri("many"))]


def test_partitions_are_parts(store: Store, touched: Touched) -> None:
    store.fs.pipe({store.path(f"t/dt=2026-11-0{day}/part-0.parquet"): b"x" for day in range(3)})
    assert [set(note.subset) for note in touched.notes] == [{"dt=2026-11-00", "dt=2026-11-01", "dt=2026-11-02"}]
    assert touched.take() == [("write", store.uri("t"))]


def test_transaction_writes_when_it_commits(store: Store, touched: Touched) -> None:
    with store.fs.transaction:
        with store.fs.open(store.path("a"), "wb") as file:
            file.write(b"a")
        assert touched.take() == []
    assert touched.take() == [("write", store.uri("a"))]
    with pytest.raises(ZeroDivisionError), store.fs.transaction:
        with store.fs.open(store.path("b"), "wb") as file:
            file.write(b"a")
        raise ZeroDivisionError
    assert touched.take() == []


def test_large_file_in_parts_is_one_write(moto: Moto, touched: Touched) -> None:
    moto.bucket("lake")
    with s3fs.S3FileSystem(skip_instance_cache=True).open("lake/large", "wb", block_size=5 * 2**20) as file:
        file.write(b"x" * (11 * 2**20))
    assert touched.take() == [("write", "s3://lake/large")]
    with s3fs.S3FileSystem().open("lake/large", "rb", block_size=2**20) as file:
        while file.read(2**20):
            pass
    assert touched.take() == [("read", "s3://lake/large")]


def test_caches_are_named_by_the_address_behind_them(moto: Moto, touched: Touched, tmp_path: Path) -> None:
    moto.bucket("lake")
    moto.client().put_object(Bucket="lake", Key="a.csv", Body=b"a")
    touched.take()
    for cache in ("simplecache", "filecache", "blockcache"):
        options = {cache: {"cache_storage": str(tmp_path / cache)}}
        for _ in range(2):
            with fsspec.open(f"{cache}::s3://lake/a.csv", "rb", **options) as file:
                assert file.read() == b"a"
    assert set(touched.take()) == {("read", "s3://lake/a.csv")}
    with fsspec.open("simplecache::s3://lake/b.csv", "wb", simplecache={"cache_storage": str(tmp_path)}) as file:
        file.write(b"x")
    assert touched.take() == [("write", "s3://lake/b.csv")]


def test_file_in_an_archive_is_part_of_the_archive(touched: Touched, tmp_path: Path) -> None:
    archive = tmp_path.resolve() / "x.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.csv", "a")
    with fsspec.open(f"zip://a.csv::file://{archive}", "rb") as file:
        assert file.read() == b"a"
    assert set(touched.take()) == {("read", f"file://{archive}")}


def test_directory_filesystem_is_passed_on(touched: Touched, tmp_path: Path) -> None:
    folder = DirFileSystem(str(tmp_path.resolve()), LocalFileSystem())
    folder.pipe("a.csv", b"a")
    with folder.open("a.csv") as file:
        file.read()
    uri = f"file://{tmp_path.resolve()}/a.csv"
    assert touched.take() == [("write", uri), ("read", uri)]


def test_filesystem_made_before_lineage_was_switched_on(moto: Moto, touched: Touched) -> None:
    moto.bucket("lake")
    uninstrument()
    early = s3fs.S3FileSystem(skip_instance_cache=True)
    early.pipe("lake/a", b"a")
    assert touched.take() == []
    instrument("files")
    early.pipe("lake/a", b"a")
    assert early.cat("lake/a") == b"a"
    early.cp("lake/a", "lake/b")
    assert touched.take() == [
        ("write", "s3://lake/a"),
        ("read", "s3://lake/a"),
        ("write", "s3://lake/b", "s3://lake/a"),
    ]
    uninstrument()
    assert early.cat(["lake/a", "lake/b"]) == {"lake/a": b"a", "lake/b": b"a"}


async def test_coroutines_of_an_asynchronous_filesystem(moto: Moto, touched: Touched) -> None:
    moto.bucket("lake")
    fs = s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True)
    session = await fs.set_session()
    await fs._pipe_file("lake/a", b"abc")
    assert await fs._cat_file("lake/a") == b"abc"
    await fs._cp_file("lake/a", "lake/b")
    assert await fs._cat(["lake/a", "lake/b"]) == {"lake/a": b"abc", "lake/b": b"abc"}
    await session.close()
    a, b = "s3://lake/a", "s3://lake/b"
    assert sorted(touched.take()) == [("read", a), ("read", a), ("read", b), ("write", a), ("write", b, a)]


def test_calls_are_noted_in_the_thread_that_makes_them(
    moto: Moto, recorded: Touched, prefect_server: PrefectServer
) -> None:
    """The IO thread of fsspec has no part in the rows of a flow."""
    moto.bucket("lake")
    fs = s3fs.S3FileSystem(skip_instance_cache=True)

    def program() -> None:
        fs.pipe("lake/a", b"a")
        fs.cat("lake/a")
        thread = threading.Thread(target=lambda: fs.cat_file("lake/a"))
        thread.start()
        thread.join()
        assert [note.thread == "" for note in recorded.notes] == [True, True, False]

    assert recorded.flow(program) == [("write", "s3://lake/a"), ("read", "s3://lake/a"), ("read", "s3://lake/a")]


def test_pyarrow_above_is_noted_by_pyarrow_alone(moto: Moto, recorded: Touched, prefect_server: PrefectServer) -> None:
    moto.bucket("lake")
    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    table = pa.table({"a": list(range(100)), "b": [str(n % 3) for n in range(100)]})
    pq.write_to_dataset(table, "lake/t", partition_cols=["b"], filesystem=fs)

    def program() -> None:
        pq.read_table("lake/t", filesystem=fs)
        ds.dataset("lake/t", filesystem=fs, partitioning="hive").to_table()

    assert {uri for _, uri, *_ in recorded.flow(program)} <= {"s3://lake/t"}


def test_own_filesystem_and_its_address(touched: Touched) -> None:
    class Notes(AbstractFileSystem):
        protocol = "notes"

        def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
            return io.BytesIO(b"x")

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": 1, "type": "file"}

    assert Notes().cat_file("box/a") == b"x"
    assert touched.take() == [("read", "notes://box/a")]


def test_methods_stay_as_they_are(touched: Touched) -> None:
    fs = LocalFileSystem()
    again = pickle.loads(pickle.dumps(fs))
    assert again == fs
    assert pickle.loads(pickle.dumps(AbstractFileSystem.cat)) is AbstractFileSystem.cat
    assert asyncio.iscoroutinefunction(s3fs.S3FileSystem._cat_file)
    assert s3fs.S3FileSystem(skip_instance_cache=True).cat.__name__ == "_cat"


def test_nothing_is_noted_of_http(touched: Touched) -> None:
    with pytest.raises((OSError, FileNotFoundError)):
        fsspec.open("http://127.0.0.1:9/x.csv").open()
    assert touched.take() == []
