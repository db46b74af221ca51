"""The assembler's own connection to Snowflake, by a Prefect block, for the view ACCESS_HISTORY.

Never a connection of a flow, and never one that would ask a person to log in. Bounded: the rows, the time of each
query, and the number of queries of one sweep.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from prefect_lineage_events.assembler.witness.access_history import COLUMNS
from prefect_lineage_events.naming import snowflake_namespace

logger = logging.getLogger(__name__)

MAX_QUERIES = 20
IDS_A_QUERY = 200
MAX_ROWS = 5_000
_SECONDS = 60
# The view is cut by time first: without that, a query reads a year of the account's history.
_EARLIER = dt.timedelta(hours=1)
_QUERY = (
    "SELECT {columns} FROM snowflake.account_usage.access_history WHERE query_start_time >= %s "
    "AND (query_id IN ({ids}) OR root_query_id IN ({ids})) ORDER BY query_start_time LIMIT {rows}"
)

_SETTING = "set PREFECT_INTEGRATIONS_LINEAGE_EVENTS_WAREHOUSE_BLOCK to TYPE/NAME of a block (`prefect block ls`)"


class WarehouseAwayError(Exception):
    """The access history cannot be read now; the message holds no secret."""


class Warehouse:
    """The access history of the account that the block names, opened at the first question."""

    def __init__(self, block: str) -> None:
        self._block = block
        self._connection: Any = None
        self._queries = 0
        self.namespace = ""
        self.cut: set[str] = set()

    def open(self) -> None:
        """Connect. Raises WarehouseAwayError."""
        if self._connection is None:
            try:
                credentials, connect = _loaded(self._block)
                self.namespace = snowflake_namespace(str(credentials.account))
                self._connection = connect(
                    login_timeout=_SECONDS,
                    network_timeout=_SECONDS,
                    session_parameters={
                        "QUERY_TAG": "prefect-lineage-events",
                        "STATEMENT_TIMEOUT_IN_SECONDS": _SECONDS,
                    },
                )
            except WarehouseAwayError:
                raise
            except Exception as error:  # noqa: BLE001  (the block is the user's: any mistake leaves it to the next sweep)
                raise _away(self._block, error) from None

    def rows(self, query_ids: Iterable[str], since: dt.datetime) -> list[Sequence[Any]]:
        """The rows of these statements and of those that they ran, of statements since this time.

        Beyond the queries of one sweep, the rest is left to the next one. A query that has more rows is asked again for
        half of its ids; one id that has more alone is added to `cut`. Raises WarehouseAwayError.
        """
        self.open()
        ids = sorted(set(query_ids))
        pages = [ids[start : start + IDS_A_QUERY] for start in range(0, len(ids), IDS_A_QUERY)]
        found: list[Sequence[Any]] = []
        while pages and self._queries < MAX_QUERIES:
            page = pages.pop(0)
            self._queries += 1
            marks = ", ".join(["%s"] * len(page))
            text = _QUERY.format(columns=", ".join(COLUMNS), ids=marks, rows=MAX_ROWS)
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(text, (since - _EARLIER, *page, *page))
                    rows = list(cursor.fetchmany(MAX_ROWS))
            except Exception as error:  # noqa: BLE001  (the block is the user's: any mistake leaves it to the next sweep)
                raise _away(self._block, error) from None
            if len(rows) >= MAX_ROWS and len(page) > 1:
                pages[:0] = [page[: len(page) // 2], page[len(page) // 2 :]]
                continue
            if len(rows) >= MAX_ROWS:
                self.cut.update(page)
            found += rows
        return found

    def close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception as error:  # noqa: BLE001  (all answers are there)
                logger.info("The connection of block %r could not be closed: %s", self._block, type(error).__name__)


def check_block(block: str) -> None:
    """Load the block, and open nothing. Raises WarehouseAwayError."""
    try:
        _loaded(block)
    except WarehouseAwayError:
        raise
    except Exception as error:  # noqa: BLE001  (the block is the user's)
        raise _away(block, error) from None


def _loaded(block: str) -> tuple[Any, Any]:
    """The block's credentials, and its function that connects."""
    from prefect.blocks.core import Block
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.asyncutils import run_coro_as_sync

    if "/" not in block:
        raise WarehouseAwayError(f"{block!r} names no block: {_SETTING}")
    try:
        loaded: Any = run_coro_as_sync(Block.aload(block))
    except ValueError as error:
        if isinstance(error.__cause__, ObjectNotFound):
            raise WarehouseAwayError(f"this Prefect API has no block {block!r}: save it again, or {_SETTING}") from None
        raise
    if hasattr(loaded, "get_client"):
        credentials, connect = loaded, loaded.get_client
    elif hasattr(loaded, "credentials") and hasattr(loaded, "get_connection"):
        credentials, connect = loaded.credentials, loaded.get_connection
    else:
        raise WarehouseAwayError(f"block {block!r} is neither a SnowflakeCredentials nor a SnowflakeConnector")
    if "browser" in str(getattr(credentials, "authenticator", "")).lower():
        raise WarehouseAwayError(f"block {block!r} logs in by a browser, which an assembler cannot do")
    return credentials, connect


def _away(block: str, error: Exception) -> WarehouseAwayError:
    """The error by its kind and number: a driver's text may hold the account's parameters."""
    number = getattr(error, "errno", None)
    kind = f"{type(error).__name__}{f' {number}' if isinstance(number, int) else ''}"
    return WarehouseAwayError(f"the access history cannot be read with block {block!r}: {kind}")
