"""Post-import hooks that also work for a module whose import is in progress.

That is the ordinary case of Prefect's plugins: a flow's first line is `from prefect_sqlalchemy import ...`, which
imports part of Prefect, which calls its plugins. wrapt's hooks take a partially imported module for a complete one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import wrapt

Hook = Callable[[Any], None]


def when_imported(name: str, hook: Hook) -> None:
    """Call `hook(module)` once: now, or right after the module's import. A failed import does not call it."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if type(spec) is ModuleSpec and getattr(spec, "_initializing", False):
        spec.__dict__["_lineage_hook"] = hook
        spec.__class__ = _ImportingSpec
    else:
        wrapt.register_post_import_hook(hook, name)


class _ImportingSpec(ModuleSpec):
    """The spec of a module whose import is in progress: the import system signals only here that it is finished."""

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
