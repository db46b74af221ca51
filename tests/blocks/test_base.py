"""`LineageBlock`: blocks of users, whose methods name their datasets by a decorator or by a hook."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest

from prefect_lineage_events import BlockCall, LineageBlock, Touched, lineage
from prefect_lineage_events.emission.notes import RecordNote
from tests.instrumentation.test_decorator import shown
from tests.instrumentation.test_record import no_run, noted

__all__ = ["no_run", "noted"]


class Files(LineageBlock):
    """Files of a partner."""

    root: str = "s3://b"

    def fetch(self, name: str, *, retries: int = 1) -> bytes:
        """Fetch one."""
        return name.encode()

    async def fetch_async(self, name: str) -> bytes:
        return self.fetch(name)

    def lines(self, name: str) -> Iterator[str]:
        yield from name

    def put(self, name: str, data: bytes) -> int:
        if not data:
            raise ValueError("empty")
        return len(data)

    def _hidden(self) -> None: ...

    def datasets_of(self, call: BlockCall) -> Touched | None:
        if call.method == "put":
            return Touched(writes=f"{self.root}/{call.arguments['name']}", size=call.result)
        return Touched(reads=f"{self.root}/{call.arguments['name']}")


class MoreFiles(Files):
    def again(self, name: str) -> bytes:
        return super().fetch(name)


class Drop(LineageBlock):
    bucket: str = "drop"

    @lineage(reads="s3://{self.bucket}/{day}.csv")
    def prices(self, day: str) -> str:
        """Prices of a day."""
        return day


class Plain(LineageBlock):
    def fetch(self, name: str) -> str:
        return name


class Hooked(Plain):
    def datasets_of(self, call: BlockCall) -> Touched | None:
        return Touched(reads=f"s3://hooked/{call.arguments['name']}")


def test_calls_of_methods_go_to_the_hook(noted: list[RecordNote]) -> None:
    files = Files()
    assert files.fetch("a") == b"a"
    assert list(files.lines("bc")) == ["b", "c"]
    assert files.put("out", b"xyz") == 3
    files._hidden()
    assert shown(noted) == ["read s3://b/a", "read s3://b/bc", "write s3://b/out"]
    assert noted[-1].size == 3


async def test_coroutines_go_to_the_hook(noted: list[RecordNote]) -> None:
    assert await Files().fetch_async("a") == b"a"
    assert shown(noted) == ["read s3://b/a", "read s3://b/a"]


def test_a_failed_call_is_not_noted(noted: list[RecordNote]) -> None:
    with pytest.raises(ValueError, match="empty"):
        Files().put("out", b"")
    assert not noted


def test_a_subclass_inherits_the_hook_once(noted: list[RecordNote]) -> None:
    MoreFiles().put("out", b"x")
    MoreFiles().again("a")
    assert shown(noted) == ["write s3://b/out", "read s3://b/a", "read s3://b/a"]


def test_a_hook_of_a_subclass_sees_methods_of_its_base(noted: list[RecordNote]) -> None:
    assert Plain().fetch("a") == "a"
    assert not noted
    Hooked().fetch("a")
    assert shown(noted) == ["read s3://hooked/a"]


def test_a_decorated_method_names_fields_of_the_block(noted: list[RecordNote]) -> None:
    assert Drop(bucket="mine").prices("mon") == "mon"
    assert shown(noted) == ["read s3://mine/mon.csv"]


def test_methods_keep_signatures_and_docs() -> None:
    assert str(inspect.signature(Files.fetch)) == "(self, name: 'str', *, retries: 'int' = 1) -> 'bytes'"
    assert Files.fetch.__doc__ == "Fetch one."
    assert Files.fetch.__qualname__ == "Files.fetch"
    assert Drop.prices.__doc__ == "Prices of a day."
    assert inspect.iscoroutinefunction(Files.fetch_async)


@pytest.mark.parametrize("block", [Files(root="s3://c"), Drop(bucket="c"), Hooked()])
def test_a_block_pickles(block: Any) -> None:
    assert cloudpickle.loads(cloudpickle.dumps(block)) == block


def test_each_class_is_a_block_type_of_its_own() -> None:
    slugs = {block.get_block_type_slug() for block in (Files, MoreFiles, Drop, Plain, Hooked)}
    assert len(slugs) == 5
    assert Files.get_description() == "Files of a partner."
    assert set(Files.model_fields) == {"root"}


@pytest.mark.parametrize("given", ["s3://b/x", {"reads": "s3://b/x"}])
def test_a_wrong_answer_of_the_hook_does_not_reach_the_caller(
    noted: list[RecordNote], caplog: pytest.LogCaptureFixture, given: Any
) -> None:
    class Wrong(LineageBlock):
        _block_type_slug = f"wrong-{type(given).__name__}"

        def fetch(self) -> int:
            return 1

        def datasets_of(self, call: BlockCall) -> Any:
            return given

    with caplog.at_level(logging.WARNING):
        assert Wrong().fetch() == 1
    assert not noted
    assert "returns a Touched or None" in caplog.text
