"""The runs in progress in this process: the contexts that Prefect has entered, and their ends.

A context is noted when Prefect enters it, or, if lineage is switched on while a run is in progress, by a search. Its
end is seen at the context itself: `with` and `ExitStack` look up `__exit__` when they enter, so that a patch of the
class would not reach contexts that are entered already.
"""

from __future__ import annotations

import gc
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextvars import Token
from functools import wraps
from typing import Any
from uuid import UUID

from prefect.context import FlowRunContext, TaskRunContext

from prefect_lineage_events import patches
from prefect_lineage_events.context import process, threads
from prefect_lineage_events.guard import count_loss, guarded

contexts: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""The contexts that Prefect has entered in this process, by id. A thread without a context finds its run by them."""
flow_runs: weakref.WeakValueDictionary[UUID, Any] = weakref.WeakValueDictionary()
"""The newest object of each flow run (there is a new one for each attempt), whose state shows when it ends."""
task_runs: weakref.WeakValueDictionary[UUID, Any] = weakref.WeakValueDictionary()
inherited: set[UUID] = set()
"""Flow runs whose context a fork has inherited: this process does not see their end."""
_when_entered: list[Callable[[], None]] = []
_when_left: list[Callable[[Any, bool], None]] = []


def is_over(live: Any) -> bool:
    """Return whether the run of this live object has reached a final state.

    The engine sets the final state on the object in the context. So the end of a run is seen without a hook on the
    user's flow (which would change the flow and appear in its log), and without a request to the API.
    """
    state = getattr(live, "state", None)
    return state is not None and bool(state.is_final())


def run_of(context: Any) -> Any:
    """The run of one of Prefect's contexts; None in a flow's context that has none."""
    return context.task_run if isinstance(context, TaskRunContext) else context.flow_run


def is_entered(context: Any) -> bool:
    """Return whether Prefect has entered the context and not left it. One that is being made has no attributes yet."""
    private = getattr(context, "__pydantic_private__", None)
    return private is not None and private.get("_token") is not None


def when_entered(call: Callable[[], None]) -> None:
    """Have `call()` made when Prefect has entered the context of a flow or a task. It must not raise."""
    _when_entered.append(call)


def entered_run() -> None:
    """Make the calls that are registered for the start of a run."""
    for call in _when_entered:
        call()


def when_left(call: Callable[[Any, bool], None]) -> None:
    """Have `call(context, interrupted)` made when Prefect has left a flow's context.

    `interrupted`: an exception that is no `Exception` ends it (a signal, a cancellation), before the run's final state.
    """
    _when_left.append(call)


def add(context: Any, *, in_root: bool = True) -> None:
    """Note a context. `in_root`: the calling code is the one in which Prefect runs the flow or task."""
    contexts[id(context)] = context
    run = run_of(context)
    if run is None:
        return
    if _is_inherited(context):
        if isinstance(context, FlowRunContext):
            inherited.add(run.id)
        return
    if in_root:
        threads.note_root(run.id, within=getattr(run, "flow_run_id", None))
    if isinstance(context, TaskRunContext):
        task_runs[run.id] = run
    elif not context.detached:
        flow_runs[run.id] = run
        _watch_end(context)


def enclosing(context: Any) -> Iterator[Any]:
    """The contexts of the same kind around this one, from the inside out."""
    while is_entered(context):
        token = context.__pydantic_private__.get("_token")
        context = token.old_value if token is not None else None
        if context is None or context is Token.MISSING:
            return
        yield context


def _add_entered() -> None:
    """Note the contexts that Prefect entered before lineage was switched on.

    The whole memory is only searched (0.1 s) if a thread or an asyncio task executes a run that the calling code is not
    in.
    """
    roots = threads.running_roots()
    around = [c for kind in (FlowRunContext, TaskRunContext) if (own := kind.get()) for c in (own, *enclosing(own))]
    if not roots.keys() <= {run.id for run in map(run_of, around) if run is not None}:
        around += [c for c in gc.get_referrers(FlowRunContext, TaskRunContext) if _is_context(c)]
    for context in around:
        run = run_of(context) if is_entered(context) else None
        if run is not None and id(context) not in contexts:
            add(context, in_root=False)
            threads.add_root(run.id, roots.get(run.id))


def _is_context(value: Any) -> bool:
    return type(value) in (FlowRunContext, TaskRunContext)


def _is_inherited(context: Any) -> bool:
    """Return whether this process has the context from before the fork that it comes from."""
    forked_at = process.forked_at()
    return forked_at is not None and bool(context.start_time.timestamp() < forked_at)


def _watching_entry(enter: Callable[[Any], Any], is_on: Callable[[], bool]) -> Callable[[Any], Any]:
    @wraps(enter)
    def __enter__(self: Any) -> Any:
        with guarded("watching the start of a run"):
            if is_on():
                if isinstance(self, FlowRunContext) and self.flow_run is not None:
                    inherited.discard(self.flow_run.id)
                add(self)
        entered = enter(self)
        if is_on():
            entered_run()
        return entered

    return __enter__


class _PrivateAttributes(dict[str, Any]):
    """The private attributes of a flow's context, among them the token that Prefect removes when it leaves."""

    __slots__ = ("context",)
    context: weakref.ref[Any]

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if name == "_token" and value is None and patches.is_on():
            with guarded("watching the end of a run", count_loss):
                _report_end(self.context())


def _watch_end(context: Any) -> None:
    private = context.__pydantic_private__
    if private is None or isinstance(private, _PrivateAttributes):
        return
    watched = _PrivateAttributes(private)
    watched.context = weakref.ref(context)
    object.__setattr__(context, "__pydantic_private__", watched)
    if private.get("_token") is None:  # another thread may just have left the context
        dict.__setitem__(watched, "_token", None)


def _report_end(context: Any) -> None:
    if context is None or context.detached:
        return
    # The exception that ends a `with` block is the one being handled while the block's context is left.
    kind = sys.exc_info()[0]
    interrupted = kind is not None and not issubclass(kind, Exception | GeneratorExit)
    for call in _when_left:
        call(context, interrupted and not is_over(context.flow_run))


def _reset_after_fork() -> None:
    """Mark the runs that a fork inherits: it will not see their end."""
    inherited.update(flow_runs.keys())
    flow_runs.clear()
    task_runs.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
for _context in (FlowRunContext, TaskRunContext):
    patches.declare(_context, "__enter__", _watching_entry)
patches.when_on(_add_entered)
