"""`SqlAlchemyConnector` and `AsyncSqlAlchemyConnector` with lineage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.blocks.core import Block
from prefect.utilities.asyncutils import run_sync_in_worker_thread
from pydantic import BaseModel

from prefect_lineage_events.blocks.documents import DOCUMENTATION_URL, loads_plain_documents, missing_extra, switches_on
from prefect_lineage_events.instrumentation.drivers.sqlalchemy import trace_engine


def restore(block: Block, state: Mapping[str, Any]) -> None:
    """Fill a block that unpickling has made, from the state of the official connector (its `__dict__`).

    The official `__setstate__` puts private attributes where current versions of pydantic no longer look for them, or
    leave them shadowed by None. Engine and connections are not in the state: they are opened again when needed.
    """
    private = {name: default.get_default() for name, default in block.__private_attributes__.items()}
    fields = {name: value for name, value in state.items() if name not in private}
    BaseModel.__setstate__(
        block,
        {
            "__dict__": fields,
            "__pydantic_fields_set__": {name for name in type(block).model_fields if name in fields},
            "__pydantic_extra__": None,
            "__pydantic_private__": private,
        },
    )
    block.block_initialization()


try:
    from prefect_sqlalchemy import AsyncSqlAlchemyConnector, SqlAlchemyConnector
    from sqlalchemy import Engine, text
    from sqlalchemy.ext.asyncio import AsyncEngine
except ModuleNotFoundError as _missing:
    raise missing_extra("sqlalchemy", _missing) from _missing

_Parameters = dict[str, Any] | list[dict[str, Any]] | None


@switches_on
@loads_plain_documents
class SqlAlchemyLineage(SqlAlchemyConnector):  # type: ignore[misc]
    """
    A `SqlAlchemyConnector` that reports as Prefect events which tables were read and written.

    Fields and methods are those of `prefect_sqlalchemy.SqlAlchemyConnector`, and `load` finds its saved documents too.
    All statements of the block's connections are captured: its methods, `get_engine()` and `get_connection()`, ORM
    sessions, pandas.

    Attributes:
        connection_info: SQLAlchemy URL to create the engine; either create from components or create from a string.
        connect_args: The options which will be passed directly to the DBAPI's connect() method.
        fetch_size: The number of rows to fetch at a time.

    Example:
        Load a stored block and query with it; the flow run's lineage gets the table as an input.
        ```python
        from prefect_lineage_events import SqlAlchemyLineage

        with SqlAlchemyLineage.load("BLOCK_NAME") as database:
            rows = database.run_query("SELECT name FROM customers WHERE id = :id", {"id": 7})
        ```
    """

    _block_type_name = "SQLAlchemy Lineage"
    _block_type_slug = "sqlalchemy-lineage"
    _documentation_url = DOCUMENTATION_URL
    _description = "Query a database with SQLAlchemy, and record which tables each flow run reads and writes."

    def get_engine(self, **create_engine_kwargs: Any) -> Engine:
        """The engine of `SqlAlchemyConnector.get_engine`, with its connections traced."""
        engine: Engine = super().get_engine(**create_engine_kwargs)
        trace_engine(engine)
        return engine

    def run_query(self, sql: str, params: _Parameters = None) -> list[Any]:
        """Run one statement in a transaction of its own, which is committed.

        Args:
            sql: The statement, with `:name` placeholders.
            params: Their values; a list of them runs the statement once for each.

        Returns:
            The rows; an empty list for a statement that returns none.
        """
        with self.get_connection() as connection:
            result = connection.execute(text(sql), params)
            return list(result.all()) if result.returns_rows else []

    async def arun_query(self, sql: str, params: _Parameters = None) -> list[Any]:
        """`run_query` in a worker thread, so that the event loop is not blocked."""
        return await run_sync_in_worker_thread(self.run_query, sql, params)

    def __setstate__(self, data: dict[str, Any]) -> None:
        restore(self, data)


@switches_on
@loads_plain_documents
class AsyncSqlAlchemyLineage(AsyncSqlAlchemyConnector):  # type: ignore[misc]
    """
    An `AsyncSqlAlchemyConnector` that reports as Prefect events which tables were read and written.

    Fields and methods are those of `prefect_sqlalchemy.AsyncSqlAlchemyConnector`, and `load` finds its saved documents
    too.

    Attributes:
        connection_info: SQLAlchemy URL to create the engine; either create from components or create from a string.
        connect_args: The options which will be passed directly to the DBAPI's connect() method.
        fetch_size: The number of rows to fetch at a time.

    Example:
        ```python
        from prefect_lineage_events import AsyncSqlAlchemyLineage

        async with await AsyncSqlAlchemyLineage.aload("BLOCK_NAME") as database:
            rows = await database.run_query("SELECT name FROM customers WHERE id = :id", {"id": 7})
        ```
    """

    _block_type_name = "Async SQLAlchemy Lineage"
    _block_type_slug = "async-sqlalchemy-lineage"
    _documentation_url = DOCUMENTATION_URL
    _description = "Query a database asynchronously, and record which tables each flow run reads and writes."

    def get_engine(self, **create_engine_kwargs: Any) -> AsyncEngine:
        """The engine of `AsyncSqlAlchemyConnector.get_engine`, with its connections traced."""
        engine: AsyncEngine = super().get_engine(**create_engine_kwargs)
        trace_engine(engine.sync_engine)
        return engine

    async def run_query(self, sql: str, params: _Parameters = None) -> list[Any]:
        """Run one statement in a transaction of its own, which is committed.

        Args:
            sql: The statement, with `:name` placeholders.
            params: Their values; a list of them runs the statement once for each.

        Returns:
            The rows; an empty list for a statement that returns none.
        """
        async with self.get_connection() as connection:
            result = await connection.execute(text(sql), params)
            return list(result.all()) if result.returns_rows else []

    async def arun_query(self, sql: str, params: _Parameters = None) -> list[Any]:
        """`run_query`, under the name that every block of this package has."""
        return await self.run_query(sql, params)

    def __setstate__(self, data: dict[str, Any]) -> None:
        restore(self, data)
