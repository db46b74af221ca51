"""Settings, by Prefect's own machinery: environment, profiles, `pyproject.toml`; section `integrations.lineage_events`.

Every setting is `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_<NAME>`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, get_args

from prefect.settings.base import PrefectBaseSettings, build_settings_config
from prefect.settings.sources import PrefectTomlConfigSettingsSource, PyprojectTomlConfigSettingsSource
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from prefect_lineage_events import endpoints

PREFIX = "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_"


_PLACEHOLDERS = ("{flow}", "{deployment}")


def _job_template(value: str) -> str:
    """A template with placeholders. Without the flow's, jobs of different flows would have one name."""
    rest = value
    for placeholder in _PLACEHOLDERS:
        rest = rest.replace(placeholder, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"allowed placeholders are {' and '.join(_PLACEHOLDERS)}")
    if "{flow}" not in value:
        raise ValueError("must contain {flow}: jobs of different flows would have one name")
    return value


def _listed(value: Any) -> Any:
    """The list in an environment variable: JSON, or patterns separated by commas (`[ab]*` is a pattern)."""
    if not isinstance(value, str):
        return value
    try:
        given = json.loads(value)
    except ValueError:
        given = None
    return given if isinstance(given, list) else [part for piece in value.split(",") if (part := piece.strip())]


Globs = Annotated[list[str], NoDecode, BeforeValidator(_listed)]

