"""Moves, copies and removals of files: results, errors, and what programs ask of the functions."""

import asyncio
import copy
import inspect
import os
import pickle
import shutil
import tempfile
import types
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from os import replace
from pathlib import Path
from shutil import move

import cloudpickle
from kit import attempt
from prefect import flow, task

FUNCTIONS = [
    os.rename, os.replace, os.link, os.remove, os.unlink, os.renames, shutil.move, shutil.copy, shutil.copy2,
    shutil.copyfile, shutil.copytree, shutil.rmtree, Path.rename, Path.replace, Path.unlink,
]  # fmt: skip


class Tools:
    """Functions as attributes of a class: those in C are not bound to its objects."""

    remove = os.remove
    copy = staticmethod(shutil.copy)


class Paths(type(Path())):
    """A subclass with a method of its own."""

    def rename(self, target):
        print("own rename")
        return super().rename(target)


def asked(function):
    return (
        function.__name__,
        function.__module__,
        (function.__doc__ or "")[:20],
        str(inspect.signature(function)),
        inspect.isfunction(function),
        inspect.isbuiltin(function),
        isinstance(function, types.FunctionType),
        isinstance(function, types.BuiltinFunctionType),
        pickle.loads(pickle.dumps(function)) is function,
        cloudpickle.loads(cloudpickle.dumps(function)) is function,
        copy.deepcopy(function) is function,
        function in os.supports_dir_fd,
        function in os.supports_follow_symlinks,
        {function: 1}[function],
    )


def made(name, text="a\n1\n"):
    Path(name).write_text(text)
    return name


def moved(number):
    return os.path.basename(shutil.move(made(f"p{number}.csv"), f"q{number}.csv"))


@task
def in_task(path):
    replace(path, "task.csv")
    return Path("task.csv").read_text()


@flow
def moved_files():
    for function in FUNCTIONS:
        attempt(function.__qualname__, lambda function=function: asked(function))
    attempt("rename", lambda: (os.rename(made("a.csv"), "b.csv"), sorted(os.listdir("."))))
    attempt("keywords", lambda: os.replace(src=b"b.csv", dst=Path("c.csv")))
    attempt("path", lambda: Path("c.csv").rename("d.csv"))
    attempt("method", lambda: Path.replace(Path("d.csv"), target="e.csv"))
    attempt("subclass", lambda: type(Paths("e.csv").rename("f.csv")).__name__)
    attempt("early", lambda: move(replace("f.csv", "g.csv") or "g.csv", "h.csv"))
    attempt("copies", lambda: (shutil.copy("h.csv", "i.csv"), shutil.copy2("h.csv", "j.csv")))
    attempt("copyfile", lambda: shutil.copyfile("h.csv", "k.csv", follow_symlinks=False))
    attempt("link", lambda: (os.link("h.csv", "l.csv"), os.stat("h.csv").st_nlink))
    attempt("symlink", lambda: (os.symlink("h.csv", "m.csv"), os.replace("m.csv", "n.csv"), os.readlink("n.csv")))
    attempt("class", lambda: (Tools().remove("n.csv"), Tools().copy("h.csv", "o.csv")))
    attempt("missing", lambda: os.rename("missing.csv", "x.csv"))
    attempt("missing", lambda: Path("missing.csv").replace("x.csv"))
    attempt("missing", lambda: shutil.move("missing.csv", "x.csv"))
    attempt("missing", lambda: shutil.rmtree("missing"))
    attempt("missing", lambda: Path("missing.csv").unlink(missing_ok=True))
    attempt("same", lambda: shutil.copy("h.csv", "h.csv"))
    attempt("no folder", lambda: os.replace("h.csv", "missing/h.csv"))
    attempt("no argument", lambda: os.rename("h.csv"))
    attempt("bad argument", lambda: shutil.move("h.csv", "i.csv", nonsense=1))
    attempt("nul", lambda: os.rename("h\0.csv", "i.csv"))
    attempt("number", lambda: os.remove(3.5))
    attempt("own copy", lambda: shutil.move("h.csv", "/dev/shm/harm.csv", copy_function=lambda *_: 1 / 0))
    Path("tree/sub").mkdir(parents=True)
    made("tree/sub/a.csv")
    attempt("tree", lambda: shutil.copytree("tree", "copied", ignore=lambda folder, names: []))
    attempt("tree again", lambda: shutil.copytree("tree", "copied"))
    attempt("ignored", lambda: shutil.rmtree("missing", ignore_errors=True))
    attempt("handler", lambda: shutil.rmtree("missing", onerror=lambda function, path, error: print(path)))
    attempt("directory", lambda: (os.rename("tree", "moved"), shutil.rmtree("copied"), sorted(os.listdir("."))))
    folder = os.open(".", os.O_RDONLY)
    attempt("descriptors", lambda: os.rename("i.csv", "r.csv", src_dir_fd=folder, dst_dir_fd=folder))
    attempt("descriptor", lambda: os.unlink("r.csv", dir_fd=folder))
    os.close(folder)
    with ThreadPoolExecutor(2) as pool:
        print(list(pool.map(moved, range(3))), pool.submit(os.replace, "q0.csv", "s.csv").result())
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        print(list(pool.map(moved, range(3, 5))), pool.submit(shutil.copy, "s.csv", "t.csv").result())
    print(asyncio.run(asyncio.to_thread(os.rename, "t.csv", "u.csv")))
    with tempfile.TemporaryDirectory() as work, tempfile.NamedTemporaryFile(suffix=".csv") as file:
        print(os.path.basename(shutil.copy(file.name, work + "/v.csv")))
    print(in_task(made("w.csv")), sorted(os.listdir(".")))


moved_files()
