"""The list of blocks, and their classes, imported on first use so that no connector of another block is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class ListedBlock(NamedTuple):
    """A block of this package: its class, the module in this room, and the connector that it extends.

    `extra` of the package installs `packages`; `replaces` is the block type slug of the plain connector.
    """

    name: str
    module: str
    extra: str = ""
    packages: tuple[str, ...] = ()
    replaces: str = ""


_SQLALCHEMY = ("prefect_sqlalchemy", "sqlalchemy")
BLOCKS = (
    ListedBlock("LineageBlock", "base"),
    ListedBlock("SqlAlchemyLineage", "sqlalchemy", "sqlalchemy", _SQLALCHEMY, "sqlalchemy-connector"),
    ListedBlock("AsyncSqlAlchemyLineage", "sqlalchemy", "sqlalchemy", _SQLALCHEMY, "async-sqlalchemy-connector"),
    ListedBlock(
        "SnowflakeLineage", "snowflake", "snowflake", ("prefect_snowflake", "snowflake"), "snowflake-connector"
    ),
)
"""All blocks. The public names, the registration and the conversion of saved documents derive from it."""


def __getattr__(name: str) -> Any:
    for block in BLOCKS:
        if block.name == name:
            return getattr(import_module(f"{__name__}.{block.module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
