"""Columns and column edges that a user gives by hand: a frame, a schema, a model, a mapping, a list of names."""

from __future__ import annotations

import dataclasses
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ForwardRef, NamedTuple, get_args

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.events import STAR, Column, EventColumnEdge
from prefect_lineage_events.instrumentation.access import MAX_COLUMNS

_MAX_TYPE = 200
_MAX_EDGES = 3_000
_TRANSFORMATIONS = (
    "IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL",
)  # fmt: skip
# Types that list values: those of an enumeration may be data of the user's.
_VALUES_IN_TYPE = re.compile(r"\b(Enum|Literal|Categorical)\b\s*[(\[].*", re.IGNORECASE | re.DOTALL)
_EXPECTED = (
    "columns must be a frame (pandas, polars, pyarrow), a schema of pyarrow or polars, a mapping of names to types, a "
    "list of names, a dataclass or a pydantic model"
)


def columns_of(given: Any) -> tuple[Column, ...]:
    """The columns of what a user gives, in order, each once.

    Takes a frame of pandas, polars or pyarrow, a schema of pyarrow or polars, a mapping of names to types, names or
    (name, type) pairs, a pydantic model, a dataclass, a TypedDict or a NamedTuple, or a table of SQLAlchemy. Nothing is
    computed for it: a LazyFrame of polars, whose columns are not known yet, is refused. Raises TypeError with the
    accepted kinds for anything else.
    """
    if given is None:
        return ()
    found: dict[str, Column] = {}
    for name, type_ in islice(_pairs(given), MAX_COLUMNS + 1):
        if name not in found:
            found[name] = Column(name=name, type=type_)
    return tuple(found.values())


def _pairs(given: Any) -> Iterator[tuple[str, str | None]]:
    """Yield names and types."""
    kind = given if isinstance(given, type) else type(given)
    if kind.__name__ == "LazyFrame":
        raise TypeError("the columns of a LazyFrame are not known before it is collected: pass the collected frame")
    if isinstance(given, str):
        yield given, None
    elif (fields := _fields_of_class(kind)) is not None:
        yield from ((name, _type_name(type_)) for name, type_ in fields)
    elif isinstance(given, Mapping):
        yield from ((_name(name), _type_name(type_)) for name, type_ in given.items())
    elif hasattr(given, "columns") and hasattr(getattr(given, "dtypes", None), "items"):  # pandas
        yield from zip(map(str, given.columns), map(_type_name, given.dtypes), strict=True)
    elif isinstance(names := getattr(given, "names", None), list) and hasattr(given, "types"):  # pyarrow's schema
        yield from zip(names, map(_type_name, given.types), strict=True)
    elif (schema := getattr(given, "schema", None)) is not None and not (callable(schema) or isinstance(schema, str)):
        yield from _pairs(schema)
    elif kind.__name__ == "Series" and (dtypes := _dtypes(given)):
        yield from ((str(name), _type_name(type_)) for name, type_ in dtypes)
    elif kind.__name__ == "Series" or isinstance(given, bytes | bytearray):  # its items are values
        raise TypeError(f"{_EXPECTED}, not {kind.__name__}")
    elif isinstance(given, Iterable) or hasattr(given, "columns"):
        yield from map(_pair, given if isinstance(given, Iterable) else given.columns)
    else:
        raise TypeError(f"{_EXPECTED}, not {kind.__name__}")


def _dtypes(series: Any) -> list[tuple[Any, Any]]:
    """The items of a frame's `dtypes` in pandas, which are types by name; none of a series of values."""
    items = list(islice(series.items(), MAX_COLUMNS + 1)) if hasattr(series, "iloc") else []
    return items if all(hasattr(value, "kind") and hasattr(value, "name") for _, value in items) else []


def _fields_of_class(kind: type) -> Iterable[tuple[str, Any]] | None:
    """The fields of a pydantic model, a dataclass, a NamedTuple or a TypedDict; None for another class."""
    if isinstance(fields := getattr(kind, "model_fields", None), Mapping):
        return [(name, field.annotation) for name, field in fields.items()]
    if dataclasses.is_dataclass(kind):
        return [(field.name, field.type) for field in dataclasses.fields(kind)]
    if isinstance(names := getattr(kind, "_fields", None), tuple) or hasattr(kind, "__total__"):
        known: dict[str, Any] = getattr(kind, "__annotations__", {})
        return [(name, known.get(name)) for name in (names or known)]
    table = getattr(kind, "__table__", None)  # a mapped class of SQLAlchemy
    return [(column.name, column.type) for column in table.columns] if table is not None else None


def _pair(given: Any) -> tuple[str, str | None]:
    """Name and type of one column: a name, a pair, a row of a cursor's description, an object with a name."""
    if isinstance(given, str):
        return given, None
    if isinstance(given, tuple | list) and given and isinstance(given[0], str):
        return given[0], _type_name(given[1]) if len(given) > 1 else None
    name = getattr(given, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"{_EXPECTED}; a column is a name or a (name, type) pair, not {type(given).__name__}")
    return name, _type_name(getattr(given, "type", getattr(given, "dataType", None)))


