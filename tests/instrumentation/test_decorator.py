"""`@lineage`: what a call reads and writes, for each kind of function, and mistakes found when a function is defined."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
import functools
import gc
import inspect
import logging
import multiprocessing
import pickle
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_type_hints

import cloudpickle
import pytest
from prefect import Flow, Task, flow, task
from prefect.tasks import task_input_hash

from prefect_lineage_events import Dataset, lineage, lineage_disabled
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.instrumentation.declared import LineageDefinitionError
from tests.instrumentation.test_record import no_run, noted

__all__ = ["no_run", "noted"]


def shown(notes: list[Any]) -> list[str]:
    """The notes as `read a` and `write b < a`."""
    found = []
    for note in notes:
        inputs = " ".join(dataset.uri for dataset in note.inputs)
        found.append(f"write {note.output.uri} < {inputs}".strip(" <") if note.output else f"read {inputs}")
    return found


@lineage(reads="s3://lake/raw/{day}.csv", writes="s3://lake/clean/{day}.csv")
def clean(day: str, *, factor: float = 1.0) -> float:
    """Clean one day."""
    return factor


def test_a_call_is_noted_after_it_has_returned(noted: list[RecordNote]) -> None:
    assert clean("mon", factor=2.0) == 2.0
    assert shown(noted) == ["read s3://lake/raw/mon.csv", "write s3://lake/clean/mon.csv < s3://lake/raw/mon.csv"]
    assert noted[0].description == "clean"


def test_a_failed_call_is_not_noted(noted: list[RecordNote]) -> None:
    @lineage(reads="s3://b/in", writes="s3://b/out")
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        fails()
    with pytest.raises(TypeError, match=r"clean\(\) missing 1 required positional argument: 'day'"):
        clean()  # type: ignore[call-arg]
    assert not noted


def test_outside_a_run_nothing_is_computed(no_run: None) -> None:
    def computed() -> str:
        raise AssertionError("computed")

    assert lineage(reads=computed)(len)([1, 2]) == 2


def test_nothing_is_noted_inside_lineage_disabled(noted: list[RecordNote]) -> None:
    with lineage_disabled():
        clean("mon")
    assert not noted


class Drop:
    bucket = "drop"
    parts: list[str] = ["a", "b"]

    @lineage(reads="s3://{self.bucket}/{day:%Y/%m}/{kind!s}.csv")
    def fetch(self, day: dt.date, kind: str = "prices") -> str:
        """Fetch."""
        return kind

    @lineage(writes="s3://{cls.bucket}/x")
    @classmethod
    def below(cls) -> type:
        return cls

    @classmethod
    @lineage(writes="s3://{cls.bucket}/x")
    def above(cls) -> type:
        return cls

    @lineage(writes="s3://b/{name}")
    @staticmethod
    def static(name: str) -> str:
        return name

    @lineage(reads="s3://{self.bucket}/size")
    @property
    def size(self) -> int:
        """Size."""
        return 3

    @lineage(reads=lambda self: [f"s3://{self.bucket}/{part}" for part in self.parts])
    def all(self) -> None: ...


def test_methods_name_their_object(noted: list[RecordNote]) -> None:
    drop = Drop()
    assert drop.fetch(dt.date(2026, 11, 2)) == "prices"
    assert Drop.fetch(drop, dt.date(2026, 12, 2), kind="x") == "x"
    assert Drop.below() is drop.above() is Drop
    assert drop.static("s") == "s"
    assert (drop.size, Drop.size.__doc__) == (3, "Size.")
    drop.all()
    assert shown(noted) == [
        "read s3://drop/2026/11/prices.csv",
        "read s3://drop/2026/12/x.csv",
        "write s3://drop/x",
        "write s3://drop/x",
        "write s3://b/s",
        "read s3://drop/size",
        "read s3://drop/a",
        "read s3://drop/b",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("s3://b/x", ["s3://b/x"]),
        (Dataset("s3://b", "x"), ["s3://b/x"]),
        (["s3://b/{day}", Dataset.s3("b", "y")], ["s3://b/mon", "s3://b/y"]),
        (lambda: "s3://b/x", ["s3://b/x"]),
        (lambda result: result, ["s3://b/result"]),
        (lambda day, result: [f"s3://b/{day}", result, None], ["s3://b/mon", "s3://b/result"]),
        (lambda **everything: f"s3://b/{everything['day']}-{everything['result'][-1]}", ["s3://b/mon-t"]),
        (lambda day, other="o": f"s3://b/{day}-{other}", ["s3://b/mon-o"]),
        (lambda: None, []),
        (lambda: (f"s3://b/{n}" for n in range(2)), ["s3://b/0", "s3://b/1"]),
        ("{result}", ["s3://b/result"]),
        ("{result}/x", ["s3://b/result/x"]),
        ("https://api.example.com/orders/{{id}}", ["https://api.example.com/orders/{id}"]),
        ("s3://b/{options}", ["s3://b/7"]),
        ("s3://b/{flags[deep]}", ["s3://b/down"]),
    ],
)
def test_the_datasets_of_a_declaration(noted: list[RecordNote], given: Any, expected: list[str]) -> None:
    @lineage(writes=given)
    def run(day: str, flags: Any = {"deep": "down"}, **options: Any) -> str:  # noqa: B006
        return "s3://b/result"

    run("mon", options=7)
    assert [note.output.uri for note in noted if note.output] == expected


def test_arguments_are_those_before_the_call(noted: list[RecordNote]) -> None:
    @lineage(reads=lambda names: [f"s3://b/{name}" for name in names])
    def consume(names: list[str]) -> None:
        names.clear()

    consume(["x"])
    assert shown(noted) == ["read s3://b/x"]


def test_a_declaration_may_need_what_the_call_sets(noted: list[RecordNote]) -> None:
    class Report:
        @lineage(writes="s3://b/{self.name}")
        def write(self) -> None:
            self.name = "x"

    Report().write()
    assert shown(noted) == ["write s3://b/x"]


def test_rows_and_columns_may_be_computed(noted: list[RecordNote]) -> None:
    @lineage(
        reads="s3://b/in",
        writes="s3://b/out",
        rows=lambda result: len(result),
        columns=lambda result: list(result[0]),
        column_lineage={"id": "ID"},
    )
    def run() -> list[dict[str, int]]:
        return [{"id": 1, "n": 2}]

    run()
    read, write = noted
    assert (read.rows, read.columns) == (None, ())
    assert (write.rows, [c.name for c in write.columns]) == (1, ["id", "n"])
    assert [(e.column, e.source_column) for e in write.edges] == [("id", "ID")]


def test_columns_are_those_of_the_read_where_nothing_is_written(noted: list[RecordNote]) -> None:
    lineage(reads="s3://b/in", rows=3, columns=["id"])(lambda: None)()
    assert (noted[0].rows, noted[0].columns[0].name) == (3, "id")


async def test_coroutines(noted: list[RecordNote]) -> None:
    @lineage(writes="s3://b/{name}")
    async def run(name: str) -> str:
        await asyncio.sleep(0)
        assert not noted
        return name

    assert inspect.iscoroutinefunction(run)
    assert await run("x") == "x"
    assert shown(noted) == ["write s3://b/x"]


async def test_a_cancelled_coroutine_is_not_noted(noted: list[RecordNote]) -> None:
    @lineage(writes="s3://b/x")
    async def run() -> None:
        await asyncio.sleep(60)

    running = asyncio.create_task(run())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not noted


async def test_a_function_that_returns_a_coroutine_is_noted_when_that_is_done(noted: list[RecordNote]) -> None:
    async def inner() -> int:
        return 1

    pending = lineage(writes="s3://b/x")(lambda: inner())()
    assert not noted
    assert await pending == 1
    assert len(noted) == 1


@lineage(reads="s3://b/{name}", writes="s3://b/out")
def items(name: str, n: int = 3) -> Iterator[int]:
    total = 0
    for i in range(n):
        try:
            total += (yield i) or 0
        except KeyError:
            total += 100
    return total


def test_a_generator_is_noted_when_it_is_exhausted(noted: list[RecordNote]) -> None:
    assert inspect.isgeneratorfunction(items)
    generator = items("x")
    assert [next(generator), next(generator)] == [0, 1]
    assert not noted
    assert list(generator) == [2]
    assert shown(noted) == ["read s3://b/x", "write s3://b/out < s3://b/x"]
    assert noted[0].started <= noted[1].started


def test_a_generator_gets_what_is_sent_and_thrown(noted: list[RecordNote]) -> None:
    generator = items("x")
    next(generator)
    generator.send(5)  # type: ignore[attr-defined]
    generator.throw(KeyError("x"))  # type: ignore[attr-defined]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == 105


@pytest.mark.parametrize("leave", ["close", "garbage"])
def test_a_closed_generator_is_noted(noted: list[RecordNote], leave: str) -> None:
    generator = items("x")
    next(generator)
    if leave == "close":
        generator.close()  # type: ignore[attr-defined]
    del generator
    gc.collect()
    assert shown(noted) == ["read s3://b/x", "write s3://b/out < s3://b/x"]


def test_a_generator_that_never_began_is_not_noted(noted: list[RecordNote]) -> None:
    items("x").close()  # type: ignore[attr-defined]
    assert not noted


def test_a_failed_generator_is_not_noted(noted: list[RecordNote]) -> None:
    @lineage(writes="s3://b/out")
    def fails() -> Iterator[int]:
        yield 1
        raise OSError("x")

    @lineage(writes="s3://b/out")
    def fails_at_its_end() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise OSError("x")

    with pytest.raises(OSError, match="x"):
        list(fails())
    generator: Any = fails_at_its_end()
    next(generator)
    with pytest.raises(OSError, match="x"):
        generator.close()
    assert not noted


def test_a_context_manager_of_a_generator(noted: list[RecordNote]) -> None:
    @contextlib.contextmanager
    @lineage(writes="s3://b/out")
    def opened() -> Iterator[int]:
        yield 1

    with opened() as value:
        assert value == 1
        assert not noted
    assert len(noted) == 1
    with pytest.raises(OSError, match="x"), opened():
        raise OSError("x")
    assert len(noted) == 1


@lineage(writes="s3://b/out")
async def items_async(n: int = 3) -> AsyncIterator[int]:
    sent = 0
    for i in range(n):
        try:
            sent = (yield i + sent) or 0
        except KeyError:
            sent = 100
        await asyncio.sleep(0)


async def test_an_async_generator(noted: list[RecordNote]) -> None:
    assert inspect.isasyncgenfunction(items_async)
    assert [i async for i in items_async()] == [0, 1, 2]
    assert len(noted) == 1
    generator: Any = items_async()
    assert await generator.asend(None) == 0
    assert await generator.asend(10) == 11
    assert await generator.athrow(KeyError("x")) == 102
    await generator.aclose()
    assert len(noted) == 2
    with pytest.raises(OSError, match="x"):
        failing: Any = items_async()
        await failing.asend(None)
        await failing.athrow(OSError("x"))
    assert len(noted) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"reads": "s3://b/{dya}.csv"},
            r"names 'dya', which is no argument of it \(is 'day' meant\?\); it has day, bucket",
        ),
        ({"writes": "s3://{self.bucket}/x"}, "names 'self'"),
        ({"reads": ["s3://b/x", "s3://b/{dya[0]}"]}, "'dya'"),
        ({"reads": "s3://b/{day:{widht}}"}, "'widht'"),
        ({"reads": lambda dya: dya}, "names 'dya', which is no argument of it"),
        ({"rows": lambda rseult: rseult, "writes": "s3://b/x"}, "'rseult'"),
        ({"reads": "s3://b/{}"}, "a field without the name"),
        ({"reads": "s3://b/{0}"}, "a field without the name"),
        ({"reads": "s3://b/{day"}, "cannot be read"),
        ({"reads": "raw/{day}.csv"}, "not a dataset URI"),
        ({"reads": "s3://{day}"}, "names no dataset"),
        ({"reads": "orders"}, "not a dataset URI"),
        ({"reads": 7}, "reads takes a Dataset, a URI, a template, a callable, or a list of these, not int"),
        ({"writes": [None]}, "not NoneType"),
        ({"writes": {"a": "b"}}, "not dict"),
        ({"writes": dict.get}, "names|cannot be seen"),
    ],
)
def test_a_mistake_is_found_when_the_function_is_defined(given: dict[str, Any], message: str) -> None:
    def load(day: str, bucket: str = "b") -> None: ...

    with pytest.raises(LineageDefinitionError, match=message):
        lineage(**given)(load)


@pytest.mark.parametrize(
    "template",
    [
        "postgres://user:hunter2@db/shop/{tabel}",
        "https://api.example.com/{tabel}?token=hunter2",
        "postgres://user:hun/ter2@db/{tabel",
        "hunter2@{table}",
    ],
)
def test_a_secret_in_a_template_is_not_shown(template: str) -> None:
    def load(table: str) -> None: ...

    with pytest.raises(LineageDefinitionError) as error:
        lineage(reads=template)(load)
    assert "hunter2" not in str(error.value)
    assert "ter2" not in str(error.value)


def test_a_decorator_without_datasets_is_a_mistake() -> None:
    for call in (
        lambda: lineage(clean),
        lineage,
        lambda: lineage(reads="s3://b/x")(7),
        lambda: lineage(reads="s3://b/x")(Drop),
    ):
        with pytest.raises(LineageDefinitionError):
            call()  # type: ignore[operator]


@pytest.mark.parametrize(
    "given",
    [
        {"reads": "s3://b/{day}"},
        {"reads": lambda day: 1 / 0},
        {"reads": lambda: "no uri"},
        {"writes": lambda result: result},
        {"writes": "s3://b/{result.name}"},
    ],
)
def test_a_mistake_in_a_call_is_a_warning_and_a_loss(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    lost: list[str] = []
    monkeypatch.setattr("prefect_lineage_events.instrumentation.record.count_loss", lost.append)

    @lineage(**given)
    def load(day: Any) -> object:
        return object()

    with caplog.at_level(logging.WARNING):
        load(None)
    assert not noted
    assert "the datasets of a call of" in caplog.text
    assert len(lost) == 1


def test_the_text_of_a_users_error_is_not_logged(noted: list[RecordNote], caplog: pytest.LogCaptureFixture) -> None:
    def computed() -> str:
        raise ValueError("password=hunter2")

    with caplog.at_level(logging.DEBUG):
        lineage(reads=computed)(lambda: None)()
    assert "ValueError" in caplog.text
    assert "hunter2" not in caplog.text


# harm


def plain(day: str, *, factor: float = 1.0) -> float:
    """Clean one day."""
    return factor


def test_a_decorated_function_looks_like_the_original() -> None:
    assert clean.__doc__ == plain.__doc__
    assert inspect.signature(clean) == inspect.signature(plain)
    assert inspect.signature(clean, eval_str=True) == inspect.signature(plain, eval_str=True)
    assert get_type_hints(clean) == get_type_hints(plain)
    assert inspect.isfunction(clean)
    assert (clean.__name__, clean.__module__) == ("clean", __name__)
    assert "def clean(" in inspect.getsource(clean)


def test_a_cached_function_keeps_its_cache() -> None:
    @lineage(reads="s3://b/{n}")
    @functools.lru_cache
    def cached(n: int) -> int:
        return n

    assert cached(1) == cached(1) == 1
    assert cached.cache_info().hits == 1
    cached.cache_clear()


def in_child(pickled: bytes) -> bool:
    return bool(cloudpickle.loads(pickled)("mon", factor=3.0) == 3.0)


def test_a_decorated_function_pickles(noted: list[RecordNote]) -> None:
    assert pickle.loads(pickle.dumps(clean)) is clean

    def local(day: str, *, factor: float) -> float:
        return factor

    for function in (clean, lineage(reads=["s3://b/{day}", lambda day: f"s3://c/{day}"])(local)):
        copied = cloudpickle.loads(cloudpickle.dumps(function))
        assert copied("mon", factor=2.0) == 2.0
    assert "read s3://c/mon" in shown(noted)


def test_a_decorated_function_runs_in_a_process_pool() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(clean, "mon", factor=2.0).result() == 2.0

        def local(day: str, *, factor: float) -> float:
            return factor

        pickled = cloudpickle.dumps(lineage(reads=lambda day: f"s3://c/{day}")(local))
        assert pool.submit(in_child, pickled).result()


def test_a_decorated_function_of_a_script_is_pickled_with_its_lineage() -> None:
    import subprocess
    import sys

    program = (
        "import cloudpickle, pickle, sys\n"
        "from prefect_lineage_events import lineage\n"
        "@lineage(reads='s3://b/{n}', writes=lambda n: f's3://c/{n}')\n"
        "def double(n): return double(n - 1) + 2 if n else 0\n"
        "assert pickle.loads(pickle.dumps(double)) is double\n"
        "copied = cloudpickle.loads(cloudpickle.dumps(double))\n"
        "assert copied(3) == 6 and copied.__wrapped__ is not None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


# tasks and flows


@task(name="load it", retries=2, tags=["x"])
@lineage(writes="s3://b/{name}")
def below(name: str) -> str:
    """Load."""
    return name


@lineage(writes="s3://b/{name}")
@task(name="load it", retries=2, tags=["x"])
def above(name: str) -> str:
    """Load."""
    return name


@lineage(writes="s3://b/{name}")
@flow(name="load all")
def above_flow(name: str) -> str:
    return name


@flow(name="load all")
@lineage(writes="s3://b/{name}")
def below_flow(name: str) -> str:
    return name


@pytest.mark.parametrize("declared", [below, above, above_flow, below_flow])
def test_a_task_or_flow_stays_one(noted: list[RecordNote], declared: Any) -> None:
    assert type(declared) is (Task if declared in (below, above) else Flow)
    assert declared.fn("x") == "x"
    assert shown(noted) == ["write s3://b/x"]


def test_options_of_a_task_stay(noted: list[RecordNote]) -> None:
    for declared in (below, above):
        assert (declared.name, declared.retries, declared.tags, declared.__doc__) == ("load it", 2, {"x"}, "Load.")
        changed = declared.with_options(name="other")
        changed.fn("y")
        cloudpickle.loads(cloudpickle.dumps(declared)).fn("z")
    assert shown(noted) == ["write s3://b/y", "write s3://b/z"] * 2


def test_the_original_task_is_not_changed(noted: list[RecordNote]) -> None:
    @task
    def load() -> None: ...

    lineage(reads="s3://b/x")(load)
    load.fn()
    assert not noted


def test_parameters_of_a_flow_stay() -> None:
    @flow
    def original(name: str) -> str:
        return name

    assert above_flow.parameters == below_flow.parameters == original.parameters
    assert below_flow.should_validate_parameters


def test_tasks_with_different_bodies_have_different_keys() -> None:
    def one() -> Task[[], int]:
        @task(cache_key_fn=task_input_hash)
        @lineage(reads="s3://b/x")
        def load() -> int:
            return 1

        return load

    def two() -> Task[[], int]:
        @task(cache_key_fn=task_input_hash)
        @lineage(reads="s3://b/x")
        def load() -> int:
            return 1 + 2 * 3

        return load

    assert one().task_key == one().task_key != two().task_key


def test_async_tasks_and_generators_are_recognised_by_prefect() -> None:
    assert task(items).isgenerator
    assert task(items_async).isgenerator
    assert task(items_async).isasync


class Loader:
    bucket = "b"

    @task
    @lineage(writes="s3://{self.bucket}/{name}")
    def below(self, name: str) -> str:
        return name

    @lineage(writes="s3://{self.bucket}/{name}")
    @task
    def above(self, name: str) -> str:
        return name


@pytest.mark.parametrize("declared", [below, above])
def test_in_a_real_run_a_task_is_called_submitted_and_mapped(
    prefect_server: object, noted: list[RecordNote], declared: Task[[str], str]
) -> None:
    loader: Any = Loader()

    @flow
    def whole() -> list[str]:
        return [
            declared("a"),
            declared.submit("b").result(),
            *declared.map(["c", "d"]).result(),
            loader.below("e"),
            loader.above("f"),
        ]

    assert whole() == ["a", "b", "c", "d", "e", "f"]
    assert sorted(shown(noted)) == [f"write s3://b/{name}" for name in "abcdef"]


def test_types_stay(tmp_path: Any) -> None:
    from mypy import api

    program = tmp_path / "program.py"
    program.write_text(
        "from collections.abc import Iterator\n"
        "from prefect import flow, task\n"
        "from prefect_lineage_events import LineageBlock, lineage\n"
        "@lineage(reads='s3://b/{day}')\n"
        "def plain(day: str, *, n: int = 1) -> float: return 1.0\n"
        "@lineage(reads='s3://b/{day}')\n"
        "async def coroutine(day: str) -> float: return 1.0\n"
        "@lineage(reads='s3://b/{day}')\n"
        "def generator(day: str) -> Iterator[int]: yield 1\n"
        "@lineage(reads='s3://b/{day}')\n"
        "@task\n"
        "def above(day: str) -> float: return 1.0\n"
        "@task\n"
        "@lineage(reads='s3://b/{day}')\n"
        "def below(day: str) -> float: return 1.0\n"
        "@lineage(reads='s3://b/{day}')\n"
        "@flow\n"
        "def whole(day: str) -> float: return 1.0\n"
        "class Drop(LineageBlock):\n"
        "    @lineage(reads='s3://b/{day}')\n"
        "    def fetch(self, day: str) -> bytes: return b''\n"
        "for it in (): pass\n"
        "reveal_type(plain)\nreveal_type(coroutine)\nreveal_type(generator)\nreveal_type(above)\nreveal_type(below)\n"
        "reveal_type(whole)\nreveal_type(Drop().fetch)\n"
        "plain(7)\n"
    )
    deepest = sys.getrecursionlimit()
    try:
        out, err, _ = api.run([str(program)])  # with the cache that `make types` leaves: without it, it takes minutes
    finally:
        sys.setrecursionlimit(deepest)  # mypy raises it for its process
    revealed = [line.partition("Revealed type is ")[2].strip('"') for line in out.splitlines() if "Revealed" in line]
    assert [
        text.replace("builtins.", "").replace("typing.", "").replace("collections.abc.", "") for text in revealed
    ] == [
        "def (day: str, *, n: int =) -> float",
        "def (day: str) -> Coroutine[Any, Any, float]",
        "def (day: str) -> Iterator[int]",
        "prefect.tasks.Task[[day: str], float]",
        "prefect.tasks.Task[[day: str], float]",
        "prefect.flows.Flow[[day: str], float]",
        "def (day: str) -> bytes",
    ], out + err
    assert 'Argument 1 to "plain" has incompatible type "int"' in out
