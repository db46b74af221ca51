"""Writes `docs/settings.md` from the settings themselves. python docs/make_settings_page.py"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prefect_lineage_events.settings import LineageSettings

PAGE = Path(__file__).resolve().parent / "settings.md"

HEAD = """\
# Settings

<!-- Written by docs/make_settings_page.py from prefect_lineage_events/settings.py: change that, then run it again. -->

Prefect's own machinery: what the environment says goes before the active profile, that before `prefect.toml` and
`pyproject.toml` of the working directory. Three spellings of the same setting:

```bash
export PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY=task        # the environment
```

```toml
[integrations.lineage_events]                     # prefect.toml
granularity = "task"

[tool.prefect.integrations.lineage_events]        # pyproject.toml
granularity = "task"
```

Lists are JSON: `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_EXCLUDE_FLOWS='["tmp-*", "scratch"]'`. Where OpenLineage events
go is the official client's configuration (`OPENLINEAGE_URL`, `OPENLINEAGE__TRANSPORT__*`, `openlineage.yml`), and
nothing beside it.

| `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_...` | default | what it does |
|---|---|---|
"""


def page() -> str:
    return HEAD + "".join(rows())


def rows() -> Iterator[str]:
    for name, field in LineageSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default is None else f"`{default if isinstance(default, str) else repr(default)}`"
        yield f"| `{name.upper()}` | {shown} | {field.description} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
