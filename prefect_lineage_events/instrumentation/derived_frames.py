"""Patches that follow what a program derives from frames of pandas that it has read, or makes of them.

What is derived from others is known from `NDFrame.__finalize__`, through which pandas passes on the metadata of the
objects of nearly each operation (pandas.pydata.org/docs/development/extending.html, "Define original properties").
Methods that pass on none, or that of the first of several frames only, are patched themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from types import GeneratorType
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.notes import StatementNote
from prefect_lineage_events.emission.row_samples import Origins, origins_in_call, statements_in_call
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation.frame_classes import LIBRARIES, frame_class
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
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction, in_file_of
from prefect_lineage_events.instrumentation.read_frames import forget

# Methods of pandas' frames and indexers by which `__setitem__` sets values. A wrapper of `__setitem__` itself would be
# the caller whose variables pandas searches for the frame, and its warnings of chained assignments would be lost.
_SETTERS = ("_set_item", "_set_item_frame_value", "_setitem_array", "_setitem_frame", "_setitem_slice", "_set_value")
_BY_INDEXER = "_setitem_with_indexer"
# Methods of pandas whose results have values of other frames, and pass on the metadata of the first one at most.
# `fillna` and `update` count the references to their frame for a warning: a wrapper would hold one more.
_OF_SEVERAL: dict[str, tuple[str, ...]] = {
    "NDFrame": ("_where",),
    "DataFrame": ("insert", "combine", "combine_first", "dot"),
    "Series": ("map", "combine", "combine_first", "dot"),
    "StringMethods": ("cat",),
}
# Methods of the classes of these modules whose results pass on no metadata.
_OF_GROUPS = ("agg", "aggregate", "apply", "cumcount", "cummax", "cummin", "cumprod", "cumsum", "describe", "ngroup")
_OF_GROUPS_TOO = ("nunique", "pct_change", "quantile", "rank", "size", "transform", "value_counts")
_OF_ONE: dict[str, tuple[str, ...]] = {
    "pandas.core.groupby.groupby": (*_OF_GROUPS, *_OF_GROUPS_TOO),
    "pandas.core.groupby.generic": (*_OF_GROUPS, *_OF_GROUPS_TOO),
    "pandas.core.resample": ("aggregate", "agg", "transform", "size", "nunique", "quantile"),
    "pandas.core.window.rolling": ("_apply", "_apply_pairwise"),
    "pandas.core.series": ("value_counts", "unstack"),
    "pandas.core.base": ("value_counts",),
    "pandas.core.frame": ("value_counts", "aggregate", "agg", "unstack", "pivot"),
}


def _inputs_of(other: Any) -> Iterable[Any]:
    """The objects that the metadata are of: one frame, or those of an operation, by its attributes before pandas 3."""
    if hasattr(type(other), "iloc"):
        return (other,)
    given = getattr(other, "input_objs", None) or getattr(other, "objs", None)
    return given or (getattr(other, "left", None), getattr(other, "right", None))


def _frames_among(values: Iterable[Any]) -> list[Any]:
    """The frames among the first values: a list may have millions of them, and is the user's."""
    return [value for value in islice(values, MAX_ORIGINS) if frame_class(value).library]


