"""Filters of capture: globs on flows, tasks and datasets, parsed once; and `with lineage_disabled():`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from prefect_lineage_events.events import OWN_FLOW_PREFIX
from prefect_lineage_events.guard import logger
from prefect_lineage_events.settings import LineageSettings, settings, unknown_settings

_disabled: ContextVar[bool] = ContextVar("lineage_disabled", default=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """A filter of names: they must match one of `include` (None: all do) and none of `exclude`."""

    include: tuple[re.Pattern[str], ...] | None = None
    exclude: tuple[re.Pattern[str], ...] = ()

    def allows(self, name: str) -> bool:
        if self.include is not None and not any(p.match(name) for p in self.include):
            return False
        return not any(p.match(name) for p in self.exclude)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of this process."""

    enabled: bool = True
    flows: Rule = Rule()
    tasks: Rule = Rule()
    datasets: Rule = Rule()

    def captures(self, flow_name: str | None, task_name: str | None) -> bool:
        """True if statements of this flow and task are captured. Task rules do not apply to a flow's own code."""
        if flow_name is not None and (flow_name.startswith(OWN_FLOW_PREFIX) or not self.flows.allows(flow_name)):
            return False
        return task_name is None or self.tasks.allows(task_name)

    def reports(self, uri: str) -> bool:
        return self.datasets.allows(uri)


def parse(values: LineageSettings) -> Policy:
    """The settings' globs as rules. A pattern that can match nothing is logged in a warning and ignored.

    If every include pattern is invalid, nothing is captured: capturing everything would be the worse error.
    """
    return Policy(values.enabled, _rule(values, "flows"), _rule(values, "tasks"), _rule(values, "datasets"))


def _rule(values: LineageSettings, kind: str) -> Rule:
    include, exclude = getattr(values, f"include_{kind}"), getattr(values, f"exclude_{kind}")
    return Rule(
        _patterns(f"include_{kind}", include) if include else None,
        _patterns(f"exclude_{kind}", exclude),
    )


def _patterns(setting: str, globs: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    found = []
    for glob in globs:
        fault = _fault(glob, of_datasets=setting.endswith("datasets"))
        if fault:
            logger.warning("lineage: %s has the pattern %r, which %s; it is left out", setting, glob, fault)
        else:
            found.append(re.compile(translate(glob.strip()), re.DOTALL))
    return tuple(found)


def _fault(glob: str, *, of_datasets: bool) -> str | None:
    """The reason why a pattern can match nothing, or not its intended names; None for a valid one."""
    if not glob.strip() or _unclosed(glob):
        return "is no glob (*, ?, [abc]; a bracket is [[])"
    if glob.strip().startswith("^") or glob.strip().endswith("$"):
        return "is a regular expression and no glob (*, ?, [abc])"
    beginning = re.split(r"[*?\[]", glob.strip(), maxsplit=1)[0]
    if of_datasets and "://" not in glob and (beginning == glob.strip() or re.search(r"[./]", beginning)):
        return "no dataset's URI can match (snowflake://account/DB/SCHEMA/TABLE, */SCHEMA/TABLE)"
    return None


def _unclosed(glob: str) -> bool:
    """Return whether the pattern has a bracket without an end, which would only match itself."""
    return "[" in re.sub(r"\[!?\]?[^\]]*\]", "", glob)


@lru_cache(maxsize=1)
def current() -> Policy:
    """The policy of this process, parsed once. `current.cache_clear()` after the settings changed.

    Settings that cannot be read switch capture off, with one warning: they must not stop the flow.
    """
    for unknown in unknown_settings():
        logger.warning("lineage: %s", unknown)
    try:
        return parse(settings())
    except ValueError as error:
        logger.warning("lineage: capture is off, the settings cannot be read: %s", " ".join(str(error).split()))
        return Policy(enabled=False)


@contextmanager
def lineage_disabled() -> Iterator[None]:
    """A block in which no statement is reported, including code that inherits its context."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


def disabled() -> bool:
    """Return whether the calling code is inside `lineage_disabled()`."""
    return _disabled.get()
