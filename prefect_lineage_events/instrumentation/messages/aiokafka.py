"""aiokafka: messages that a producer has delivered, and that a consumer has got."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.tallies import Tally
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.messages.kafka import topic_at
from prefect_lineage_events.instrumentation.messages.topics import Topics
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

_SEND, _GET = "aiokafka.AIOKafkaProducer", "aiokafka.AIOKafkaConsumer"
_clients: weakref.WeakKeyDictionary[Any, Topics] = weakref.WeakKeyDictionary()
_Call = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]


def patch_producer(module: Any) -> None:
    """Patch the producer; `send_and_wait` calls `send`."""
    calls: dict[str, _Call] = {
        "send": _sent,
        "send_batch": _batch_sent,
        "begin_transaction": partial(_transaction, Topics.begin),
        "commit_transaction": partial(_transaction, Topics.commit),
        "abort_transaction": partial(_transaction, Topics.abort),
    }
    for name, then in calls.items():
        patches.add(module.AIOKafkaProducer, name, partial(_then, then))


def patch_consumer(module: Any) -> None:
    """Patch the consumer; `async for` calls `getone`."""
    patches.add(module.AIOKafkaConsumer, "getone", partial(_then, _got_one))
    patches.add(module.AIOKafkaConsumer, "getmany", partial(_then, _got_many))


def _then(then: _Call, method: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a coroutine method, which calls `then` with its result."""

    def wrapper(function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        coroutine: Any = _awaited(then, function, client, args, kwargs)
        coroutine.__qualname__ = function.__qualname__  # Python's warning about a missing `await` names it
        return coroutine

    return PatchedFunction(method, wrapper, enabled=is_on)


async def _awaited(then: _Call, function: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = await function(*args, **kwargs)
    with guarded("counting messages", count_loss):
        then(client, args, kwargs, result)
    return result


def _topics(client: Any) -> Topics:
    topics = _clients.get(client)
    if topics is None:
        client_name = "client" if hasattr(client, "client") else "_client"
        dataset_of = topic_at(getattr(client, client_name)._bootstrap_servers)
        topics = _clients[client] = Topics(dataset_of, read=_GET, written=_SEND)
    return topics


def _sent(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], future: Any) -> None:
    _count_when_done(client, args[0] if args else kwargs["topic"], future, 1)


def _batch_sent(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], future: Any) -> None:
    batch, topic = (*args, *(kwargs[name] for name in ("batch", "topic")[len(args) :]))[:2]
    _count_when_done(client, topic, future, batch.record_count())


def _count_when_done(client: Any, topic: str, future: Any, messages: int) -> None:
    topics = _topics(client)
    tally = topics.tally("write", topic)
    if tally is not None:
        future.add_done_callback(partial(_done, topics, tally, messages))


def _done(topics: Topics, tally: Tally, messages: int, future: Any) -> None:
    # `exception()` would mark the error as seen, and so suppress asyncio's message about an error that was not seen.
    if not future.cancelled() and future._exception is None:
        topics.arrived(tally, messages)


def _transaction(effect: Callable[[Topics], None], client: Any, *_: Any) -> None:
    effect(_topics(client))


def _got_one(client: Any, _: Any, __: Any, message: Any) -> None:
    _topics(client).count("read", message.topic)


def _got_many(client: Any, _: Any, __: Any, messages: Any) -> None:
    by_topic: dict[str, int] = {}
    for partition, of_partition in messages.items():
        by_topic[partition.topic] = by_topic.get(partition.topic, 0) + len(of_partition)
    for topic, number in by_topic.items():
        if number:
            _topics(client).count("read", topic, number)
