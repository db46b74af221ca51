"""Whose reads came into a task's hands along Prefect's task graph.

Prefect tells results apart by the identity of objects, and Python gives a new object the place of an old one. So a
container that a flow makes for one task (`{"frame": b}`) may pass for a result that another had long before, and two
pipelines would be crossed. Such a reference stands beside the true one in the same parameter. It is not believed when
its result had gone to another task before, and its rows lack columns that were written, while the rows of another
reference in that parameter have them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from uuid import UUID

from prefect_lineage_events.history.model import TaskRun
from prefect_lineage_events.stitching.steps import Scope

# Do the rows that these tasks read have all columns of these (casefolded) names?
Covers = Callable[[Collection[UUID], frozenset[str]], bool]


class UpstreamTasks:
    """Follows the task graph upwards, past tasks that wrote nothing: a result of one that `wrote` only says so."""

    def __init__(self, tasks: Mapping[UUID, TaskRun], wrote: Collection[Scope], covers: Covers) -> None:
        self._tasks = tasks
        self._wrote = wrote
        self._covers = covers
        self._receivers: dict[UUID, list[TaskRun]] = defaultdict(list)
        for task in tasks.values():
            for giver in task.upstream:
                self._receivers[giver].append(task)
        self._doubtful = any(len(refs) > 1 for task in tasks.values() for refs in task.upstream_by_parameter)
        self._of: dict[tuple[UUID, frozenset[str]], tuple[UUID, ...]] = {}

    def of(self, scope: Scope, names: Collection[str] = ()) -> tuple[UUID, ...]:
        """The tasks whose reads were given to a task that wrote columns of these names; never itself."""
        if scope is None:
            return ()
        key = (scope, frozenset(name.casefold() for name in names) if self._doubtful else frozenset())
        if key not in self._of:
            self._of[key] = tuple(self._walk(*key))
        return self._of[key]

    def unseen(self, scope: Scope, read: Collection[Scope]) -> bool:
        """Is there a cached result among those given of which no read is known?"""
        return any(self._tasks[giver].cached and giver not in read for giver in self.of(scope) if giver in self._tasks)

    def nearest(self, scope: Scope, names: Collection[str], read: Collection[Scope]) -> frozenset[UUID]:
        """Those of them whose rows came to the task as they were read: by no task that read something itself."""
        if scope is None:
            return frozenset()
        key = frozenset(name.casefold() for name in names) if self._doubtful else frozenset()
        return frozenset(self._walk(scope, key, read))

    def _walk(self, task: UUID, names: frozenset[str], read: Collection[Scope] = ()) -> Iterator[UUID]:
        seen = {task}
        ahead = sorted(self._given_to(task, names))
        while ahead:
            giver = ahead.pop()
            if giver in seen:
                continue
            seen.add(giver)
            yield giver
            if giver not in self._wrote and giver not in read:
                ahead += sorted(self._given_to(giver, names))

    def _given_to(self, task_id: UUID, names: frozenset[str]) -> set[UUID]:
        task = self._tasks.get(task_id)
        if task is None:
            return set()
        doubted = {
            ref
            for refs in task.upstream_by_parameter
            if len(refs) > 1 and names
            for ref in self._doubted(task, refs, names)
        }
        return set(task.upstream) - doubted

    def _doubted(self, task: TaskRun, refs: frozenset[UUID], names: frozenset[str]) -> set[UUID]:
        explaining = {ref for ref in refs if self._covers(self._behind(ref), names)}
        if not explaining:
            return set()
        return {ref for ref in refs - explaining if self._went_elsewhere_before(ref, task)}

    def _behind(self, ref: UUID) -> tuple[UUID, ...]:
        return (ref,) if ref in self._wrote else (ref, *self.of(ref))

    def _went_elsewhere_before(self, ref: UUID, task: TaskRun) -> bool:
        return any(
            other.id != task.id and other.started and task.started and other.started < task.started
            for other in self._receivers[ref]
        )
