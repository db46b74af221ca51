"""Command that sends stored events to another backend: `replay`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prefect_lineage_events.cli.errors import CommandError, delivered
from prefect_lineage_events.cli.output import print_json, say, table
from prefect_lineage_events.cli.parameters import AsJson
from prefect_lineage_events.cli.progress import working
from prefect_lineage_events.nearness import did_you_mean, nearest
from prefect_lineage_events.sentences import counted

if TYPE_CHECKING:
    from prefect_lineage_events.assembler.replay import Replayed
    from prefect_lineage_events.delivery.targets import Target

_SHOWN = 20
_SCHEMES = ("http", "https")
_HOST = re.compile(r"[\w.-]{1,253}:\d{1,5}(/|$)|localhost\b")


def replay(
    source: Annotated[str, Parameter(help="An archive (folder or address), a JSON-lines file, or a folder of them.")],
    /,
    *,
    to: Annotated[str, Parameter(help="The URL of the backend, or the name of a configured target.")],
    restart: Annotated[bool, Parameter(help="Also events that an earlier replay to it has sent.")] = False,
    dry_run: Annotated[bool, Parameter(help="Read and count, and send nothing.")] = False,
    json: AsJson = False,
) -> int:
    """Send the events of an archive or of JSON-lines files to a backend."""
    from prefect_lineage_events.assembler.file_store import ArchiveError
    from prefect_lineage_events.assembler.replay import replay as replay_events
    from prefect_lineage_events.delivery.deliver import TransientDeliveryError, open_once

    target = _target(to)
    try:
        if not dry_run:
            open_once(target)
        with working("sending events") as report:
            done = replay_events(
                source,
                target,
                restart=restart,
                dry_run=dry_run,
                progress=lambda result: report("sending events", result.done, None),
            )
    except TransientDeliveryError as error:
        raise CommandError(
            f"target {target}: {error} -> when it is back, repeat the command: it goes on there"
        ) from error
    except ArchiveError as error:
        raise CommandError(str(error)) from error
    _print_json(done) if json else _print(done, str(target), dry_run=dry_run)
    return delivered(failed=done.unreadable, refused=done.refused)


def _target(to: str) -> Target:
    """The target at an address, or of a name. Raises ValueError, with the address that is near."""
    from prefect_lineage_events.delivery.targets import target_at, targets

    scheme, found, rest = to.rpartition("://")
    try:
        return target_at(to) if found else targets([to])[0]
    except ValueError as error:
        meant = []
        if (found or _HOST.match(rest)) and "@" not in rest and scheme not in _SCHEMES:
            meant.append(f"{(nearest(scheme, _SCHEMES, 1) or _SCHEMES)[0]}://{rest}")
        raise ValueError(f"{error}{did_you_mean(meant)}") from None


def _print(done: Replayed, target: str, *, dry_run: bool) -> None:
    verb = "would be sent" if dry_run else "sent"
    counts = (
        (done.before, "sent by an earlier replay"),
        (done.repeated, "repeated in the source"),
        (done.refused, "refused"),
        (done.unreadable, "unreadable"),
    )
    more = "".join(f", {number:,} {text}" for number, text in counts if number)
    say(f"{counted(done.taken, 'event')} {verb} to {target}{more}")
    table("REFUSED", ("event", "reason"), done.refusals[:_SHOWN], limit=1_000)
    table("UNREADABLE", ("place", "reason"), [(one.place, one.reason) for one in done.faults[:_SHOWN]], limit=1_000)


def _print_json(done: Replayed) -> None:
    counts = ("taken", "before", "repeated", "refused", "unreadable")
    print_json(
        {
            **{name: getattr(done, name) for name in counts},
            "refusals": [{"event": name, "reason": reason} for name, reason in done.refusals],
            "faults": [{"place": one.place, "reason": one.reason} for one in done.faults],
        }
    )
