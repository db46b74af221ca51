"""The list of blocks, and their classes, imported on first use so that no connector of another block is needed."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple


class ListedBlock(NamedTuple):
    """A block of this package: its class, the module in this room, and the connector that it extends.

    `slug` is its block type slug, empty for a class that users extend. `extra` of the package installs `packages`;
    `replaces` is the slug of the plain connector.
    """

    name: str
    module: str
    slug: str = ""
    extra: str = ""
    packages: tuple[str, ...] = ()
    replaces: str = ""

    def block_class(self) -> Any:
        """The class. Raises ImportError if its connector is not installed."""
        return getattr(import_module(f"{__name__}.{self.module}"), self.name)


_SQLALCHEMY = ("prefect_sqlalchemy", "sqlalchemy")
BLOCKS = (
    ListedBlock("LineageBlock", "base"),
    ListedBlock(
        "SqlAlchemyLineage",
        module="sqlalchemy",
        slug="sqlalchemy-lineage",
        extra="sqlalchemy",
        packages=_SQLALCHEMY,
        replaces="sqlalchemy-connector",
    ),
    ListedBlock(
        "AsyncSqlAlchemyLineage",
        module="sqlalchemy",
        slug="async-sqlalchemy-lineage",
        extra="sqlalchemy",
        packages=_SQLALCHEMY,
        replaces="async-sqlalchemy-connector",
    ),
    ListedBlock(
        "SnowflakeLineage",
        module="snowflake",
        slug="snowflake-lineage",
        extra="snowflake",
        packages=("prefect_snowflake", "snowflake"),
        replaces="snowflake-connector",
    ),
)
"""All blocks. Registration, `doctor` and the conversion of saved documents derive from it; a new block also needs its
names in the package's `__all__`, and its connector in `pyproject.toml`.
"""

BLOCK_TYPES = tuple(block for block in BLOCKS if block.slug)
"""The blocks that are block types of Prefect; the others are classes that users extend."""


def usable_blocks() -> tuple[Any, ...]:
    """The classes of the block types whose connectors are installed here."""
    found = []
    for block in BLOCK_TYPES:
        with suppress(ImportError):
            found.append(block.block_class())
    return tuple(found)


def extra_advice(extra: str) -> str:
    """The command that installs an extra of this package. The package is on no index."""
    return f'run pip install ".[{extra}]" in a checkout of prefect-lineage-events'


def __getattr__(name: str) -> Any:
    for block in BLOCKS:
        if block.name == name:
            return block.block_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
