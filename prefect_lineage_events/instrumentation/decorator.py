"""`@lineage(reads=..., writes=...)`: what a function, a method, a task or a flow reads and writes, in one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from prefect_lineage_events import patches
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.guard import raised_by_signal_handler
from prefect_lineage_events.instrumentation.declared import (
    RESULT,
    Arguments,
    Declared,
    LineageDefinitionError,
    datasets_in,
    declared_datasets,
    declared_value,
)
from prefect_lineage_events.instrumentation.record import Touched
from prefect_lineage_events.instrumentation.wrapped_function import DescribesCalls, wrapped

T = TypeVar("T")

DatasetSource = Dataset | str | Callable[..., Any]
"""A dataset of a declaration: a `Dataset`, a URI, a template over arguments, or a callable of arguments and result."""


class _Decorator(Protocol):
    def __call__(self, function: T, /) -> T: ...  # pragma: no cover


def lineage(
    *misplaced: Any,
    reads: DatasetSource | Iterable[DatasetSource] | None = None,
    writes: DatasetSource | Iterable[DatasetSource] | None = None,
    rows: Any = None,
    columns: Any = None,
    column_lineage: Any = None,
) -> _Decorator:
    """Declare what a function reads and writes: each call that succeeds is then recorded.

    For functions, methods, tasks and flows, sync and async, and generators. The result is what was decorated: a
    function with its signature, a Task, a Flow, a classmethod. It may be above or below `@task`.

    Args:
        reads: The datasets that a call reads. They count when it has finished without an error (a generator: when it is
            exhausted or closed), and are the sources of `writes`.
        writes: The datasets that a call writes. They count likewise.
        rows: The number of rows written, or read where nothing is written; or a callable that computes it.
        columns: The columns, as in `record_write`; or a callable that computes them.
        column_lineage: The columns that the written ones come from, as in `record_write`; or a callable.

    A dataset is a `Dataset`, a URI, a template (`"s3://{self.bucket}/{day}.csv"`), or a callable, whose parameters are
    named like arguments of the function, or `result`: `lambda day, result: f"s3://lake/{day}/{result.name}"`. It
    returns a dataset, several, or None. Arguments are taken as they were before the call.

    Raises LineageDefinitionError, a ValueError, when the function is defined: for a name that is no argument (with the
    nearest one), and for a text that is no URI. Mistakes in a call are warnings in the log.
    """
    if misplaced or (reads is None and writes is None):
        raise LineageDefinitionError("write @lineage(reads=..., writes=...), with a Dataset, a URI or a template")

    def decorate(function: T, /) -> T:
        patches.switch_on()
        declared: T = decorated(
            function, lambda plain: _Declaration.of(plain, reads, writes, rows, columns, column_lineage)
        )
        return declared

    return decorate


def decorated(target: Any, describe: Callable[[Any], DescribesCalls]) -> Any:
    """The decorated object, with the function in it replaced by one whose calls are noted.

    `describe` gets the plain function, and returns the description of its calls.
    """
    if isinstance(target, classmethod | staticmethod):
        return type(target)(decorated(target.__func__, describe))
    if isinstance(target, property):
        getter = decorated(target.fget, describe) if target.fget is not None else None
        return property(getter, target.fset, target.fdel, target.__doc__)
    if _is_task_or_flow(target):
        return _with_function(target, decorated(target.fn, describe))
    if isinstance(target, type) or not callable(target):
        kind = target.__name__ if isinstance(target, type) else type(target).__name__
        raise LineageDefinitionError(f"@lineage is for functions, methods, tasks and flows, not for {kind}")
    return wrapped(target, describe(target))


def _is_task_or_flow(target: Any) -> bool:
    from prefect.flows import Flow
    from prefect.tasks import Task

    return isinstance(target, Flow | Task)


def _with_function(original: Any, function: Callable[..., Any]) -> Any:
    """A copy of a task or flow with another function: Prefect copies them likewise for each instance of a method."""
    replaced = copy(original)
    replaced.fn = function
    replaced.__wrapped__ = function
    return replaced


def arguments_of(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, those of `**options` among them; none of a call that cannot be made."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments = {**arguments.pop(parameter.name), **arguments}
    return arguments


@dataclass(frozen=True, slots=True)
class _Declaration:
    """The checked declaration of a function, with the name of the function."""

    name: str
    signature: inspect.Signature
    reads: tuple[Declared, ...]
    writes: tuple[Declared, ...]
    rows: Declared
    columns: Declared
    column_lineage: Declared

    @classmethod
    def of(cls, function: Callable[..., Any], reads: Any, writes: Any, *others: Any) -> _Declaration:
        arguments = Arguments.of(function)
        rows, columns, column_lineage = (
            declared_value(value, arguments, name)
            for value, name in zip(others, ("rows", "columns", "column_lineage"), strict=True)
        )
        return cls(
            arguments.function,
            inspect.signature(function),
            declared_datasets(reads, arguments, "reads"),
            declared_datasets(writes, arguments, "writes"),
            rows,
            columns,
            column_lineage,
        )

    def before(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The arguments, and the values of all declarations that need no result, as far as they can be computed."""
        arguments = arguments_of(self.signature, args, kwargs)
        return arguments, {
            id(one): value for one in self._all if not one.needs_result for value in _tried(one, arguments)
        }

    def after(self, kept: Any, result: Any) -> Touched:
        arguments, known = kept
        arguments.setdefault(RESULT, result)

        def value_of(one: Declared) -> Any:
            return known[id(one)] if id(one) in known else one.of(arguments)

        return Touched(
            reads=tuple(dataset for one in self.reads for dataset in datasets_in(value_of(one))),
            writes=tuple(dataset for one in self.writes for dataset in datasets_in(value_of(one))),
            rows=value_of(self.rows),
            columns=value_of(self.columns),
            column_lineage=value_of(self.column_lineage),
        )

    @property
    def _all(self) -> tuple[Declared, ...]:
        return (*self.reads, *self.writes, self.rows, self.columns, self.column_lineage)


def _tried(declared: Declared, arguments: Mapping[str, Any]) -> list[Any]:
    """The value of a declaration before the call; none where it fails, because the call may provide what is missing."""
    try:
        return [declared.of(arguments)]
    except Exception as error:
        if raised_by_signal_handler(error.__traceback__):
            raise
        return []
