"""Datasets that a user declares for a function: constants, templates over its arguments, callables.

They are checked when the function is defined, and found for each call from its arguments and its result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from string import Formatter
from typing import Any

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.record import dataset_of

RESULT = "result"
"""The name under which templates and callables get what the function returned."""

_MAX_DATASETS = 10_000
_formatter = Formatter()


class LineageDefinitionError(ValueError):
    """A declaration that can never name a dataset, found when the function is defined."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The names that a declaration may use: those of a function's arguments, and `result`.

    `open_ended`: the function takes any keyword (`**options`), so that no name is known to be wrong.
    """

    function: str
    names: tuple[str, ...]
    open_ended: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Arguments:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        parameters = inspect.signature(function).parameters.values()
        named = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        return cls(name, named, any(p.kind is p.VAR_KEYWORD for p in parameters))

    def check(self, name: str, where: str) -> None:
        """Raise LineageDefinitionError, with the nearest name, for one that is no argument."""
        if self.open_ended or name in self.names or name == RESULT:
            return
        near = get_close_matches(name, self.names, 1)
        meant = f" (is {near[0]!r} meant?)" if near else ""
        there = f"it has {', '.join(self.names)}" if self.names else "it has none"
        raise LineageDefinitionError(
            f"@lineage on {self.function}: {where} names {name!r}, which is no argument of it{meant}; {there}, "
            f"and {RESULT!r} is what it returned"
        )


@dataclass(frozen=True, slots=True)
class Template:
    """A URI with arguments in it: `s3://{self.bucket}/{day:%Y}.csv`."""

    text: str
    needs_result: bool = False

    @classmethod
    def checked(cls, text: str, arguments: Arguments) -> Template:
        where, needs_result = f"the template {_without_secrets(text)!r}", False
        try:
            fields = list(_fields(text))
        except ValueError as error:
            raise LineageDefinitionError(f"@lineage on {arguments.function}: {where} cannot be read: {error}") from None
        for field in fields:
            name = field.partition(".")[0].partition("[")[0]
            if not name.isidentifier():
                raise LineageDefinitionError(
                    f"@lineage on {arguments.function}: {where} has a field without the name of an argument; a brace "
                    "of its own is written twice"
                )
            arguments.check(name, where)
            needs_result = needs_result or (name == RESULT and RESULT not in arguments.names)
        if not text.lstrip().startswith("{"):
            _check_uri(text, arguments)
        return cls(text, needs_result)

    def of(self, values: Mapping[str, Any]) -> Any:
        return _formatter.vformat(self.text, (), _Given(values))


def _without_secrets(text: str) -> str:
    """A template for a message, without credentials before a host and without the values of a query."""
    shown, query, _ = text.rpartition("@")[2].partition("?")
    return f"{'...@' if '@' in text else ''}{shown}{'?...' if query else ''}"


class _Given(dict[str, Any]):
    """Arguments, of which None stands for no part of a name."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if value is None:
            raise ValueError(f"the argument {name!r} is None")
        return value


def _fields(text: str) -> Iterator[str]:
    for _, field, spec, _ in _formatter.parse(text):
        if field is not None:
            yield field
            yield from _fields(spec or "")


def _check_uri(text: str, arguments: Arguments) -> None:
    """Raise for a template that is no URI, whatever its arguments are."""
    plain = "".join(literal + ("x" if field is not None else "") for literal, field, _, _ in _formatter.parse(text))
    try:
        dataset_of(plain)
    except ValueError as error:
        raise LineageDefinitionError(f"@lineage on {arguments.function}: {error}") from None


@dataclass(frozen=True, slots=True)
class Computed:
    """A callable, with the names of the arguments that it takes."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    takes_all: bool = False
    needs_result: bool = False

    @classmethod
    def checked(cls, function: Callable[..., Any], arguments: Arguments) -> Computed:
        where = f"the callable {getattr(function, '__qualname__', function)}"
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            raise LineageDefinitionError(
                f"@lineage on {arguments.function}: the arguments of {where} cannot be seen; use a lambda"
            ) from None
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        for parameter in named:
            if parameter.default is parameter.empty:
                arguments.check(parameter.name, where)
        known = {*arguments.names, RESULT}
        names = tuple(p.name for p in named if p.name in known or p.default is p.empty)
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        needs_result = (takes_all or RESULT in names) and RESULT not in arguments.names
        return cls(function, names, takes_all, needs_result)

    def of(self, values: Mapping[str, Any]) -> Any:
        if self.takes_all:
            return self.function(**values)
        return self.function(**{name: values[name] for name in self.names})


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every call."""

    value: Any
    needs_result: bool = False

    def of(self, _: Mapping[str, Any]) -> Any:
        return self.value


Declared = Template | Computed | Constant


def declared_datasets(given: Any, arguments: Arguments, what: str) -> tuple[Declared, ...]:
    """The declared datasets: one or several of `Dataset`, URI, template and callable. Raises for anything else."""
    if given is None:
        return ()
    several = given if isinstance(given, Iterable) and not isinstance(given, str | Dataset | Mapping) else (given,)
    return tuple(_declared_dataset(one, arguments, what) for one in several)


def _declared_dataset(given: Any, arguments: Arguments, what: str) -> Declared:
    if isinstance(given, Dataset):
        return Constant(given.canonical())
    if isinstance(given, str):
        template = Template.checked(given, arguments)
        return template if any(_fields(given)) else Constant(dataset_of(template.of({})))
    return declared_value(given, arguments, what, only_callable=True)


def declared_value(given: Any, arguments: Arguments, what: str, *, only_callable: bool = False) -> Declared:
    """Another declared value, such as a number of rows: itself, or a callable that computes it for a call."""
    if callable(given) and not isinstance(given, type):
        return Computed.checked(given, arguments)
    if only_callable:
        raise LineageDefinitionError(
            f"@lineage on {arguments.function}: {what} takes a Dataset, a URI, a template, a callable, or a list of "
            f"these, not {type(given).__name__}"
        )
    return Constant(given)


def datasets_in(value: Any) -> tuple[Dataset, ...]:
    """The datasets of what a declaration gave for a call: none, one or several."""
    if value is None:
        return ()
    if isinstance(value, str | Dataset):
        return (dataset_of(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        raise TypeError(f"a dataset must be a Dataset or a URI, not {type(value).__name__}")
    some = tuple(islice(value, _MAX_DATASETS + 1))
    if len(some) > _MAX_DATASETS:
        raise ValueError(f"more than {_MAX_DATASETS:,} datasets")
    return tuple(dataset for one in some for dataset in ([] if one is None else [dataset_of(one)]))
