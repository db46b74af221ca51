"""Write `docs/settings.md` from `prefect_lineage_events/settings.py`. python docs/make_settings_page.py"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from prefect_lineage_events.settings import FAMILIES, LineageSettings

_BOUNDS = {Ge: "at least", Gt: "over", Le: "at most"}
# The settings that are lists of texts, by their names or the first words of these.
_LISTS = {
    "include": "patterns, with `*` and `?`",
    "exclude": "patterns, with `*` and `?`",
    "http_endpoints": "hosts and endpoints",
    "run_facets": "functions, as `module:function`",
}
PAGE = Path(__file__).resolve().parent / "settings.md"

HEAD = """\
# Settings

<!-- Written by docs/make_settings_page.py from prefect_lineage_events/settings.py: change that, then run it again. -->

The settings are read by Prefect's own settings classes. A variable of the environment takes precedence over `prefect.toml`
and then `pyproject.toml` of the working directory. `prefect config set` accepts no settings of integrations. These three
set the same value:

```bash
export PREFECT_INTEGRATIONS_LINEAGE_EVENTS_GRANULARITY=task        # the environment
```

```toml
[integrations.lineage_events]                     # prefect.toml
granularity = "task"

[tool.prefect.integrations.lineage_events]        # pyproject.toml
granularity = "task"
```

Lists are JSON: `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_EXCLUDE_FLOWS='["tmp-*", "scratch"]'`. Only the configuration of the
official OpenLineage client (`OPENLINEAGE_URL`, `OPENLINEAGE__TRANSPORT__*`, `openlineage.yml`) decides where events go:
[targets](targets.md).

A wrong value is refused with the name of its variable. A name that is no setting causes a warning, and a finding of
`prefect-lineage doctor`.

| `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_...` | default | allowed | effect |
|---|---|---|---|
"""


def page() -> str:
    return HEAD + "".join(rows())


def rows() -> Iterator[str]:
    for name, field in LineageSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        default = False if default == () else default
        shown = "" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"
        yield f"| `{name.upper()}` | {shown} | {allowed(name, field)} | {field.description} |\n"


def allowed(name: str, field: FieldInfo) -> str:
    """The values that a setting accepts, in words."""
    if field.get_default() == ():
        return f"`true`, `false`, or a list of {', '.join(f'`{family}`' for family in FAMILIES)}"
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    if all(isinstance(kind, str) for kind in kinds):
        return ", ".join(f"`{kind}`" for kind in kinds)
    if kinds == [bool]:
        return "`true`, `false`"
    if kinds in ([int], [float]):
        bounds = [f"{_BOUNDS[type(limit)]} {_limit(limit)}" for limit in field.metadata if type(limit) in _BOUNDS]
        return ("a whole number" if kinds == [int] else "a number") + "".join(f", {bound}" for bound in bounds)
    if field.annotation == list[str]:
        return _LISTS[name.partition("_")[0] if name.endswith(("_flows", "_tasks", "_datasets")) else name]
    return "names by names, JSON" if field.annotation == dict[str, str] else "a text"


def _limit(limit: Any) -> Any:
    return next(getattr(limit, name) for name in ("ge", "gt", "le") if hasattr(limit, name))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