def _name(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{_EXPECTED}; a column's name is a str, not {type(given).__name__}")
    return given


def _type_name(given: Any) -> str | None:
    """The name of a type; None for the code of a driver, which has no meaning without it. Values are left out."""
    if given is None or isinstance(given, bool | int | float):
        return None
    if isinstance(given, ForwardRef):  # an annotation of a NamedTuple or TypedDict that is a text
        given = given.__forward_arg__
    if isinstance(given, type) and not get_args(given):
        return given.__name__
    return _VALUES_IN_TYPE.sub(r"\1", str(given).replace("typing.", ""))[:_MAX_TYPE] or None


class GivenEdges(NamedTuple):
    """The column edges that a user gave, and the datasets in them that are no inputs yet."""

    edges: tuple[EventColumnEdge, ...] = ()
    more_inputs: tuple[Dataset, ...] = ()


def edges_of(given: Any, inputs: tuple[Dataset, ...], dataset: Any) -> GivenEdges:
    """The column edges that a user gives for an output, or for the result of a read.

    `given` is `"by name"` (each column comes from those of equal name), a mapping of each column to its source, or a
    list of exact edges `(column, dataset, source column)`, if need be with a transformation as the fourth. A source is
    a column's name, a `(dataset, column)` pair, or a list of these. `dataset` makes a Dataset of a URI. Raises
    ValueError where a name does not show its dataset: without inputs, and with several of them.
    """
    if given is None:
        return GivenEdges()
    if isinstance(given, str):
        if given.strip().lower().replace("_", " ") != "by name":
            raise ValueError(
                f'column_lineage must be "by name", a mapping or a list of edges, not {reprlib.repr(given)}'
            )
        if not inputs:
            raise ValueError('column_lineage="by name" needs inputs=, the datasets that have these columns')
        return GivenEdges(tuple(EventColumnEdge(column=STAR, source=i.uri, source_column=STAR) for i in inputs))
    flat = _from_mapping(given) if isinstance(given, Mapping) else _from_list(given)
    edges: dict[EventColumnEdge, None] = {}
    known = {one.uri: one for one in inputs}
    for column, source, source_column, transformation in islice(flat, _MAX_EDGES + 1):
        found = dataset(source) if source is not None else _only(inputs, source_column)
        known[found.uri] = found
        edges[
            EventColumnEdge(column=column, source=found.uri, source_column=source_column, transformation=transformation)
        ] = None
    if len(edges) > _MAX_EDGES:
        raise ValueError(f"column_lineage has more than {_MAX_EDGES:,} edges")
    return GivenEdges(tuple(edges), tuple(known.values())[len({i.uri for i in inputs}) :])


_Flat = tuple[str, Any, str, str]


def _only(inputs: tuple[Dataset, ...], column: str) -> Dataset:
    if len({one.uri for one in inputs}) == 1:
        return inputs[0]
    lacking = "several inputs may have it" if inputs else "there are no inputs"
    raise ValueError(f"column_lineage: the dataset of {column!r} is not known ({lacking}); give (dataset, {column!r})")


def _from_mapping(given: Mapping[Any, Any]) -> Iterator[_Flat]:
    for column, sources in given.items():
        for source in _sources(sources):
            dataset, name = source if isinstance(source, tuple) else (None, source)
            yield _text(column, "a column"), dataset, _text(name, "a source column"), "IDENTITY"


def _sources(given: Any) -> Iterable[Any]:
    if isinstance(given, str) or _is_dataset_and_column(given):
        return (given,)
    if isinstance(given, Iterable) and not isinstance(given, Mapping | bytes):
        listed = list(islice(given, _MAX_EDGES + 1))
        if all(isinstance(one, str) or _is_dataset_and_column(one) for one in listed):
            return listed
    raise TypeError(
        "column_lineage: the source of a column is a name, a (dataset, column) pair or a list of them, "
        f"not {type(given).__name__}"
    )


def _is_dataset_and_column(given: Any) -> bool:
    """Return whether it is a pair of a dataset and a column, and not two columns: a URI has a scheme."""
    if not isinstance(given, tuple) or len(given) != 2 or not isinstance(given[1], str):
        return False
    return isinstance(given[0], Dataset) or (isinstance(given[0], str) and ":" in given[0])


def _from_list(given: Any) -> Iterator[_Flat]:
    if not isinstance(given, Iterable):
        raise TypeError(f'column_lineage must be "by name", a mapping or a list of edges, not {type(given).__name__}')
    for edge in given:
        if isinstance(edge, EventColumnEdge):
            yield edge.column, edge.source, edge.source_column, edge.transformation
            continue
        parts = tuple(edge) if isinstance(edge, tuple | list) else ()
        if len(parts) not in (3, 4):
            raise TypeError(
                "column_lineage: an exact edge is (column, dataset, source column), or with a transformation"
            )
        transformation = parts[3] if len(parts) == 4 else "IDENTITY"
        if transformation not in _TRANSFORMATIONS:
            raise ValueError(
                f"{reprlib.repr(transformation)} is no transformation: there are {', '.join(_TRANSFORMATIONS)}"
            )
        yield _text(parts[0], "a column"), parts[1], _text(parts[2], "a source column"), transformation


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str) or not given:
        raise TypeError(f"column_lineage: {what} is a name, not {type(given).__name__}")
    return given
