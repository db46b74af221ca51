"""`PatchedFunction`: a wrapped function or method of another package, which behaves as the original in programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    FunctionWrapper = wrapt.FunctionWrapper[Any, Any]  # generic to type checkers only
else:
    FunctionWrapper = wrapt.FunctionWrapper


class PatchedFunction(FunctionWrapper):
    """A wrapped function. Its copies are itself, and it is pickled by its name, as functions are."""

    def __copy__(self) -> PatchedFunction:
        return self

    def __deepcopy__(self, _: Any) -> PatchedFunction:
        return self

    def __reduce_ex__(self, _: Any) -> str:
        return str(self.__qualname__)
