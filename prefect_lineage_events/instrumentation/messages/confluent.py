"""confluent-kafka: messages that a producer has delivered, and that a consumer has got.

`Producer` and `Consumer` are types of C code, whose instances take no attributes and whose construction no patch of a
method sees. Their methods are patched in the types, so that subclasses (`SerializingProducer`, `AvroProducer`) and
early imports are covered. What knows the broker is the configuration: it is kept when a client is made, by the name
`Producer`, which makes an instance of a subclass with an attribute for it, or by `super().__init__` of a subclass.

A message counts when its delivery report says that it has arrived. librdkafka queues a report for each message in any
case; a callback only lets us see it. In a transaction, messages count when it is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.emission.tallies import Tally
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.messages.kafka import topic_at
from prefect_lineage_events.instrumentation.messages.topics import Topics
from prefect_lineage_events.instrumentation.opening import everywhere
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

_ATTRIBUTE = "_prefect_lineage_topics"
_MAX_CALLBACKS = 1_000
# Positions of `callback` and `on_delivery` in `produce`.
_CALLBACKS = (4, 5)


class _ClientTopics(Topics):
    """The topics of one client, and what its configuration says of delivery reports."""

    __slots__ = ("default_callback", "delivered", "only_errors")

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        servers = configuration.get("bootstrap.servers") or configuration.get("metadata.broker.list")
        super().__init__(topic_at(servers), read="confluent_kafka.Consumer", written="confluent_kafka.Producer")
        self.default_callback = configuration.get("on_delivery") or configuration.get("delivery_callback")
        self.only_errors = str(configuration.get("delivery.report.only.error", False)).lower() == "true"
        self.delivered: dict[Tally, _Delivered] = {}

    def when_delivered(self, tally: Tally) -> _Delivered:
        """The callback of messages for which the user has none; one for all of them."""
        delivered = self.delivered.get(tally)
        if delivered is None:
            if len(self.delivered) >= _MAX_CALLBACKS:
                self.delivered.clear()
            delivered = self.delivered[tally] = _Delivered(self, tally, self.default_callback)
        return delivered


class _Delivered:
    """The callback of a message's delivery report, which calls the user's."""

    __slots__ = ("callback", "tally", "topics")

    def __init__(self, topics: Topics, tally: Tally, callback: Callable[[Any, Any], Any] | None) -> None:
        self.topics = topics
        self.tally = tally
        self.callback = callback

    def __call__(self, error: Any, message: Any) -> Any:
        if error is None:
            self.topics.arrived(self.tally)
        return self.callback(error, message) if self.callback is not None else None


def patch(module: Any) -> None:
    """Patch the clients of confluent-kafka."""
    producer, consumer = (_own(getattr(module.cimpl, name)) for name in ("Producer", "Consumer"))
    for client in (producer, consumer):
        for class_ in (client, *_without_own_init(client)):
            patches.add(class_, "__init__", _patched(_configured))
        everywhere(module.cimpl, client.__name__, partial(_made, _with_attribute(client)))
    for name, wrapper in {
        "produce": _produced,
        "produce_batch": _batch_produced,
        "begin_transaction": partial(_then, Topics.begin),
        "commit_transaction": partial(_then, Topics.commit),
        "abort_transaction": partial(_then, Topics.abort),
    }.items():
        if hasattr(producer, name):
            patches.add(producer, name, _patched(wrapper))
    patches.add(consumer, "poll", _patched(_polled))
    patches.add(consumer, "consume", _patched(_consumed))


def _own(class_: Any) -> Any:
    """The class itself, where its name has been patched."""
    return getattr(class_, "__wrapped__", class_)


def _without_own_init(class_: Any) -> Iterator[Any]:
    """The subclasses whose construction calls the C function of the type itself."""
    for subclass in class_.__subclasses__():
        if "__init__" not in vars(subclass) and _ATTRIBUTE not in vars(subclass):
            yield subclass
            yield from _without_own_init(subclass)


def _with_attribute(class_: Any) -> Any:
    """A subclass whose instances look like those of the class, and have an attribute for their topics."""
    names = {"__slots__": (_ATTRIBUTE,), "__module__": class_.__module__, "__doc__": class_.__doc__}
    return type(class_.__name__, (class_,), names)


class _ClassProxy(PatchedFunction):
    """A class under a name that makes instances of a subclass. For all other uses it is the class."""

    def __mro_entries__(self, _: Any) -> tuple[Any, ...]:
        return (self.__wrapped__,)


def _made(subclass: Any, original: Any, is_on: Callable[[], bool]) -> Any:
    return _ClassProxy(original, lambda _, __, args, kwargs: subclass(*args, **kwargs), enabled=is_on)


def _patched(wrapper: Any) -> Any:
    return lambda original, is_on: PatchedFunction(original, wrapper, enabled=is_on)


def _configured(init: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # The C function refuses a call without arguments, but not one with an empty dictionary of them.
    result = init(*args, **kwargs) if kwargs else init(*args)
    with guarded("reading the configuration of a Kafka client", count_loss):
        configuration = {**(args[0] if args and isinstance(args[0], Mapping) else {}), **kwargs}
        setattr(client, _ATTRIBUTE, _ClientTopics(configuration))
    return result


def _topics(client: Any) -> _ClientTopics | None:
    topics = getattr(client, _ATTRIBUTE, None)
    if topics is None:
        count_loss("messages of a Kafka client that was made before lineage was switched on")
    return topics


def _produced(produce: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    topics = _topics(client)
    name = args[0] if args else kwargs.get("topic")
    tally = topics.tally("write", name) if topics is not None and isinstance(name, str) else None
    if topics is None or tally is None:
        return produce(*args, **kwargs)
    if topics.only_errors:
        result = produce(*args, **kwargs)
        topics.arrived(tally)
        return result
    if len(args) <= _CALLBACKS[0] and "on_delivery" not in kwargs and "callback" not in kwargs:
        return produce(*args, **kwargs, on_delivery=topics.when_delivered(tally))
    with guarded("watching the delivery of a message", count_loss):
        args, kwargs = _with_callback(topics, tally, args, kwargs)
    return produce(*args, **kwargs)


def _with_callback(
    topics: _ClientTopics, tally: Tally, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of `produce` with a callback that calls the given one. One that cannot be called is left."""
    given = [args[position] for position in _CALLBACKS if position < len(args)]
    given += [kwargs[name] for name in ("callback", "on_delivery") if name in kwargs]
    own = next((callback for callback in given if callback is not None), topics.default_callback)
    if own is not None and not callable(own):
        return args, kwargs
    delivered = _Delivered(topics, tally, own)
    if len(args) > _CALLBACKS[0]:
        rest = (delivered, None)[: len(args) - _CALLBACKS[0]]
        return (*args[: _CALLBACKS[0]], *rest, *args[_CALLBACKS[1] + 1 :]), kwargs
    others = {name: value for name, value in kwargs.items() if name not in ("callback", "on_delivery")}
    return args, {**others, "on_delivery": delivered}


