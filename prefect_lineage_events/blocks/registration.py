"""All blocks whose extra is installed: Prefect imports this module to register them by their slugs.

It is the entry point `prefect.collections`, and the argument of `prefect block register -m`.
"""

from __future__ import annotations

from importlib import import_module

from prefect_lineage_events.blocks import BLOCK_TYPES

for _block in BLOCK_TYPES:
    try:
        _module = import_module(f"{__package__}.{_block.module}")
    except ModuleNotFoundError as _missing:
        # Any other missing module is an error, not an extra that is not installed.
        if (_missing.name or "").partition(".")[0] not in _block.packages:
            raise
    else:
        globals()[_block.name] = getattr(_module, _block.name)
