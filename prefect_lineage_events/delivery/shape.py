"""Checks of the shape of the official client's configuration. No message holds a value of it, which may be a secret."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CLIENTS = "the configuration of the OpenLineage client"
_NAME = "openlineage.yml"
_OUTERMOST = "transport"


def require_transport(config: Any, where: str = _OUTERMOST) -> None:
    """Raise ValueError unless a transport, and each one inside of it, is a mapping with a type.

    The outermost one may have no type: the client's configuration then names none, or one by its address.
    """
    if not isinstance(config, dict):
        raise ValueError(f"{_CLIENTS}: `{where}` is not a mapping")
    kind = config.get("type")
    if kind is not None and not isinstance(kind, str):
        raise ValueError(f"{_CLIENTS}: `{where}.type` is not a text")
    if not kind and where != _OUTERMOST:
        raise ValueError(f"{_CLIENTS}: `{where}` has no type, such as `http`")
    for name, inner in _inner(config, where):
        require_transport(inner, name)


def _inner(config: dict[str, Any], where: str) -> Iterable[tuple[str, Any]]:
    if config.get("type") == "transform" and config.get("transport") is not None:
        return [(f"{where}.transport", config["transport"])]
    children = config.get("transports") if config.get("type") == "composite" else None
    if isinstance(children, dict):
        return [(f"{where}.transports.{name}", child) for name, child in children.items() if child]
    if children is not None and not isinstance(children, list):
        raise ValueError(f"{_CLIENTS}: `{where}.transports` is neither a list nor a mapping")
    return [(f"{where}.transports[{number}]", child) for number, child in enumerate(children or ())]


def require_none(config: dict[str, Any]) -> None:
    """Raise ValueError if a transport without a type is configured, or a file that the client cannot read."""
    if config:
        raise ValueError(f"{_CLIENTS}: `{_OUTERMOST}` has no type, such as `http`")
    require_readable_file()


def require_readable_file() -> None:
    """Raise ValueError if there is a file of the client's configuration that the client cannot read."""
    named = os.environ.get("OPENLINEAGE_CONFIG")
    # Unlike `Path.expanduser`, this does not raise where no home is known, as for a user id without a name.
    home = Path(os.path.expanduser("~/.openlineage"))  # noqa: PTH111
    places = [Path.cwd() / _NAME, home / _NAME]
    file = Path(named) if named else next((place for place in places if place.is_file()), None)
    if file is not None and (fault := _fault(file)):
        raise ValueError(f"{_CLIENTS}: the file {file} {fault}{' (OPENLINEAGE_CONFIG)' if named else ''}")


def _fault(file: Path) -> str | None:
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, yaml.YAMLError):
        return "is not valid YAML"
    return None if isinstance(content, dict) and content else "holds no settings"
