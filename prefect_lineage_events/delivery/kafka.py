"""The client's Kafka transport, made to raise when a message is not delivered: the client only logs that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openlineage.client.transport.kafka import KafkaTransport

KINDS = frozenset({"kafka", "msk-iam"})
# Librdkafka retries for five minutes by itself; here the flow and the sweep retry.
DELIVERY_TIMEOUT_MS = 60_000
_TIMEOUT_NAMES = frozenset({"message.timeout.ms", "delivery.timeout.ms"})


class KafkaDeliveryError(Exception):
    """The brokers did not confirm a message."""


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration that waits for each message, so that events keep their order, but leaves time for retries."""
    producer = dict(config.get("config") or {})
    if not _TIMEOUT_NAMES & producer.keys():
        producer["message.timeout.ms"] = DELIVERY_TIMEOUT_MS
    return {**config, "config": producer, "flush": True}


def raise_failures(transport: KafkaTransport) -> None:
    """Let the transport's `emit` raise KafkaDeliveryError when its message was not delivered."""
    transport.producer = _CheckedProducer(transport.producer)  # type: ignore[assignment]


class _CheckedProducer:
    """A producer whose `flush` raises the brokers' error about a message. The transport flushes after each."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._failed: list[Any] = []

    def produce(self, **message: Any) -> None:
        self._producer.produce(**{**message, "on_delivery": self._delivered})

    def flush(self, timeout: float = -1) -> int:
        left: int = self._producer.flush(timeout)
        if self._failed:
            raise KafkaDeliveryError(self._failed.pop())
        return left

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(error)
