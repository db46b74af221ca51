"""The emitters of this process: one for each run that it reports."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID

from prefect_lineage_events.context.run import Run
from prefect_lineage_events.emission.emitter import Emitter, Send
from prefect_lineage_events.guard import guarded

_MAX_RETIRED = 1_000


class Emitters:
    """Emitters by run: the open ones, and the retired ones of runs that have ended as far as this process can see.

    A later event of a retired run opens its emitter again and continues its numbers.
    """

    def __init__(self, send: Send, coalesce_seconds: float) -> None:
        self._send = send
        self._coalesce_seconds = coalesce_seconds
        self._open: dict[UUID, Emitter] = {}
        self._retired: OrderedDict[UUID, Emitter] = OrderedDict()
        self._unassigned = ""  # the reason of a loss whose run is unknown, for the next run

    def __iter__(self) -> Iterator[Emitter]:
        """The open emitters; they may be retired meanwhile."""
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    @property
    def retired(self) -> list[Emitter]:
        """The retired emitters, oldest first."""
        return list(self._retired.values())

    def of(self, run: Run) -> Emitter:
        """The open emitter of a run, made or opened again where there is none."""
        key = run.key
        assert key is not None, "a run has a flow run or a task run"
        emitter = self._open.get(key)
        if emitter is None:
            emitter = self._retired.pop(key, None) or Emitter(run, self._send, self._coalesce_seconds)
            self._open[key] = emitter
            if self._unassigned:
                emitter.count_loss(self._unassigned)
                self._unassigned = ""
        emitter.update_run(run)
        return emitter

    def open(self, key: UUID | None) -> Emitter | None:
        return self._open.get(key) if key is not None else None

    def known(self, key: UUID | None) -> Emitter | None:
        """The emitter of a run, open or retired."""
        return (self._open.get(key) or self._retired.get(key)) if key is not None else None

    def retire(self, emitter: Emitter) -> None:
        key = emitter.run.key
        assert key is not None, "an emitter belongs to a run"
        self._open.pop(key, None)
        emitter.retire()
        self._retired[key] = emitter
        while len(self._retired) > _MAX_RETIRED:
            self._retired.popitem(last=False)

    def count_loss_everywhere(self, reason: str) -> None:
        """Count a loss whose run is unknown for the open runs, or for the next one where none is open."""
        for emitter in self:
            emitter.count_loss(reason)
        self._unassigned = "" if self._open else reason


def isolated(emitter: Emitter) -> guarded:
    """A block whose failure is counted for the emitter's run, and affects no other run."""
    return guarded("sending lineage", emitter.count_loss)
