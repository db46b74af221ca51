"""Redis streams: entries that commands and pipelines have added or read. Other commands are passed on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

from prefect_lineage_events import filters, patches
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.callers import is_called_by
from prefect_lineage_events.instrumentation.messages.topics import Topics
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

_Counted = Iterator[tuple[Literal["read", "write"], Any, int]]
_Effect = Callable[[Sequence[Any], Any], _Counted]

# Task queues of Prefect keep their work in streams.
_CLIENTS = frozenset({"prefect", "prefect_redis", "docket", "key_value", "prefect_lineage_events"})
_BETWEEN = frozenset({"redis", "asyncio", "contextlib", "threading", "concurrent", "functools", "uncalled_for"})
_CALL = "redis.Redis"
_pools: weakref.WeakKeyDictionary[Any, Topics] = weakref.WeakKeyDictionary()


def _added(command: Sequence[Any], result: Any) -> _Counted:
    if result is not None:  # None: the stream does not exist, and is not to be made
        yield "write", command[1], 1


def _read(_: Sequence[Any], result: Any) -> _Counted:
    for stream, entries in result.items() if isinstance(result, dict) else result or ():
        yield "read", stream, _number(entries)


def _number(entries: Sequence[Any]) -> int:
    """The number of entries `(id, fields)`; RESP3 puts them in a list of lists."""
    if entries and isinstance(entries[0], list) and not (entries[0] and isinstance(entries[0][0], str | bytes)):
        return sum(map(len, entries))
    return len(entries)


def _ranged(command: Sequence[Any], result: Any) -> _Counted:
    yield "read", command[1], len(result or ())


def _claimed(command: Sequence[Any], result: Any) -> _Counted:
    yield "read", command[1], len(result[1] or ())


_EFFECTS: dict[str, _Effect] = {
    "XADD": _added,
    "XREAD": _read,
    "XREADGROUP": _read,
    "XRANGE": _ranged,
    "XREVRANGE": _ranged,
    "XCLAIM": _ranged,
    "XAUTOCLAIM": _claimed,
}


def _effect(command: Sequence[Any]) -> _Effect | None:
    name = command[0] if command else None
    if isinstance(name, bytes):
        name = name.decode(errors="replace")
    if not isinstance(name, str) or name[:1] not in ("X", "x"):
        return None
    return _EFFECTS.get(name.upper())


def patch(module: Any) -> None:
    """Patch the synchronous client."""
    patches.add(module.Redis, "execute_command", partial(_make, _command))
    patches.add(module.Pipeline, "immediate_execute_command", partial(_make, _command))
    patches.add(module.Pipeline, "execute", partial(_make, _pipeline))


def patch_async(module: Any) -> None:
    """Patch the asynchronous client."""
    patches.add(module.Redis, "execute_command", partial(_make, _command_async))
    patches.add(module.Pipeline, "immediate_execute_command", partial(_make, _command_async))
    patches.add(module.Pipeline, "execute", partial(_make, _pipeline_async))


def _make(wrapper: Any, original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, wrapper, enabled=is_on)


def _command(function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    effect = _effect(args)
    result = function(*args, **kwargs)
    if effect is not None:
        _count(client, [(effect, args)], [result])
    return result


def _command_async(function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    effect = _effect(args)
    if effect is None:
        return function(*args, **kwargs)

    async def awaited() -> Any:
        result = await function(*args, **kwargs)
        _count(client, [(effect, args)], [result])
        return result

    return _named(awaited(), function)


def _pipeline(function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    commands = _commands(client)
    if not commands:
        return function(*args, **kwargs)
    try:
        results = function(*args, **kwargs)
    except Exception:
        _count_failure()
        raise
    _count(client, commands, results)
    return results


def _pipeline_async(function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    commands = _commands(client)
    if not commands:
        return function(*args, **kwargs)

    async def awaited() -> Any:
        try:
            results = await function(*args, **kwargs)
        except Exception:
            _count_failure()
            raise
        _count(client, commands, results)
        return results

    return _named(awaited(), function)


def _count_failure() -> None:
    with guarded("counting a failed pipeline", count_loss):
        if not filters.disabled() and not is_called_by(_CLIENTS, _BETWEEN):
            count_loss("a pipeline of Redis failed: some of its commands may have been executed")


def _named(coroutine: Any, function: Any) -> Any:
    coroutine.__qualname__ = function.__qualname__  # Python's warning about a missing `await` names it
    return coroutine


def _commands(pipeline: Any) -> list[tuple[_Effect | None, tuple[Any, ...]]]:
    """The commands of a pipeline, in order; empty if none is one of a stream."""
    with guarded("reading a pipeline of Redis", count_loss):
        commands = [(_effect(command[0]), command[0]) for command in pipeline.command_stack]
        if any(effect is not None for effect, _ in commands):
            return commands
    return []


def _count(client: Any, commands: Sequence[tuple[_Effect | None, tuple[Any, ...]]], results: Any) -> None:
    with guarded("counting entries of streams", count_loss):
        if is_called_by(_CLIENTS, _BETWEEN):
            return
        topics = _topics(client.connection_pool)
        for (effect, command), result in zip(commands, results, strict=False):
            if effect is None or isinstance(result, Exception):
                continue
            for operation, stream, number in effect(command, result):
                if number:
                    topics.count(operation, _text(stream), number)


def _text(key: Any) -> str:
    if isinstance(key, bytes | bytearray | memoryview):
        return bytes(key).decode(errors="backslashreplace")
    return str(key)


def _topics(pool: Any) -> Topics:
    topics = _pools.get(pool)
    if topics is None:
        dataset_of = partial(_dataset, _namespace(pool), pool.connection_kwargs.get("db") or 0)
        topics = _pools[pool] = Topics(dataset_of, read=_CALL, written=_CALL)
    return topics


def _namespace(pool: Any) -> str | None:
    """`redis://host:port`; by the name of the service where Sentinel knows its address. None for a socket file."""
    service = getattr(pool, "service_name", None)
    host = service or pool.connection_kwargs.get("host")
    port = None if service else pool.connection_kwargs.get("port")
    if not host:
        return None
    host = f"[{host}]" if ":" in host else host
    return f"redis://{host}" + (f":{port}" if port else "")


def _dataset(namespace: str | None, database: Any, stream: str) -> Dataset | None:
    """A stream; one of another database than 0 is named with it, as in `redis://host/1/orders`."""
    if namespace is None or not stream.strip():
        return None
    return Dataset(namespace, stream if str(database) == "0" else f"{database}/{stream}").canonical()
