"""Readers of definitions, transfers and changes of the connection, by the first word of the statement."""

from __future__ import annotations

from collections.abc import Callable

from . import alterations, connection, executed, renames, transfers
from .draft import Draft
from .transfers import Query
from .words import Words

TRANSFERS: dict[str, Callable[[Words, Draft], Query | None]] = {
    "COPY": transfers.copy,
    "UNLOAD": transfers.unload,
    "LOAD": transfers.load,
    "EXPORT": transfers.export,
    "IMPORT": transfers.import_,
    "PUT": transfers.put,
    "GET": transfers.put,
    "BULK": transfers.bulk,
    "APPLY": transfers.apply_changes,
    "AUTO": transfers.apply_changes,
}
DEFINITIONS: dict[str, Callable[[Words, Draft], object]] = {
    "DROP": alterations.drop,
    "UNDROP": alterations.undrop,
    "FLASHBACK": alterations.flashback,
    "RESTORE": alterations.restore,
    "REFRESH": alterations.refresh,
    "TRUNCATE": alterations.truncate,
    "RENAME": renames.rename,
    "EXCHANGE": renames.exchange,
    "USE": connection.use,
    "DATABASE": connection.use,
    "PREPARE": executed.prepare,
    "DEALLOCATE": executed.deallocate,
    "DISCARD": connection.discard,
    "RESET": connection.reset,
}
