"""Patches that follow what a program derives from frames of polars that it has read, and what it makes of them.

Each method of a frame, a series or a group returns an object that is made of its own, and of those that are arguments.
So do the functions that stack frames, or take over those of other libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import update_wrapper
from itertools import chain, islice
from types import FunctionType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.derived_frames import patched, reads_by_statements, writes_by_statements
from prefect_lineage_events.instrumentation.files.everywhere import patch_everywhere
from prefect_lineage_events.instrumentation.frame_classes import frame_class
from prefect_lineage_events.instrumentation.frames import (
    COMPUTED,
    MAX_ORIGINS,
    MAX_RENAMED,
    inherit,
    keep,
    origins_kept,
    origins_of,
    rename,
)
from prefect_lineage_events.instrumentation.patched_function import in_file_of
from prefect_lineage_events.instrumentation.read_frames import forget

_GROUPS = {
    "polars.dataframe.group_by": (
        *("GroupBy", "RollingGroupBy", "DynamicGroupBy"),
        *("GroupByIter", "RollingGroupByIter", "DynamicGroupByIter"),
    ),
    "polars.lazyframe.group_by": ("LazyGroupBy",),
}
_OPERATORS = frozenset(
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul")
    for side in ("", "r")
) | {"__getitem__", "__iter__", "__next__", "__neg__", "__abs__", "__invert__", "__copy__", "__deepcopy__"}
_COMPARED = frozenset({"__eq__", "__ne__", "__gt__", "__lt__", "__ge__", "__le__"})
_FUNCTIONS = ("concat", "from_pandas", "from_arrow", "from_dataframe", "align_frames")
_READERS = ("read_database", "read_database_uri")
# Beginnings of the names of the modules of frames and series; methods that return several of them.
_OF_FRAMES = ("polars.", "pandas", "pyarrow.")
_RETURN_SEVERAL = frozenset({"__next__", "partition_by"})
# Methods that give columns new names, or those of expressions.
_NAMES = frozenset({"rename", "select", "select_seq", "with_columns", "with_columns_seq", "agg"})
_CHANGES = ("__setitem__", "replace_column")


def _objects(values: Iterable[Any]) -> Iterator[Any]:
    """The objects of libraries among values, and among the first ones of lists of values."""
    for value in values:
        kind = type(value)
        parts = value.values() if kind is dict else value if kind in (list, tuple) else (value,)
        yield from (part for part in islice(parts, MAX_ORIGINS) if frame_class(part).library)


def _inherit_all(results: Iterable[Any], sources: list[Any]) -> None:
    """Pass origins on. What is also made of a frame of unknown origins has only a part of them."""
    known = [one for one in sources if origins_of(one) is not None]
    if not known:
        return
    is_partial = any(
        origins_of(one) is None and frame_class(one).name in ("DataFrame", "Series", "Table") for one in sources
    )
    for result in results:
        inherit(result, known)
        if is_partial and (own := origins_of(result)) is not None:
            keep(result, replace(own, partial=True))


def pass_on_origins(frame: Any, result: Any) -> None:
    """Pass the origins of a lazy frame on to the frame into which it was collected."""
    if origins_kept and frame is not None:
        with guarded("following a frame"):
            _inherit_all(list(_objects((result,))), [frame])


def _derive(instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    with guarded("following a frame"):
        own = origins_of(instance)
        if own is not None and not args and not kwargs and origins_of(result) is None and frame_class(result).library:
            keep(result, own)
        elif results := list(_objects((result,))):
            _inherit_all(results, list(_objects((instance, *args, *kwargs.values()))))


def _named_before(method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of the old and the new name of columns, by the arguments of `rename`, or by expressions."""
    if method == "rename":
        mapping = args[0] if args else kwargs.get("mapping")
        yield from mapping.items() if isinstance(mapping, Mapping) else ()
        return
    listed = chain.from_iterable(one if isinstance(one, list | tuple) else (one,) for one in args)
    for name, expression in (*((None, one) for one in islice(listed, MAX_RENAMED)), *kwargs.items()):
        if isinstance(expression, str):
            yield expression, name
        elif hasattr(expression, "meta"):
            roots = expression.meta.root_names()
            output = name or expression.meta.output_name(raise_if_undetermined=False)
            if output is not None and output not in roots:
                is_column = expression.meta.undo_aliases().meta.is_column_selection()
                yield from ((root if is_column else COMPUTED, output) for root in roots)


def _derives(original: Any, is_on: Callable[[], bool]) -> Any:
    """The patch of a method: a plain function, which costs a program little. What polars calls itself is skipped."""
    method = original.__name__
    modules = (*_OF_FRAMES, "builtins") if method in _RETURN_SEVERAL else _OF_FRAMES

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        if (
            origins_kept
            and type(result).__module__.startswith(modules)
            and is_on()
            and not str(sys._getframe(1).f_globals.get("__name__")).startswith("polars.")
        ):
            _derive(self, args, kwargs, result)
            if method in _NAMES:
                with guarded("following a frame"):
                    rename(result, _named_before(method, args, kwargs), copied=method != "rename")
        return result

    return update_wrapper(in_file_of(original, call), original)


def _returns_derived(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    if origins_kept:
        _derive(None, args, kwargs, result)
    return result


def _is_made(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a frame or a series of others."""
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            _inherit_all((instance,), list(_objects((*args, *kwargs.values()))))
    return result


def _changes(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Change values of a frame in place: it is not the file any more that it was read from, and has more origins."""
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            forget(instance)
            _inherit_all((instance,), [instance, *_objects((*args, *kwargs.values()))])
    return result


def _follow(kind: Any, *, operators: frozenset[str]) -> None:
    for name, function in list(vars(kind).items()):
        is_followed = not name.startswith("_") or name in operators
        if is_followed and isinstance(function, FunctionType) and not patches.is_installed(kind, name):
            patches.add(kind, name, _derives)


def follow_polars(polars: Any) -> None:
    """Patch the methods and functions of polars that pass origins on, but for those that are patched already."""
    for kind in (polars.DataFrame, polars.Series):
        for name in _CHANGES:
            if name in vars(kind):
                patches.add(kind, name, patched(_changes))
        patches.add(kind, "__init__", patched(_is_made))
    _follow(polars.Series, operators=_OPERATORS | _COMPARED)
    _follow(polars.LazyFrame, operators=frozenset({"__getitem__"}))
    for module, names in _GROUPS.items():
        for name in names:
            if (kind := getattr(sys.modules.get(module), name, None)) is not None:
                _follow(kind, operators=_OPERATORS)
    if "write_database" in vars(polars.DataFrame):
        patches.add(polars.DataFrame, "write_database", patched(writes_by_statements))
    _follow(polars.DataFrame, operators=_OPERATORS | _COMPARED)
    for names, wrapper in ((_FUNCTIONS, _returns_derived), (_READERS, reads_by_statements)):
        for name in names:
            if (function := vars(polars).get(name)) is not None:
                patch_everywhere(name, function, patched(wrapper))
