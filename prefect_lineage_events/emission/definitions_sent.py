"""The definitions of a run's flow and tasks, for the event of its count: paths without their beginnings."""

from __future__ import annotations

import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

from prefect_lineage_events.context.defined import Defined
from prefect_lineage_events.credentials import without_credentials
from prefect_lineage_events.definitions import Definition, RunDefinitions, TaskDefinition
from prefect_lineage_events.emission.checkouts import Checkout, checkout

_MAX_TASKS = 200
_MAX_FLOWS = 50
_MAX_LENGTH = 50_000
_MAX_DEPTH = 30
# Folders of installed packages, whose files are no part of the checkout around them.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Definitions:
    """Collects the definitions of one run's flow and tasks, as they are seen."""

    def __init__(self) -> None:
        self._flow: Defined | None = None
        self._tasks: dict[tuple[str, str], Defined] = {}
        self._sent = 0

    def add(self, flow: Defined | None, task: Defined | None) -> None:
        self._flow = self._flow or flow
        if task is not None and len(self._tasks) < _MAX_TASKS:
            self._tasks.setdefault((task.name, task.key), task)

    @property
    def _count(self) -> int:
        return len(self._tasks) + bool(self._flow)

    def take(self, *, again: bool) -> RunDefinitions | None:
        """All definitions so far; None if there are none, or none since the last call and not `again`."""
        if not self._count or (self._count == self._sent and not again):
            return None
        self._sent = self._count
        length = 0
        tasks = []
        for one in self._tasks.values():
            # Redaction takes long, so nothing is redacted that is not sent.
            shown = dict(_definition(one if length <= _MAX_LENGTH else one._replace(description="")))
            length += len(shown["description"])
            tasks.append(TaskDefinition(key=one.key, **shown | ({"description": ""} if length > _MAX_LENGTH else {})))
        flow = self._flow
        return RunDefinitions(
            flow=_definition(flow) if flow else None,
            tasks=(*tasks, *self._namesakes()),
            flows=flow.flows[:_MAX_FLOWS] if flow else (),
        )

    def _namesakes(self) -> list[TaskDefinition]:
        """The tasks that the flow names beside others of the same name."""
        named = self._flow.tasks if self._flow else ()
        count = Counter(name for name, _ in {*((name, key) for name, key, *_ in named), *self._tasks})
        return [
            TaskDefinition(name=name, key=key, module=module, function=function, ran=False)
            for name, key, module, function in named[:_MAX_TASKS]
            if count[name] > 1 and (name, key) not in self._tasks
        ]


def _definition(one: Defined) -> Definition:
    code, path = _place(one.file, one.module)
    return Definition(
        name=one.name,
        module=one.module,
        function=one.function,
        path=path,
        repository=code.address,
        branch=code.branch,
        commit=code.commit,
        description=without_credentials(one.description),
    )


@lru_cache(maxsize=500)
def _place(compiled: str, module: str) -> tuple[Checkout, str | None]:
    """The checkout and the path of a file. A text that names no file (`<stdin>`) has none."""
    try:
        return _found(Path(compiled).absolute(), module)  # the program's own may be relative to where it began
    except (OSError, RuntimeError):  # a folder that may not be read or is gone, a user without a home
        return Checkout(), None


def _found(file: Path, module: str) -> tuple[Checkout, str | None]:
    if file.suffix != ".py" or not file.is_file():
        return Checkout(), None
    root = next((folder for folder in list(file.parents)[:_MAX_DEPTH] if (folder / ".git").exists()), None)
    if root is not None and _INSTALLED.isdisjoint(file.relative_to(root).parts):
        found = checkout(root)
        if found.address is not None:
            return found, file.relative_to(root).as_posix()
    return Checkout(), _short(file, module)


def _short(file: Path, module: str) -> str:
    """The path below the folder of the program or of its packages; else what the module's name has of it."""
    home = Path("~").expanduser()
    for folder in (Path.cwd(), *(Path(one) for one in sys.path if one)):
        if file.is_relative_to(folder) and not home.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    depth = 1 if module == "__main__" else module.count(".") + 1
    return "/".join(file.parts[1:][-depth:])
