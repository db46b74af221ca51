"""Data lineage for Prefect: blocks report reads and writes, an assembler turns a run's history into OpenLineage.

The public names are imported on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prefect_lineage_events.blocks import BLOCKS

__version__ = "0.1.0"

_LAZY_IMPORTS = {
    **{block.name: f"blocks.{block.module}" for block in BLOCKS},
    "Dataset": "datasets",
    "BlockCall": "blocks.base",
    "Touched": "instrumentation.record",
    "lineage": "instrumentation.decorator",
    "record_read": "instrumentation.record",
    "record_write": "instrumentation.record",
    "record_misc": "instrumentation.record",
    "record_sql": "instrumentation.recorded_sql",
    "RunLineage": "lineage_values",
    "lineage_of": "run_lineage",
    "alineage_of": "run_lineage",
    "lineage_disabled": "filters",
    "instrument": "instrumentation.instrument",
    "uninstrument": "instrumentation.instrument",
    "instrument_connection": "instrumentation.instrument",
    "lineage_environment": "instrumentation.children.environment",
    "spark_properties": "instrumentation.children.environment",
    "assemble": "flows",
    "sweep": "flows",
    "backfill": "flows",
}

_WITHOUT_PREFECT = frozenset({"datasets"})

__all__ = [
    "AsyncSqlAlchemyLineage",
    "BlockCall",
    "Dataset",
    "LineageBlock",
    "RunLineage",
    "SnowflakeLineage",
    "SqlAlchemyLineage",
    "Touched",
    "alineage_of",
    "assemble",
    "backfill",
    "instrument",
    "instrument_connection",
    "lineage",
    "lineage_disabled",
    "lineage_environment",
    "lineage_of",
    "record_misc",
    "record_read",
    "record_sql",
    "record_write",
    "spark_properties",
    "sweep",
    "uninstrument",
]

if TYPE_CHECKING:
    from prefect_lineage_events.blocks.base import BlockCall, LineageBlock
    from prefect_lineage_events.blocks.snowflake import SnowflakeLineage
    from prefect_lineage_events.blocks.sqlalchemy import AsyncSqlAlchemyLineage, SqlAlchemyLineage
    from prefect_lineage_events.datasets import Dataset
    from prefect_lineage_events.filters import lineage_disabled
    from prefect_lineage_events.flows import assemble, backfill, sweep
    from prefect_lineage_events.instrumentation.children.environment import lineage_environment, spark_properties
    from prefect_lineage_events.instrumentation.decorator import lineage
    from prefect_lineage_events.instrumentation.instrument import instrument, instrument_connection, uninstrument
    from prefect_lineage_events.instrumentation.record import Touched, record_misc, record_read, record_write
    from prefect_lineage_events.instrumentation.recorded_sql import record_sql
    from prefect_lineage_events.lineage_values import RunLineage
    from prefect_lineage_events.run_lineage import alineage_of, lineage_of


def __getattr__(name: str) -> Any:
    if name not in _LAZY_IMPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _LAZY_IMPORTS[name] not in _WITHOUT_PREFECT:
        # Prefect calls its plugins, and so this package, while it is imported. Ours must not be half imported then.
        import_module("prefect")
    return getattr(import_module(f"{__name__}.{_LAZY_IMPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_IMPORTS})
