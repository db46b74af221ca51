"""The testing kit: the lineage of a flow or a plain function, without a server.

In pytest, the fixture `lineage` records all that a test runs. Elsewhere, `recorded_lineage()` is a context manager.

    def test_sales(lineage):
        build_sales()
        lineage.assert_edge("raw.orders", "mart.sales")
        lineage.assert_column_edge("orders.amount", "sales.total")
        lineage.assert_nothing_else()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["RecordedLineage", "recorded_lineage"]

if TYPE_CHECKING:
    from prefect_lineage_events.testing.recorded import RecordedLineage, recorded_lineage


def __getattr__(name: str) -> Any:
    # Imported on first use: pytest imports this package at its start, for the plugin.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.recorded"), name)
