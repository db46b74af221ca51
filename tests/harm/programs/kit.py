"""Connectors and connections for the programs of the corpus: with lineage or without, as the program is run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

WAY = os.environ["HARM_WAY"]  # plain | swap | plugin

if WAY == "swap":
    from prefect_lineage_events import AsyncSqlAlchemyLineage as AsyncConnector
    from prefect_lineage_events import SqlAlchemyLineage as Connector
else:
    from prefect_sqlalchemy import AsyncSqlAlchemyConnector as AsyncConnector
    from prefect_sqlalchemy import SqlAlchemyConnector as Connector

if WAY != "plain":
    from prefect_lineage_events import instrument_connection

__all__ = ["AsyncConnector", "Connector", "attempt", "stable", "traced"]


def traced(connection: Any, **options: Any) -> Any:
    """The connection for the program: the driver's own, or a captured one."""
    return connection if WAY == "plain" else instrument_connection(connection, **options)


def attempt(what: str, call: Callable[[], Any]) -> None:
    """Print the result of a call, or its failure: the error, its cause, and the program's lines in its traceback."""
    try:
        print(what, "->", stable(call()))
    except Exception as error:  # the programs print errors of any class
        print(what, "!!", *(stable(part) for part in described(error)))


def described(error: BaseException | None) -> list[str]:
    found: list[str] = []
    while error is not None:
        lines, trace = [], error.__traceback__
        while trace is not None:
            if os.path.dirname(trace.tb_frame.f_code.co_filename) == os.path.dirname(__file__):
                line = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
                # DuckDB is called in an extra frame of the user's code, so a line may occur twice
                lines += [line] if lines[-1:] != [line] else []
            trace = trace.tb_next
        found.append(f"{type(error).__qualname__}({error}) at {lines}")
        error = error.__cause__ or error.__context__
    return found


def stable(value: object) -> str:
    """The text without parts that differ between runs, and without the class name that the swap changes."""
    text = re.sub(r"0x[0-9a-f]+|thread id \d+", "<number>", str(value))
    return text.replace("SqlAlchemyLineage", "SqlAlchemyConnector")
