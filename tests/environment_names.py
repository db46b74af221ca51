"""Names of environment variables that a program knows: Prefect's settings, ours, and those of the OpenLineage client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from prefect.settings import Settings
from pydantic import AliasChoices, BaseModel

from prefect_lineage_events.settings import PREFIX, LineageSettings

_CLIENT = {"OPENLINEAGE_URL", "OPENLINEAGE_ENDPOINT", "OPENLINEAGE_API_KEY", "OPENLINEAGE_CONFIG"}
_CLIENT_PREFIX = "OPENLINEAGE__TRANSPORT"


def unknown_names(names: Iterable[str]) -> list[str]:
    """The names that are no settings of Prefect, of this package or of the OpenLineage client."""
    return sorted({name for name in names if not _is_known(name)})


def _is_known(name: str) -> bool:
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX).lower() in LineageSettings.model_fields
    return name in _CLIENT or name.startswith(_CLIENT_PREFIX) or name in _of_prefect()


@cache
def _of_prefect() -> frozenset[str]:
    return frozenset(_names(Settings))


def _names(model: type[BaseModel]) -> Iterator[str]:
    prefix = str(model.model_config.get("env_prefix", ""))
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}".upper()
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        yield from (one.upper() for one in choices if isinstance(one, str))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation)