def _batch_produced(produce_batch: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    topics = _topics(client)
    name = args[0] if args else kwargs.get("topic")
    tally = topics.tally("write", name) if topics is not None and isinstance(name, str) else None
    if topics is None or tally is None:
        return produce_batch(*args, **kwargs)
    given = args[1] if len(args) > 1 else kwargs.get("messages")
    messages = [m for m in given if isinstance(m, dict)] if isinstance(given, list) else []
    if topics.only_errors or len(args) > 3:
        queued = produce_batch(*args, **kwargs)
        topics.arrived(tally, queued)
        return queued
    default = kwargs.get("on_delivery") or kwargs.get("callback") or topics.default_callback
    others = {key: value for key, value in kwargs.items() if key not in ("callback", "on_delivery")}
    own = [(message, message["callback"]) for message in messages if message.get("callback") is not None]
    try:
        # The messages stay the user's own objects, in which the client marks those that it refuses.
        for message, callback in own:
            message["callback"] = _Delivered(topics, tally, callback)
        return produce_batch(*args, **others, on_delivery=_Delivered(topics, tally, default))
    finally:
        for message, callback in own:
            message["callback"] = callback


def _then(effect: Callable[[Topics], None], method: Any, client: Any, args: Any, kwargs: Any) -> Any:
    result = method(*args, **kwargs)
    topics = getattr(client, _ATTRIBUTE, None)
    if topics is not None:
        effect(topics)
    return result


def _polled(poll: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    message = poll(*args, **kwargs)
    if message is not None and message.error() is None:
        topics = _topics(client)
        if topics is not None:
            topics.count("read", message.topic())
    return message


def _consumed(consume: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    messages = consume(*args, **kwargs)
    with guarded("counting messages", count_loss):
        counted = Counter(message.topic() for message in messages if message.error() is None)
        topics = _topics(client) if counted else None
        for name, number in counted.items() if topics is not None else ():
            topics.count("read", name, number)  # type: ignore[union-attr]
    return messages
