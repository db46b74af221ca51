"""Run facets that functions of the user's add to each assembled run.

They are named by the setting `run_facets`, or are entry points of the group `prefect_lineage_events.run_facets`. A
function takes the lineage of a run and returns facets by key. Its mistakes are shown on the run's page, and never stop
assembling.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from prefect_lineage_events import encoding
from prefect_lineage_events.guard import described
from prefect_lineage_events.lineage_values import RunLineage, value_of
from prefect_lineage_events.openlineage.facets import RUN_KEY
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching import model

RunFacets = Callable[[RunLineage], Mapping[str, Mapping[str, Any]]]

logger = logging.getLogger(__name__)

GROUP = "prefect_lineage_events.run_facets"
MAX_FACETS = 20
MAX_BYTES = 64_000
# https://openlineage.io/docs/spec/facets/custom-facets: `{prefix}_{name}`, in camel case
_KEY = re.compile(r"[a-z][A-Za-z0-9]{0,49}_[A-Za-z0-9_]{1,99}")


def added(lineage: model.RunLineage) -> model.RunLineage:
    """The lineage with the facets of all functions, and with what is wrong with them."""
    functions = dict(_functions(tuple(settings().run_facets)))
    if not functions:
        return lineage
    facets: dict[str, Mapping[str, Any]] = {}
    faults: list[str] = []
    for name, function in functions.items():
        try:
            found = function(value_of(lineage)) if callable(function) else function
            _add(found, name, facets, faults)
        except Exception as error:  # noqa: BLE001  (a function of the user's)
            logger.warning("The run facets of %s failed: %s", name, described(error))
            faults.append(f"{name} failed ({type(error).__name__})")
    return replace(lineage, facets=facets, facet_faults=tuple(faults))


def _add(found: Any, name: str, facets: dict[str, Mapping[str, Any]], faults: list[str]) -> None:
    if found is None:
        return
    if isinstance(found, _Fault):
        faults.append(f"{name} {found}")
        return
    if not isinstance(found, Mapping):
        raise TypeError(f"{name} returned no mapping of keys to facets")
    for key, content in found.items():
        fault = _fault(key, content, facets)
        if fault:
            faults.append(f"{name}: the facet {str(key)[:50]!r} {fault}")
        else:
            facets[key] = encoding.json_value(content)


def _fault(key: object, content: object, known: Mapping[str, Any]) -> str:
    """The reason why a facet cannot be added; empty for a valid one."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        return "has no key of the form prefix_name, such as acme_costCentre"
    if key == RUN_KEY:
        return "has the key of our own facet"
    if key in known:
        return "is added by two functions"
    if not isinstance(content, Mapping):
        return f"is no mapping, but {type(content).__name__}"
    if len(known) >= MAX_FACETS:
        return f"is one too many: {MAX_FACETS} are taken"
    if len(json.dumps(encoding.json_value(content))) > MAX_BYTES:
        return f"has more than {MAX_BYTES:,} bytes"
    return ""


class _Fault(str):
    """The reason why a function cannot be used."""

    __slots__ = ()


@lru_cache(maxsize=4)
def _functions(named: tuple[str, ...]) -> tuple[tuple[str, RunFacets | _Fault], ...]:
    """The functions by name, each loaded once in a process."""
    return (*_of_entry_points(), *((name, _loaded(name)) for name in named))


def _of_entry_points() -> Iterator[tuple[str, RunFacets | _Fault]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.value):
        yield point.value, _loaded(point.value)


def _loaded(name: str) -> RunFacets | _Fault:
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        return _Fault("is no function: write module:function")
    try:
        function: Any = import_module(module.strip())
        for part in attribute.split("."):
            function = getattr(function, part.strip())
    except Exception as error:  # noqa: BLE001  (a module of the user's)
        logger.warning("The run facets of %s cannot be loaded: %s", name, described(error))
        return _Fault(f"cannot be loaded ({type(error).__name__})")
    return function if callable(function) else _Fault("is no function")
