"""Processes that a run starts by `subprocess`, `asyncio`, `anyio` or prefect-shell: all pass `subprocess.Popen`.

Their environment gets the variables of `lineage_environment`, unless it has them. Known programs that read and write
data are named as not captured, since nothing is seen of their work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
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
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

# The position of `env` among the arguments of Popen after `self`. https://docs.python.org/3/library/subprocess.html
_ENV = 10
_MAX_SEARCHED = 10_000
# Programs that read and write data and send no lineage of their own. `dbt-ol` sends its own.
_PROGRAMS = (
    "dbt", "spark-submit", "psql", "pg_dump", "pg_restore", "mysql", "mysqldump", "mariadb", "sqlite3",
    "duckdb", "sqlcmd", "bcp", "sqlplus", "sqlldr", "snowsql", "snow", "bq", "clickhouse",
    "clickhouse-client", "trino", "beeline", "hdfs", "hadoop", "distcp", "aws", "s3cmd", "s5cmd", "gsutil",
    "gcloud", "azcopy", "rclone", "rsync", "scp", "sftp", "curl", "wget", "mongodump", "mongoimport",
    "mongoexport", "redis-cli", "kcat", "meltano", "sqlmesh", "airbyte", "sling",
)  # fmt: skip
# Programs that may send lineage of their own, with the run as its parent.
_SENDERS = ("dbt-ol", "spark-submit")
_WORD = re.compile(r"(?<![\w./-])(?:[\w./-]{0,200}/)?(" + "|".join((*_PROGRAMS, *_SENDERS)) + r")(?![\w.-])")


def patch(module: Any) -> None:
    """Patch `subprocess`."""
    patches.add(module.Popen, "__init__", _with_environment)


def _with_environment(original: Any, is_on: Callable[[], bool]) -> Any:
    def start(init: Callable[..., None], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with guarded("starting a child process", count_loss):
            if not is_inside():
                args, kwargs = _changed(args, kwargs)
        init(*args, **kwargs)

    return PatchedFunction(original, start, enabled=is_on)


def _changed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    _name_program(args[0] if args else kwargs.get("args"))
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


def _name_program(command: Any) -> None:
    """Name the program of a command, if it is one that works on data; count one that sends lineage of its own."""
    if isinstance(command, str):
        name_programs(command)
    else:
        first = command if isinstance(command, os.PathLike | bytes) else next(iter(command or ()), "")
        _note_program(PurePath(os.fsdecode(first)).name)


def name_programs(script: str) -> None:
    """Name the programs of a shell's script that work on data."""
    for program in dict.fromkeys(_WORD.findall(script[:_MAX_SEARCHED])):
        _note_program(program)


def _note_program(program: str) -> None:
    if program in _SENDERS:
        count_child()
    if program in _PROGRAMS:
        name_library(f"{program} (a child process)")


def patch_shell(module: Any) -> None:
    """Patch prefect-shell, whose commands are in a file when the process is started."""
    if hasattr(module.ShellOperation, "_prep_trigger_command"):
        patches.add(module.ShellOperation, "_prep_trigger_command", _named)


def _named(original: Any, is_on: Callable[[], bool]) -> Any:
    def prepare(method: Callable[..., Any], operation: Any, args: Any, kwargs: Any) -> Any:
        with guarded("naming programs", count_loss):
            name_programs("\n".join(map(str, operation.commands)))
        return method(*args, **kwargs)

    return PatchedFunction(original, prepare, enabled=is_on)
