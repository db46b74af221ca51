"""Names that are near to a misspelled one. One rule for all that people type: tables, runs, flows, options, files."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from prefect_lineage_events.escaping import line

# Suggestions of one message.
MOST = 3
# Entries of a folder that are looked at.
_ENTRIES = 10_000


def nearest(wanted: str, names: Iterable[str], most: int = MOST) -> list[str]:
    """The names that are meant by a misspelled one, in any case, nearest first; those that contain it if none is near.

    `load` is not near to `load orders`, but is meant for it.
    """
    folded: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        folded.setdefault(name.casefold(), []).append(name)
    text = wanted.strip().casefold()
    near = get_close_matches(text, folded, n=most) or [name for name in folded if text and text in name]
    return [spelled for name in near for spelled in folded[name]][:most]


def did_you_mean(near: Iterable[str]) -> str:
    """The end of a message that suggests names: `; did you mean a, b?`. Empty without names."""
    shown = ", ".join(line(name) for name in near)
    return f"; did you mean {shown}?" if shown else ""


def nearest_paths(path: Path, most: int = MOST) -> list[str]:
    """The existing names that are near to the last one of a path, in its folder; else those near to the folder."""
    try:
        entries = [entry.name for entry in islice(path.parent.iterdir(), _ENTRIES)]
    except OSError:
        is_last = path.parent == path.parent.parent
        return [] if is_last else nearest_paths(path.parent, most)
    return [str(path.parent / name) for name in nearest(path.name, entries, most)]


def no_path(path: str | Path, kind: str = "file") -> str:
    """The message about a path where there is nothing."""
    shown = Path(path).expanduser()
    return f"there is no {kind} {shown}{did_you_mean(nearest_paths(shown))}"
