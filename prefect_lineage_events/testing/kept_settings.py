"""Prefect's settings for a block, as `temporary_settings` makes them, kept for the next block that needs the same.

To make them takes Prefect a tenth of a second: it reads the environment and the files for each of fifty groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import prefect.context
from prefect.settings import Settings, temporary_settings

_AT_MOST = 8
# In the folder of the process.
_FILES = ("prefect.toml", "pyproject.toml", ".env")
# Changed settings by what they depend on, each with those that were changed.
_kept: dict[object, tuple[Settings, Settings]] = {}


@contextmanager
def kept_settings(updates: Mapping[Any, Any], restore_defaults: Iterable[Any] = ()) -> Iterator[None]:
    """A block with changed settings. Other settings are those around it, and of the environment as it is now."""
    around = prefect.context.get_settings_context()
    restored = frozenset(restore_defaults)
    environment = frozenset(pair for pair in os.environ.items() if pair[0].startswith("PREFECT_"))
    files = tuple(Path(name).read_bytes() if Path(name).is_file() else b"" for name in _FILES)
    key = (frozenset(updates.items()), restored, environment, files)
    before, changed = _kept.get(key, (None, None))
    if changed is None or before is not around.settings:
        with temporary_settings(updates, restore_defaults=restored) as changed:
            pass
        if len(_kept) >= _AT_MOST:
            _kept.clear()
        _kept[key] = around.settings, changed
    with prefect.context.SettingsContext(profile=around.profile, settings=changed):
        yield
