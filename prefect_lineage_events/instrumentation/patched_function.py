"""`PatchedFunction`: a wrapped function or method of another package, which behaves as the original in programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

import wrapt

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
if TYPE_CHECKING:
    FunctionWrapper = wrapt.FunctionWrapper[Any, Any]  # generic to type checkers only
    BoundFunctionWrapper = wrapt.BoundFunctionWrapper[Any, Any]
else:
    FunctionWrapper = wrapt.FunctionWrapper
    BoundFunctionWrapper = wrapt.BoundFunctionWrapper


class _PatchedMethod(BoundFunctionWrapper):
    """A method of an object or a class. It is copied and pickled as the method that it wraps: by owner and name."""

    def __copy__(self) -> _PatchedMethod:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        bound_to = getattr(self.__wrapped__, "__self__", None)
        return self if bound_to is None else getattr(deepcopy(bound_to, memo), self.__name__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        owner = getattr(self.__wrapped__, "__self__", None)
        if owner is None:  # of the class
            owner = sys.modules[self.__module__]
            for name in self.__qualname__.split(".")[:-1]:
                owner = getattr(owner, name)
        return getattr, (owner, self.__name__)


class PatchedFunction(FunctionWrapper):
    """A wrapped function. Its copies are itself, and it is pickled by its name, as functions are."""

    __bound_function_wrapper__ = _PatchedMethod
    _self_of_class: Any = None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The bound method. The method of a class is one object, as a function is: cloudpickle compares it by `is`."""
        if instance is not None or self._self_binding != "function":
            return super().__get__(instance, owner)
        if self._self_of_class is None:
            self._self_of_class = super().__get__(None, owner)
        return self._self_of_class

    def __copy__(self) -> PatchedFunction:
        return self

    def __deepcopy__(self, _: Any) -> PatchedFunction:
        return self

    def __reduce_ex__(self, _: Any) -> str:
        return str(self.__qualname__)


# A library's warning is shown for the first frame outside of the library, or for the n-th frame above (pandas, polars
# and pyarrow do the one or the other). So a wrapper counts as code of the library, and calls it in a frame that counts
# as the caller's: https://docs.python.org/3/library/warnings.html#warnings.warn
_CALL = compile("_lineage_call[0](*_lineage_call[1], **_lineage_call[2])", "<prefect_lineage_events>", "eval")


def in_file_of(original: Any, wrapper: Wrapper) -> Wrapper:
    """The wrapper as a function of the original's file."""
    code = getattr(getattr(original, "__func__", original), "__code__", None)
    if not isinstance(wrapper, FunctionType) or not isinstance(code, CodeType):
        return wrapper
    own = wrapper.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    return FunctionType(own, wrapper.__globals__, wrapper.__name__, wrapper.__defaults__, wrapper.__closure__)


def code_in(frame: FrameType) -> CodeType:
    """The code of a call, `_lineage_call`, as if it stood at the current line of a frame."""
    here = frame.f_code
    return _CALL.replace(co_filename=here.co_filename, co_name=here.co_name, co_firstlineno=frame.f_lineno or 1)


def shared(make: Callable[[Any, Callable[[], bool]], Any]) -> Callable[[Any, Callable[[], bool]], Any]:
    """A maker of patches that makes one replacement of a function for all modules that name it.

    It stays one function to programs: pickles of functions depend on that.
    """
    made: dict[int, tuple[Any, Any, list[Callable[[], bool]]]] = {}

    def make_once(original: Any, is_on: Callable[[], bool]) -> Any:
        if id(original) not in made:
            switches: list[Callable[[], bool]] = []
            made[id(original)] = (original, make(original, lambda: any(switch() for switch in switches)), switches)
        _, replacement, switches = made[id(original)]
        switches.append(is_on)
        return replacement

    return make_once
