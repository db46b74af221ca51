"""`LineageBlock`, a base for users' own blocks whose methods record reads and writes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

from prefect.blocks.core import Block
from pydantic import HttpUrl
from typing_extensions import Unpack

from prefect_lineage_events import patches
from prefect_lineage_events.blocks.documents import DOCUMENTATION_URL
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.decorator import arguments_of, decorated
from prefect_lineage_events.instrumentation.record import (
    Datasets,
    RecordOptions,
    Touched,
    record_misc,
    record_read,
    record_write,
)


@dataclass(frozen=True, slots=True)
class BlockCall:
    """A call of a block's method that has succeeded. `arguments` are by name, without the block itself."""

    method: str
    arguments: Mapping[str, Any]
    result: Any = None


class LineageBlock(Block):
    """
    A base for blocks whose own methods report reads and writes as Prefect events.

    Subclass it for whatever no connector covers: an API, a file drop, a queue, a vendor's library. Either name the
    datasets of each method with `@lineage`, or those of all methods in one place by `datasets_of`, or call the three
    `record_` methods. They work in flows and tasks, sync and async, return at once and never raise without
    `raise_on_error`; outside a run they do nothing. The block is an ordinary Prefect block: fields, documents and
    pickling are as in any other.

    Example:
        A block for the files that a partner drops.
        ```python
        from prefect_lineage_events import LineageBlock, lineage

        class PartnerDrop(LineageBlock):
            bucket: str = "partner-drop"

            @lineage(reads="s3://{self.bucket}/prices/{day}.csv")
            def prices(self, day: str) -> str:
                return download(self.bucket, f"prices/{day}.csv")

            def publish(self, day: str) -> None:
                upload(self.bucket, f"report/{day}.pdf")
                self.record_write(f"s3://{self.bucket}/report/{day}.pdf")
        ```
    """

    # no name, slug and description here: each subclass would inherit them instead of having its own
    _logo_url = HttpUrl(
        # the logo of Prefect's Webhook block
        "https://cdn.sanity.io/images/3ugk85nk/production/c7247cb359eb6cf276734d4b1fbf00fb8930e89e-250x250.png"
    )
    _documentation_url = HttpUrl(DOCUMENTATION_URL)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        patches.switch_on()
        if cls.datasets_of is not LineageBlock.datasets_of:
            _note_methods(cls)

    def datasets_of(self, call: BlockCall) -> Touched | None:
        """The datasets of a call of one of this block's public methods: a hook for subclasses.

        It is asked after each call that has succeeded, of a generator when it is exhausted or closed. None stands for
        no datasets. Its errors do not reach the caller; the run then shows that something is missing.
        """
        return None

    def record_read(self, dataset: Dataset | str, **options: Unpack[RecordOptions]) -> None:
        """Record that a dataset was read: see `prefect_lineage_events.record_read`."""
        record_read(dataset, **options)

    def record_write(self, dataset: Dataset | str, inputs: Datasets = (), **options: Unpack[RecordOptions]) -> None:
        """Record that a dataset was written, and its inputs: see `prefect_lineage_events.record_write`."""
        record_write(dataset, inputs, **options)

    def record_misc(self, dataset: Dataset | str, *, description: str = "", **options: Unpack[RecordOptions]) -> None:
        """Record another operation on a dataset: see `prefect_lineage_events.record_misc`."""
        record_misc(dataset, description=description, **options)


@dataclass(frozen=True, slots=True)
class _ByHook:
    """The description of a method's calls by the block's own `datasets_of`."""

    name: str
    method: str
    signature: inspect.Signature

    def before(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return arguments_of(self.signature, args, kwargs), args[0] if args else None

    def after(self, kept: Any, result: Any) -> Touched:
        arguments, block = kept
        own = dict(list(arguments.items())[1:])
        found = block.datasets_of(BlockCall(self.method, own, result))
        if not isinstance(found, Touched | None):
            raise TypeError(f"datasets_of returns a Touched or None, not {type(found).__name__}")
        return found or Touched()


def _note_methods(block: type[LineageBlock]) -> None:
    """Have the calls of the public methods that users wrote noted by the hook: those of the class and of its bases."""
    seen = {"datasets_of"}
    for base in block.__mro__[: block.__mro__.index(LineageBlock)]:
        for name, method in list(vars(base).items()) if issubclass(base, LineageBlock) else ():
            if name in seen or name.startswith("_") or not _is_method(method):
                continue
            seen.add(name)
            if not getattr(method, _NOTED, False):
                noted = decorated(method, partial(_description, method=name))
                setattr(noted, _NOTED, True)
                setattr(block, name, noted)


_NOTED = "__noted_by_block__"


def _is_method(value: Any) -> bool:
    return isinstance(value, FunctionType) and not hasattr(Block, value.__name__)


def _description(function: Callable[..., Any], method: str) -> _ByHook:
    return _ByHook(function.__qualname__, method, inspect.signature(function))
