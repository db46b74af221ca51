"""The blocks that users import. Each is imported on first use, so that no connector of another one is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_LAZY_IMPORTS = {
    "AsyncSqlAlchemyLineage": "sqlalchemy",
    "LineageBlock": "base",
    "SnowflakeLineage": "snowflake",
    "SqlAlchemyLineage": "sqlalchemy",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY_IMPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY_IMPORTS[name]}"), name)
