"""How much of a statement's text an event shows. Bind values never come this far: nobody notes them."""

from __future__ import annotations

from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import Statement


def shown(statement: Statement, sql: str, values: LineageSettings) -> str | None:
    """By the setting `sql_text`: sanitised (literals are `?`, no comments), as it was written, or nothing.

    A text that could not be sanitised is not shown: better no text than a secret.
    """
    if values.sql_text == "none":
        return None
    text = sql if values.sql_text == "full" else statement.sanitised
    if len(text) > values.sql_text_limit:
        text = text[: max(values.sql_text_limit - 1, 0)] + "…"
    return text or None
