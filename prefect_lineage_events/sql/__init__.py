"""SQL text -> statements with their tables and columns. Pure: no connection, no Prefect, no OpenLineage."""

from __future__ import annotations

from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.explain import explain
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef
from prefect_lineage_events.sql.session import Session

__all__ = ["ColumnEdge", "Session", "Statement", "TableRef", "analyze", "explain"]
