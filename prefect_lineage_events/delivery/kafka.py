"""Kafka as the client has it, but for what became of a message: the client writes that to its log only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openlineage.client.transport.kafka import KafkaTransport

KINDS = frozenset({"kafka", "msk-iam"})
# Librdkafka tries for five minutes by itself; trying again is the flow's, and the sweep's.
DELIVERY_TIMEOUT_MS = 60_000
_TIMEOUT_NAMES = frozenset({"message.timeout.ms", "delivery.timeout.ms"})


class KafkaDeliveryError(Exception):
    """The brokers did not confirm a message."""


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """Each message is waited for, so that events keep their order; not so long that the flow's retries have no turn."""
    producer = dict(config.get("config") or {})
    if not _TIMEOUT_NAMES & producer.keys():
        producer["message.timeout.ms"] = DELIVERY_TIMEOUT_MS
    return {**config, "config": producer, "flush": True}


def raise_failures(transport: KafkaTransport) -> None:
    """Let the transport's `emit` raise KafkaDeliveryError when its message was not taken."""
    transport.producer = _CheckedProducer(transport.producer)  # type: ignore[assignment]


class _CheckedProducer:
    """A producer whose `flush` raises what the brokers said of a message. The transport flushes after each."""

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
