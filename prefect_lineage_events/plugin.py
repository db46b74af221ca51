"""The Prefect plugin (entry point `prefect.plugins`), by which flows are captured without any change to them.

With `PREFECT_PLUGINS_ENABLED=true`, Prefect calls this on every `import prefect`; it instruments if
`PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT=true` is set.
https://docs.prefect.io/v3/advanced/experimental-plugins
"""

from __future__ import annotations

from typing import Any

from prefect.plugins import register_hook

__all__ = ["setup_environment"]


@register_hook
def setup_environment(*, ctx: Any) -> None:
    """Capture the families of libraries that the settings name. May run more than once in a process."""
    # Imported here: Prefect is still being imported when this module is.
    from prefect_lineage_events.settings import settings

    families = settings().instrument
    if families and settings().enabled:
        from prefect_lineage_events.instrumentation.instrument import instrument

        instrument(*families)
