"""`SnowflakeConnector` with lineage."""

from __future__ import annotations

from typing import Any

from prefect.utilities.asyncutils import run_sync_in_worker_thread

from prefect_lineage_events.blocks.documents import DOCUMENTATION_URL, loads_plain_documents, missing_extra, switches_on
from prefect_lineage_events.instrumentation.drivers.snowflake.block import traced_connection
from prefect_lineage_events.instrumentation.opening import left_alone

try:
    from prefect_snowflake import SnowflakeConnector
    from snowflake.connector.connection import SnowflakeConnection
except ModuleNotFoundError as _missing:
    raise missing_extra("snowflake", _missing) from _missing


@switches_on
@loads_plain_documents
class SnowflakeLineage(SnowflakeConnector):  # type: ignore[misc]
    """
    A `SnowflakeConnector` that reports as Prefect events which tables were read and written.

    Fields and methods are those of `prefect_snowflake.SnowflakeConnector`, and `load` finds its saved documents too.
    All statements of its connection are captured: its methods, `get_connection()` and its cursors, `write_pandas`,
    asynchronous statements.

    Args:
        credentials: The credentials to authenticate with Snowflake.
        database: The name of the default database to use.
        warehouse: The name of the default warehouse to use.
        schema: The name of the default schema to use.
        fetch_size: The number of rows to fetch at a time.
        poll_frequency_s: The number of seconds before checking query.

    Example:
        Load a stored block and query with it; the flow run's lineage gets the table as an input.
        ```python
        from prefect_lineage_events import SnowflakeLineage

        with SnowflakeLineage.load("BLOCK_NAME") as warehouse:
            rows = warehouse.run_query("SELECT name FROM customers WHERE id = %(id)s", {"id": 7})
        ```
    """

    _block_type_name = "Snowflake Lineage"
    _block_type_slug = "snowflake-lineage"
    _documentation_url = DOCUMENTATION_URL
    _description = "Query a Snowflake database, and record which tables each flow run reads and writes."

    def get_connection(self, **connect_kwargs: Any) -> SnowflakeConnection:
        """The connection of `SnowflakeConnector.get_connection`, traced."""
        with left_alone():
            own = super().get_connection(**connect_kwargs)
        connection: SnowflakeConnection = traced_connection(self, own, connect_kwargs)
        self._connection = connection
        return connection

    def run_query(self, sql: str, params: Any = None) -> list[Any]:
        """Run one statement on a cursor of its own.

        Args:
            sql: The statement, with the connector's placeholders (`%(name)s`, or `?` with qmark binding).
            params: Their values, a mapping or a sequence.

        Returns:
            The rows, tuples; for a statement that changes data, Snowflake's own one-row summary of it.
        """
        with self.get_connection().cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    async def arun_query(self, sql: str, params: Any = None) -> list[Any]:
        """`run_query` in a worker thread, so that the event loop is not blocked."""
        return await run_sync_in_worker_thread(self.run_query, sql, params)
