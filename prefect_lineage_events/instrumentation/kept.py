"""`Kept`: values for objects of libraries, as long as these live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import ref

T = TypeVar("T")


class Kept(Generic[T]):
    """A value for each of some objects, by identity: an object with `__eq__` need have no hash."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[ref[Any], T]] = {}

    def put(self, key: Any, value: T) -> None:
        """Keep a value for an object. Raises TypeError for one that cannot be referenced weakly."""
        number, values = id(key), self._values
        values[number] = (ref(key, lambda _: values.pop(number, None)), value)

    def get(self, key: Any) -> T | None:
        """The value of an object; None if it has none."""
        known = self._values.get(id(key))
        return known[1] if known is not None else None

    def __len__(self) -> int:
        return len(self._values)

    def pop(self, key: Any) -> T | None:
        """Remove and return the value of an object; None if it has none."""
        known = self._values.pop(id(key), None)
        return known[1] if known is not None else None

    def clear(self) -> None:
        self._values.clear()

    def get_or_put(self, key: Any, make: Callable[[], T]) -> T:
        """The value of an object, made now if it has none."""
        known = self.get(key)
        if known is None:
            self.put(key, known := make())
        return known
