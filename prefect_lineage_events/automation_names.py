"""The names of the automations with a line on each, for the help of the command line, which imports no Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

AUTOMATION_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "assemble": "the assembler, at most once a minute (default)",
        "assemble-on-completion": "the assembler, once for each ended run",
        "assemble-batched": "the sweep, at most once a minute",
        "table-written": "run a deployment (--table, --run)",
        "table-stale": "no write for hours (--table, --hours, --notify)",
        "schema-changed": "columns added, dropped, retyped (--notify)",
        "lineage-incomplete": "a run's lineage lacks events (--notify)",
        "lineage-rejected": "a target refused events (--notify)",
    }
)
