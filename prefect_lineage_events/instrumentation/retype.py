"""Change of an existing object's class to a subclass of it, so that the user keeps the same object.

Python assigns to `__class__` where both classes are written in Python. Types written in C are immutable, and their
instances keep their type, although a subclass without slots has the very same layout, and the same code allocates and
frees both. For these the reference to the type in the object's header is replaced, as the assignment does it, and under
the conditions that the assignment checks (`compatible_for_assignment` in CPython's typeobject.c). If anything about the
interpreter, the header, the layout or the memory is not as expected, the object is not changed, and gets a proxy.
https://docs.python.org/3/c-api/structures.html#c.PyObject
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import Any

# Bits of `tp_flags`: https://docs.python.org/3/c-api/typeobj.html#c.PyTypeObject.tp_flags
_IMMUTABLE, _HEAP_TYPE, _GC = 1 << 8, 1 << 9, 1 << 14
_BEFORE_THE_HEADER = 0b11100  # managed weak references, managed dictionary, values inline
# Slots whose functions must be the same: https://docs.python.org/3/c-api/type.html#c.PyType_GetSlot
_ALLOC, _FREE, _IS_GC = 47, 74, 75
_LAYOUT = ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")
# The type is the last field of an object's header. A type's header also has a size, and its name comes next.
_POINTER = ctypes.sizeof(ctypes.c_void_p)
_TYPE, _NAME = object.__basicsize__ - _POINTER, object.__basicsize__ + _POINTER
# New objects at each look-up, so that no other user of them is affected.
_incref, _decref = ctypes.pythonapi["Py_IncRef"], ctypes.pythonapi["Py_DecRef"]
_incref.argtypes = _decref.argtypes = (ctypes.py_object,)
_incref.restype = _decref.restype = None
_pointer_at = ctypes.c_void_p.from_address
_names: list[ctypes.Array[ctypes.c_char]] = []


def name_as(cls: type, own: type) -> None:
    """Give the class the driver's name in C, `sqlite3.Connection`, which errors and `repr` of methods show."""
    if not is_immutable(own) or not _is_known_interpreter():
        return
    if ctypes.c_char_p.from_address(id(cls) + _NAME).value == cls.__name__.encode():
        _names.append(ctypes.create_string_buffer(f"{own.__module__}.{own.__qualname__}".encode()))
        ctypes.c_void_p.from_address(id(cls) + _NAME).value = ctypes.addressof(_names[-1])


def retype(value: Any, cls: type) -> bool:
    """Change the object's class to `cls`, a subclass of it without slots. Return False if that is not possible."""
    own: type = type(value)
    if is_immutable(own):
        key = (own, id(cls))  # not the class, whose hash may be written in Python
        known = _exchangeable.get(key)
        if known is None:
            known = _exchangeable[key] = (cls, _is_exchangeable(own, cls))
        return known[1] and _exchange(value, own, cls)
    try:
        vars(object)["__class__"].__set__(value, cls)
    except TypeError:
        return False
    return True


def is_immutable(cls: type) -> bool:
    """Return whether the class is immutable, as those written in C are."""
    return not cls.__flags__ & _HEAP_TYPE or bool(cls.__flags__ & _IMMUTABLE)


@lru_cache(maxsize=1)
def _is_known_interpreter() -> bool:
    """Return whether this is CPython with its global lock, without which another thread may read the type meanwhile."""
    return sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


# Each class is kept, so that its id stays its own. Traced subclasses live as long as the process anyhow.
_exchangeable: dict[tuple[type, int], tuple[type, bool]] = {}


def _is_exchangeable(own: type, cls: type) -> bool:
    if not _is_known_interpreter():
        return False
    same = cls.__base__ is own and all(getattr(own, name) == getattr(cls, name) for name in _LAYOUT)
    same = same and not (own.__flags__ ^ cls.__flags__) & (_GC | _BEFORE_THE_HEADER)
    return same and all(_slot(own, slot) == _slot(cls, slot) for slot in (_ALLOC, _FREE, _IS_GC))


def _slot(cls: type, slot: int) -> int | None:
    """The address of the function in a slot of a class written in C or Python; None for an empty one."""
    get = ctypes.pythonapi["PyType_GetSlot"]  # a new object at each look-up, so that no other user of it is affected
    get.argtypes, get.restype = (ctypes.py_object, ctypes.c_int), ctypes.c_void_p
    address: int | None = get(cls, slot)
    return address


def _exchange(value: Any, own: type, cls: type) -> bool:
    reference = _pointer_at(id(value) + _TYPE)
    if reference.value != id(own):
        return False
    _incref(cls)  # an instance holds a reference to a class that is not static
    reference.value = id(cls)
    if own.__flags__ & _HEAP_TYPE:
        _decref(own)
    return True