Family = Literal["blocks", "databases", "files", "http", "messages", "children"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""The families of libraries whose calls can be captured without a changed line; `instrumentation/libraries.py`."""


def chosen_families(names: Iterable[object]) -> tuple[Family, ...]:
    """The families of these names, in the order of `FAMILIES`. Raises ValueError for a name that is none."""
    chosen = list(names)
    for name in chosen:
        if name not in FAMILIES:
            raise ValueError(f"{name!r} is no family of libraries: there are {', '.join(FAMILIES)}")
    return tuple(family for family in FAMILIES if family in chosen)


def _families(value: Any) -> Any:
    """The families of a setting: `true` for all, `false` for none, or a list of their names."""
    try:
        return FAMILIES if TypeAdapter(bool).validate_python(value) else ()
    except ValidationError:
        listed = _listed(value)
        if not isinstance(listed, list | tuple):
            raise ValueError(f"must be true, false, or a list of {', '.join(FAMILIES)}") from None
        return chosen_families(listed)


Families = Annotated[tuple[Family, ...], NoDecode, BeforeValidator(_families)]


def _endpoints(entries: list[str]) -> list[str]:
    """Entries of the allow-list. Raises ValueError for one that is not valid, and names it."""
    for entry in entries:
        endpoints.parse(entry)
    return entries


Endpoints = Annotated[list[str], NoDecode, BeforeValidator(_listed), AfterValidator(_endpoints)]


class LineageSettings(PrefectBaseSettings):
    """The settings and their defaults."""

    model_config: ClassVar[SettingsConfigDict] = build_settings_config(("integrations", "lineage_events"))

    enabled: bool = Field(
        default=True, description="Set it to false to switch all capture off; flows then run as without this package."
    )
    instrument: Families = Field(
        default=(),
        description="Let the Prefect plugin capture the calls of installed libraries in every process: `true` for all "
        "of them, or a list of families. See [Capture](capture.md).",
    )
    sql_text: Literal["sanitised", "full", "none"] = Field(
        default="sanitised",
        description="The text of statements in events: with literals replaced by `?`, unchanged, or not at all.",
    )
    sql_text_limit: int = Field(
        default=4000, ge=0, description="Maximum number of characters of a statement's text in an event."
    )
    queue_size: int = Field(
        default=10_000,
        ge=1,
        description="Maximum number of notes that wait for our thread; further ones are dropped and counted.",
    )
    drain_timeout: float = Field(
        default=4.0,
        ge=0,
        le=30,
        description="Maximum number of seconds that the end of a process waits until all events are sent. A short "
        "program may end before our thread has imported the analyser: it waits for that first, as long again at most.",
    )
    coalesce_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Unit, in seconds, of the wait in which statements of one shape on the same datasets are counted "
        "into one event. The first event waits a tenth of it; each repetition doubles the wait, up to twelve times it.",
    )
    checkpoint_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds without an event after which an emitter sends a checkpoint with its count.",
    )
    schema_lookup: bool = Field(default=True, description="Look up unknown columns, on a separate connection.")
    include_flows: Globs = Field(
        default_factory=list,
        description="Capture only flows whose name matches one of these patterns.",
    )
    exclude_flows: Globs = Field(
        default_factory=list,
        description="Capture no flow whose name matches one of these patterns.",
    )
    include_tasks: Globs = Field(
        default_factory=list,
        description="Capture only tasks whose name matches one of these patterns.",
    )
    exclude_tasks: Globs = Field(
        default_factory=list,
        description="Capture no task whose name matches one of these patterns.",
    )
    include_datasets: Globs = Field(
        default_factory=list,
        description="Report only datasets whose URI matches one of these patterns.",
    )
    exclude_datasets: Globs = Field(
        default_factory=list,
        description="Report no dataset whose URI matches one of these patterns.",
    )
    http_endpoints: Endpoints = Field(
        default_factory=list,
        description="Hosts and endpoints whose HTTP requests are captured, such as `https://api.example.com`, "
        "`https://api.example.com/orders/{id}`, `api.example.com:8443/v2/*`, "
        "`POST https://api.example.com/search -> read`. See [HTTP](http.md).",
    )

    job_namespace: str | None = Field(
        default=None,
        description="OpenLineage job namespace of this Prefect instance. By default the API's address or workspace.",
    )
    job_name: Annotated[str, AfterValidator(_job_template)] = Field(
        default="{flow}",
        description="Name of a flow's job. `{flow}/{deployment}` gives each deployment a job of its own; runs without "
        "a deployment keep `{flow}`. See [Targets](targets.md#which-job-a-run-belongs-to).",
    )
    granularity: Literal["flow", "task"] = Field(
        default="flow",
        description="One job for each flow, or also child jobs `flow.task` with the lineage of the tasks; the flow's "
        "job then has only the lineage of its own body. See [Targets](targets.md#which-job-a-run-belongs-to).",
    )
    tag_source: str = Field(
        default="PREFECT",
        min_length=1,
        max_length=100,
        description="Source of the tags of runs and jobs in OpenLineage, such as `INTEGRATION` or your team's name.",
    )
    run_facets: Globs = Field(
        default_factory=list,
        description="Functions, as `module:function`, that add run facets of your own to each assembled run. See "
        "[Write your own](write-your-own.md).",
    )
    infer_columns: bool = Field(
        default=True,
        description="Report column edges between equal names of DataFrames that were read and written.",
    )
    asset_namespaces: dict[str, str] = Field(
        default_factory=dict,
        description="Namespaces of asset keys that do not contain them: beginnings of keys, each with its namespace, "
        'such as `{"snowflake://": "snowflake://myorg-account"}` for prefect-dbt.',
    )
    emit_assets: bool = Field(
        default=False,
        description="Emit Prefect asset events for the datasets of assembled runs, for Prefect Cloud's asset graph.",
    )
    dataset_pages: int = Field(
        default=50,
        ge=0,
        le=500,
        description="Maximum number of datasets of one run whose own pages (artifacts `dataset-...`) show the run: its "
        "outputs first. The run's page states how many were left out. 0 for no pages of datasets.",
    )
    completeness_timeout: float = Field(
        default=60.0,
        ge=0,
        description="Seconds that assembling waits for events that an emitter counted and the server has not stored.",
    )
    incomplete_hours: float = Field(
        default=1.0,
        ge=0,
        description="Hours after a run's end during which the sweep tries again to assemble a run whose events have "
        "not all arrived, or that cannot be assembled. After them the run stays incomplete, with the reason.",
    )
    claim_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Seconds until an assembler's lease on a run expires. A running assembler renews it.",
    )
    file: str = Field(
        default="openlineage.jsonl",
        description="The file for OpenLineage events when the client has no configuration. A relative path begins at "
        "`PREFECT_HOME`, so that all assemblers of a machine write one file.",
    )
    profile: Literal["auto", "plain", "marquez", "datahub", "openmetadata"] = Field(
        default="auto",
        description="The shape of events for the targets: `auto` applies the profile of Marquez, DataHub or "
        "OpenMetadata for HTTP targets with the path of one of these, and sends unchanged events to all others.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Bearer token for the HTTP target, if the client's configuration has none.",
    )
    api_key_block: str | None = Field(
        default=None,
        description="Name of the Prefect Secret block that holds this token. It is read when an event is sent.",
    )
    warehouse_block: str | None = Field(
        default=None,
        description="The Prefect block with which assemblers read Snowflake's access history, such as "
        "`snowflake-connector/audit` or `snowflake-credentials/audit`: it completes statements that were understood in "
        "part, and calls of procedures. Off by default.",
    )
    archive: SecretStr | None = Field(
        default=None,
        description="Folder or bucket in which assemblers keep the lineage of each run past Prefect's retention: a "
        "local path, or an address such as `s3://bucket/lineage` that fsspec opens; or the files of a file target, "
        "which are only read. Off by default.",
    )
    running_events: bool = Field(
        default=False,
        description="Send START and RUNNING of runs that have not ended, with their lineage so far, to targets that "
        "can show them. Marquez cannot: they would remove the job's edges there.",
    )
    stale_hours: float = Field(
        default=24.0,
        gt=0,
        description="Hours without any event after which the sweep and `doctor` report a running flow run as stale.",
    )
    sweep_lookback_hours: float = Field(
        default=24.0,
        gt=0,
        description="Hours that the first sweep looks back, and one whose stored state cannot be read; later ones "
        "begin where the previous one ended.",
    )


@lru_cache(maxsize=1)
def settings() -> LineageSettings:
    """The settings of this process, read once. `settings.cache_clear()` after the environment changed.

    Raises ValueError, naming each variable with a wrong value and what is allowed.
    """
    try:
        return LineageSettings()
    except ValidationError as error:
        raise ValueError("; ".join(_wrong_value(fault) for fault in error.errors())) from None


class _Integrations(PrefectBaseSettings):
    """The table of all integrations' settings in Prefect's files."""

    model_config: ClassVar[SettingsConfigDict] = build_settings_config(("integrations",))


def unknown_settings() -> list[str]:
    """Names that look like settings and are none, each with a suggestion.

    The environment, and the `prefect.toml` and `pyproject.toml` of the working directory are searched.
    """
    known = [PREFIX + name.upper() for name in LineageSettings.model_fields]
    found = []
    for name in sorted(os.environ):
        spelled = name.upper()
        if spelled in known or not spelled.startswith("PREFECT_") or "LINEAGE" not in spelled:
            continue
        meant = get_close_matches(spelled, known, 1)
        is_ours = spelled.startswith(PREFIX)
        # Another prefix is a mistake only where the rest is close to a setting, and not a name of Prefect.
        if is_ours or (meant and spelled.startswith(_MISTAKEN_PREFIXES)):
            found.append(_unknown(name, meant))
    try:
        files: dict[str, dict[str, Any]] = {
            "prefect.toml": PrefectTomlConfigSettingsSource(_Integrations).toml_data,
            "pyproject.toml": PyprojectTomlConfigSettingsSource(_Integrations).toml_data,
        }
    except (SettingsError, OSError, ValueError, AttributeError):
        return found  # `settings` reports a file that cannot be read
    return found + [unknown for file, table in files.items() for unknown in _unknown_in(file, table)]


_SECTION = "lineage_events"
_MISTAKEN_PREFIXES = ("PREFECT_INTEGRATION", "PREFECT_LINEAGE_EVENT")


def _unknown_in(file: str, integrations: Any) -> Iterator[str]:
    """Sections of a file with a name close to ours, and names in our section that are not settings."""
    for section, values in integrations.items() if isinstance(integrations, dict) else ():
        if section != _SECTION:
            meant = get_close_matches(section.lower(), [_SECTION], 1, 0.8)
            if meant:
                yield _unknown(f"[integrations.{section}] in {file}", [f"[integrations.{_SECTION}]"], "section")
            continue
        for name in values if isinstance(values, dict) else ():
            if name not in LineageSettings.model_fields:
                meant = get_close_matches(name.lower(), LineageSettings.model_fields, 1)
                yield _unknown(f"{name} in {file}", meant)


def _unknown(name: str, meant: list[str], kind: str = "setting") -> str:
    return f"{name} is no {kind}" + (f" (is {meant[0]} meant?)" if meant else "")


# Values that are not in the message about a wrong one. That about an endpoint names it without what may be secret.
_NOT_SHOWN = frozenset({"api_key", "archive", "http_endpoints"})


def _wrong_value(fault: Any) -> str:
    """A wrong value by the name of its variable. A secret's value is not shown."""
    field = str(fault["loc"][0]) if fault["loc"] else ""
    given = "" if field in _NOT_SHOWN else f"={fault['input']}"
    return f"{PREFIX}{field.upper()}{given}: {fault['msg']}"
