"""asyncpg's transactions and savepoints.

https://magicstack.github.io/asyncpg/current/api/index.html#transactions
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from prefect_lineage_events.instrumentation.drivers.postgres.asyncpg_calls import FAILED, autocommits
from prefect_lineage_events.instrumentation.execution import answer_or_default, when_done
from prefect_lineage_events.instrumentation.proxies import ConnectionProxy, PartProxy
from prefect_lineage_events.instrumentation.tracer import TransactionScope

_savepoints = count(1)


def trace_reset(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `reset()`, which rolls back an open transaction."""

    def on_success(result: Any) -> Any:
        connection._self_state[FAILED] = False
        connection._self_tracer.rollback()
        return result

    return when_done(method(*args, **kwargs), on_success)


def trace_transaction(connection: ConnectionProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `transaction()`: a transaction, or a savepoint inside of one."""
    return _Transaction(method(*args, **kwargs), connection)


class _Transaction(PartProxy):
    """The proxy of a transaction or savepoint, used as a block or with `start`, `commit` and `rollback`."""

    def __init__(self, transaction: Any, connection: ConnectionProxy) -> None:
        super().__init__(transaction)
        self._self_connection = connection
        self._self_scope = TransactionScope(connection._self_tracer)

    async def start(self) -> None:
        await self._self_enters(self.__wrapped__.start)

    async def commit(self) -> None:
        await self.__wrapped__.commit()
        self._self_committed()

    async def rollback(self) -> None:
        await self.__wrapped__.rollback()
        self._self_rolled_back()

    async def __aenter__(self) -> Any:
        return await self._self_enters(self.__wrapped__.__aenter__)

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        swallow = await self.__wrapped__.__aexit__(kind, error, traceback)
        self._self_committed() if kind is None else self._self_rolled_back()
        return swallow

    async def _self_enters(self, enter: Callable[[], Any]) -> Any:
        own = self._self_connection
        outermost = answer_or_default(autocommits, own.__wrapped__, default=True)
        result = await enter()
        if outermost:
            own._self_state[FAILED] = False
        self._self_scope.begin(None if outermost else f"asyncpg_{next(_savepoints)}")
        return result

    def _self_committed(self) -> None:
        if not self._self_scope.is_savepoint and self._self_connection._self_state.get(FAILED):
            self._self_rolled_back()  # the server rolls a failed transaction back on COMMIT
        else:
            self._self_scope.commit()

    def _self_rolled_back(self) -> None:
        self._self_connection._self_state[FAILED] = False
        self._self_scope.rollback()
