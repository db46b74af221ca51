"""Replay: OpenLineage events of an archive, or of JSON-lines files, are sent to a target once more.

A new backend receives all that was delivered, long after Prefect has deleted the history. The target's profile gives
the events their shape. Each event is sent once, however often the files hold it: its digest is noted in a file as soon
as the target has taken or refused it, so a replay that was stopped goes on there.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from prefect.settings import PREFECT_HOME

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler.archive import SUFFIX, Archive
from prefect_lineage_events.assembler.event_files import Event, EventFiles, Fault
from prefect_lineage_events.assembler.file_store import ArchiveError, shown
from prefect_lineage_events.assembler.outbox import RETRY_DELAYS
from prefect_lineage_events.delivery.deliver import TransientDeliveryError, Unplaced, deliver, event_id
from prefect_lineage_events.delivery.targets import Target
from prefect_lineage_events.event_snapshots import uuid_of
from prefect_lineage_events.nearness import no_path

_LONGEST_WAIT = 60.0
_EVER = (encoding.EPOCH, dt.datetime(2199, 12, 31, tzinfo=dt.timezone.utc))
# Refusals and faults that a result lists; `refused` and `unreadable` count all.
MAX_LISTED = 1_000


@dataclass(slots=True)
class Replayed:
    """Counts of a replay. `taken` events were sent now, `before` in an earlier replay; `repeated` ones stand several
    times in the source. `refusals`: name and reason of refused events, `faults`: unreadable parts, the first
    `MAX_LISTED` of each.
    """

    taken: int = 0
    before: int = 0
    repeated: int = 0
    refused: int = 0
    unreadable: int = 0
    refusals: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def done(self) -> int:
        """The events that were looked at so far."""
        return self.taken + self.before + self.repeated + self.refused


def read_events(source: str) -> Iterator[Event | Fault]:
    """The OpenLineage events in a file or folder, oldest first where the source has an order.

    `source`: an archive (a local folder or an fsspec address) or one of its files; a file of events, as the target of
    that kind writes it, or a folder of such files. Raises ValueError, with what was expected, if there is none.
    """
    path = Path(source).expanduser()
    if "://" not in source and not path.exists():
        raise ValueError(no_path(path, "file or folder"))
    if "://" not in source and path.name.endswith(SUFFIX) and uuid_of(path.name.removesuffix(SUFFIX)):
        yield from _archived_file(path)
        return
    address = source if "://" in source else str(path)
    files, days = EventFiles(address), Archive(address)
    has_files, has_days = files.exist(), days.has_days()
    if "://" not in source and not has_files and not has_days:
        raise ValueError(f"{path} has neither archived runs (day/run{SUFFIX}) nor JSON-lines files (*.jsonl)")
    if has_files:
        for one in files.new_events():
            if isinstance(one, Fault):
                yield one
            else:
                place, event = one
                yield event if _is_event(event) else Fault(str(place), "it is no event of a run")
    if has_days:
        yield from _archived(days)


def replay(
    source: str,
    target: Target,
    *,
    restart: bool = False,
    dry_run: bool = False,
    progress: Callable[[Replayed], object] = lambda _: None,
) -> Replayed:
    """Send all events of a source (see `read_events`) to a target, each once, in the shape of its profile.

    `restart`: also those that an earlier replay of this source to this target has sent. `dry_run`: read and count
    (`taken`), and send nothing. `progress` is called after each event. Refused events are counted, and do not stop the
    replay. Raises TransientDeliveryError when the target cannot take events now, ArchiveError and ValueError for a
    source that cannot be read: repeated later, the replay goes on where it stopped.
    """
    result = Replayed()
    noted = _Noted(source, target, restart=restart)
    seen: set[bytes] = set()

    def remaining() -> Iterator[tuple[bytes, Event]]:
        for one in read_events(source):
            if isinstance(one, Fault):
                result.unreadable += 1
                result.faults += [one] if len(result.faults) < MAX_LISTED else []
                continue
            digest = bytes.fromhex(encoding.digest_of([one]))
            if digest in seen:
                result.repeated += 1
            elif digest in noted:
                result.before += 1
            else:
                yield digest, one
            seen.add(digest)
            progress(result)

    if dry_run:
        result.taken += sum(1 for _ in remaining())
        return result
    with noted:
        unplaced = False
        for digest, event, refusal in _sent(_shaped(remaining(), target, result), target):
            unplaced |= isinstance(refusal, Unplaced)
            if refusal is None:
                result.taken += 1
            else:
                result.refused += 1
                result.refusals += [(event_id(event), refusal)] if len(result.refusals) < MAX_LISTED else []
            if digest and not unplaced:
                noted.add(digest)
            unplaced &= not digest
            progress(result)
    return result


def _shaped(events: Iterable[tuple[bytes, Event]], target: Target, result: Replayed) -> Iterator[tuple[bytes, Event]]:
    """The events in the shape of the target, the last one of each event with its digest.

    An event that has no such shape is a fault: it is of another producer.
    """
    from prefect_lineage_events.delivery.client_events import client_event

    for digest, event in events:
        try:
            shaped = [encoding.json_value(one) for one in target.profile.shape([event])]
            for one in shaped:
                client_event(one)
        except Exception as error:  # noqa: BLE001  (an event of any shape)
            result.unreadable += 1
            fault = Fault(f"event {event_id(event)}", f"it cannot be sent ({type(error).__name__})")
            result.faults += [fault] if len(result.faults) < MAX_LISTED else []
            continue
        for number, one in enumerate(shaped, 1):
            yield digest if number == len(shaped) else b"", one


def _sent(events: Iterable[tuple[bytes, Event]], target: Target) -> Iterator[tuple[bytes, Event, str | None]]:
    """Send the events; yields each with the target's reason to refuse it, None if it took it.

    A transient failure is tried again a few times. A response of 500 that stays the same after others were taken is the
    fault of the event.
    """
    taken, failures = False, 0
    pending: deque[tuple[bytes, Event]] = deque()
    rest = iter(events)

    def next_events() -> Iterator[Event]:
        while True:
            if not pending:
                try:
                    pending.append(next(rest))
                except StopIteration:
                    return
            yield pending[0][1]

    while True:
        try:
            for refusal in deliver(next_events(), target):
                taken, failures = taken or refusal is None, 0
                yield (*pending.popleft(), refusal)
            return
        except TransientDeliveryError as error:
            if failures < len(RETRY_DELAYS) and error.retry_soon:
                time.sleep(max(RETRY_DELAYS[failures], min(error.retry_after or 0.0, _LONGEST_WAIT)))
                failures += 1
            elif error.ambiguous and taken and pending:
                failures = 0
                yield (*pending.popleft(), str(error))
            else:
                raise


class _Noted:
    """The digests of events that the target has taken or refused, in a file in PREFECT_HOME."""

    def __init__(self, source: str, target: Target, *, restart: bool) -> None:
        place = source if "://" in source else str(Path(source).expanduser().resolve())
        key = sha256(f"{shown(place)} {target.id}".encode()).hexdigest()[:16]
        self._path = Path(PREFECT_HOME.value()) / "lineage-replays" / key
        if restart:
            with suppress(FileNotFoundError):
                self._path.unlink()
        self._digests = self._read()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Line by line: a replay that is killed has noted all that was sent.
        self._file = self._path.open("a", encoding="ascii", buffering=1)

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, digest: bytes) -> None:
        self._digests.add(digest)
        self._file.write(f"{digest.hex()}\n")

    def _read(self) -> set[bytes]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return set()
        digests = set()
        for one in lines:
            with suppress(ValueError):
                digests.add(bytes.fromhex(one))
        return digests


def _archived(opened: Archive) -> Iterator[Event | Fault]:
    """The events of all runs of an archive, in order of the runs' ends, so that the latest run of a job comes last."""
    days: dict[str, list[str]] = {}
    for _, path in opened.list(*_EVER):
        days.setdefault(path.partition("/")[0], []).append(path)
    for _, paths in sorted(days.items()):
        # Events of a whole day may not fit into memory: the ends alone are read first, and then run by run.
        ends: list[tuple[dt.datetime, str]] = []
        for run in opened.read(paths, events=False):
            if run.snapshot is None:
                yield Fault(run.path, run.fault)
            else:
                ends.append((run.snapshot.run.ended or encoding.EPOCH, run.path))
        for run in opened.read([path for _, path in sorted(ends)]):
            for event in run.events:
                yield event if _is_event(event) else Fault(run.path, "it holds something that is no event of a run")


