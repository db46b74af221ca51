"""The rows of polars in the table of libraries, and its patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect_lineage_events.instrumentation.files.everywhere import patch_everywhere
from prefect_lineage_events.instrumentation.files.polars import callbacks, eager, lazy
from prefect_lineage_events.instrumentation.files.polars.derived import follow_polars
from prefect_lineage_events.instrumentation.files.polars.scans import remembers
from prefect_lineage_events.instrumentation.files.polars.tables import patch_tables
from prefect_lineage_events.instrumentation.import_hooks import when_imported
from prefect_lineage_events.instrumentation.library import Library

_SCANS = ("scan_parquet", "scan_csv", "scan_ipc", "scan_ndjson", "scan_lines")


def _patch(module: Any) -> None:
    eager.patch_data_frame(module.DataFrame)
    lazy.patch_lazy_frame(module.LazyFrame)
    callbacks.patch(module)
    makers = {**eager.functions(), **lazy.functions(), **dict.fromkeys(_SCANS, remembers)}
    for name, make in makers.items():
        function = vars(module).get(name)
        if function is not None:
            patch_everywhere(name, function, make)
    follow_polars(module)
    for later, patch in _LATER.items():  # polars imports them when they are used
        when_imported(later, patch)


def _patch_results(class_name: str) -> Callable[[Any], None]:
    def patch(module: Any) -> None:
        kind = getattr(module, class_name, None)
        if kind is not None:
            lazy.patch_results(kind)

    return patch


_LATER: dict[str, Callable[[Any], None]] = {
    "polars.lazyframe.in_process": _patch_results("InProcessQuery"),
    "polars.lazyframe.engine": _patch_results("_CollectBatches"),
    "polars.io.delta._dataset": patch_tables("to_dataset_scan", "DeltaDataset"),
    "polars.io.iceberg._dataset": patch_tables("to_dataset_scan", "IcebergScanResolver"),
    "polars.io.pyarrow_dataset.anonymous_scan": patch_tables("_scan_pyarrow_dataset_impl", ""),
}
_CAPTURED = (
    "`read_*` and `DataFrame.write_*` of files, Delta and Iceberg; lazy frames when they are collected (also "
    "`collect_all`, `collect_async`, in the background, in batches, by SQL) or sunk, with the columns of each source "
    "through the plan"
)
_NOT_CAPTURED = (
    "lazy frames on open files, on Python sources (`register_io_source`) and by `gevent`; the clipboard; Lance; HTTP "
    "addresses; lazy frames of a program that uses `pipe_with_schema`, `pipe_with_dtype` or a source with a function "
    "for its schema, which polars would call once more (counted as a loss); queries that Polars Cloud runs"
)
_TESTS = ("tests/instrumentation/files/test_polars.py", "tests/instrumentation/files/test_polars_lazy.py")


LIBRARIES: tuple[Library, ...] = (
    Library("files", "polars", _patch, "polars", _CAPTURED, _NOT_CAPTURED, _TESTS, "local disk, moto's server"),
)
