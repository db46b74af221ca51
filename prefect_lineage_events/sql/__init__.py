"""SQL text -> statements with their tables and columns. Pure: no connection, no Prefect, no OpenLineage."""

from __future__ import annotations

from .analyze import analyze
from .explanation import explain
from .model import ColumnEdge, Statement, TableRef
from .session import Session

__all__ = ["ColumnEdge", "Session", "Statement", "TableRef", "analyze", "explain"]
