"""Functions whose calls are noted: sync, async, generators and asynchronous generators.

A wrapped function is a plain function, as `functools.wraps` makes it, so that it pickles, binds to instances and is
taken by Prefect, pydantic and others as the original would be. Its code refers to functions of this module by their
names only: cloudpickle takes the code along to other machines where the function is defined in a script.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from prefect.utilities.hashing import hash_objects

from prefect_lineage_events import patches
from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.access import reporting_run
from prefect_lineage_events.instrumentation.record import Touched, note_touched

# Methods of a function with a cache.
_OF_CACHES = ("cache_info", "cache_clear", "cache_parameters")


class DescribesCalls(Protocol):
    """The description of a function's calls. It is pickled with the function."""

    @property
    def name(self) -> str:
        """The function's name."""
        ...  # pragma: no cover

    def before(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The values that must be kept of a call until it has succeeded."""
        ...  # pragma: no cover

    def after(self, kept: Any, result: Any) -> Touched:
        """The datasets of a call that has succeeded."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class CallInProgress:
    """A call that a run has begun."""

    description: DescribesCalls
    run: Run
    started: dt.datetime
    kept: Any


def begun(description: DescribesCalls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> CallInProgress | None:
    """The call that begins now; None where nothing is to be noted."""
    with guarded("beginning a call", count_loss):
        # here too: the process may have got the function from another one, by a pickle
        patches.switch_on()
        run = reporting_run()
        if run is not None:
            now = dt.datetime.now(dt.timezone.utc)
            return CallInProgress(description, run, now, description.before(args, kwargs))
    return None


def finished(call: CallInProgress | None, result: Any) -> Any:
    """The result of a call, whose datasets are noted; for a coroutine or a generator, when that is finished."""
    if call is None:
        return result
    if inspect.iscoroutine(result):
        return _named_like(result, awaited(call, result))
    if inspect.isgenerator(result):
        return _named_like(result, iterated(call, result))
    if inspect.isasyncgen(result):
        return _named_like(result, iterated_async(call, result))
    note(call, result)
    return result


def note(call: CallInProgress | None, result: Any = None) -> None:
    """Note the datasets of a call that has succeeded."""
    if call is None:
        return
    with guarded("noting a call", count_loss):
        note_touched(call.run, call.description.name, call.started, lambda: call.description.after(call.kept, result))


async def awaited(call: CallInProgress, pending: Coroutine[Any, Any, Any]) -> Any:
    return finished(call, await pending)


def iterated(call: CallInProgress | None, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The same items. A generator that its user closes has done its work as far as it was asked to."""
    try:
        result = yield from inner
    except GeneratorExit:
        note(call)
        raise
    note(call, result)
    return result


def iterated_async(call: CallInProgress | None, inner: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """The same items as `inner`, which gets what is sent and thrown."""
    return _generating_async(lambda: (call, inner))()


def _generating_async(
    begin: Callable[..., tuple[CallInProgress | None, AsyncGenerator[Any, Any]]],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """A generator function with the items of the generator that `begin` makes at the first step.

    PEP 525 has no `yield from`: the loop passes on what is sent and thrown.
    """

    async def generate_async(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call, inner = begin(*args, **kwargs)
        step: Callable[[], Any] = inner.__anext__
        while True:
            try:
                item = await step()
            except StopAsyncIteration:
                break
            try:
                sent = yield item
            except GeneratorExit:
                await inner.aclose()
                note(call)
                raise
            except BaseException as error:  # noqa: BLE001  (it is raised again, in the function)
                step = functools.partial(inner.athrow, error)
            else:
                step = functools.partial(inner.asend, sent)
        note(call)

    return generate_async


def _named_like(original: Any, replaced: Any) -> Any:
    replaced.__name__, replaced.__qualname__ = original.__name__, original.__qualname__
    return replaced


def wrapped(function: Callable[..., Any], description: DescribesCalls) -> Callable[..., Any]:
    """The function, with its calls noted as `description` has them."""
    wrapper: Any = _wrapper(function, description)
    functools.update_wrapper(wrapper, function)
    for name in _OF_CACHES:
        if hasattr(function, name):
            setattr(wrapper, name, getattr(function, name))
    code = getattr(function, "__code__", None)
    if code is not None:
        # Prefect derives a task's key, and with `task_input_hash` that of its cache, from the code of its function:
        # two functions with different bodies must not become one.
        mark = (hash_objects(code),)
        wrapper.__code__ = wrapper.__code__.replace(co_consts=wrapper.__code__.co_consts + mark)
    return wrapper  # type: ignore[no-any-return]


def _wrapper(function: Callable[..., Any], description: DescribesCalls) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _generating_async(lambda *args, **kwargs: (begun(description, args, kwargs), function(*args, **kwargs)))
    if inspect.isgeneratorfunction(function):

        def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from iterated(begun(description, args, kwargs), function(*args, **kwargs)))

        return generate
    if inspect.iscoroutinefunction(function):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            call = begun(description, args, kwargs)
            return finished(call, await function(*args, **kwargs))

        return call_async

    def call(*args: Any, **kwargs: Any) -> Any:
        started = begun(description, args, kwargs)
        return finished(started, function(*args, **kwargs))

    return call
