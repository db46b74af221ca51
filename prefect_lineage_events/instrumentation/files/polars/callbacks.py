"""Functions of the program that polars calls whenever it resolves a plan, so also when its text is asked for.

They may print, or send requests. While one of them may be part of a plan, no plan is shown, and this is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss, guarded
from prefect_lineage_events.instrumentation.access import Make
from prefect_lineage_events.instrumentation.files.everywhere import patch_everywhere
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of

_known: WeakSet[Any] = WeakSet()
_forever: list[str] = []


def may_be_called() -> bool:
    """Return whether the plan of a lazy frame may contain a function of the program that polars would call."""
    return bool(_forever) or len(_known) > 0


def _watches(position: int, name: str) -> Make:
    """The maker of a patch of a function that makes a lazy frame, and takes such a function as an argument."""

    def wrapper(function: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with guarded("remembering a function of a plan", count_loss):
            _remember(args[position] if len(args) > position else kwargs.get(name))
        return function(*args, **kwargs)

    return lambda original, is_on: PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def _remember(given: Any) -> None:
    if isinstance(given, type) or not (callable(given) or hasattr(given, "resolve")):
        return
    if hasattr(given, "__self__"):  # a bound method is an object of its own each time
        _forever.append("a method")
        return
    try:
        _known.add(given)
    except TypeError:  # it cannot be referenced weakly, or compared
        _forever.append("an object")


def patch(module: Any) -> None:
    """Patch the methods and functions that take such functions."""
    for kind, name, argument in (
        (module.LazyFrame, "pipe_with_schema", "function"),
        (module.LazyFrame, "_scan_python_function", "schema"),
        (module.LazyFrame, "from_lazyframe_resolver", "resolver"),
        (module.Expr, "pipe_with_dtype", "function"),
    ):
        if name in vars(kind):
            patches.add(kind, name, _watches(0, argument))
    function = vars(module).get("pipe_with_dtype")
    if function is not None:
        patch_everywhere("pipe_with_dtype", function, _watches(1, "function"))