def _archived_file(path: Path) -> Iterator[Event | Fault]:
    try:
        (run,) = Archive(str(path.parent.parent)).read([f"{path.parent.name}/{path.name}"])
    except ValueError:
        raise ArchiveError(f"{path} is no archived run: its name must be the run's id") from None
    if run.snapshot is None:
        yield Fault(run.path, run.fault)
    yield from run.events


def _is_event(event: object) -> bool:
    """Return whether this is an OpenLineage event of a run, with the parts that profiles and transports read."""
    if not isinstance(event, dict) or not isinstance(event.get("eventType"), str):
        return False
    run, job = event.get("run"), event.get("job")
    sides = (event.setdefault("inputs", []), event.setdefault("outputs", []))
    return (
        isinstance(run, dict)
        and isinstance(run.get("runId"), str)
        and isinstance(run.setdefault("facets", {}), dict)
        and isinstance(job, dict)
        and isinstance(job.get("namespace"), str)
        and isinstance(job.get("name"), str)
        and isinstance(job.setdefault("facets", {}), dict)
        and all(isinstance(side, list) and all(map(_is_dataset, side)) for side in sides)
    )


def _is_dataset(dataset: object) -> bool:
    if not isinstance(dataset, dict) or not isinstance(dataset.setdefault("facets", {}), dict):
        return False
    return all(isinstance(dataset.get(name), str) for name in ("namespace", "name"))
