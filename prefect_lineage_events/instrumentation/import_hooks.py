"""Calling somebody back when a module has been imported, also when its import is going on right now.

That is the ordinary case of Prefect's plugins: a flow's first line is `from prefect_sqlalchemy import ...`, which
imports Prefect half way, which calls its plugins. wrapt's hooks take the half of a module that is there for the whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import wrapt

Hook = Callable[[Any], None]


def when_imported(name: str, hook: Hook) -> None:
    """Call `hook(module)` once: now, or right after the module's import. A failed import calls nobody."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if type(spec) is ModuleSpec and getattr(spec, "_initializing", False):
        spec.__dict__["_lineage_hook"] = hook
        spec.__class__ = _Awaited
    else:
        wrapt.register_post_import_hook(hook, name)


class _Awaited(ModuleSpec):
    """A spec whose module is being imported: the import system says here, and only here, that it is done."""

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__["_initializing"])

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__["_initializing"] = value
        if not value:
            hook: Hook = self.__dict__.pop("_lineage_hook")
            self.__class__ = ModuleSpec  # type: ignore[assignment]
            module = sys.modules.get(self.name)
            if module is not None:
                hook(module)
