"""polars' functions and methods that read files into a frame, and write a frame to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.guard import count_loss
from prefect_lineage_events.instrumentation.access import Access, Call, Describe, reports
from prefect_lineage_events.instrumentation.files.lakes import delta_target, iceberg_target
from prefect_lineage_events.instrumentation.files.locations import accesses, locate
from prefect_lineage_events.instrumentation.files.polars.lazy import targets
from prefect_lineage_events.instrumentation.files.polars.scans import columns_of_schema

_READERS = (
    "read_csv", "read_parquet", "read_json", "read_ndjson", "read_ipc", "read_ipc_stream", "read_avro", "read_excel",
    "read_ods", "read_lines",
)  # fmt: skip
# The functions that expand patterns.
_WITH_PATTERNS = frozenset({"read_csv", "read_parquet", "read_ndjson", "read_ipc", "read_lines", "read_excel"})
_WRITERS = (
    "write_csv", "write_parquet", "write_json", "write_ndjson", "write_ipc", "write_ipc_stream", "write_avro",
)  # fmt: skip
_WORKBOOK = "dataframe.xlsx"  # the file of `write_excel()` without a name


def _frames(result: Any) -> list[Any]:
    """The frames of a result: one, or those of several sheets."""
    frames = list(result.values()) if isinstance(result, Mapping) else result if isinstance(result, list) else [result]
    return [frame for frame in frames if hasattr(frame, "height")]


def _without_data(source: Any) -> Any:
    """A source or several, without bytes, which are the data itself."""
    several = list(source) if isinstance(source, list | tuple) else [source]
    return [one for one in several if not isinstance(one, bytes | bytearray | memoryview)]


def _reads(name: str) -> Describe:
    def describe(call: Call) -> Iterator[Access]:
        frames = _frames(call.result)
        if frames:
            columns = {column.name: column for frame in frames for column in columns_of_schema(frame.schema)}
            patterns = name in _WITH_PATTERNS and call.kwargs.get("glob", True)
            source = _without_data(call.argument(0, "source"))
            found = locate(source, options=call.kwargs.get("storage_options"), patterns=bool(patterns))
            rows = sum(frame.height for frame in frames)
            yield from accesses(
                "read", found, f"polars.{name}", columns=tuple(columns.values()), rows=rows, data=frames
            )

    return describe


def _reads_delta(call: Call) -> Iterator[Access]:
    table = delta_target(call.argument(0, "source"), call.kwargs)
    if table is not None and hasattr(call.result, "height"):
        columns = columns_of_schema(call.result.schema)
        yield Access("read", table.dataset, "polars.read_delta", columns, rows=call.result.height, data=call.result)


def _writes(name: str) -> Describe:
    def describe(call: Call) -> Iterator[Access]:
        found = targets(call.argument(0, "file"), call.kwargs.get("storage_options"))
        columns = columns_of_schema(call.instance.schema)
        yield from accesses(
            "write", found, f"polars.DataFrame.{name}", columns=columns, rows=call.instance.height, data=call.instance
        )

    return describe


def _writes_excel(call: Call) -> Iterator[Access]:
    target = call.argument(0, "workbook")
    found = targets(_WORKBOOK if target is None else getattr(target, "filename", target))
    columns = columns_of_schema(call.instance.schema)
    yield from accesses(
        "write", found, "polars.DataFrame.write_excel", columns=columns, rows=call.instance.height, data=call.instance
    )


def _writes_table(name: str, table_of: Any) -> Describe:
    def describe(call: Call) -> Iterator[Access]:
        if hasattr(call.result, "execute"):  # a merge, which its own call executes
            return
        if call.kwargs.get("mode") == "ignore":
            count_loss("a table that is written unless it exists")
            return
        table = table_of(call.argument(0, "target"), call.kwargs)
        if table is not None:
            columns = columns_of_schema(call.instance.schema)
            yield Access(
                "write",
                table.dataset,
                f"polars.DataFrame.{name}",
                columns,
                rows=call.instance.height,
                symlinks=table.symlinks,
                appends=call.argument(1, "mode") == "append",
                data=call.instance,
            )

    return describe


def functions() -> dict[str, Any]:
    """The makers of patches of the functions that read."""
    return {name: reports(_reads(name)) for name in _READERS} | {"read_delta": reports(_reads_delta)}


def patch_data_frame(kind: Any) -> None:
    """Patch the methods of `DataFrame` that write."""
    describes = {name: _writes(name) for name in _WRITERS} | {
        "write_excel": _writes_excel,
        "write_delta": _writes_table("write_delta", delta_target),
        "write_iceberg": _writes_table("write_iceberg", iceberg_target),
    }
    for name, describe in describes.items():
        if hasattr(kind, name):
            patches.add(kind, name, reports(describe))