def _finalizes(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            other = args[0] if args else kwargs.get("other")
            inherit(instance, _inputs_of(other))
    return result


def _changes(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Change values of a frame in place: it is not the file any more that it was read from, and has more origins."""
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            forget(instance)
            inherit(instance, (args[1] if len(args) > 1 else kwargs.get("value"),))
    return result


def _changes_by_indexer(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Change the frame of an indexer: `loc`, `iloc`."""
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            forget(instance.obj)
            inherit(instance.obj, (args[1] if len(args) > 1 else kwargs.get("value"),))
    return result


def _renames(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Set an axis of a frame: `rename`, `set_axis`, `add_prefix` and an assignment to `columns` all do."""
    before = instance.columns if origins_of(instance) is not None and instance.ndim == 2 else None
    result = function(*args, **kwargs)
    if before is not None:
        with guarded("following a frame"):
            after = instance.columns
            if after is not before:
                rename(instance, zip(before[:MAX_RENAMED], after[:MAX_RENAMED], strict=False))
    return result


def _is_made(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a frame. One that a program makes of what it read has the same origins; else it is made of Python's."""
    result = function(*args, **kwargs)
    with guarded("following a frame"):
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        data = args[0] if args else kwargs.get("data")
        if instance is not None and data is not None:
            parts = data.values() if type(data) is dict else data if type(data) is list else [data]
            if frames := _frames_among(parts):
                inherit(instance, frames)
            elif caller.partition(".")[0] not in LIBRARIES:
                keep(instance, Origins(made=True))
    return result


def _takes_from(position: int) -> patches.Make:
    """The maker of a patch of a method that takes values of other frames, from this position of its arguments on."""

    def wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = function(*args, **kwargs)
        if origins_kept and instance is not None:
            with guarded("following a frame"):
                given = (*args[position:], *(value for name, value in kwargs.items() if name != "cond"))
                parts = chain.from_iterable(part if type(part) in (list, tuple) else (part,) for part in given)
                if others := _frames_among(parts):
                    own = getattr(instance, "_orig", instance)  # of an accessor such as `str`
                    target = result if frame_class(result).library else own
                    if target is own:
                        forget(target)
                    inherit(target, (own, *others))
        return result

    return patched(wrapper)


def _splits(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Cut the frame of one group from the sorted frame, the first argument."""
    result = function(*args, **kwargs)
    if origins_kept and args and origins_of(result) is None:
        with guarded("following a frame"):
            inherit(result, args[:1])
    return result


def _merges(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*args, **kwargs)
    if origins_kept and instance is not None:
        with guarded("following a frame"):
            inherit(result, (instance.left, instance.right))
    return result


def _comes_from_elsewhere(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Unpickle an object: its origins are not known in this process."""
    result = function(*args, **kwargs)
    if instance is not None:
        with guarded("following a frame"):
            keep(instance, Origins(partial=True))
    return result


def _aggregated(kwargs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Columns of a named aggregation (`total=("amount", "sum")`) that have another name than what they are of."""
    for name, value in kwargs.items():
        if isinstance(value, tuple) and value and value[0] != name:
            yield COMPUTED, name


def _passes_on(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method whose result is made of the values of its frame, or of the one that a group or window is of."""
    result = function(*args, **kwargs)
    if origins_kept and instance is not None and frame_class(result).library:
        with guarded("following a frame"):
            if origins_kept.get(result) is None:
                inherit(result, (getattr(instance, "obj", instance),))
            rename(result, _aggregated(kwargs), copied=True)
    return result


@contextmanager
def _statements_of_call() -> Iterator[list[StatementNote]]:
    found: list[StatementNote] = []
    token = statements_in_call.set(found)
    try:
        yield found
    finally:
        statements_in_call.reset(token)


def reads_by_statements(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function that reads rows of a database into a frame, or into several one after the other."""
    with _statements_of_call() as statements:
        result = function(*args, **kwargs)
    if statements and frame_class(result).is_table:
        with guarded("following a frame"):
            keep(result, Origins(tuple(statements)))
    elif statements and isinstance(result, GeneratorType):
        chunks: Any = _kept_chunks(result, Origins(tuple(statements)))
        chunks.__name__, chunks.__qualname__ = result.__name__, result.__qualname__
        return chunks
    return result


def _kept_chunks(chunks: Generator[Any, Any, Any], origins: Origins) -> Generator[Any, None, None]:
    try:
        for chunk in chunks:
            with guarded("following a frame"):
                keep(chunk, origins)
            yield chunk
    finally:
        chunks.close()


def writes_by_statements(
    function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a method that writes the rows of its frame to a database, perhaps by such a method of another library."""
    frame = args[0] if instance is None and args else instance
    token = origins_in_call.set(origins_of(frame) or origins_in_call.get())
    try:
        return function(*args, **kwargs)
    finally:
        origins_in_call.reset(token)


def patched(wrapper: Callable[..., Any]) -> patches.Make:
    """The maker of a patch by this wrapper, whose code counts as that of the file of the function that it replaces."""
    return lambda original, is_on: PatchedFunction(original, in_file_of(original, wrapper), enabled=is_on)


def follow_pandas(pandas: Any) -> None:
    """Patch the functions of pandas that pass origins on."""
    generic = pandas.core.generic.NDFrame
    classes = (pandas, pandas.core.generic, sys.modules["pandas.core.strings.accessor"])
    if "__finalize__" in vars(generic):
        patches.add(generic, "__finalize__", patched(_finalizes))
    patches.add(pandas.DataFrame, "__init__", patched(_is_made))
    for name in _SETTERS:
        if name in vars(pandas.DataFrame):
            patches.add(pandas.DataFrame, name, patched(_changes))
    indexer = getattr(getattr(pandas.core, "indexing", None), "_iLocIndexer", object)
    if _BY_INDEXER in vars(indexer):
        patches.add(indexer, _BY_INDEXER, patched(_changes_by_indexer))
    splitting = vars(sys.modules.get("pandas.core.groupby.ops", object))
    for owner in ("FrameSplitter", "SeriesSplitter"):
        if "_chop" in vars(splitting.get(owner, object)):
            patches.add(splitting[owner], "_chop", patched(_splits))
    patches.add(generic, "__setstate__", patched(_comes_from_elsewhere))
    for owner, names in _OF_SEVERAL.items():
        kind = next((vars(module)[owner] for module in classes if owner in vars(module)), object)
        for name in names:
            if name in vars(kind):
                patches.add(kind, name, _takes_from(1 if name == "_where" else 0))
    for module_name, names in _OF_ONE.items():
        module = sys.modules.get(module_name)
        for kind in (one for one in vars(module or object).values() if isinstance(one, type)):
            for name in names:
                if getattr(vars(kind).get(name), "__module__", "") == module_name:
                    patches.add(kind, name, patched(_passes_on))
    if "_set_axis" in vars(generic):
        patches.add(generic, "_set_axis", patched(_renames))
    merging = getattr(sys.modules.get("pandas.core.reshape.merge"), "_OrderedMerge", object)
    if "get_result" in vars(merging):
        patches.add(merging, "get_result", patched(_merges))
    patches.add(generic, "to_sql", patched(writes_by_statements))
    sql = sys.modules.get("pandas.io.sql")
    for name in ("SQLDatabase", "SQLiteDatabase", "ADBCDatabase"):
        for method in ("read_query", "read_table"):
            if method in vars(getattr(sql, name, object)):
                patches.add(getattr(sql, name), method, patched(reads_by_statements))
