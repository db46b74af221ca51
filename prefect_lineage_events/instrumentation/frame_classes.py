"""Classes of objects that hold rows in memory: pandas', polars' and pyarrow's."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

LIBRARIES = frozenset({"pandas", "polars", "pyarrow"})
_TABLES = frozenset(
    {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch")}
)


class FrameClass(NamedTuple):
    """A class of a library of frames, without the module within the library: `pyarrow`, `Table`."""

    library: str
    name: str

    @property
    def is_table(self) -> bool:
        """Return whether its objects have named columns, and rows in memory (no Series, LazyFrame or Dataset)."""
        return self in _TABLES


def frame_class(value: Any) -> FrameClass:
    """The library's class that an object has, or that its class derives from; one without names for other objects."""
    kind = type(value)
    is_lasting = kind.__module__.partition(".")[0] in _LASTING
    return _of_lasting(kind) if is_lasting else _found(kind)


def _found(kind: type) -> FrameClass:
    classes = (FrameClass(one.__module__.partition(".")[0], one.__name__) for one in kind.__mro__)
    return next((one for one in classes if one.library in LIBRARIES), FrameClass("", ""))


# Classes of a program are not kept: it may discard them.
_LASTING = LIBRARIES | {"builtins"}
_of_lasting: Callable[[type], FrameClass] = lru_cache(maxsize=512)(_found)
