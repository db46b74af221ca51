"""The targets that the official client's configuration names: who they are, and what each can take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prefect_lineage_events.delivery import configuration
from prefect_lineage_events.delivery.configuration import Config
from prefect_lineage_events.settings import settings

Profile = Literal["plain", "marquez"]

# Marquez takes events here. Others that speak HTTP have addresses of their own, and take events as they are.
_MARQUEZ = "/api/v1/lineage"
_DATAHUB = "openapi/openlineage"


@dataclass(frozen=True, slots=True)
class Target:
    """One place that events go to.

    `id` tells it from others, without secrets; `name` is what people type and read; `profile` is what it can take;
    `address` is its URL, when it has one. `endpoint` is its part of the client's configuration, secrets included.
    """

    id: str
    name: str
    profile: Profile = "plain"
    address: str | None = None
    endpoint: Config = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return self.name if self.name == self.id else f"{self.name} ({self.id})"


def targets(names: Sequence[str] | None = None) -> tuple[Target, ...]:
    """Those that are configured, each once; of these the ones that `names` name (by name, id or address), if given.

    Raises ValueError for a name that is none of theirs, and for a configuration that cannot be read.
    """
    by_id: dict[str, Config] = {}
    for endpoint in configuration.endpoints(configuration.configuration()):
        by_id.setdefault(configuration.identity(endpoint), endpoint)
    # Of two with one name, each is called by its id.
    names_used = Counter(map(configuration.short_name, by_id.values()))
    configured = tuple(_target(id_, endpoint, names_used) for id_, endpoint in by_id.items())
    return configured if names is None else _chosen(configured, names)


def _target(id_: str, endpoint: Config, names_used: Counter[str]) -> Target:
    name = configuration.short_name(endpoint)
    return Target(
        id=id_,
        name=name if names_used[name] == 1 else id_,
        profile=_profile(endpoint),
        address=configuration.address(endpoint),
        endpoint=endpoint,
    )


def _profile(endpoint: Config) -> Profile:
    chosen = settings().profile
    if chosen != "auto":
        return chosen
    return "marquez" if any(map(_is_marquez, configuration.fallbacks(endpoint))) else "plain"


def _is_marquez(endpoint: Config) -> bool:
    inner = endpoint.get("transport")
    if isinstance(inner, dict):
        return _is_marquez(inner)
    url = configuration.address(endpoint) or ""
    return url.rstrip("/").endswith(_MARQUEZ) and _DATAHUB not in url


def _chosen(configured: Iterable[Target], names: Sequence[str]) -> tuple[Target, ...]:
    configured = tuple(configured)
    unknown = [name for name in names if not any(name in _names(target) for target in configured)]
    if unknown:
        raise ValueError(
            f"{', '.join(map(repr, unknown))}: no such target; configured are {'; '.join(map(str, configured))}"
        )
    return tuple(target for target in configured if any(name in _names(target) for name in names))


def _names(target: Target) -> set[str]:
    return {target.name, target.id, target.address or target.name}
