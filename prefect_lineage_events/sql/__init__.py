"""SQL text -> statements with their tables and columns. Pure: no connection, no Prefect, no OpenLineage."""

from __future__ import annotations

from .analyze import analyze
from .model import ColumnEdge, Statement, TableRef

__all__ = ["ColumnEdge", "Statement", "TableRef", "analyze"]
