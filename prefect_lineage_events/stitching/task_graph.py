"""Upstream tasks of a task by Prefect's task graph: the tasks whose rows it received.

Prefect identifies results by the identity of objects, and Python reuses the id of an object that was freed. So a
container that a flow makes for one task (`{"frame": b}`) may be taken for an older result of another task, and two
pipelines would be crossed. Such a false reference is in the same parameter as the true one. A reference is rejected if
its result was passed to another task before, and its rows lack columns that were written, while the rows of another
reference in that parameter have them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from uuid import UUID

from prefect_lineage_events.history.model import TaskRun, upstream_closure
from prefect_lineage_events.stitching.steps import Scope

# Whether the rows that these tasks read have all columns of these (casefolded) names.
Covers = Callable[[Collection[UUID], frozenset[str]], bool]


class UpstreamTasks:
    """Follows the task graph upstream, past tasks that wrote nothing. One that `wrote` returns a status."""

    def __init__(self, tasks: Mapping[UUID, TaskRun], wrote: Collection[Scope], covers: Covers) -> None:
        self._tasks = tasks
        self._wrote = wrote
        self._covers = covers
        self._receivers: dict[UUID, list[TaskRun]] = defaultdict(list)
        for task in tasks.values():
            for source in task.upstream:
                self._receivers[source].append(task)
        self._doubtful = any(len(refs) > 1 for task in tasks.values() for refs in task.upstream_by_parameter)
        self._of: dict[tuple[UUID, frozenset[str]], tuple[UUID, ...]] = {}

    def of(self, scope: Scope, names: Collection[str] = ()) -> tuple[UUID, ...]:
        """The tasks whose rows a task received that wrote columns of these names; never itself."""
        if scope is None:
            return ()
        key = (scope, frozenset(name.casefold() for name in names) if self._doubtful else frozenset())
        if key not in self._of:
            self._of[key] = tuple(self._walk(*key))
        return self._of[key]

    def has_unseen_results(self, scope: Scope, read: Collection[Scope]) -> bool:
        """Return whether it received a cached result of which no read is known."""
        return any(
            self._tasks[source].cached and source not in read for source in self.of(scope) if source in self._tasks
        )

    def nearest(self, scope: Scope, names: Collection[str], read: Collection[Scope]) -> frozenset[UUID]:
        """Those of them whose rows the task received without passing a task that read something itself."""
        if scope is None:
            return frozenset()
        key = frozenset(name.casefold() for name in names) if self._doubtful else frozenset()
        return frozenset(self._walk(scope, key, read))

    def _walk(self, task: UUID, names: frozenset[str], read: Collection[Scope] = ()) -> Iterator[UUID]:
        def upstream(scope: Scope) -> Iterable[Scope]:
            if scope is None or (scope != task and (scope in self._wrote or scope in read)):
                return ()
            return sorted(self._received_by(scope, names))

        return (scope for scope in upstream_closure([task], upstream) if scope and scope != task)

    def _received_by(self, task_id: UUID, names: frozenset[str]) -> set[UUID]:
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
        explaining = {ref for ref in refs if self._covers(self._with_upstream(ref), names)}
        if not explaining:
            return set()
        return {ref for ref in refs - explaining if self._went_elsewhere_before(ref, task)}

    def _with_upstream(self, ref: UUID) -> tuple[UUID, ...]:
        return (ref,) if ref in self._wrote else (ref, *self.of(ref))

    def _went_elsewhere_before(self, ref: UUID, task: TaskRun) -> bool:
        return any(
            other.id != task.id and other.started and task.started and other.started < task.started
            for other in self._receivers[ref]
        )
