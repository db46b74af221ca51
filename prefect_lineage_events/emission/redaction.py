"""How much of a statement's text an event shows. Bind values never come this far: nobody notes them."""

from __future__ import annotations

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import Statement


def without_credentials(dataset: Dataset) -> Dataset:
    """What somebody recorded by hand may carry a password in its namespace, or a token behind the address of an API."""
    scheme, separator, authority = dataset.namespace.partition("://")
    name = dataset.name.partition("?")[0] if scheme in ("http", "https") else dataset.name
    if "@" not in authority and name == dataset.name:
        return dataset
    return Dataset(f"{scheme}{separator}{authority.rpartition('@')[2]}", name)


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
