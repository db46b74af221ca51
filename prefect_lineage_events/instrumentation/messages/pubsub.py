"""Google Pub/Sub: messages that a publisher has delivered to a topic, and that a subscriber has got."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.tallies import Tally
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.messages.topics import Topics
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

_KINDS = {"topics": "topic", "subscriptions": "subscription"}
_PUBLISH, _PULL = "pubsub.PublisherClient", "pubsub.SubscriberClient"


def resource(path: str) -> Dataset | None:
    """The dataset of `projects/p/topics/t`, named as on OpenLineage's naming page: `pubsub`, `topic:p:t`."""
    parts = path.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] not in _KINDS or not all(parts):
        return None
    return Dataset("pubsub", f"{_KINDS[parts[2]]}:{parts[1]}:{parts[3]}")


# All clients reach the same service, so that one table of topics serves all.
_topics = Topics(resource, read=_PULL, written=_PUBLISH)


def patch_publisher(module: Any) -> None:
    """Patch the publisher: a message counts when its future is done."""
    patches.add(module.Client, "publish", partial(_make, _published))


def patch_subscriber(module: Any) -> None:
    """Patch the streaming subscriber: a message counts when the user's callback gets it."""
    patches.add(module.Client, "subscribe", partial(_make, _subscribed))


def patch_pull(module: Any) -> None:
    """Patch the request for messages."""
    patches.add(module.SubscriberClient, "pull", partial(_make, _pulled))


def patch_pull_async(module: Any) -> None:
    """Patch the asynchronous request for messages."""
    patches.add(module.SubscriberAsyncClient, "pull", partial(_make, _pulled_async))


def _make(wrapper: Any, original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, wrapper, enabled=is_on)


def _published(publish: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    future = publish(*args, **kwargs)
    with guarded("watching a message of Pub/Sub", count_loss):
        tally = _topics.tally("write", str(args[0] if args else kwargs["topic"]))
        if tally is not None:
            future.add_done_callback(partial(_done, tally))
    return future


def _done(tally: Tally, future: Any) -> None:
    with guarded("counting messages", count_loss):
        if not future.cancelled() and future.exception() is None:
            tally.add(1)


def _subscribed(subscribe: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    subscription = args[0] if args else kwargs.get("subscription")
    if len(args) > 1 and callable(args[1]):
        args = (args[0], _Counting(str(subscription), args[1]), *args[2:])
    elif callable(kwargs.get("callback")):
        kwargs = {**kwargs, "callback": _Counting(str(subscription), kwargs["callback"])}
    return subscribe(*args, **kwargs)


class _Counting:
    """A subscriber's callback, whose messages are counted."""

    __slots__ = ("_callback", "_subscription")

    def __init__(self, subscription: str, callback: Callable[[Any], Any]) -> None:
        self._subscription = subscription
        self._callback = callback

    def __call__(self, message: Any) -> Any:
        # Before the callback, which may write what the message contains.
        _topics.count("read", self._subscription)
        return self._callback(message)


def _pulled(pull: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    response = pull(*args, **kwargs)
    _count_pulled(args, kwargs, response)
    return response


def _pulled_async(pull: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    async def awaited() -> Any:
        response = await pull(*args, **kwargs)
        _count_pulled(args, kwargs, response)
        return response

    coroutine: Any = awaited()
    coroutine.__qualname__ = pull.__qualname__  # Python's warning about a missing `await` names it
    return coroutine


def _count_pulled(args: tuple[Any, ...], kwargs: dict[str, Any], response: Any) -> None:
    with guarded("counting messages", count_loss):
        messages = len(response.received_messages)
        if messages:
            request = args[0] if args else kwargs.get("request")
            given = request.get("subscription") if isinstance(request, dict) else getattr(request, "subscription", None)
            _topics.count("read", str(kwargs.get("subscription") or given), messages)
