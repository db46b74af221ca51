"""Processes that a run starts by `subprocess`, `asyncio`, `anyio` or prefect-shell: all pass `subprocess.Popen`.

Their environment gets the variables of `lineage_environment`, unless it has them. Programs that read and write data,
and scripts, which may, are named as not captured, since nothing is seen of their work. Those of `os.system` are too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.not_captured import count_child, name_library
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import is_inside
from prefect_lineage_events.instrumentation.children.environment import (
    SPARK_OPTIONS,
    variables_of_child,
    with_spark_options,
)
from prefect_lineage_events.instrumentation.children.programs import SENDERS, programs_of
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

# The positions of `cwd` and `env` among the arguments of Popen. https://docs.python.org/3/library/subprocess.html
_FOLDER, _ENV = 9, 10


def patch(module: Any) -> None:
    """Patch `subprocess`."""
    patches.add(module.Popen, "__init__", _with_environment)


def patch_os(module: Any) -> None:
    """Patch `os`, whose `system` takes no environment."""
    patches.add(module, "system", _system)


class _System(PatchedFunction):
    """`os.system`, which is pickled by the name that users call: it is a function of another module."""

    def __reduce_ex__(self, _: Any) -> Any:
        return resolve_name, ("os:system",)


def _system(original: Any, is_on: Callable[[], bool]) -> Any:
    def run(system: Callable[..., int], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        with guarded("naming programs", count_loss):
            _name_programs(_given(args, kwargs, 0, "command"))
        return system(*args, **kwargs)

    return _System(original, run, enabled=is_on)


def _with_environment(original: Any, is_on: Callable[[], bool]) -> Any:
    def start(init: Callable[..., None], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with guarded("starting a child process", count_loss):
            if not is_inside():
                args, kwargs = _changed(args, kwargs)
        init(*args, **kwargs)

    return PatchedFunction(original, start, enabled=is_on)


def _changed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    _name_programs(_given(args, kwargs, 0, "args"), _given(args, kwargs, _FOLDER, "cwd"))
    variables = variables_of_child()
    if not variables:
        return args, kwargs
    if len(args) > _ENV:
        return (*args[:_ENV], _added(args[_ENV], variables), *args[_ENV + 1 :]), kwargs
    return args, {**kwargs, "env": _added(kwargs.get("env"), variables)}


def _added(given: Mapping[Any, Any] | None, variables: dict[str, str]) -> dict[Any, Any]:
    """The child's environment with the variables that it does not have; its keys may be bytes."""
    environment = dict(os.environ if given is None else given)
    names = {os.fsdecode(name): value for name, value in environment.items()}
    as_bytes = any(isinstance(name, bytes) for name in environment)
    for name, value in with_spark_options(variables, os.fsdecode(names.get(SPARK_OPTIONS, ""))).items():
        if name not in names or name == SPARK_OPTIONS:
            environment[os.fsencode(name) if as_bytes else name] = os.fsencode(value) if as_bytes else value
    return environment


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _name_programs(command: Any, folder: Any = None) -> None:
    """Name the programs of a command that work on data, or may; count those that send lineage of their own."""
    for program in programs_of(command, folder):
        if program in SENDERS:
            count_child()
        if program != "dbt-ol":
            name_library(f"{program} (a child process)")
