"""A run's events to each of its targets: every one by itself, so that none waits for another or receives twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context

from prefect_lineage_events.assembler.outbox import Outbox
from prefect_lineage_events.delivery.deliver import TransientDeliveryError

Send = Callable[[Outbox], None]


class TargetsAwayError(TransientDeliveryError):
    """Some targets could not take a run's events now; `away` are their ids. The others have them."""

    def __init__(self, failures: Sequence[tuple[Outbox, TransientDeliveryError]]) -> None:
        super().__init__("; ".join(f"{outbox.target.name}: {error}" for outbox, error in failures))
        self.away = tuple(outbox.target.id for outbox, _ in failures)

    def __reduce__(self) -> tuple[object, ...]:
        """Prefect keeps a flow's exception; it is told by its text."""
        return TransientDeliveryError, (str(self),)


def hand_over(outboxes: Sequence[Outbox], send: Send) -> Iterator[tuple[Outbox, TransientDeliveryError | None]]:
    """Each outbox as soon as it is sent, with the error if its target could not take all of it now."""
    if len(outboxes) == 1:
        yield outboxes[0], _sent(outboxes[0], send)
        return
    with ThreadPoolExecutor(max_workers=max(1, len(outboxes)), thread_name_prefix="lineage-delivery") as threads:
        # Each with a copy of the context: it holds the flow run, and with it Prefect's client and logger.
        sending: dict[Future[TransientDeliveryError | None], Outbox] = {
            threads.submit(copy_context().run, _sent, outbox, send): outbox for outbox in outboxes
        }
        for future in as_completed(sending):
            yield sending[future], future.result()


def _sent(outbox: Outbox, send: Send) -> TransientDeliveryError | None:
    try:
        send(outbox)
    except TransientDeliveryError as error:
        return error
    return None
