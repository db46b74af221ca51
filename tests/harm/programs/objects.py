"""Objects and filesystems: results, errors, pickles, and what programs ask of clients, filesystems and open files."""

import asyncio
import copy
import inspect
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import boto3
import boto3.s3.transfer
import botocore.client
import fsspec
import fsspec.asyn
from botocore.stub import Stubber
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem
from kit import attempt
from moto import mock_aws
from prefect import flow, task
from prefect.filesystems import LocalFileSystem as LocalBlock
from prefect.results import ResultStore
from prefect.utilities.asyncutils import run_coro_as_sync

os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", AWS_DEFAULT_REGION="us-east-1")
FUNCTIONS = [
    botocore.client.BaseClient._make_api_call, boto3.s3.transfer.S3Transfer.upload_file, AbstractFileSystem.cat,
    AbstractFileSystem.get, LocalFileSystem.cp_file, LocalFileSystem._open, fsspec.asyn.sync,
    fsspec.asyn.AsyncFileSystem._cat, LocalBlock.read_path, LocalBlock.aread_path, ResultStore._read,
    ResultStore._aread, run_coro_as_sync,
]  # fmt: skip


class Own(AbstractFileSystem):
    """A filesystem that is defined after lineage was switched on, with an override and a broken file."""

    protocol = ("own", "mine")

    def _open(self, path, mode="rb", **_):
        return open(os.devnull, mode) if "dev" in path else 7

    def cat_file(self, path, start=None, end=None, **_):
        return super().cat_file(path) + b"!" if "dev" in path else {}[path]


def asked(function):
    return (
        function.__name__,
        function.__qualname__,
        str(inspect.signature(function))[:200],
        inspect.isfunction(function),
        inspect.iscoroutinefunction(function),
        copy.deepcopy(function) is function,
        len(inspect.getsource(function)) > 20,
    )


def s3():
    client = boto3.client("s3")
    client.create_bucket(Bucket="lake")
    print(sorted(client.put_object(Bucket="lake", Key="a", Body=b"abc"))[:1])
    print(client.get_object(Bucket="lake", Key="a")["Body"].read())
    attempt("missing", lambda: client.get_object(Bucket="lake", Key="missing"))
    attempt("type", lambda: client.get_object(Bucket=7, Key="a"))
    attempt("argument", lambda: client.get_object(Bucket="lake"))
    attempt("unknown", lambda: client.get_object(Bucket="lake", Key="a", Nonsense=1))
    attempt("attribute", lambda: client.nonsense())
    with open("up", "wb") as file:
        file.write(b"x" * 100)
    print(client.upload_file("up", "lake", "up"), client.download_file("lake", "up", "down"), os.path.getsize("down"))
    attempt("no file", lambda: client.upload_file("missing", "lake", "x"))
    attempt("no object", lambda: client.download_file("lake", "missing", "x"))
    seen = []
    client.meta.events.register("after-call.s3", lambda **given: seen.append(given["model"].name))
    source = {"Bucket": "lake", "Key": "a"}
    client.copy_object(Bucket="lake", Key="b", CopySource=source)
    print(source, seen, [one["Key"] for one in client.list_objects_v2(Bucket="lake")["Contents"]])
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(lambda _: len(client.get_object(Bucket="lake", Key="a")["Body"].read()), range(3))))
    original = botocore.client.BaseClient._make_api_call

    def answer(self, operation, given):
        return {"Buckets": []} if operation == "ListBuckets" else original(self, operation, given)

    with patch("botocore.client.BaseClient._make_api_call", new=answer):
        print(client.list_buckets(), sorted(client.head_object(Bucket="lake", Key="a"))[:1])
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "NoSuchKey")
        attempt("stubbed", lambda: client.get_object(Bucket="lake", Key="a"))


def filesystems():
    local, memory = fsspec.filesystem("file"), fsspec.filesystem("memory")
    for fs, root in ((local, os.getcwd() + "/f"), (memory, "/f"), (DirFileSystem(os.getcwd(), local), "d")):
        fs.makedirs(root, exist_ok=True)
        fs.pipe({f"{root}/a": b"a", f"{root}/b": b"b"})
        print(sorted(fs.cat([f"{root}/a", f"{root}/b"]).values()), fs.cat_file(f"{root}/a"))
        print(fs.copy(f"{root}/a", f"{root}/c"), fs.mv(f"{root}/c", f"{root}/d"), len(fs.find(root)))
        attempt("missing", lambda fs=fs, root=root: fs.cat(f"{root}/missing"))
        attempt("omitted", lambda fs=fs, root=root: fs.cat([f"{root}/missing"], on_error="omit"))
        attempt("argument", lambda fs=fs: fs.cat())
        attempt("many", lambda fs=fs: fs.pipe_file(1, 2, 3, 4, 5, 6))
        with fs.open(f"{root}/t", "w") as file:
            print(type(file).__name__, file.write("text\nlines\n"), file.closed)
        with fs.open(f"{root}/t") as file:
            print(type(file).__name__, [len(line) for line in file], file.closed)
        attempt("failed", lambda fs=fs, root=root: fs.open(f"{root}/t", "wb").__enter__().write("text"))
        print(type(pickle.loads(pickle.dumps(fs))).__name__, pickle.loads(pickle.dumps(fs)) == fs, hash(fs) == hash(fs))
        fs.rm(root, recursive=True)
        print(fs.exists(root))
    file = fsspec.open("z", "w")
    with file as opened:
        opened.write("x")
    again = pickle.loads(pickle.dumps(fsspec.open("z")))
    with again as opened:
        print(opened.read(), file.closed)
    attempt("block", lambda: failing("z"))
    own = Own()
    attempt("own", lambda: (own.cat_file("dev"), own.cat("dev")))
    attempt("own error", lambda: own.cat_file("x"))
    attempt("own file", lambda: own.open("x", "rb"))
    print(asyncio.run(AsyncFileSystemWrapper(local)._cat_file(os.getcwd() + "/z")), Own._open.__qualname__)


def failing(path):
    with fsspec.open(path, "wb") as file:
        file.write(b"x" * (1 // 0))


@task(persist_result=True)
def persisted():
    return [1]


@flow
def objects():
    for function in FUNCTIONS:
        attempt(function.__name__, lambda function=function: asked(function))
    print(pickle.loads(pickle.dumps(AbstractFileSystem.cat)) is AbstractFileSystem.cat)
    with mock_aws():
        s3()
    filesystems()
    block = LocalBlock(basepath=os.getcwd())
    print(block.write_path("w", b"w")[-2:], block.read_path("w"), asyncio.run(block.aread_path("w")))
    attempt("block", lambda: block.read_path("missing")[:0])
    print(persisted(), threading.active_count() >= 1)


objects()
