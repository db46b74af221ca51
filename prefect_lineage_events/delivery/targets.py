"""Targets: the endpoints of the official client's configuration, each with its id, its name and its profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prefect_lineage_events.delivery import configuration
from prefect_lineage_events.delivery.configuration import Config
from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.delivery.profiles.registry import PLAIN, PROFILES, profile_of
from prefect_lineage_events.nearness import did_you_mean, nearest
from prefect_lineage_events.settings import settings


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver of events.

    `id` identifies it, without secrets; `name` is for people to type and read; `address` is its URL, if it has one.
    `endpoint` is its part of the client's configuration, secrets included.
    """

    id: str
    name: str
    profile: Profile = PLAIN
    address: str | None = None
    endpoint: Config = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return self.name if self.name == self.id else f"{self.name} ({self.id})"


def targets(names: Sequence[str] | None = None) -> tuple[Target, ...]:
    """Return the configured targets, each once; of these only the ones with these names, ids or addresses, if given.

    Raises ValueError for a name of no target, and for a configuration that cannot be read.
    """
    by_id: dict[str, Config] = {}
    for endpoint in configuration.endpoints(configuration.configuration()):
        by_id.setdefault(configuration.identity(endpoint), endpoint)
    # Targets that share a name are called by their ids.
    names_used = Counter(map(configuration.short_name, by_id.values()))
    configured = tuple(_target(id_, endpoint, names_used) for id_, endpoint in by_id.items())
    return configured if names is None else _chosen(configured, names)


def target_at(url: str, *, name: str | None = None) -> Target:
    """The target at an address that need not be configured; with the key of the settings, if it has none in the URL.

    `url`: such as `http://marquez:5000` or `https://host/api/v1/lineage`. Raises ValueError for anything else.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("expected the URL of a backend, such as http://marquez:5000")
    endpoint: Config = {"type": "http", "url": f"{parts.scheme}://{parts.netloc}"}
    if path := parts.path.strip("/"):
        endpoint["endpoint"] = path
    if name:
        endpoint["name"] = name
    (complete,) = configuration.endpoints(endpoint)
    id_ = configuration.identity(complete)
    return _target(id_, complete, Counter([configuration.short_name(complete)]))


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
        return PROFILES[chosen]
    found = (profile_of(_innermost_address(one)) for one in configuration.fallbacks(endpoint))
    return next((profile for profile in found if profile is not PLAIN), PLAIN)


def _innermost_address(endpoint: Config) -> str:
    """The HTTP address that an endpoint posts to, inside of its transformations; empty for other transports."""
    inner = endpoint.get("transport")
    return _innermost_address(inner) if isinstance(inner, dict) else configuration.address(endpoint) or ""


def _chosen(configured: Iterable[Target], names: Sequence[str]) -> tuple[Target, ...]:
    configured = tuple(configured)
    unknown = [name for name in names if not any(name in _names(target) for target in configured)]
    if unknown:
        known = {name: target.name for target in configured for name in _names(target)}
        known |= {target.name.partition(":")[0]: target.name for target in configured}
        near = dict.fromkeys(known[name] for wanted in unknown for name in nearest(wanted, known))
        raise ValueError(
            f"{', '.join(map(repr, unknown))}: no such target; configured are {'; '.join(map(str, configured))}"
            f"{did_you_mean(near)}"
        )
    return tuple(target for target in configured if any(name in _names(target) for name in names))


def _names(target: Target) -> set[str]:
    return {target.name, target.id, target.address or target.name}
